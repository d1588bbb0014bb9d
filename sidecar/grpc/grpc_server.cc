// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/grpc_server.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

#include "index/util/error_reason.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/push_call.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/util/executor.h"
#include "sidecar/util/listen_check.h"
#include "sidecar/util/network_address.h"

namespace copse {
namespace {

// A peer that does not answer is given up after a minute and a half, so that
// its pushes free their commits.
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 30'000;

// Clients may ping this often, also without a call.
constexpr int kPingIntervalMinMs = 10'000;

// Of one connection.
constexpr int kConcurrentStreamCountMax = 1000;

constexpr char kCommitServiceName[] = "copse.v1.CommitService";
constexpr const char* kServiceNames[] = {
    "copse.v1.DomainService", kCommitServiceName,      "copse.v1.BranchService",
    "copse.v1.SearchService", "copse.v1.AdminService", "copse.v1.JobService"};

size_t ThreadCount(size_t configured) {
  if (configured != 0) {
    return configured;
  }
  return std::max<size_t>(4, size_t{2} * std::thread::hardware_concurrency());
}

// Switches on what gRPC keeps in globals.
void EnablePlugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    // What a peer sends is answered, not printed.
    google::protobuf::SetLogHandler(nullptr);
  });
}

void Configure(const GrpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMessageSizeBytesMax);
  builder.SetMaxSendMessageSize(kMessageSizeBytesMax);
  builder.SetResourceQuota(
      grpc::ResourceQuota("copse").Resize(options.buffer_size_bytes_max));
  // Else two daemons on one port would share its calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kConcurrentStreamCountMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kPingIntervalMinMs);
}

// gRPC tells only its log why it cannot listen.
std::string WhyNotListening(const std::string& text) {
  const absl::StatusOr<NetworkAddress> address = NetworkAddress::Parse(text);
  if (!address.ok()) {
    return absl::StrCat("cannot listen at '", text,
                        "': ", address.status().message());
  }
  const absl::Status status = CheckListening(*address);
  return status.ok() ? absl::StrCat("cannot listen at ", text)
                     : std::string(status.message());
}

}  // namespace

GrpcServer::GrpcServer(const GrpcServerOptions& options)
    : executor_(
          {ThreadCount(options.thread_count), options.waiting_call_count_max}),
      waiting_executor_(
          {options.waiting_thread_count, options.waiting_call_count_max}),
      stream_executor_(
          {options.stream_count_max, options.waiting_call_count_max}),
      push_executor_({options.push_count_max, 0}) {
  environment_.engine = options.engine;
  environment_.executor = &executor_;
  environment_.waiting_executor = &waiting_executor_;
  environment_.stream_executor = &stream_executor_;
  environment_.push_executor = &push_executor_;
  environment_.pushes = &pushes_;
  environment_.write_timeout = options.write_timeout;
  environment_.metrics = options.metrics;
  environment_.logger = options.logger;
  services_.push_back(MakeDomainService(environment_));
  services_.push_back(MakeCommitService(environment_));
  services_.push_back(MakeBranchService(environment_));
  services_.push_back(MakeSearchService(environment_));
  services_.push_back(MakeAdminService(environment_));
  services_.push_back(MakeJobService(environment_));
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options) {
  EnablePlugins();
  auto server = std::unique_ptr<GrpcServer>(new GrpcServer(options));
  grpc::ServerBuilder builder;
  Configure(options, builder);
  int port = 0;
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(),
                           &port);
  for (const std::unique_ptr<grpc::Service>& service : server->services_) {
    builder.RegisterService(service.get());
  }
  builder.RegisterCallbackGenericService(&server->unknown_methods_);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || port == 0) {
    return WithReason(
        absl::FailedPreconditionError(WhyNotListening(options.address)),
        "ADDRESS_UNAVAILABLE",
        {{"setting", "grpc_address"}, {"found", options.address}});
  }
  server->port_ = port;
  server->SetServing(true);
  return server;
}

GrpcServer::~GrpcServer() { ShutDown(absl::ZeroDuration()); }

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
  // gRPC knows no name but "" before it is set.
  for (const char* service : kServiceNames) {
    health.SetServingStatus(service, serving);
  }
  health.SetServingStatus(serving);
}

void GrpcServer::SetWritable(bool writable) {
  server_->GetHealthCheckService()->SetServingStatus(kCommitServiceName,
                                                     writable);
}

void GrpcServer::ShutDown(absl::Duration grace) {
  if (server_ == nullptr) {
    return;
  }
  server_->GetHealthCheckService()->Shutdown();
  pushes_.ShutDown();
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMilliseconds(grace));
  server_->Wait();
  server_ = nullptr;
}

}  // namespace copse
