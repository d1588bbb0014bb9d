// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/http_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "curl/curl.h"

#include "index/util/check.h"

namespace copse {
namespace {

constexpr size_t kErrorBodySizeMax = size_t{64} << 10;
constexpr size_t kHeaderSizeMax = size_t{256} << 10;

// Shorter than the minute or more after which servers and NAT drop idle
// connections: a request on a dead one may be sent twice.
constexpr long kConnectionAgeMaxSeconds = 50;

// The headers that anyone reads; the others are not kept.
constexpr absl::string_view kKeptHeaders[] = {
    "apim-request-id",
    "content-length",
    "content-type",
    "date",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "transfer-encoding",
    "x-compute-tokens",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
    "x-should-retry",
};

void InitializeCurlOnce() {
  static const bool is_done = [] {
    COPSE_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    return true;
  }();
  static_cast<void>(is_done);
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  COPSE_CHECK(code == CURLE_OK,
              absl::StrCat("libcurl option ", static_cast<int>(option), ": ",
                           curl_easy_strerror(code)));
}

long ToMilliseconds(absl::Duration duration) {
  return std::max<int64_t>(1, absl::ToInt64Milliseconds(duration));
}

// libcurl tells of every socket that it opens and closes, so that `sockets`, a
// set, holds those of a session.
curl_socket_t OnOpenSocket(void* sockets, curlsocktype /*purpose*/,
                           curl_sockaddr* address) {
  const int socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC,
                              address->protocol);
  if (socket >= 0) {
    static_cast<std::set<int>*>(sockets)->insert(socket);
  }
  return socket;  // -1 is CURL_SOCKET_BAD.
}

int OnCloseSocket(void* sockets, curl_socket_t socket) {
  static_cast<std::set<int>*>(sockets)->erase(socket);
  return ::close(socket);
}

// What `code` means for a transfer that had or had not `is_connected`.
TransferResult ResultOf(CURLcode code, bool is_connected, bool is_verified) {
  switch (code) {
    case CURLE_OK:
      return TransferResult::kComplete;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return TransferResult::kUntrusted;
    case CURLE_SSL_CONNECT_ERROR:
      return is_verified ? TransferResult::kNotConnected
                         : TransferResult::kUntrusted;
    case CURLE_OPERATION_TIMEDOUT:
      return is_connected ? TransferResult::kTimedOut
                          : TransferResult::kNotConnected;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return TransferResult::kNotConnected;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_PROXY:
      return TransferResult::kMisconfigured;
    default:
      return TransferResult::kInterrupted;
  }
}

}  // namespace

