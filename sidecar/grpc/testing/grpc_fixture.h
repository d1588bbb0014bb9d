// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A server on a free port, with stubs, over the engine of EngineTest.

#ifndef COPSE_SIDECAR_GRPC_TESTING_GRPC_FIXTURE_H_
#define COPSE_SIDECAR_GRPC_TESTING_GRPC_FIXTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "sidecar/grpc/grpc_server.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {

// Returns the only ErrorInfo of `status`, or an empty one with the number of
// those that there are as its reason.
inline google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  int info_count = 0;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      info_count += detail.UnpackTo(&info) ? 1 : 0;
    }
  }
  if (info_count != 1 || details.code() != status.error_code() ||
      details.message() != status.error_message()) {
    info.Clear();
    info.set_reason(absl::StrCat(info_count, " error infos"));
  }
  return info;
}

// Matches a grpc::Status with `code` and one ErrorInfo of copse.dev with
// `reason`.
MATCHER_P2(RpcFailsWith, code, reason, "") {
  const google::rpc::ErrorInfo info = InfoOf(arg);
  *result_listener << "whose code is " << arg.error_code() << ", reason "
                   << info.reason() << ", message " << arg.error_message();
  return arg.error_code() == code && info.reason() == reason &&
         info.domain() == "copse.dev";
}

MATCHER(RpcIsOk, "") {
  *result_listener << "whose code is " << arg.error_code() << ", message "
                   << arg.error_message();
  return arg.ok();
}

class GrpcTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    GrpcServerOptions options;
    options.address = "127.0.0.1:0";
    options.engine = engine_.get();
    Configure(options);
    COPSE_ASSERT_OK_AND_ASSIGN(server_, GrpcServer::Start(options));
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", server_->port()),
        grpc::InsecureChannelCredentials(), arguments);
    domains_ = v1::DomainService::NewStub(channel_);
    commits_ = v1::CommitService::NewStub(channel_);
    branches_ = v1::BranchService::NewStub(channel_);
    searches_ = v1::SearchService::NewStub(channel_);
    admin_ = v1::AdminService::NewStub(channel_);
  }

  void TearDown() override {
    server_ = nullptr;
    EngineTest::TearDown();
  }

  // Changes the options of the server.
  virtual void Configure(GrpcServerOptions& /*options*/) {}

  using PushStream =
      grpc::ClientReaderWriter<v1::PushCommitRequest, v1::PushCommitResponse>;

  static v1::PushCommitRequest Header(absl::string_view commit,
                                      absl::string_view parent = "") {
    v1::PushCommitRequest request;
    v1::PushCommitRequest::Header& header = *request.mutable_header();
    header.set_domain("admin/trees");
    header.set_commit(std::string(commit));
    header.set_parent_commit(std::string(parent));
    header.mutable_create_domain();
    return request;
  }

  static void AddInsert(absl::string_view id, absl::string_view text,
                        v1::PushCommitRequest& request) {
    v1::Document& document =
        *request.mutable_operations()->add_operations()->mutable_insert();
    document.set_document_id(std::string(id));
    document.set_text(std::string(text));
  }

  static v1::PushCommitRequest FinishRequest() {
    v1::PushCommitRequest request;
    request.mutable_finish();
    return request;
  }

  // What a push was answered.
  struct PushResult {
    grpc::Status status;
    std::vector<v1::PushCommitResponse> responses;
    v1::Commit commit;
    std::vector<v1::DocumentFailure> failures;
  };

  // Sends `requests`, reads everything and returns it.
  PushResult PushRequests(const std::vector<v1::PushCommitRequest>& requests) {
    grpc::ClientContext context;
    std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
    for (const v1::PushCommitRequest& request : requests) {
      if (!stream->Write(request)) {
        break;
      }
    }
    stream->WritesDone();
    PushResult result;
    v1::PushCommitResponse response;
    while (stream->Read(&response)) {
      if (response.has_commit()) {
        result.commit = response.commit();
      }
      for (const v1::DocumentFailure& failure :
           response.failures().failures()) {
        result.failures.push_back(failure);
      }
      result.responses.push_back(response);
    }
    result.status = stream->Finish();
    return result;
  }

  // Pushes documents, given as IDs and texts, as one commit.
  PushResult PushDocuments(absl::string_view commit, absl::string_view parent,
                           const std::map<std::string, std::string>& documents,
                           absl::string_view branch = "") {
    v1::PushCommitRequest header = Header(commit, parent);
    header.mutable_header()->set_branch(std::string(branch));
    v1::PushCommitRequest operations;
    operations.mutable_operations();
    for (const auto& [id, text] : documents) {
      AddInsert(id, text, operations);
    }
    return PushRequests({header, operations, FinishRequest()});
  }

  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::DomainService::Stub> domains_;
  std::unique_ptr<v1::CommitService::Stub> commits_;
  std::unique_ptr<v1::BranchService::Stub> branches_;
  std::unique_ptr<v1::SearchService::Stub> searches_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_TESTING_GRPC_FIXTURE_H_
