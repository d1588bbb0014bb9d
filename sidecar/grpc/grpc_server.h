// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The gRPC server of the daemon: the six services of copse.v1, reflection and
// grpc.health.v1.
//
//   GrpcServerOptions options;
//   options.address = "127.0.0.1:7373";
//   options.engine = &engine;
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<GrpcServer> server,
//                          GrpcServer::Start(options));
//   ...
//   server->ShutDown(absl::Seconds(30));

#ifndef COPSE_SIDECAR_GRPC_GRPC_SERVER_H_
#define COPSE_SIDECAR_GRPC_GRPC_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server.h"

#include "sidecar/grpc/call.h"
#include "sidecar/util/executor.h"
#include "sidecar/grpc/push_call.h"
#include "sidecar/grpc/unknown_method_service.h"
#include "sidecar/service/engine.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/request_metrics.h"

namespace copse {

struct GrpcServerOptions {
  // Where to listen, such as "127.0.0.1:7373", "[::1]:7373" or
  // "unix:/run/copse.sock". Port 0 takes a free one.
  std::string address;

  // Not owned; must outlive the server.
  Engine* engine = nullptr;
  RequestMetrics* metrics = nullptr;  // May be null.
  Logger* logger = nullptr;           // May be null.

  // Threads for calls that only read and compute; 0 means 2 for each core, and
  // 4 at least.
  size_t thread_count = 0;

  // Threads for calls that may wait for an embedding provider.
  size_t waiting_thread_count = 64;

  // Calls of each of these kinds that may wait for a thread.
  size_t waiting_call_count_max = 4096;

  // Streams of responses at the same time; others wait.
  size_t stream_count_max = 64;

  // Pushes at the same time; others are refused.
  size_t push_count_max = 64;

  // A client that takes no response of a stream or push for so long loses its
  // call, and with it a thread.
  absl::Duration write_timeout = absl::Minutes(5);

  // The memory that gRPC may take for messages.
  size_t buffer_size_bytes_max = size_t{1} << 30;
};

// Thread safety: ShutDown() may be called from any thread, once.
class GrpcServer {
 public:
  // Starts to listen. Fails with kFailedPrecondition, ADDRESS_UNAVAILABLE, if
  // the address is malformed or in use.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options);

  // Shuts down without grace, unless ShutDown() was called.
  ~GrpcServer();

  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // The port that the server listens on; 0 for a Unix socket.
  int port() const { return port_; }

  // Sets what grpc.health.v1 answers, for the server ("") and each service. It
  // is serving from the start.
  void SetServing(bool serving);

  // Sets what it answers for copse.v1.CommitService alone, through which all
  // pushes go: not serving while the store refuses writes, when searches go on.
  void SetWritable(bool writable);

  // Reports not serving, refuses new calls, ends pushes with kUnavailable,
  // SHUTTING_DOWN, and waits until the other calls have ended; those that are
  // not done within `grace` are cancelled.
  void ShutDown(absl::Duration grace);

 private:
  explicit GrpcServer(const GrpcServerOptions& options);

  RpcEnvironment environment_;
  PushCallSet pushes_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  UnknownMethodService unknown_methods_{environment_};
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

  // Last, so that they end first: what they run uses all the others.
  Executor executor_;
  Executor waiting_executor_;
  Executor stream_executor_;
  Executor push_executor_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_GRPC_SERVER_H_