std::string ToPathSegment(absl::string_view text) {
  std::string segment;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::StrContains("-._~", c)) {
      segment.push_back(c);
    } else {
      absl::StrAppendFormat(&segment, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return segment;
}

absl::string_view HttpReply::Header(absl::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? absl::string_view() : found->second;
}

// One easy handle, with the memory that libcurl borrows for a transfer.
class HttpSession::Transfer {
 public:
  Transfer() : easy_(curl_easy_init()) { COPSE_CHECK(easy_ != nullptr); }
  ~Transfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(header_list_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void Prepare(const HttpEndpoint& endpoint, uint64_t id, HttpRequest request,
               std::set<int>& sockets);
  HttpReply Finish(CURLcode code);

  CURL* easy() const { return easy_; }

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);

  void SetHeaders();
  void SetConnection(const HttpEndpoint& endpoint);
  void AcknowledgeNow() const;
  bool AddHeader(absl::string_view line);
  bool AddBody(absl::string_view bytes);

  CURL* const easy_;
  curl_slist* header_list_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  HttpRequest request_;
  HttpReply reply_;
  std::set<int>* sockets_ = nullptr;  // Not owned.
  size_t header_size_ = 0;
  bool is_too_large_ = false;
};

void HttpSession::Transfer::Prepare(const HttpEndpoint& endpoint, uint64_t id,
                                    HttpRequest request,
                                    std::set<int>& sockets) {
  curl_easy_reset(easy_);  // Keeps the connections, which the multi handle has.
  request_ = std::move(request);
  reply_ = HttpReply();
  reply_.id = id;
  header_size_ = 0;
  is_too_large_ = false;
  error_[0] = '\0';
  sockets_ = &sockets;

  SetConnection(endpoint);
  SetHeaders();
  if (!request_.is_get) {
    Set(easy_, CURLOPT_POST, 1L);
    Set(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
    Set(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(request_.body.size()));
  }
  Set(easy_, CURLOPT_TIMEOUT_MS,
      request_.timeout == absl::InfiniteDuration()
          ? 0L
          : ToMilliseconds(request_.timeout));
  if (request_.idle_timeout > absl::ZeroDuration()) {
    Set(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);  // Bytes a second.
    Set(easy_, CURLOPT_LOW_SPEED_TIME,
        std::max<long>(1, absl::ToInt64Seconds(request_.idle_timeout)));
  }
  Set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  Set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  Set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  Set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  Set(easy_, CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
}

void HttpSession::Transfer::SetConnection(const HttpEndpoint& endpoint) {
  Set(easy_, CURLOPT_URL, endpoint.url.c_str());
  Set(easy_, CURLOPT_PROTOCOLS_STR,
      absl::StartsWith(endpoint.url, "https:") ? "https" : "http");
  Set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  Set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  Set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!endpoint.ca_file.empty()) {
    Set(easy_, CURLOPT_CAINFO, endpoint.ca_file.c_str());
    Set(easy_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  Set(easy_, CURLOPT_PROXY, endpoint.proxy.c_str());
  Set(easy_, CURLOPT_NOSIGNAL, 1L);
  Set(easy_, CURLOPT_QUICK_EXIT, 1L);  // Do not wait for the name service.
  Set(easy_, CURLOPT_CONNECTTIMEOUT_MS,
      ToMilliseconds(endpoint.connect_timeout));
  Set(easy_, CURLOPT_OPENSOCKETFUNCTION, &OnOpenSocket);
  Set(easy_, CURLOPT_OPENSOCKETDATA, static_cast<void*>(sockets_));
  Set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &OnCloseSocket);
  Set(easy_, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(sockets_));
  Set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  Set(easy_, CURLOPT_MAXAGE_CONN, kConnectionAgeMaxSeconds);
  // In 7.88 a reset HTTP/2 stream without Content-Length looks complete.
  Set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(easy_, CURLOPT_ACCEPT_ENCODING, "");
}

void HttpSession::Transfer::SetHeaders() {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  const auto add = [this](const std::string& line) {
    curl_slist* const list = curl_slist_append(header_list_, line.c_str());
    COPSE_CHECK(list != nullptr);
    header_list_ = list;
  };
  if (!request_.is_get) {
    add("Content-Type: application/json");
  }
  add("Accept: application/json");
  add("User-Agent: copse");
  add("Expect:");  // Or a body above 1 MiB waits a second for "100 Continue".
  for (const HttpHeader& header : request_.headers) {
    add(absl::StrCat(header.name, ": ", header.value));
  }
  Set(easy_, CURLOPT_HTTPHEADER, header_list_);
}

size_t HttpSession::Transfer::OnHeader(char* data, size_t size, size_t count,
                                       void* self) {
  const absl::string_view line(data, size * count);
  return static_cast<Transfer*>(self)->AddHeader(line) ? line.size() : 0;
}

size_t HttpSession::Transfer::OnBody(char* data, size_t size, size_t count,
                                     void* self) {
  const absl::string_view bytes(data, size * count);
  return static_cast<Transfer*>(self)->AddBody(bytes) ? bytes.size() : 0;
}

// A server that sends head and body apart, with Nagle's algorithm on, as many
// in Python do, holds the body back until the head is acknowledged, which Linux
// would do only after 40 ms. Which socket it is libcurl does not say during a
// transfer, so all of the session's are told; there are few.
void HttpSession::Transfer::AcknowledgeNow() const {
  const int on = 1;
  for (const int socket : *sockets_) {
    ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
  }
}

// Called with each line, also of "100 Continue", of a proxy's answer and of the
// trailers, so a status line begins anew.
bool HttpSession::Transfer::AddHeader(absl::string_view line) {
  header_size_ += line.size();
  if (header_size_ > kHeaderSizeMax) {
    is_too_large_ = true;
    return false;
  }
  if (absl::StartsWith(line, "HTTP/")) {
    reply_.headers.clear();
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) {
    AcknowledgeNow();  // The empty line after the headers.
    return true;
  }
  const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
  if (std::find(std::begin(kKeptHeaders), std::end(kKeptHeaders), name) !=
      std::end(kKeptHeaders)) {
    reply_.headers[name] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return true;
}

bool HttpSession::Transfer::AddBody(absl::string_view bytes) {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200 && request_.on_body != nullptr) {
    return request_.on_body(bytes);
  }
  const size_t size_max =
      status >= 300 ? kErrorBodySizeMax : request_.reply_size_max;
  const size_t room = size_max - reply_.body.size();
  reply_.body.append(bytes.data(), std::min(room, bytes.size()));
  is_too_large_ = bytes.size() > room;
  return !is_too_large_;
}

HttpReply HttpSession::Transfer::Finish(CURLcode code) {
  long status = 0;
  long verify_result = 0;
  curl_off_t pretransfer_us = 0;
  curl_off_t total_us = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy_, CURLINFO_SSL_VERIFYRESULT, &verify_result);
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
  curl_easy_getinfo(easy_, CURLINFO_TOTAL_TIME_T, &total_us);
  reply_.status = static_cast<int>(status);
  reply_.latency = absl::Microseconds(total_us);
  // 1 is what it is before any certificate came.
  reply_.result = ResultOf(code, pretransfer_us > 0, verify_result <= 1);
  reply_.failure = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  if (is_too_large_) {
    reply_.result = TransferResult::kTooLarge;
    reply_.failure = absl::StrCat("the reply is longer than ",
                                  request_.reply_size_max, " bytes");
  }
  if (status >= 300 && (reply_.result == TransferResult::kTooLarge ||
                        reply_.result == TransferResult::kInterrupted)) {
    // The status and the beginning of an error say enough.
    reply_.result = TransferResult::kComplete;
  }
  if (reply_.result == TransferResult::kComplete) {
    reply_.failure.clear();
  }
  request_ = HttpRequest();
  return std::move(reply_);
}

void HttpSession::MultiDeleter::operator()(void* multi) const {
  curl_multi_cleanup(multi);
}

HttpSession::HttpSession(const HttpEndpoint& endpoint) : endpoint_(endpoint) {
  InitializeCurlOnce();
  multi_.reset(curl_multi_init());
  COPSE_CHECK(multi_ != nullptr);
}

HttpSession::~HttpSession() { CancelAll(); }

void HttpSession::Start(uint64_t id, HttpRequest request) {
  std::unique_ptr<Transfer> transfer;
  if (idle_.empty()) {
    transfer = std::make_unique<Transfer>();
  } else {
    transfer = std::move(idle_.back());
    idle_.pop_back();
  }
  transfer->Prepare(endpoint_, id, std::move(request), sockets_);
  CURL* const easy = transfer->easy();
  COPSE_CHECK(curl_multi_add_handle(multi_.get(), easy) == CURLM_OK);
  transfers_[easy] = std::move(transfer);
}

void HttpSession::Drive() {
  int running = 0;
  COPSE_CHECK(curl_multi_perform(multi_.get(), &running) == CURLM_OK);
}

std::vector<HttpReply> HttpSession::TakeFinished() {
  Drive();
  std::vector<HttpReply> replies;
  int rest = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &rest)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;  // Gone with the handle.
    curl_multi_remove_handle(multi_.get(), easy);
    const auto found = transfers_.find(easy);
    COPSE_CHECK(found != transfers_.end());
    replies.push_back(found->second->Finish(code));
    idle_.push_back(std::move(found->second));
    transfers_.erase(found);
  }
  return replies;
}

std::vector<HttpReply> HttpSession::Wait(absl::Duration timeout) {
  std::vector<HttpReply> replies = TakeFinished();
  const absl::Time end = absl::Now() + timeout;
  while (replies.empty() && !transfers_.empty()) {
    const absl::Duration rest = end - absl::Now();
    if (rest <= absl::ZeroDuration()) {
      break;
    }
    curl_multi_poll(multi_.get(), nullptr, 0,
                    static_cast<int>(ToMilliseconds(rest)), nullptr);
    replies = TakeFinished();
  }
  return replies;
}

void HttpSession::CancelAll() {
  for (auto& [easy, transfer] : transfers_) {
    curl_multi_remove_handle(multi_.get(), easy);
  }
  transfers_.clear();
}

}  // namespace copse
