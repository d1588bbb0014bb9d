// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert.h"
#include "sidecar/grpc/push_call.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/call_context.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

using v1::CommitService;

using RawCommitService = CommitService::WithRawCallbackMethod_PushCommit<
    CommitService::WithRawCallbackMethod_GetCommit<
        CommitService::WithRawCallbackMethod_ListCommits<
            CommitService::WithRawCallbackMethod_DeleteCommit<
                CommitService::WithRawCallbackMethod_AssignCommit<
                    CommitService::WithRawCallbackMethod_DiffCommits<
                        CommitService::Service>>>>>>;

constexpr int kChangeCountMax = 1000;  // In one response.

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
  v1::DiffCommitsResponse response;
  const absl::Status status =
      store.DiffCommits({.domain = message.domain(),
                         .base_commit = message.base_commit(),
                         .target_commit = message.target_commit(),
                         .check = [&call] { return call.Check(); }},
                        [&](const DocumentChange& change) -> absl::Status {
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

class CommitRpcs final : public RawCommitService {
 public:
  explicit CommitRpcs(const RpcEnvironment& environment)
      : environment_(environment), store_(environment.engine->store()) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PushCommit(
      grpc::CallbackServerContext* context) override {
    return PushCall::Start({environment_, *environment_.push_executor,
                            "copse.v1.CommitService/PushCommit", context});
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
