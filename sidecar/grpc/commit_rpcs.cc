// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_commit.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_job.h"
#include "sidecar/grpc/convert_push.h"
#include "sidecar/grpc/push_call.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/job.h"
#include "sidecar/service/pull_job.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

using v1::CommitService;

using RawCommitService = CommitService::WithRawCallbackMethod_PushCommit<
    CommitService::WithRawCallbackMethod_EstimateIndexCost<
        CommitService::WithRawCallbackMethod_WarmEmbeddings<
            CommitService::WithRawCallbackMethod_PullCommit<
                CommitService::WithRawCallbackMethod_GetCommit<
                    CommitService::WithRawCallbackMethod_ListCommits<
                        CommitService::WithRawCallbackMethod_DeleteCommit<
                            CommitService::WithRawCallbackMethod_AssignCommit<
                                CommitService::
                                    WithRawCallbackMethod_DiffCommits<
                                        CommitService::
                                            WithRawCallbackMethod_MergeCommits<
                                                CommitService::
                                                    Service>>>>>>>>>>;

// Of changes or conflicts in one response.
constexpr int kChangeCountMax = 1000;

// A page of commits with long messages could be larger than a response.
constexpr size_t kPageSizeBytesMax = size_t{32} << 20;

// Lists as many commits as fit into a response.
absl::Status ListCommits(Store& store, const v1::ListCommitsRequest& message,
                         v1::ListCommitsResponse& answer) {
  ListOptions options;
  COPSE_ASSIGN_OR_RETURN(options.page_size, ToPageSize(message.page_size()));
  options.page_token = message.page_token();
  while (true) {
    COPSE_ASSIGN_OR_RETURN(Page<CommitInfo> page,
                           store.ListCommits(message.domain(), options));
    answer.Clear();
    for (const CommitInfo& info : page.items) {
      Fill(info, /*skipped_document_count_max=*/0, *answer.add_commits());
    }
    answer.set_next_page_token(std::move(page.next_page_token));
    if (answer.ByteSizeLong() <= kPageSizeBytesMax || options.page_size == 1) {
      return absl::OkStatus();
    }
    options.page_size = std::max(1, options.page_size / 4);
  }
}

absl::Status DiffCommits(Store& store, const v1::DiffCommitsRequest& message,
                         const CallContext& call, ResponseWriter& writer) {
  COPSE_ASSIGN_OR_RETURN(DiffOptions options, ToDiffOptions(message));
  options.check = [&call] { return call.Check(); };
  v1::DiffCommitsResponse response;
  const absl::Status status = store.DiffCommits(
      options, [&](const DocumentChange& change) -> absl::Status {
        Fill(change, *response.add_changes());
        if (response.changes_size() >= kChangeCountMax) {
          COPSE_RETURN_IF_ERROR(call.Check());
          COPSE_RETURN_IF_ERROR(writer.Write(response));
          response.Clear();
        }
        return absl::OkStatus();
      });
  COPSE_RETURN_IF_ERROR(status);
  return response.changes_size() > 0 ? writer.Write(response)
                                     : absl::OkStatus();
}

// Sends what a merge says as it goes.
class MergeCall {
 public:
  MergeCall(const CallContext& call, ResponseWriter& writer)
      : call_(call), writer_(writer) {}

  absl::Status Run(Store& store, const v1::MergeCommitsRequest& message) {
    COPSE_ASSIGN_OR_RETURN(const MergeOptions options, ToMergeOptions(message));
    const absl::StatusOr<CommitInfo> info = store.MergeCommits(
        options,
        {.on_base =
             [this](absl::string_view commit, size_t base_count) {
               return SendBase(commit, base_count);
             },
         .on_conflict =
             [this](const MergeConflict& conflict) { return Add(conflict); },
         .check = [this] { return call_.Check(); }});
    // Also those of a merge that the branch or its conflicts refuse.
    if (info.ok() || absl::IsFailedPrecondition(info.status()) ||
        absl::IsAborted(info.status())) {
      COPSE_RETURN_IF_ERROR(SendConflicts());
    }
    COPSE_RETURN_IF_ERROR(info.status());
    v1::MergeCommitsResponse response;
    Fill(*info, kSkippedDocumentCountMax, *response.mutable_commit());
    return writer_.Write(response);
  }

 private:
  absl::Status SendBase(absl::string_view commit, size_t base_count) {
    v1::MergeCommitsResponse response;
    response.mutable_base()->set_commit(std::string(commit));
    response.mutable_base()->set_candidate_count(
        static_cast<int32_t>(base_count));
    return writer_.Write(response);
  }

