// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The only file here with Boost.Beast, which takes a minute to compile.

#include "sidecar/http/stream_server.h"

#ifdef __clang__  // Which has coroutines without saying so.
#define BOOST_ASIO_HAS_CO_AWAIT
#define BOOST_ASIO_HAS_STD_COROUTINE
#endif

// Boost 1.74 uses std::exchange without including it.
#include <utility>
// Nothing may come before <utility>.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/ip/v6_only.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/ssl.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/strand.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core.hpp"
#include "boost/beast/http.hpp"
#include "boost/beast/ssl.hpp"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/http/exchange_state.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/request_rules.h"
#include "sidecar/util/file_util.h"
#include "sidecar/util/flat_object.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"

namespace copse {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

constexpr int kThreadCount = 2;
constexpr size_t kPieceSizeBytes = size_t{64} << 10;
constexpr size_t kRequestIdSizeBytesMax = 128;
constexpr size_t kTlsFileSizeBytesMax = size_t{1} << 20;

// Connections that are being told that there are too many; others are closed
// without a word.
constexpr size_t kRefusedCountMax = 256;

// For the client to read an answer after which the connection closes.
constexpr absl::Duration kLingerTimeout = absl::Seconds(5);

// What the server knows of a connection.
class Connection : public ExchangeTransport {
 public:
  // Closes it now if it waits for a request, else after its answer.
  virtual void Stop() = 0;
  virtual void Close() = 0;
};

// What all connections share. Thread safety: any number of threads may use it.
struct Shared {
  StreamServerOptions options;
  std::optional<asio::ssl::context> tls;
  std::string id_prefix;  // Of request IDs; differs from start to start.
  std::atomic<uint64_t> request_count = 0;
  std::atomic<bool> stopping = false;

  Mutex mutex;
  CondVar changed;
  std::list<std::weak_ptr<Connection>> connections ABSL_GUARDED_BY(mutex);
  size_t refused_count ABSL_GUARDED_BY(mutex) = 0;  // Of the connections.
};

// Where a connection stands until it has ended.
struct Place {
  std::list<std::weak_ptr<Connection>>::iterator entry;
  bool is_refused = false;
};

beast::string_view ToBeast(absl::string_view text) {
  return {text.data(), text.size()};
}

std::string ToString(beast::string_view text) {
  return std::string(text.data(), text.size());
}

// Returns the ID that the client gave, if it can stand in a log, else a new
// one.
std::string RequestIdOf(const RequestHead& head, Shared& shared) {
  const std::string* given = head.Find("x-request-id");
  if (given != nullptr && !given->empty() &&
      given->size() <= kRequestIdSizeBytesMax) {
    bool printable = true;
    for (const char c : *given) {
      printable = printable && absl::ascii_isgraph(static_cast<uint8_t>(c));
    }
    if (printable) {
      return *given;
    }
  }
  return absl::StrCat(shared.id_prefix, "-", ++shared.request_count);
}

template <typename Message>
RequestHead ToRequestHead(const Message& message) {
  RequestHead head;
  head.method = ToString(message.method_string());
  const RequestTarget target =
      SplitTarget({message.target().data(), message.target().size()});
  head.path = std::string(target.path);
  head.query = std::string(target.query);
  for (const auto& field : message) {
    head.fields.emplace_back(
        absl::AsciiStrToLower(ToString(field.name_string())),
        ToString(field.value()));
  }
  return head;
}

// Why a body could not be read.
absl::Status BodyError(const error_code& error) {
  if (error == beast::error::timeout) {
    return WithReason(
        absl::DeadlineExceededError(
            "the client sent nothing for too long and was disconnected"),
        "CLIENT_STALLED");
  }
  if (error.category() ==
          http::make_error_code(http::error::bad_chunk).category() &&
      error != http::error::partial_message &&
      error != http::error::end_of_stream) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the body is malformed: ", error.message())),
                      "BODY_INVALID");
  }
  return WithReason(absl::CancelledError(
                        "the client disconnected before its body was complete"),
                    "CLIENT_DISCONNECTED");
}

