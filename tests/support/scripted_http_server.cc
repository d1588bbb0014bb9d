// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/scripted_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"

namespace copse {
namespace {

bool SendAll(int socket, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Appends what arrives to `buffer`; false at the end of the connection.
bool Receive(int socket, std::string& buffer) {
  char bytes[16384];
  const ssize_t received = ::recv(socket, bytes, sizeof(bytes), 0);
  if (received <= 0) {
    return false;
  }
  buffer.append(bytes, static_cast<size_t>(received));
  return true;
}

// Waits until the client has closed its end.
void AwaitHangUp(int socket) {
  std::string ignored;
  while (Receive(socket, ignored)) {
    ignored.clear();
  }
}

// Takes one request from `buffer` and the socket behind it.
std::optional<ScriptedRequest> ReadRequest(int socket, std::string& buffer) {
  size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive(socket, buffer)) {
      return std::nullopt;
    }
  }
  ScriptedRequest request;
  const std::string head = buffer.substr(0, head_end);
  buffer.erase(0, head_end + 4);
  const std::vector<std::string> lines = absl::StrSplit(head, "\r\n");
  const std::vector<std::string> words = absl::StrSplit(lines.front(), ' ');
  request.method = words.at(0);
  request.path = words.at(1);
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    request.headers[absl::AsciiStrToLower(header.first)] = header.second;
  }
  size_t body_size = 0;
  COPSE_CHECK(request.headers["content-length"].empty() ||
              absl::SimpleAtoi(request.headers["content-length"], &body_size));
  while (buffer.size() < body_size) {
    if (!Receive(socket, buffer)) {
      return std::nullopt;
    }
  }
  request.body = buffer.substr(0, body_size);
  buffer.erase(0, body_size);
  return request;
}

std::string Chunked(absl::string_view body) {
  constexpr size_t kChunkSizeMax = 1000;
  std::string chunks;
  while (!body.empty()) {
    const absl::string_view chunk = body.substr(0, kChunkSizeMax);
    body.remove_prefix(chunk.size());
    absl::StrAppend(&chunks, absl::Hex(chunk.size()), "\r\n", chunk, "\r\n");
  }
  return chunks + "0\r\n\r\n";
}

// The next close() then sends a reset instead of an orderly end.
void MakeCloseReset(int socket) {
  linger option = {};
  option.l_onoff = 1;
  option.l_linger = 0;
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, sizeof(option));
}

ScriptedHttpServer::Handler InTurn(std::vector<ScriptedReply> replies) {
  COPSE_CHECK(!replies.empty());
  return [replies = std::move(replies),
          next = size_t{0}](const ScriptedRequest& /*request*/) mutable {
    const ScriptedReply& reply = replies[std::min(next, replies.size() - 1)];
    ++next;
    return reply;
  };
}

}  // namespace

ScriptedHttpServer::ScriptedHttpServer(Handler handler)
    : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  COPSE_CHECK(listener_ >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  COPSE_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)) == 0);
  COPSE_CHECK(::listen(listener_, 64) == 0);
  socklen_t size = sizeof(address);
  COPSE_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address),
                            &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { Accept(); });
}

ScriptedHttpServer::ScriptedHttpServer(std::vector<ScriptedReply> replies)
    : ScriptedHttpServer(InTurn(std::move(replies))) {}

ScriptedHttpServer::~ScriptedHttpServer() {
  {
    MutexLock lock(mutex_);
    is_stopping_ = true;
    for (const int socket : sockets_) {
      ::shutdown(socket, SHUT_RDWR);
    }
  }
  ::shutdown(listener_, SHUT_RDWR);  // Wakes accept().
  acceptor_.join();
  std::list<std::jthread> connections;
  {
    MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  connections.clear();  // Joins.
  ::close(listener_);
}

std::string ScriptedHttpServer::url(absl::string_view path) const {
  return absl::StrCat("http://127.0.0.1:", port_, path);
}

std::vector<ScriptedRequest> ScriptedHttpServer::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

int ScriptedHttpServer::connection_count() const {
  MutexLock lock(mutex_);
  return connection_count_;
}

void ScriptedHttpServer::Accept() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    MutexLock lock(mutex_);
    if (socket < 0 || is_stopping_) {
      if (socket >= 0) {
        ::close(socket);
      }
      return;
    }
    // Or the body waits 40 ms for the client to acknowledge the head.
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockets_.push_back(socket);
    const int connection = ++connection_count_;
    connections_.emplace_back(
        [this, socket, connection] { Serve(socket, connection); });
  }
}

void ScriptedHttpServer::Serve(int socket, int connection) {
  std::string buffer;
  while (std::optional<ScriptedRequest> request = ReadRequest(socket, buffer)) {
    request->connection = connection;
    {
      MutexLock lock(mutex_);
      requests_.push_back(*request);
    }
    ScriptedReply reply;
    {
      MutexLock lock(handler_mutex_);
      reply = handler_(*request);
    }
    if (!Answer(socket, reply)) {
      break;
    }
  }
  MutexLock lock(mutex_);
  std::erase(sockets_, socket);
  ::close(socket);
}

// Returns whether the connection can go on.
bool ScriptedHttpServer::Answer(int socket, const ScriptedReply& reply) {
  if (reply.latch != nullptr) {
    reply.latch->arrive_and_wait();
  }
  if (reply.is_hanging) {
    AwaitHangUp(socket);
    return false;
  }
  if (reply.is_silent) {
    if (reply.is_reset) {
      MakeCloseReset(socket);
    }
    return false;
  }
  std::string head = absl::StrCat("HTTP/1.1 ", reply.status, " Scripted\r\n");
  for (const auto& [name, value] : reply.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  std::string body = reply.body;
  switch (reply.framing) {
    case ScriptedReply::Framing::kContentLength:
      absl::StrAppend(&head, "Content-Length: ", body.size(), "\r\n");
      break;
    case ScriptedReply::Framing::kChunked:
      absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
      body = Chunked(body);
      break;
    case ScriptedReply::Framing::kUntilClose:
      absl::StrAppend(&head, "Connection: close\r\n");
      break;
  }
  absl::string_view rest = body;
  const bool is_cut = reply.cut_after.has_value();
  if (is_cut) {
    rest = rest.substr(0, *reply.cut_after);
  }
  if (!SendAll(socket, head + "\r\n") || !SendAll(socket, rest)) {
    return false;
  }
  if (is_cut && reply.is_reset) {
    MakeCloseReset(socket);
  }
  return !is_cut && reply.framing != ScriptedReply::Framing::kUntilClose;
}

}  // namespace copse
