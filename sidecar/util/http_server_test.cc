// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A TCP connection to a port of this machine.
class Client {
 public:
  explicit Client(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address),
                        sizeof(address)),
              0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(absl::string_view text) {
    ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }

  // Reads until the peer closes.
  std::string ReadAll() {
    std::string result;
    while (ReadSome(result)) {
    }
    return result;
  }

  // Reads until what was read ends with `end`.
  std::string ReadUntil(absl::string_view end) {
    std::string result;
    while (!absl::EndsWith(result, end) && ReadSome(result)) {
    }
    return result;
  }

 private:
  bool ReadSome(std::string& result) {
    std::array<char, 4096> buffer;
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      result.append(buffer.data(), static_cast<size_t>(count));
    }
    return count > 0;
  }

  int socket_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.address = {"127.0.0.1", 0};
    options_.routes["/metrics"] = [] {
      return HttpResponse{.content_type = "text/plain; version=0.0.4",
                          .body = "copse_up 1\n"};
    };
    options_.routes["/sick"] = [] {
      return HttpResponse{.status = 503, .body = "no\n"};
    };
  }

  void Start() {
    COPSE_ASSERT_OK_AND_ASSIGN(server_, HttpServer::Start(options_));
  }

  uint16_t port() const { return server_->address().port; }

  // Sends a request and returns the answer; the server closes after it.
  std::string Ask(absl::string_view request) {
    Client client(port());
    client.Send(request);
    return client.ReadAll();
  }

  std::string Get(absl::string_view target) {
    return Ask(absl::StrCat("GET ", target,
                            " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "\r\n"));
  }

  HttpServer::Options options_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAGet) {
  Start();
  EXPECT_EQ(Get("/metrics"),
            "HTTP/1.1 200 OK\r\n"
            "Server: copsed\r\n"
            "Content-Type: text/plain; version=0.0.4\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n"
            "Content-Length: 11\r\n"
            "\r\n"
            "copse_up 1\n");
  EXPECT_THAT(Get("/metrics?name=a"), EndsWith("copse_up 1\n"));
  EXPECT_THAT(Get("/sick"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST_F(HttpServerTest, AnswersAHeadWithoutABody) {
  Start();
  const std::string answer =
      Ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsAConnectionForFurtherRequests) {
  Start();
  Client client(port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("copse_up 1\n"),
                StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  // Two at once are answered one after the other.
  client.Send(
      "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /sick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, HasSubstr("copse_up 1\n"));
  EXPECT_THAT(answers, EndsWith("no\n"));
}

TEST_F(HttpServerTest, AnswersOldClients) {
  Start();
  EXPECT_THAT(
      Ask("GET /metrics HTTP/1.0\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.0 200 OK\r\n"), EndsWith("copse_up 1\n")));
}

TEST_F(HttpServerTest, RefusesWhatItDoesNotServe) {
  Start();
  EXPECT_THAT(Get("/"),
              AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"),
                    EndsWith("not found; there are /metrics, /sick\n")));
  EXPECT_THAT(
      Ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"),
            HasSubstr("Allow: GET, HEAD\r\n")));
  EXPECT_THAT(Ask("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  EXPECT_THAT(Ask("what is this\r\n\r\n"),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
}

TEST_F(HttpServerTest, BoundsTheHeaders) {
  Start();
  EXPECT_THAT(Ask(absl::StrCat("GET /metrics HTTP/1.1\r\nX: ",
                               std::string(9000, 'x'), "\r\n\r\n")),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, ClosesAConnectionThatSaysNothing) {
  options_.timeout = absl::Milliseconds(50);
  Start();
  Client silent(port());
  EXPECT_EQ(silent.ReadAll(), "");
  Client slow(port());
  slow.Send("GET /met");
  EXPECT_EQ(slow.ReadAll(), "");
}

TEST_F(HttpServerTest, ClosesTheLongestIdleConnectionToAnswerANewOne) {
  options_.connection_count_max = 2;
  Start();
  Client silent(port());
  Client kept(port());
  kept.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(kept.ReadUntil("copse_up 1\n"), EndsWith("copse_up 1\n"));
  EXPECT_THAT(Get("/metrics"), EndsWith("copse_up 1\n"));
  EXPECT_EQ(silent.ReadAll(), "");
  kept.Send("GET /sick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(kept.ReadAll(), EndsWith("no\n"));
}

TEST_F(HttpServerTest, RefusesConnectionsBeyondTheLimitOfThoseItAnswers) {
  std::latch entered(1);
  std::latch release(1);
  options_.routes["/slow"] = [&] {
    entered.count_down();
    release.wait();
    return HttpResponse{.body = "late\n"};
  };
  options_.connection_count_max = 1;
  Start();
  std::string answer;
  std::jthread slow([&] { answer = Get("/slow"); });
  entered.wait();
  EXPECT_THAT(Client(port()).ReadAll(),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                    EndsWith("too many connections\n")));
  release.count_down();
  slow.join();
  EXPECT_THAT(answer, EndsWith("late\n"));
}

TEST_F(HttpServerTest, AnswersWhileAHandlerIsSlow) {
  std::latch entered(1);
  std::latch release(1);
  options_.routes["/slow"] = [&] {
    entered.count_down();
    release.wait();
    return HttpResponse{.body = "late\n"};
  };
  Start();
  std::string answer;
  std::jthread slow([&] { answer = Get("/slow"); });
  entered.wait();
  EXPECT_THAT(Get("/metrics"), EndsWith("copse_up 1\n"));
  release.count_down();
  slow.join();
  EXPECT_THAT(answer, EndsWith("late\n"));
}

TEST_F(HttpServerTest, StopsWithConnectionsOpen) {
  Start();
  Client idle(port());
  Client half(port());
  half.Send("GET /met");
  Client kept(port());
  kept.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  kept.ReadUntil("copse_up 1\n");
  server_ = nullptr;
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_EQ(kept.ReadAll(), "");
}

TEST_F(HttpServerTest, NamesTheAddressThatIsTaken) {
  Start();
  EXPECT_NE(port(), 0);
  options_.address.port = port();
  EXPECT_THAT(HttpServer::Start(options_),
              StatusIs(absl::StatusCode::kUnavailable,
                       absl::StrCat("cannot listen at 127.0.0.1:", port(),
                                    ": Address already in use")));
  options_.address = {"no-such-host.invalid", 1};
  EXPECT_THAT(HttpServer::Start(options_),
              StatusIs(absl::StatusCode::kUnavailable,
                       StartsWith("cannot resolve no-such-host.invalid:1: ")));
}

}  // namespace
}  // namespace copse