// One connection. All its steps run in the strand of its stream.
template <typename Stream>
class StreamConnection final
    : public Connection,
      public std::enable_shared_from_this<StreamConnection<Stream>> {
 public:
  using Self = std::shared_ptr<StreamConnection>;
  static constexpr bool kIsTls = std::is_same_v<Stream, TlsStream>;

  template <typename... Arguments>
  StreamConnection(Shared& shared, std::string peer, Arguments&&... arguments)
      : stream_(std::forward<Arguments>(arguments)...),
        answered_(stream_.get_executor()),
        shared_(shared),
        peer_(std::move(peer)),
        buffer_(shared.options.head_size_bytes_max + kPieceSizeBytes),
        piece_(kPieceSizeBytes, '\0') {}

  void Start(bool refused) {
    asio::co_spawn(stream_.get_executor(),
                   refused ? Refuse(this->shared_from_this())
                           : Serve(this->shared_from_this()),
                   asio::detached);
  }

  // Posted, because the caller holds the lock that the coroutine takes.
  void StartRead() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      asio::co_spawn(self->stream_.get_executor(), self->Read(self),
                     asio::detached);
    });
  }

  void StartWrite() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      asio::co_spawn(self->stream_.get_executor(), self->Write(self),
                     asio::detached);
    });
  }

  void Stop() override {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] {
      if (self->exchange_ == nullptr) {
        self->CloseNow();
      } else {
        self->exchange_->OnStopping();
      }
    });
  }

  void Close() override {
    asio::dispatch(stream_.get_executor(),
                   [self = this->shared_from_this()] { self->CloseNow(); });
  }

 private:
  using Parser = http::request_parser<http::buffer_body>;

  static auto Into(error_code& error) {
    return asio::redirect_error(asio::use_awaitable, error);
  }

  beast::tcp_stream& Lowest() { return beast::get_lowest_layer(stream_); }

  void ExpireAfter(absl::Duration timeout) {
    Lowest().expires_after(absl::ToChronoMilliseconds(timeout));
  }

  void CloseNow() {
    Lowest().close();
    if (exchange_ != nullptr) {
      exchange_->OnLost();
    }
    answered_.cancel();
  }

  asio::awaitable<void> Serve([[maybe_unused]] Self self) {
    error_code error;
    if constexpr (kIsTls) {
      ExpireAfter(shared_.options.head_timeout);
      co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                       Into(error));
    }
    bool open = !error;
    while (open && !shared_.stopping) {
      error = co_await ReadHead();
      if (error) {
        co_await AnswerBadHead(error);
        break;
      }
      RequestHead head = ToRequestHead(parser_->get());
      const absl::Status framing = CheckFraming(head, IsHttp11());
      if (!framing.ok()) {
        co_await WriteError(HttpStatusOf(framing),
                            std::string(framing.message()));
        break;
      }
      open = co_await ServeRequest(std::move(head));
    }
    co_await Linger();
  }

  // Reads the head of the next request.
  asio::awaitable<error_code> ReadHead() {
    parser_.emplace();
    parser_->header_limit(
        static_cast<uint32_t>(shared_.options.head_size_bytes_max));
    parser_->body_limit(std::numeric_limits<uint64_t>::max());
    ExpireAfter(shared_.options.head_timeout);
    error_code error;
    while (!error && !parser_->is_header_done()) {
      error = co_await Advance();
    }
    co_return error;
  }

  // Reads until the parser gets on. Beast's own functions would call it from
  // the event loop, where what it throws ends the process.
  asio::awaitable<error_code> Advance() {
    error_code error;
    while (true) {
      if (buffer_.size() > 0) {
        error = Parse();
        if (error != http::error::need_more) {
          co_return error;
        }
      }
      const size_t room = buffer_.max_size() - buffer_.size();
      if (room == 0) {
        co_return http::error::buffer_overflow;
      }
      // Asio waits for an event that never comes if the end is read twice.
      if (at_end_) {
        co_return http::error::end_of_stream;
      }
      const size_t size = co_await stream_.async_read_some(
          buffer_.prepare(std::min(room, kPieceSizeBytes)), Into(error));
      if (error) {
        at_end_ = true;
        const bool is_end = error == asio::error::eof ||
                            error == asio::ssl::error::stream_truncated;
        co_return is_end && parser_->got_some()
            ? error_code(http::error::partial_message)
            : error;
      }
      buffer_.commit(size);
    }
  }

  // Has the parser take what it can of the buffer.
  error_code Parse() {
    error_code error;
    try {
      buffer_.consume(parser_->put(buffer_.data(), error));
    } catch (const std::exception&) {
      error = http::error::header_limit;  // A field of 64 KiB.
    }
    return error;
  }

  bool IsHttp11() { return parser_->get().version() >= 11; }

  // Serves the request whose head was read. Returns whether another may follow.
  asio::awaitable<bool> ServeRequest(RequestHead head) {
    const absl::Time start = absl::Now();
    ExchangeOptions options;
    options.head = std::move(head);
    options.head.request_id = RequestIdOf(options.head, shared_);
    options.peer = peer_;
    options.has_body = !parser_->is_done();
    options.expects_continue = beast::iequals(
        parser_->get()[http::field::expect], ToBeast("100-continue"));
    options.is_http_1_1 = IsHttp11();
    options.keep_alive = parser_->keep_alive() && !shared_.stopping;
    const auto exchange = std::make_shared<ExchangeState>(
        this->shared_from_this(), std::move(options));
    exchange_ = exchange;
    shared_.options.handler(std::shared_ptr<HttpExchange>(
        exchange.get(), [exchange](HttpExchange*) { exchange->OnReleased(); }));
    error_code ignored;
    while (!exchange->IsAnswered()) {
      answered_.expires_at(std::chrono::steady_clock::time_point::max());
      co_await answered_.async_wait(Into(ignored));
    }
    Report(*exchange, absl::Now() - start);
    bool open = exchange->MayContinue();
    if (exchange->IsReading()) {
      CloseNow();  // Only one can read, and that one has been given up.
    } else if (!parser_->is_done() && Lowest().socket().is_open()) {
      // Also before the connection closes, so that the answer is read.
      const bool drained = co_await Drain();
      open = open && drained;
    }
    exchange_ = nullptr;
    co_return open;
  }

  void Report(const ExchangeState& exchange, absl::Duration duration) {
    Log(exchange, duration);
    if (shared_.options.on_end != nullptr) {
      shared_.options.on_end(
          {.head = exchange.head(),
           .status = exchange.status(),
           .received_size_bytes = exchange.received_size_bytes(),
           .sent_size_bytes = exchange.sent_size_bytes(),
           .duration = duration});
    }
  }

  void Log(const ExchangeState& exchange, absl::Duration duration) {
    if (shared_.options.logger == nullptr) {
      return;
    }
    const RequestHead& head = exchange.head();
    shared_.options.logger->Log(absl::StartsWith(head.path, "/health/")
                                    ? LogLevel::kDebug
                                    : LogLevel::kInfo,
                                "http request",
                                {{"request_id", head.request_id},
                                 {"peer", peer_},
                                 {"method", head.method},
                                 {"path", head.path},
                                 {"status", exchange.status()},
                                 {"sent_bytes", exchange.sent_size_bytes()},
                                 {"seconds", absl::ToDoubleSeconds(duration)}});
  }

  // Reads some of the body into piece_, and returns its size, which may be 0.
  asio::awaitable<size_t> ReadSome(error_code& error) {
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    body.more = true;
    error = co_await Advance();
    if (error == http::error::need_buffer) {
      error = {};
    }
    co_return piece_.size() - body.size;
  }

  asio::awaitable<void> Read([[maybe_unused]] Self self) {
    const std::shared_ptr<ExchangeState> exchange = exchange_;
    error_code error;
    size_t size = 0;
    ExpireAfter(shared_.options.body_timeout);
    while (!error && size == 0 && !parser_->is_done()) {
      size = co_await ReadSome(error);
    }
    if (error) {
      exchange->OnRead(BodyError(error), false);
    } else {
      exchange->OnRead(piece_.substr(0, size), parser_->is_done());
    }
  }

  asio::awaitable<void> Write([[maybe_unused]] Self self) {
    const std::shared_ptr<ExchangeState> exchange = exchange_;
    if (exchange == nullptr) {
      co_return;
    }
    error_code error;
    while (!error) {
      const std::string bytes = exchange->TakeOutgoing();
      if (bytes.empty()) {
        break;
      }
      ExpireAfter(shared_.options.write_timeout);
      co_await asio::async_write(stream_, asio::buffer(bytes), Into(error));
    }
    if (error) {
      exchange->OnLost();
    }
    answered_.cancel();
  }

  // Takes what is left of the body. Returns whether it ended well.
  asio::awaitable<bool> Drain() {
    const absl::Time end = absl::Now() + shared_.options.drain_timeout;
    error_code error;
    while (!error && !parser_->is_done()) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) {
        co_return false;
      }
      ExpireAfter(left);
      co_await ReadSome(error);
    }
    co_return !error;
  }

  // Says what is wrong with a head, where there is somebody to tell.
  asio::awaitable<void> AnswerBadHead(const error_code& error) {
    if (error == http::error::header_limit ||
        error == http::error::buffer_overflow) {
      co_await WriteError(
          431, absl::StrCat("the request line and header are longer than ",
                            shared_.options.head_size_bytes_max, " bytes"));
    } else if (error.category() ==
                   http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream &&
               error != http::error::partial_message) {
      co_await WriteError(
          400, absl::StrCat("the request is malformed: ", error.message()));
    }
  }

  asio::awaitable<void> WriteError(int status, std::string message) {
    const std::string body =
        absl::StrCat("{\"error\":", JsonString(message), "}");
    const std::string answer = absl::StrCat(
        "HTTP/1.1 ", status, " ", StatusPhrase(status),
        "\r\nServer: copse\r\nContent-Type: application/json\r\n",
        status == 503 ? "Retry-After: 30\r\n" : "",
        "Content-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
    error_code ignored;
    ExpireAfter(kLingerTimeout);
    co_await asio::async_write(stream_, asio::buffer(answer), Into(ignored));
  }

  asio::awaitable<void> Refuse([[maybe_unused]] Self self) {
    error_code error;
    if constexpr (kIsTls) {
      ExpireAfter(kLingerTimeout);
      co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                       Into(error));
    }
    if (!error) {
      co_await WriteError(503, "too many connections");
    }
    co_await Linger();
  }

  // Ends the sending half and reads on for a moment: a connection closed while
  // the client sends is reset, and an answer that it has not read is lost.
  asio::awaitable<void> Linger() {
    error_code error;
    if (!Lowest().socket().is_open()) {
      co_return;
    }
    ExpireAfter(kLingerTimeout);
    if constexpr (kIsTls) {
      co_await stream_.async_shutdown(Into(error));
    }
    Lowest().socket().shutdown(Tcp::socket::shutdown_send, error);
    while (!error && !at_end_) {
      co_await Lowest().async_read_some(asio::buffer(piece_), Into(error));
    }
    Lowest().close();
  }

  Stream stream_;
  asio::steady_timer answered_;  // Cancelled when an answer has been written.
  Shared& shared_;               // Not owned.
  const std::string peer_;
  beast::flat_buffer buffer_;
  std::string piece_;    // What a read fills.
  bool at_end_ = false;  // Whether no more can be read.
  std::optional<Parser> parser_;
  std::shared_ptr<ExchangeState> exchange_;  // While one is served.
};

