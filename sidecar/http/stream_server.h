// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An HTTP/1.1 server whose requests and answers stream at the same time, over
// TCP or TLS.
//
//   StreamServerOptions options;
//   options.address = {"localhost", 7372};
//   options.handler = [&](std::shared_ptr<HttpExchange> exchange) {
//     executor.TryRun([exchange] { exchange->Answer({.body = "{}"}); });
//   };
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<StreamServer> server,
//                          StreamServer::Start(options));
//
// Each connection is a coroutine: it reads the head of a request, hands it to
// the handler, waits for the end of the answer, drains what is left of the
// body and begins again. An answer that comes before the body has been read is
// sent at once, and the body is still taken, so that the client reads the
// answer and not that its connection was reset.
//
// What a peer can take is bounded: connections, the head, the time for it, the
// time between two pieces of a body, and the time to take an answer. No field
// of an answer can hold a control character.

#ifndef COPSE_SIDECAR_HTTP_STREAM_SERVER_H_
#define COPSE_SIDECAR_HTTP_STREAM_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"

namespace copse {

// What became of a request.
struct ExchangeEnd {
  const RequestHead& head;
  int status = 0;
  int64_t received_size_bytes = 0;  // Of the body, as far as it was wanted.
  int64_t sent_size_bytes = 0;
  absl::Duration duration;
};

struct StreamServerOptions {
  // "localhost" is 127.0.0.1 and, where there is IPv6, ::1 at the same port.
  NetworkAddress address;

  // Called by the threads of the server, and must not wait. An exchange that it
  // lets go without an answer is answered with 500.
  std::function<void(std::shared_ptr<HttpExchange>)> handler;

  // The certificate chain and the key as PEM files; both empty for no TLS.
  std::string tls_certificate_file = {};
  std::string tls_key_file = {};

  // Connections beyond these are answered with 503 and closed; of very many
  // some only closed.
  size_t connection_count_max = 1024;

  // The longest request line and fields together; longer is 431.
  size_t head_size_bytes_max = size_t{256} << 10;

  // From the end of an answer, or the connect, to the end of the next head.
  absl::Duration head_timeout = absl::Seconds(60);

  // Between two pieces of a body.
  absl::Duration body_timeout = absl::Minutes(5);

  // For each write of an answer.
  absl::Duration write_timeout = absl::Minutes(5);

  // For the rest of a body after the answer was sent.
  absl::Duration drain_timeout = absl::Minutes(2);

  Logger* logger = nullptr;  // For the access log; may be null.

  // Told of each exchange when it has ended, and of connections; may be null.
  std::function<void(const ExchangeEnd&)> on_end = nullptr;
  std::function<void(int change)> on_connection = nullptr;
  std::function<void()> on_refusal = nullptr;
};

// Thread safety: ShutDown() may be called from any thread, once.
class StreamServer {
 public:
  // Listens and serves from its own threads. Fails with kUnavailable if the
  // address is in use or cannot be had, and kInvalidArgument if certificate or
  // key cannot be used, naming the file.
  static absl::StatusOr<std::unique_ptr<StreamServer>> Start(
      StreamServerOptions options);

  // Closes all connections. REQUIRES: nobody uses an exchange any more.
  virtual ~StreamServer() = default;

  // Where it listens, the port never 0.
  virtual const NetworkAddress& address() const = 0;

  // Listens no more, closes what waits for a request, ends the reading of
  // bodies, and closes what has not been answered after `grace`.
  virtual void ShutDown(absl::Duration grace) = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_STREAM_SERVER_H_
