// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// PullCommit, and what JobService tells of it.

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/job_service.pb.h"
#include "sidecar/grpc/testing/grpc_fixture.h"
#include "tests/support/scripted_http_server.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class PullRpcTest : public GrpcTest {
 protected:
  void SetUp() override {
    GrpcTest::SetUp();
    jobs_ = v1::JobService::NewStub(channel_);
  }
  void ConfigureEngine(EngineOptions& options) override {
    options.content_source.endpoint = server_of_content_.url("/api/index");
    options.content_source.user_header = "X-User-Forward";
  }

  grpc::Status Pull(const v1::PullCommitRequest& request, v1::Job& job) {
    grpc::ClientContext context;
    return commits_->PullCommit(&context, request, &job);
  }

  // Returns the job as it ended.
  v1::Job Watch(const std::string& id) {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->WatchJob(&context, request);
    v1::Job job;
    while (stream->Read(&job)) {
    }
    EXPECT_THAT(stream->Finish(), RpcIsOk());
    return job;
  }

  ScriptedHttpServer server_of_content_{
      [](const ScriptedRequest& request) -> ScriptedReply {
        if (request.path.find("c9") != std::string::npos) {
          return {.status = 401, .body = "who are you?"};
        }
        return {.body = R"({"op":"Inserted","id":"a","string":"oak"})"
                        "\n"
                        R"({"op":"Error","message":"no b"})"
                        "\n",
                .framing = ScriptedReply::Framing::kChunked};
      }};
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

TEST_F(PullRpcTest, MakesTheCommitAsAJob) {
  v1::PullCommitRequest request;
  request.set_domain("admin/trees");
  request.set_commit("c1");
  request.set_branch("main");
  request.mutable_create_domain();
  request.set_authorization("Basic YTpi");
  v1::Job job;
  ASSERT_THAT(Pull(request, job), RpcIsOk());
  EXPECT_EQ(job.kind(), v1::Job::KIND_PULL);
  EXPECT_EQ(job.branch(), "main");
  job = Watch(job.job_id());
  EXPECT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  ASSERT_THAT(job.failures(), SizeIs(1));
  EXPECT_EQ(job.failures(0).message(), "operation error: no b");
  ASSERT_THAT(server_of_content_.requests(), SizeIs(1));
  const ScriptedRequest asked = server_of_content_.requests()[0];
  EXPECT_EQ(asked.path, "/api/index/admin/trees?commit_id=c1");
  EXPECT_EQ(asked.headers.at("x-user-forward"), "admin");
  EXPECT_EQ(asked.headers.at("authorization"), "Basic YTpi");
  EXPECT_THAT(Pull(request, job),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "COMMIT_EXISTS"));
}

TEST_F(PullRpcTest, TellsWhatTheEndpointAnswered) {
  v1::PullCommitRequest request;
  request.set_domain("admin/trees");
  request.set_commit("c9");
  request.mutable_create_domain();
  v1::Job job;
  ASSERT_THAT(Pull(request, job), RpcIsOk());
  job = Watch(job.job_id());
  EXPECT_EQ(job.state(), v1::Job::STATE_FAILED);
  EXPECT_THAT(job.error().message(),
              HasSubstr("answered with status 401: who are you?"));
}

TEST_F(PullRpcTest, NeedsADomain) {
  v1::PullCommitRequest request;
  request.set_domain("admin/trees");
  request.set_commit("c1");
  v1::Job job;
  EXPECT_THAT(Pull(request, job),
              RpcFailsWith(grpc::StatusCode::NOT_FOUND, "DOMAIN_NOT_FOUND"));
}

}  // namespace
}  // namespace copse