class AsioStreamServer final : public StreamServer {
 public:
  explicit AsioStreamServer(StreamServerOptions options) {
    shared_.options = std::move(options);
    std::random_device device;
    shared_.id_prefix = absl::StrFormat("%08x", device());
  }

  ~AsioStreamServer() override {
    context_.stop();
    threads_.clear();
  }

  absl::Status Listen() {
    COPSE_RETURN_IF_ERROR(LoadTls());
    address_ = shared_.options.address;
    std::vector<std::string> hosts = {address_.host};
    if (absl::EqualsIgnoreCase(address_.host, "localhost")) {
      hosts = {"127.0.0.1", "::1"};
    }
    for (const std::string& host : hosts) {
      // A machine without IPv6 has no ::1, and clients there do not ask for it.
      const absl::Status status = ListenAt(host);
      if (!status.ok() && (acceptors_.empty() || host != "::1")) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  void Run() {
    for (const std::unique_ptr<Tcp::acceptor>& acceptor : acceptors_) {
      asio::co_spawn(acceptor->get_executor(), Accept(*acceptor),
                     asio::detached);
    }
    for (int i = 0; i < kThreadCount; ++i) {
      threads_.emplace_back([this] { context_.run(); });
    }
  }

  const NetworkAddress& address() const override { return address_; }

  void ShutDown(absl::Duration grace) override {
    shared_.stopping = true;
    for (const std::unique_ptr<Tcp::acceptor>& acceptor : acceptors_) {
      asio::post(acceptor->get_executor(), [&acceptor] {
        error_code ignored;
        acceptor->close(ignored);
      });
    }
    for (const auto& connection : Connections()) {
      connection->Stop();
    }
    WaitUntilEmpty(grace);
    for (const auto& connection : Connections()) {
      connection->Close();
    }
    WaitUntilEmpty(kLingerTimeout);
  }

 private:
  absl::Status LoadTls() {
    const StreamServerOptions& options = shared_.options;
    if (options.tls_certificate_file.empty()) {
      return absl::OkStatus();
    }
    shared_.tls.emplace(asio::ssl::context::tls_server);
    ::SSL_CTX_set_min_proto_version(shared_.tls->native_handle(),
                                    TLS1_2_VERSION);
    COPSE_ASSIGN_OR_RETURN(
        const std::string certificate,
        ReadTextFile(options.tls_certificate_file, kTlsFileSizeBytesMax));
    COPSE_ASSIGN_OR_RETURN(
        const std::string key,
        ReadTextFile(options.tls_key_file, kTlsFileSizeBytesMax));
    error_code error;
    shared_.tls->use_certificate_chain(asio::buffer(certificate), error);
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", options.tls_certificate_file,
                       "' is not a PEM certificate: ", error.message()));
    }
    shared_.tls->use_private_key(asio::buffer(key), asio::ssl::context::pem,
                                 error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", options.tls_key_file,
          "' is not the key of the certificate as PEM: ", error.message()));
    }
    return absl::OkStatus();
  }

  absl::Status ListenAt(const std::string& host) {
    error_code error;
    Tcp::resolver resolver(context_);
    const auto found = resolver.resolve(
        host, std::to_string(address_.port),
        Tcp::resolver::passive | Tcp::resolver::numeric_service, error);
    if (error || found.empty()) {
      return Failure("cannot resolve", host, error);
    }
    const Tcp::endpoint endpoint = found.begin()->endpoint();
    auto acceptor =
        std::make_unique<Tcp::acceptor>(asio::make_strand(context_));
    acceptor->open(endpoint.protocol(), error);
    if (!error) {
      acceptor->set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error && endpoint.address().is_v6()) {
      // "::" takes IPv4, too; beside 127.0.0.1, ::1 must not.
      acceptor->set_option(
          asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
    }
    if (!error) {
      acceptor->bind(endpoint, error);
    }
    if (!error) {
      acceptor->listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      return Failure("cannot listen at", host, error);
    }
    address_.port = acceptor->local_endpoint(error).port();
    acceptors_.push_back(std::move(acceptor));
    return absl::OkStatus();
  }

  absl::Status Failure(absl::string_view what, const std::string& host,
                       error_code error) const {
    return absl::UnavailableError(
        absl::StrCat(what, " ", NetworkAddress{host, address_.port}.ToString(),
                     ": ", error.message()));
  }

  asio::awaitable<void> Accept(Tcp::acceptor& acceptor) {
    asio::steady_timer retry(context_);
    while (!shared_.stopping) {
      error_code error;
      Tcp::socket socket = co_await acceptor.async_accept(
          asio::make_strand(context_),
          asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        // Such as too many open files: try again, but not in a busy loop.
        error_code ignored;
        retry.expires_after(std::chrono::milliseconds(100));
        co_await retry.async_wait(
            asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      socket.set_option(Tcp::no_delay(true), error);
      if (shared_.tls.has_value()) {
        StartConnection<TlsStream>(std::move(socket), *shared_.tls);
      } else {
        StartConnection<beast::tcp_stream>(std::move(socket));
      }
    }
  }

  template <typename Stream, typename... Arguments>
  void StartConnection(Tcp::socket socket, Arguments&... arguments) {
    error_code error;
    const Tcp::endpoint remote = socket.remote_endpoint(error);
    if (error) {
      return;  // It has gone already.
    }
    const std::optional<Place> place = Admit();
    if (!place.has_value()) {
      return;  // Closed with the socket.
    }
    const NetworkAddress peer = {remote.address().to_string(), remote.port()};
    auto* connection = new StreamConnection<Stream>(
        shared_, peer.ToString(), std::move(socket), arguments...);
    const std::shared_ptr<StreamConnection<Stream>> owned(
        connection, [this, place = *place](StreamConnection<Stream>* ended) {
          delete ended;
          Count(-1);
          Leave(place);
        });
    Count(1);
    {
      MutexLock lock(shared_.mutex);
      *place->entry = owned;
    }
    owned->Start(place->is_refused);
  }

  void Count(int change) {
    if (shared_.options.on_connection != nullptr) {
      shared_.options.on_connection(change);
    }
  }

  // Returns a place for a new connection; none if even those that are only to
  // be told that there are too many are too many.
  std::optional<Place> Admit() {
    MutexLock lock(shared_.mutex);
    const bool is_refused =
        shared_.connections.size() - shared_.refused_count >=
        shared_.options.connection_count_max;
    if (is_refused && shared_.options.on_refusal != nullptr) {
      shared_.options.on_refusal();
    }
    if (is_refused && shared_.refused_count == kRefusedCountMax) {
      return std::nullopt;
    }
    shared_.refused_count += is_refused ? 1 : 0;
    return Place{shared_.connections.emplace(shared_.connections.end()),
                 is_refused};
  }

  void Leave(const Place& place) {
    MutexLock lock(shared_.mutex);
    shared_.connections.erase(place.entry);
    shared_.refused_count -= place.is_refused ? 1 : 0;
    shared_.changed.NotifyAll();
  }

  std::vector<std::shared_ptr<Connection>> Connections() {
    std::vector<std::shared_ptr<Connection>> connections;
    MutexLock lock(shared_.mutex);
    for (const std::weak_ptr<Connection>& weak : shared_.connections) {
      if (std::shared_ptr<Connection> connection = weak.lock()) {
        connections.push_back(std::move(connection));
      }
    }
    return connections;
  }

  void WaitUntilEmpty(absl::Duration timeout) {
    const absl::Time end = absl::Now() + timeout;
    MutexLock lock(shared_.mutex);
    while (!shared_.connections.empty() && absl::Now() < end) {
      shared_.changed.WaitFor(shared_.mutex,
                              absl::ToChronoMilliseconds(end - absl::Now()));
    }
  }

  Shared shared_;  // Before the context, which destroys the connections.
  asio::io_context context_{kThreadCount};
  std::vector<std::unique_ptr<Tcp::acceptor>> acceptors_;
  NetworkAddress address_;
  std::vector<std::jthread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StreamServer>> StreamServer::Start(
    StreamServerOptions options) {
  auto server = std::make_unique<AsioStreamServer>(std::move(options));
  COPSE_RETURN_IF_ERROR(server->Listen());
  server->Run();
  return server;
}

}  // namespace copse