  absl::Status Add(const MergeConflict& conflict) {
    v1::MergeCommitsResponse::Conflicts& conflicts =
        *conflicts_.mutable_conflicts();
    Fill(conflict, *conflicts.add_conflicts());
    if (conflicts.conflicts_size() < kChangeCountMax) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(call_.Check());
    return SendConflicts();
  }

  absl::Status SendConflicts() {
    if (conflicts_.conflicts().conflicts_size() == 0) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(writer_.Write(conflicts_));
    conflicts_.Clear();
    return absl::OkStatus();
  }

  const CallContext& call_;
  ResponseWriter& writer_;
  v1::MergeCommitsResponse conflicts_;  // That are not sent yet.
};

class CommitRpcs final : public RawCommitService {
 public:
  explicit CommitRpcs(const RpcEnvironment& environment)
      : environment_(environment), store_(environment.engine->store()) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PushCommit(
      grpc::CallbackServerContext* context) override {
    return PushCall::Start({environment_, *environment_.push_executor,
                            "copse.v1.CommitService/PushCommit", context});
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
  EstimateIndexCost(grpc::CallbackServerContext* context) override {
    return PushCall::Start(
        {environment_, *environment_.push_executor,
         "copse.v1.CommitService/EstimateIndexCost", context},
        PushCall::Mode::kEstimate);
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* WarmEmbeddings(
      grpc::CallbackServerContext* context) override {
    return PushCall::Start({environment_, *environment_.push_executor,
                            "copse.v1.CommitService/WarmEmbeddings", context},
                           PushCall::Mode::kWarm);
  }

  // In the pool of calls that may wait: creating a domain may ask a provider.
  grpc::ServerUnaryReactor* PullCommit(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::PullCommitRequest, v1::Job>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.CommitService/PullCommit", context},
        request, response,
        [this](const v1::PullCommitRequest& message, const CallContext& call,
               v1::Job& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(PullOptions options, ToPullOptions(message));
          COPSE_ASSIGN_OR_RETURN(
              const std::shared_ptr<Job> job,
              environment_.engine->Pull(std::move(options), call));
          Fill(job->id(), job->summary(), /*failure_count_max=*/0, absl::Now(),
               answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* GetCommit(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::GetCommitRequest, v1::Commit>(
        {environment_, *environment_.executor,
         "copse.v1.CommitService/GetCommit", context},
        request, response,
        [this](const v1::GetCommitRequest& message, const CallContext&,
               v1::Commit& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              CommitInfo info,
              store_.GetCommit(message.domain(), message.commit()));
          Fill(info, kSkippedDocumentCountMax, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListCommits(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListCommitsRequest, v1::ListCommitsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.CommitService/ListCommits", context},
        request, response,
        [this](const v1::ListCommitsRequest& message, const CallContext&,
               v1::ListCommitsResponse& answer) {
          return copse::ListCommits(store_, message, answer);
        });
  }

  grpc::ServerUnaryReactor* DeleteCommit(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::DeleteCommitRequest, v1::DeleteCommitResponse>(
        {environment_, *environment_.executor,
         "copse.v1.CommitService/DeleteCommit", context},
        request, response,
        [this](const v1::DeleteCommitRequest& message, const CallContext&,
               v1::DeleteCommitResponse&) -> absl::Status {
          return AllowMissing(
              store_.DeleteCommit(message.domain(), message.commit()),
              message.allow_missing(), "COMMIT_NOT_FOUND");
        });
  }

  grpc::ServerUnaryReactor* AssignCommit(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::AssignCommitRequest, v1::Commit>(
        {environment_, *environment_.executor,
         "copse.v1.CommitService/AssignCommit", context},
        request, response,
        [this](const v1::AssignCommitRequest& message, const CallContext&,
               v1::Commit& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              CommitInfo info,
              store_.AssignCommit(message.domain(), message.source_commit(),
                                  message.target_commit()));
          Fill(info, kSkippedDocumentCountMax, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* DiffCommits(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::DiffCommitsRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.CommitService/DiffCommits", context},
        request,
        [this](const v1::DiffCommitsRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return copse::DiffCommits(store_, message, call, writer);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* MergeCommits(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::MergeCommitsRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.CommitService/MergeCommits", context},
        request,
        [this](const v1::MergeCommitsRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return MergeCall(call, writer).Run(store_, message);
        });
  }

 private:
  const RpcEnvironment& environment_;
  Store& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCommitService(
    const RpcEnvironment& environment) {
  return std::make_unique<CommitRpcs>(environment);
}

}  // namespace copse
