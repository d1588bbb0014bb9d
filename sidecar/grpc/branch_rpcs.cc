// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_commit.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/call_context.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

using v1::BranchService;

using RawBranchService = BranchService::WithRawCallbackMethod_CreateBranch<
    BranchService::WithRawCallbackMethod_GetBranch<
        BranchService::WithRawCallbackMethod_ListBranches<
            BranchService::WithRawCallbackMethod_UpdateBranch<
                BranchService::WithRawCallbackMethod_RenameBranch<
                    BranchService::WithRawCallbackMethod_DeleteBranch<
                        BranchService::Service>>>>>>;

class BranchRpcs final : public RawBranchService {
 public:
  explicit BranchRpcs(const RpcEnvironment& environment)
      : environment_(environment), store_(environment.engine->store()) {}

  grpc::ServerUnaryReactor* CreateBranch(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::CreateBranchRequest, v1::Branch>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/CreateBranch", context},
        request, response,
        [this](const v1::CreateBranchRequest& message, const CallContext&,
               v1::Branch& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              BranchInfo info,
              store_.CreateBranch(message.domain(), message.branch(),
                                  message.head_commit()));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* GetBranch(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::GetBranchRequest, v1::Branch>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/GetBranch", context},
        request, response,
        [this](const v1::GetBranchRequest& message, const CallContext&,
               v1::Branch& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              BranchInfo info,
              store_.GetBranch(message.domain(), message.branch()));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListBranches(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListBranchesRequest, v1::ListBranchesResponse>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/ListBranches", context},
        request, response,
        [this](const v1::ListBranchesRequest& message, const CallContext&,
               v1::ListBranchesResponse& answer) -> absl::Status {
          ListOptions options;
          COPSE_ASSIGN_OR_RETURN(options.page_size,
                                 ToPageSize(message.page_size()));
          options.page_token = message.page_token();
          COPSE_ASSIGN_OR_RETURN(
              Page<BranchInfo> page,
              store_.ListBranches(message.domain(), options));
          for (const BranchInfo& info : page.items) {
            Fill(info, *answer.add_branches());
          }
          answer.set_next_page_token(std::move(page.next_page_token));
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* UpdateBranch(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::UpdateBranchRequest, v1::Branch>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/UpdateBranch", context},
        request, response,
        [this](const v1::UpdateBranchRequest& message, const CallContext&,
               v1::Branch& answer) -> absl::Status {
          std::optional<std::string> expected_commit;
          if (message.has_expected_commit()) {
            expected_commit = message.expected_commit();
          }
          COPSE_ASSIGN_OR_RETURN(
              BranchInfo info,
              store_.UpdateBranch(message.domain(), message.branch(),
                                  message.head_commit(), expected_commit));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* RenameBranch(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::RenameBranchRequest, v1::Branch>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/RenameBranch", context},
        request, response,
        [this](const v1::RenameBranchRequest& message, const CallContext&,
               v1::Branch& answer) -> absl::Status {
          std::optional<std::string> expected_commit;
          if (message.has_expected_commit()) {
            expected_commit = message.expected_commit();
          }
          COPSE_ASSIGN_OR_RETURN(
              BranchInfo info,
              store_.RenameBranch(message.domain(), message.branch(),
                                  message.new_branch(), expected_commit));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* DeleteBranch(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::DeleteBranchRequest, v1::DeleteBranchResponse>(
        {environment_, *environment_.executor,
         "copse.v1.BranchService/DeleteBranch", context},
        request, response,
        [this](const v1::DeleteBranchRequest& message, const CallContext&,
               v1::DeleteBranchResponse&) -> absl::Status {
          return AllowMissing(
              store_.DeleteBranch(message.domain(), message.branch()),
              message.allow_missing(), "BRANCH_NOT_FOUND");
        });
  }

 private:
  const RpcEnvironment& environment_;
  Store& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBranchService(
    const RpcEnvironment& environment) {
  return std::make_unique<BranchRpcs>(environment);
}

}  // namespace copse
