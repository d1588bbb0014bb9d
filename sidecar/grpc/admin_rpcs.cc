// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/admin_service.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_admin.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/backup_keeper.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/request_errors.h"
#include "versioning/backup.h"
#include "versioning/size_report.h"
#include "versioning/store.h"

namespace copse {
namespace {

using v1::AdminService;

using RawAdminService = AdminService::WithRawCallbackMethod_GetStatistics<
    AdminService::WithRawCallbackMethod_ClearEmbeddingCache<
        AdminService::WithRawCallbackMethod_MeasureSizes<
            AdminService::WithRawCallbackMethod_VerifyDomain<
                AdminService::WithRawCallbackMethod_MeasureRecall<
                    AdminService::WithRawCallbackMethod_CollectGarbage<
                        AdminService::WithRawCallbackMethod_CreateLease<
                            AdminService::WithRawCallbackMethod_ListLeases<
                                AdminService::WithRawCallbackMethod_DeleteLease<
                                    AdminService::
                                        WithRawCallbackMethod_CreateBackup<
                                            AdminService::
                                                WithRawCallbackMethod_ListBackups<
                                                    AdminService::
                                                        Service>>>>>>>>>>>;

// In one response.
constexpr int kFindingCountMax = 1000;
constexpr int kCommitSizeCountMax = 1000;

absl::Status GetStatistics(Engine& engine,
                           const v1::GetStatisticsRequest& message,
                           const CallContext& call,
                           v1::GetStatisticsResponse& answer) {
  if (message.with_sizes() && message.domain().empty()) {
    return FieldInvalidError("with_sizes", "set without a domain",
                             "a domain with it");
  }
  COPSE_ASSIGN_OR_RETURN(EngineStatistics statistics, engine.GetStatistics());
  Fill(statistics, *answer.mutable_server());
  if (message.domain().empty()) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(DomainStatistics domain,
                         engine.store().GetDomainStatistics(message.domain()));
  Fill(domain, *answer.mutable_domain());
  if (message.with_sizes()) {
    COPSE_ASSIGN_OR_RETURN(
        const SizeReport report,
        engine.store().MeasureSizes(message.domain(),
                                    [&call] { return call.Check(); }));
    Fill(report.domain, *answer.mutable_domain()->mutable_sizes());
  }
  return absl::OkStatus();
}

absl::Status MeasureSizes(Store& store, const v1::MeasureSizesRequest& message,
                          const CallContext& call, ResponseWriter& writer) {
  COPSE_ASSIGN_OR_RETURN(
      const SizeReport report,
      store.MeasureSizes(message.domain(), [&call] { return call.Check(); }));
  v1::MeasureSizesResponse response;
  for (const CommitSize& commit : report.commits) {
    Fill(commit, *response.add_commits());
    if (response.commits_size() >= kCommitSizeCountMax) {
      COPSE_RETURN_IF_ERROR(writer.Write(response));
      response.Clear();
    }
  }
  Fill(report.domain, *response.mutable_domain());
  return writer.Write(response);
}

absl::Status VerifyDomain(Store& store, const v1::VerifyDomainRequest& message,
                          const CallContext& call, ResponseWriter& writer) {
  absl::StatusOr<VerifyReport> report = store.VerifyDomain(
      message.domain(), [&call] { return !call.Check().ok(); });
  // Why the walk stopped is ours to say.
  COPSE_RETURN_IF_ERROR(call.Check());
  COPSE_RETURN_IF_ERROR(report.status());
  v1::VerifyDomainResponse response;
  for (const VerifyFinding& finding : report->findings) {
    Fill(finding, *response.add_findings());
    if (response.findings_size() >= kFindingCountMax) {
      COPSE_RETURN_IF_ERROR(writer.Write(response));
      response.Clear();
    }
  }
  v1::VerifyDomainResponse::Summary& summary = *response.mutable_summary();
  summary.set_commit_count(report->commits_checked);
  summary.set_page_count(report->pages_checked);
  summary.set_row_count(report->rows_checked);
  summary.set_finding_count(report->finding_count());
  return writer.Write(response);
}

absl::Status CollectGarbage(Engine& engine,
                            const v1::CollectGarbageRequest& message,
                            const CallContext& call, ResponseWriter& writer) {
  COPSE_ASSIGN_OR_RETURN(const GarbageRequest request,
                         ToGarbageRequest(message));
  return engine.CollectGarbage(
      request, call,
      {.on_progress =
           [&writer](const GarbageProgress& progress) {
             v1::CollectGarbageResponse response;
             Fill(progress, *response.mutable_progress());
             return writer.Write(response);
           },
       .on_result =
           [&writer](const std::string& domain, const GarbageReport& report) {
             v1::CollectGarbageResponse response;
             response.mutable_result()->set_domain(domain);
             Fill(report, *response.mutable_result());
             return writer.Write(response);
           }});
}

absl::Status CreateBackup(Engine& engine,
                          const v1::CreateBackupRequest& message,
                          const CallContext& call, ResponseWriter& writer) {
  COPSE_ASSIGN_OR_RETURN(const int64_t kept_count, ToKeptCount(message));
  COPSE_ASSIGN_OR_RETURN(
      const BackupInfo backup,
      engine.CreateBackup(kept_count, call,
                          [&writer](const BackupProgress& progress) {
                            v1::CreateBackupResponse response;
                            Fill(progress, *response.mutable_progress());
                            return writer.Write(response);
                          }));
  v1::CreateBackupResponse response;
  Fill(backup, *response.mutable_backup());
  return writer.Write(response);
}

class AdminRpcs final : public RawAdminService {
 public:
  explicit AdminRpcs(const RpcEnvironment& environment)
      : environment_(environment), engine_(*environment.engine) {}

