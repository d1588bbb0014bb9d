// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An HTTP/1.1 server for tests that answers what the test says, well-formed or
// not: cut, reset, slow, too long.
//
//   ScriptedHttpServer server([](const ScriptedRequest& request) {
//     return ScriptedReply{.status = 503, .body = "busy"};
//   });
//   ... server.url("/v1/embeddings") ...
//   EXPECT_THAT(server.requests(), SizeIs(6));
//
// It listens on a free port of the loopback address, in threads of its own.

#ifndef COPSE_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_
#define COPSE_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"

namespace copse {

struct ScriptedRequest {
  std::string method;
  std::string path;                            // With its query.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  int connection = 0;  // Connections are numbered from 1.
};

struct ScriptedReply {
  // How the body says where it ends.
  enum class Framing { kContentLength, kChunked, kUntilClose };

  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Framing framing = Framing::kContentLength;

  // If set, the connection closes after so many bytes of the body.
  std::optional<size_t> cut_after = {};

  // Whether a connection that is cut ends with a reset, as when a process dies.
  bool is_reset = false;

  // Closes without a byte of reply.
  bool is_silent = false;

  // Sends nothing until the client hangs up.
  bool is_hanging = false;

  // If set, the reply waits until so many requests have arrived.
  std::shared_ptr<std::latch> latch = {};
};

// Thread safety: any number of threads may use one server. The handler is
// called by one thread at a time.
class ScriptedHttpServer {
 public:
  using Handler = std::function<ScriptedReply(const ScriptedRequest&)>;

  explicit ScriptedHttpServer(Handler handler);

  // Gives the replies in turn, and the last one again and again.
  explicit ScriptedHttpServer(std::vector<ScriptedReply> replies);

  // Closes all connections and waits for the threads.
  ~ScriptedHttpServer();

  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  uint16_t port() const { return port_; }

  // Returns "http://127.0.0.1:PORT" and `path`.
  std::string url(absl::string_view path = "") const;

  // Every request so far, in the order of arrival.
  std::vector<ScriptedRequest> requests() const;

  int connection_count() const;

 private:
  void Accept();
  void Serve(int socket, int connection);
  bool Answer(int socket, const ScriptedReply& reply);

  const Handler handler_;
  int listener_ = -1;
  uint16_t port_ = 0;

  mutable Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::list<std::jthread> connections_ ABSL_GUARDED_BY(mutex_);
  int connection_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<ScriptedRequest> requests_ ABSL_GUARDED_BY(mutex_);

  Mutex handler_mutex_;
  std::jthread acceptor_;
};

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_
