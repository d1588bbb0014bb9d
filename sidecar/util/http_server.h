// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP server for machines that watch copsed: it answers GET and HEAD
// of fixed paths, such as /metrics, and nothing else.
//
//   HttpServer::Options options;
//   options.address = {"127.0.0.1", 7374};
//   options.routes["/metrics"] = [&metrics] {
//     return HttpResponse{.content_type = "text/plain; version=0.0.4",
//                         .body = metrics.Serialize()};
//   };
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> server,
//                          HttpServer::Start(options));
//
// What a peer can take is bounded: connections, header size, no bodies, and a
// time-out on each step, so one that sends slowly or reads slowly is cut off.
// Two threads answer, so a slow handler does not hold up a quick one.

#ifndef COPSE_SIDECAR_UTIL_HTTP_SERVER_H_
#define COPSE_SIDECAR_UTIL_HTTP_SERVER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sidecar/util/network_address.h"

namespace copse {

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Thread safety: Start() and the destructor by one thread; handlers are called
// from two threads at once and must not throw.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse()>;

  struct Options {
    NetworkAddress address;

    // By path, without a query.
    std::map<std::string, Handler> routes;

    // A connection beyond these takes the place of the one that has waited for
    // a request the longest. If all are being answered it is closed with 503.
    size_t connection_count_max = 64;

    // The longest request line and headers, in bytes; longer is 431.
    size_t header_size_bytes_max = 8192;

    // For each read of a request and each write of an answer, and for how long
    // a connection may stay without a request.
    absl::Duration timeout = absl::Seconds(30);
  };

  // Listens and answers from its own threads. Fails with kUnavailable if the
  // address is in use or cannot be had, naming it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);

  // Closes all connections and waits for handlers that run.
  virtual ~HttpServer() = default;

  // The address that it listens at, its port never 0.
  virtual const NetworkAddress& address() const = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_HTTP_SERVER_H_