  // In the pool of the streams if a domain is measured, which takes as long.
  grpc::ServerUnaryReactor* GetStatistics(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    v1::GetStatisticsRequest parsed;
    const bool is_long =
        ParseMessage(*request, parsed).ok() && parsed.with_sizes();
    return StartUnaryCall<v1::GetStatisticsRequest, v1::GetStatisticsResponse>(
        {environment_,
         is_long ? *environment_.stream_executor : *environment_.executor,
         "copse.v1.AdminService/GetStatistics", context},
        request, response,
        [this](const v1::GetStatisticsRequest& message, const CallContext& call,
               v1::GetStatisticsResponse& answer) {
          return copse::GetStatistics(engine_, message, call, answer);
        });
  }

  grpc::ServerUnaryReactor* ClearEmbeddingCache(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ClearEmbeddingCacheRequest,
                          v1::ClearEmbeddingCacheResponse>(
        {environment_, *environment_.executor,
         "copse.v1.AdminService/ClearEmbeddingCache", context},
        request, response,
        [this](const v1::ClearEmbeddingCacheRequest&, const CallContext&,
               v1::ClearEmbeddingCacheResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const EmbeddingCacheStatistics before,
                                 engine_.store().embedding_cache().Clear());
          answer.set_removed_count(before.entry_count);
          answer.set_removed_size_bytes(before.size_bytes);
          return absl::OkStatus();
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* MeasureSizes(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::MeasureSizesRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.AdminService/MeasureSizes", context},
        request,
        [this](const v1::MeasureSizesRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return copse::MeasureSizes(engine_.store(), message, call, writer);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* VerifyDomain(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::VerifyDomainRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.AdminService/VerifyDomain", context},
        request,
        [this](const v1::VerifyDomainRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return copse::VerifyDomain(engine_.store(), message, call, writer);
        });
  }

  // In the pool of the streams, as it may take as long.
  grpc::ServerUnaryReactor* MeasureRecall(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::MeasureRecallRequest, v1::MeasureRecallResponse>(
        {environment_, *environment_.stream_executor,
         "copse.v1.AdminService/MeasureRecall", context},
        request, response,
        [this](const v1::MeasureRecallRequest& message, const CallContext& call,
               v1::MeasureRecallResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const RecallRequest recall,
                                 ToRecallRequest(message));
          COPSE_ASSIGN_OR_RETURN(const RecallReport report,
                                 engine_.recall_meter().Measure(recall, call));
          Fill(report, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* CollectGarbage(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::CollectGarbageRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.AdminService/CollectGarbage", context},
        request,
        [this](const v1::CollectGarbageRequest& message,
               const CallContext& call, ResponseWriter& writer) {
          return copse::CollectGarbage(engine_, message, call, writer);
        });
  }

  grpc::ServerUnaryReactor* CreateLease(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::CreateLeaseRequest, v1::Lease>(
        {environment_, *environment_.executor,
         "copse.v1.AdminService/CreateLease", context},
        request, response,
        [this](const v1::CreateLeaseRequest& message, const CallContext&,
               v1::Lease& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const absl::Time expire_time,
                                 ToExpireTime(message));
          COPSE_ASSIGN_OR_RETURN(
              const LeaseInfo info,
              engine_.store().CreateLease(message.domain(), message.lease(),
                                          message.commit(), expire_time));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListLeases(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListLeasesRequest, v1::ListLeasesResponse>(
        {environment_, *environment_.executor,
         "copse.v1.AdminService/ListLeases", context},
        request, response,
        [this](const v1::ListLeasesRequest& message, const CallContext&,
               v1::ListLeasesResponse& answer) -> absl::Status {
          ListOptions options;
          COPSE_ASSIGN_OR_RETURN(options.page_size,
                                 ToPageSize(message.page_size()));
          options.page_token = message.page_token();
          COPSE_ASSIGN_OR_RETURN(
              Page<LeaseInfo> page,
              engine_.store().ListLeases(message.domain(), options));
          for (const LeaseInfo& info : page.items) {
            Fill(info, *answer.add_leases());
          }
          answer.set_next_page_token(std::move(page.next_page_token));
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* DeleteLease(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::DeleteLeaseRequest, v1::DeleteLeaseResponse>(
        {environment_, *environment_.executor,
         "copse.v1.AdminService/DeleteLease", context},
        request, response,
        [this](const v1::DeleteLeaseRequest& message, const CallContext&,
               v1::DeleteLeaseResponse&) {
          return AllowMissing(
              engine_.store().DeleteLease(message.domain(), message.lease()),
              message.allow_missing(), "LEASE_NOT_FOUND");
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* CreateBackup(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::CreateBackupRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.AdminService/CreateBackup", context},
        request,
        [this](const v1::CreateBackupRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return copse::CreateBackup(engine_, message, call, writer);
        });
  }

  grpc::ServerUnaryReactor* ListBackups(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListBackupsRequest, v1::ListBackupsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.AdminService/ListBackups", context},
        request, response,
        [this](const v1::ListBackupsRequest&, const CallContext&,
               v1::ListBackupsResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const std::vector<BackupInfo> backups,
                                 engine_.backup_keeper().List());
          for (const BackupInfo& backup : backups) {
            Fill(backup, *answer.add_backups());
          }
          return absl::OkStatus();
        });
  }

 private:
  const RpcEnvironment& environment_;
  Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(
    const RpcEnvironment& environment) {
  return std::make_unique<AdminRpcs>(environment);
}

}  // namespace copse
