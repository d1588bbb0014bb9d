// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The HTTP port: speaks both dialects of VectorLink over the engine that serves
// gRPC, and has no state of its own but the IDs of tasks.
//
//   HttpPortOptions options;
//   options.address = {"localhost", 7372};
//   options.engine = &engine;
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<HttpPort> port,
//                          HttpPort::Start(options));
//   ...
//   port->ShutDown(absl::Seconds(30));
//
// Each request passes: credentials, route, body, data-version header,
// parameters, readiness, and then what it asks for. What waits runs on threads
// of its kind (push, search, scan, the rest), so that the quick are never held
// up by the slow, and what these cannot take is 503.

#ifndef COPSE_SIDECAR_HTTP_HTTP_PORT_H_
#define COPSE_SIDECAR_HTTP_HTTP_PORT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/http/basic_auth.h"
#include "sidecar/http/coded_exchange.h"
#include "sidecar/http/cors_policy.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_observer.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/route_table.h"
#include "sidecar/http/stream_server.h"
#include "sidecar/http/v1_dialect.h"
#include "sidecar/service/engine.h"
#include "sidecar/util/executor.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"

namespace copse {

struct HttpPortOptions {
  NetworkAddress address;

  // Not owned; must outlive the port.
  Engine* engine = nullptr;
  Logger* logger = nullptr;          // May be null.
  HttpObserver* observer = nullptr;  // May be null.

  std::string user = "admin";
  std::string secret = "root";

  // Origins that browsers may call from; none for no CORS.
  std::vector<std::string> cors_origins = {};

  // PEM files; both empty for no TLS.
  std::string tls_certificate_file = {};
  std::string tls_key_file = {};

  HttpLimits limits;
  V1Settings v1;

  // Whether answers are compressed for clients that like it.
  bool compresses = true;

  bool search_ready = true;
  size_t connection_count_max = 1024;
  absl::Duration head_timeout = absl::Seconds(60);

  // Threads for each kind of request; others wait.
  size_t quick_thread_count = 4;
  size_t search_thread_count = 16;
  size_t scan_thread_count = 4;
  size_t push_thread_count = 64;  // Others are refused.
  size_t waiting_request_count_max = 4096;
};

// Thread safety: ShutDown() may be called from any thread, once.
class HttpPort {
 public:
  // Listens. Fails as StreamServer::Start().
  static absl::StatusOr<std::unique_ptr<HttpPort>> Start(
      const HttpPortOptions& options);

  // Shuts down without grace, unless ShutDown() was called.
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  // Where it listens, the port never 0.
  const NetworkAddress& address() const { return server_->address(); }

  // Accepts nothing any more, ends pushes with an error, and waits until the
  // other requests have been answered, but not longer than `grace`.
  void ShutDown(absl::Duration grace);

 private:
  explicit HttpPort(const HttpPortOptions& options);

  // Called by the server for each request.
  void Dispatch(std::shared_ptr<HttpExchange> exchange);
  void Answer(std::shared_ptr<HttpExchange> exchange);
  std::string LabelOf(const RequestHead& head) const;
  void OnEnd(const ExchangeEnd& end) const;
  // Returns what codes the bodies of an exchange. Fails as
  // ParseContentEncoding().
  absl::StatusOr<ExchangeCodings> CodingsOf(const RequestHead& head) const;
  const Route* FindRoute(const RequestHead& head) const;
  // Returns the methods of an existing path, for its 405; "" for another.
  std::string MethodsOf(absl::string_view path) const;
  // Whether `route`, which may be null, is served without credentials.
  bool IsOpen(const Route* route) const;
  Executor& ExecutorOf(RouteKind kind);

  // Reads and checks what all requests of `route` have in common, and has it
  // handled.
  void Serve(const Route& route, const std::shared_ptr<HttpExchange>& exchange);
  absl::Status ReadParameters(const Route& route, HttpExchange& exchange,
                              Parameters& parameters);

  const HttpPortOptions options_;
  HttpServices services_;
  const BasicAuth auth_;
  const CorsPolicy cors_;
  const V1Dialect v1_;
  const RouteTable routes_;
  std::unique_ptr<StreamServer> server_;
  bool stopped_ = false;

  // Last, so that they end first: what they run uses all the others.
  Executor quick_executor_;
  Executor search_executor_;
  Executor scan_executor_;
  Executor push_executor_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_PORT_H_
