// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The daemon put together: store, embedders, engine, gRPC, HTTP and metrics.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Daemon> daemon,
//                          Daemon::Start(config, "0.1.0", logger));
//   ... until a signal comes, once in a while:
//   daemon->CheckWrites();
//   ...
//   daemon->ShutDown();
//
// A failed start says in one message what could not be done and which setting
// to change.

#ifndef COPSE_SIDECAR_DAEMON_H_
#define COPSE_SIDECAR_DAEMON_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "sidecar/config/config.h"
#include "sidecar/embedding/embedder_registry.h"
#include "sidecar/embedding_metrics.h"
#include "sidecar/grpc/grpc_server.h"
#include "sidecar/http/http_port.h"
#include "sidecar/http_metrics.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/maintenance_jobs.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/util/http_server.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/metrics_registry.h"
#include "sidecar/util/network_address.h"
#include "sidecar/util/request_metrics.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {

// Returns the options of the store that `config` asks for.
StoreOptions StoreOptionsOf(const Config& config);

// Returns `status` of Store::Open() with what to do about it in its message.
// REQUIRES: !status.ok()
absl::Status ExplainOpenError(const Config& config, const absl::Status& status);

// Thread safety: the functions may be called from any thread, ShutDown() once.
class Daemon {
 public:
  // Opens the data folder and serves. REQUIRES: CheckServable(config).ok()
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(
      const Config& config, const std::string& version, Logger& logger);

  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Where gRPC, HTTP and the metrics are, the ports never 0; "" for what there
  // is not.
  std::string grpc_address() const;
  std::string http_address() const;
  std::string metrics_address() const;

  // Looks whether the store takes writes, and the disk has space for them. When
  // that changes, logs it and has
  // grpc.health.v1 report it for the services that write, and /health/ready
  // with it; reading goes on.
  void CheckWrites() ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends pushes that are not accepted, and leaves the jobs to the next start;
  // lets searches finish for config.shutdown_timeout, and closes
  // the store.
  void ShutDown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Daemon(const Config& config, std::string version, Logger& logger);

  absl::Status OpenStore();
  void LogFold(const FoldReport& report);
  absl::StatusOr<Tokenizers::FileTokenizers> LoadTokenizers();
  absl::Status MakeEmbedders();
  absl::Status ResumeJobs();
  void LogJob(const JobId& id, const JobRecord& record);
  absl::Status StartGrpc();
  absl::Status StartHttp(std::string secret);
  absl::Status StartMetrics();
  HttpResponse Readiness() const;

  const Config config_;
  const std::string version_;
  Logger& logger_;  // Not owned.

  MetricsRegistry metrics_;
  RequestMetrics request_metrics_;
  EmbeddingMetrics embedding_metrics_;
  HttpMetrics http_metrics_;

  // In the order in which each needs those before it.
  FoldJobs fold_jobs_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<EmbedderRegistry> embedders_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<GrpcServer> grpc_server_;
  std::unique_ptr<HttpPort> http_port_;
  std::unique_ptr<HttpServer> http_server_;

  Mutex mutex_;  // Held while the health of grpc_server_ is set.

  // Of what CheckWrites() found last.
  absl::StatusCode write_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;

  // Set under mutex_, so that CheckWrites() finds all in place or does nothing.
  std::atomic<bool> stopping_ = false;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_DAEMON_H_
