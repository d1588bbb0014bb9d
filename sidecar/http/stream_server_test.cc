// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/stream_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/util/network_address.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A connection to a server, which closes it when it goes.
class Client {
 public:
  explicit Client(const NetworkAddress& address)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in peer = {};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &peer.sin_addr);
    COPSE_CHECK(::connect(socket_, reinterpret_cast<const sockaddr*>(&peer),
                          sizeof peer) == 0);
  }
  ~Client() {
    if (socket_ >= 0) {
      ::close(socket_);
    }
  }
  Client(Client&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Client& operator=(Client&&) = delete;

  void Send(absl::string_view bytes) {
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  // Returns what comes until `end` has come, or the server sends no more.
  std::string ReceiveUntil(absl::string_view end) {
    std::string received;
    char bytes[4096];
    while (received.find(end.data(), 0, end.size()) == std::string::npos) {
      const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) {
        break;
      }
      received.append(bytes, static_cast<size_t>(count));
    }
    return received;
  }
  std::string ReceiveAll() { return ReceiveUntil("\x01"); }

 private:
  int socket_;
};

constexpr absl::string_view kRequest = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr absl::string_view kAnswerEnd = "{/a||}";

// Answers with path, query and body.
class StreamServerTest : public ::testing::Test {
 protected:
  void Start(size_t connection_count_max = 1024) {
    StreamServerOptions options;
    options.address = {"127.0.0.1", 0};
    options.connection_count_max = connection_count_max;
    options.handler = [this](const std::shared_ptr<HttpExchange>& exchange) {
      ++request_count_;
      const RequestHead& head = exchange->head();
      exchange->Answer(
          {.body = absl::StrCat("{", head.path, "|", head.query, "|}")});
    };
    auto server = StreamServer::Start(options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  // Sends `request` and returns all that comes back.
  std::string Talk(absl::string_view request) {
    Client client(server_->address());
    client.Send(request);
    return client.ReceiveAll();
  }

  // Returns what a new connection is answered.
  std::string Ask() {
    Client client(server_->address());
    client.Send(kRequest);
    return client.ReceiveUntil("}");
  }

  std::atomic<int> request_count_ = 0;
  std::unique_ptr<StreamServer> server_;
};

TEST_F(StreamServerTest, TakesTargetsThatNameTheHost) {
  Start();
  EXPECT_THAT(
      Talk("GET http://other:80/search?q=1 HTTP/1.1\r\nHost: h\r\n"
           "Connection: close\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("{/search|q=1|}")));
}

TEST_F(StreamServerTest, RefusesBodiesWhoseEndItDoesNotKnow) {
  Start();
  // What follows would be a request for who takes the body for empty.
  constexpr absl::string_view kBody = "\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
  const struct {
    absl::string_view fields, status, message;
  } cases[] = {
      {"Transfer-Encoding: gzip, chunked\r\n", "HTTP/1.1 501 ",
       "transfer-encoding is 'gzip, chunked', expected chunked"},
      {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
       "HTTP/1.1 501 ", "transfer-encoding is 'gzip, chunked'"},
      {"Transfer-Encoding: \"x\\\r\n", "HTTP/1.1 501 ", R"('\"x\\')"},
      {"Transfer-Encoding: identity\r\n", "HTTP/1.1 501 ", "'identity'"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "HTTP/1.1 400 ",
       "error"},
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.1 400 ",
       "error"},
      {"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", "HTTP/1.1 400 ",
       "error"}};
  for (const auto& expected : cases) {
    const std::string answer = Talk(absl::StrCat(
        "POST /a HTTP/1.1\r\nHost: h\r\n", expected.fields, kBody));
    EXPECT_THAT(
        answer,
        AllOf(StartsWith(std::string(expected.status)), HasSubstr("\"error\""),
              HasSubstr(std::string(expected.message)),
              HasSubstr("Connection: close\r\n"), EndsWith("}")))
        << expected.fields;
  }
  EXPECT_EQ(request_count_, 0);
}

TEST_F(StreamServerTest, AnswersAThousandConnectionsAtOnce) {
  constexpr size_t kConnectionCount = 1000;
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 2 * kConnectionCount + 100) {
    GTEST_SKIP() << "the system allows " << limit.rlim_max << " open files";
  }
  Start();
  std::vector<Client> clients;
  for (size_t i = 0; i < kConnectionCount; ++i) {
    clients.emplace_back(server_->address());
  }
  for (int round = 0; round < 2; ++round) {
    for (Client& client : clients) {
      client.Send(kRequest);
    }
    for (Client& client : clients) {
      EXPECT_THAT(client.ReceiveUntil("}"),
                  AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                        EndsWith(std::string(kAnswerEnd))));
    }
  }
  EXPECT_EQ(request_count_, 2 * static_cast<int>(kConnectionCount));
}

TEST_F(StreamServerTest, WhatIsRefusedTakesNobodysPlace) {
  Start(/*connection_count_max=*/2);
  auto first = std::make_unique<Client>(server_->address());
  first->Send(kRequest);
  EXPECT_THAT(first->ReceiveUntil("}"), StartsWith("HTTP/1.1 200 "));
  Client second(server_->address());
  second.Send(kRequest);
  EXPECT_THAT(second.ReceiveUntil("}"), StartsWith("HTTP/1.1 200 "));
  std::vector<Client> refused;
  for (int i = 0; i < 3; ++i) {
    refused.emplace_back(server_->address());
    EXPECT_THAT(refused.back().ReceiveUntil("}"),
                AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After: "),
                      HasSubstr("too many connections")));
  }
  first = nullptr;
  // The server hears of that a moment later, and is not to wait until those
  // that it refused have gone, which takes them five seconds.
  const absl::Time end = absl::Now() + absl::Seconds(4);
  std::string answer = Ask();
  while (answer.find("HTTP/1.1 503") == 0 && absl::Now() < end) {
    answer = Ask();
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace copse
