// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what a client sends to the HTTP port of an engine with two
// commits. Credentials are added behind the first line, so that handlers are
// reached. Properties:
//
// * the connection ends;
// * what is answered is HTTP/1.1, and 500 only where `/check` tells of a push
//   that has failed;
// * no field of an answer holds a control character;
// * the commits from before answer as before, unless they were deleted.

#include "sidecar/http/http_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "sidecar/util/network_address.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::string_view kAddedFields =
    "Authorization: Basic YWRtaW46cm9vdA==\r\nConnection: close\r\n";

// How long a client waits before it says that it sends no more.
constexpr int kPatienceMillis = 100;
// How long the port may take to end a connection.
constexpr int kEndTimeoutMillis = 8000;

class Server {
 public:
  Server() {
    std::string name =
        std::filesystem::temp_directory_path() / "copse_http_port_fuzz_XXXXXX";
    COPSE_CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    StoreOptions options;
    options.folder = folder_;
    options.free_space_min_bytes = 0;
    store_ = Store::Open(options).value();
    EngineOptions engine_options;
    engine_options.find_embedder = FindOnly(embedder_);
    engine_options.embedding_profiles = {"fake"};
    engine_options.default_embedding_profile = "fake";
    engine_ = std::make_unique<Engine>(*store_, std::move(engine_options));
    HttpPortOptions port_options;
    port_options.address = {"127.0.0.1", 0};
    port_options.engine = engine_.get();
    // Both dialects; there is nothing behind the endpoint.
    port_options.v1.has_content_endpoint = true;
    port_options.v1.is_anonymous = true;
    port_options.v1.assign_wait = absl::ZeroDuration();
    port_ = HttpPort::Start(port_options).value();
    Fill();
  }
  ~Server() {
    port_ = nullptr;
    engine_ = nullptr;
    store_ = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Pushes c1 and c2 of pier/harbour, unless they are there.
  void Fill() {
    Push("c1", "", "terminusdb:///quay/Vessel/kestrel", "a pilot cutter");
    Push("c2", "c1", "terminusdb:///quay/Part/p1", "an oak plank of a cutter");
  }

  const NetworkAddress& address() const { return port_->address(); }

 private:
  void Push(absl::string_view commit, absl::string_view parent,
            absl::string_view id, absl::string_view text) {
    PushOptions options;
    options.commit.domain = "pier/harbour";
    options.commit.commit = std::string(commit);
    options.commit.parent_commit = std::string(parent);
    options.commit.branch = "main";
    options.create_domain.emplace();
    auto session = engine_->BeginPush(options, {});
    if (!session.ok()) {
      return;
    }
    Document document;
    document.id = std::string(id);
    document.text = std::string(text);
    if ((*session)->Add(UpsertOperation{std::move(document)}).ok()) {
      (*session)->Finish().status().IgnoreError();
    }
  }

  std::shared_ptr<FakeEmbedder> embedder_ = std::make_shared<FakeEmbedder>();
  std::string folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<HttpPort> port_;
};

int ConnectTo(const NetworkAddress& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &peer.sin_addr);
  int error = 0;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&peer),
                sizeof peer) != 0) {
    error = errno;
  }
  if (error == EINTR) {  // By the clock of libFuzzer; it goes on.
    pollfd wait = {.fd = socket, .events = POLLOUT, .revents = 0};
    while (::poll(&wait, 1, kPatienceMillis) < 0 && errno == EINTR) {
    }
    socklen_t size = sizeof error;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  COPSE_CHECK(error == 0, std::strerror(error));
  return socket;
}

// Sends `request`, and returns all that comes back.
std::string Talk(const NetworkAddress& address, absl::string_view request) {
  const int socket = ConnectTo(address);
  ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  bool says_no_more = false;
  while (true) {
    pollfd wait = {.fd = socket, .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(&wait, 1, says_no_more ? kEndTimeoutMillis : kPatienceMillis);
    if (ready < 0) {
      continue;
    }
    if (ready == 0) {
      COPSE_CHECK(!says_no_more, "the connection does not end");
      ::shutdown(socket, SHUT_WR);
      says_no_more = true;
      continue;
    }
    char bytes[65536];
    const ssize_t count = ::recv(socket, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      break;
    }
    answer.append(bytes, static_cast<size_t>(count));
  }
  ::close(socket);
  return answer;
}

void CheckAnswer(absl::string_view answer) {
  if (answer.empty()) {
    return;  // The client seemed to be gone.
  }
  COPSE_CHECK(absl::StartsWith(answer, "HTTP/1.1 "));
  const bool is_error = absl::StartsWith(answer, "HTTP/1.1 500");
  const absl::string_view head = answer.substr(0, answer.find("\r\n\r\n"));
  COPSE_CHECK(!is_error || absl::StrContains(head, "text/plain"), answer);
  for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
    for (const char c : line) {
      COPSE_CHECK(!absl::ascii_iscntrl(static_cast<unsigned char>(c)));
    }
  }
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static copse::Server server;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = input.find("\r\n");
  const std::string request =
      line_end == absl::string_view::npos
          ? std::string(input)
          : absl::StrCat(input.substr(0, line_end + 2), copse::kAddedFields,
                         input.substr(line_end + 2));
  copse::CheckAnswer(copse::Talk(server.address(), request));
  if (absl::StartsWith(input, "DELETE")) {
    server.Fill();
  }
  const std::string known = copse::Talk(
      server.address(),
      absl::StrCat("GET /search?domain=pier/harbour&commit=c1&mode=fts&"
                   "q=cutter HTTP/1.1\r\nHost: h\r\n",
                   copse::kAddedFields, "\r\n"));
  COPSE_CHECK(absl::StrContains(known, "Vessel/kestrel"), known);
  return 0;
}
