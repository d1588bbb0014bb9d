// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// EstimateIndexCost, and what a job says of its cost.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/job_service.pb.h"
#include "sidecar/grpc/testing/grpc_fixture.h"

namespace copse {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class EstimateRpcTest : public GrpcTest {
 protected:
  void SetUp() override {
    embedder_->SetPrice(2'000);
    GrpcTest::SetUp();
  }

  // Sends a whole push of two documents, and returns the last answer.
  grpc::Status Estimate(const v1::PushCommitRequest& header,
                        v1::PushCommitResponse& last) {
    v1::PushCommitRequest operations;
    AddInsert("a", "oak", operations);
    AddInsert("b", "a text of some more words", operations);
    grpc::ClientContext context;
    const auto stream = commits_->EstimateIndexCost(&context);
    stream->Write(header);
    stream->Write(operations);
    stream->Write(FinishRequest());
    stream->WritesDone();
    v1::PushCommitResponse response;
    while (stream->Read(&response)) {
      last = response;
    }
    return stream->Finish();
  }
};

TEST_F(EstimateRpcTest, SaysWhatAPushWouldCost) {
  v1::PushCommitResponse last;
  ASSERT_THAT(Estimate(Header("c1"), last), RpcIsOk());
  ASSERT_TRUE(last.has_estimate());
  EXPECT_EQ(last.estimate().operation_count(), 2);
  EXPECT_EQ(last.estimate().changed_document_count(), 2);
  EXPECT_EQ(last.estimate().text_count(), 2);
  EXPECT_EQ(last.estimate().price_per_million_tokens(), 2'000);
  // 28 bytes of 0.45 tokens, of which English has 0.4.
  EXPECT_EQ(last.estimate().token_count(), 5);
  EXPECT_DOUBLE_EQ(last.estimate().cost(), 0.01);
  EXPECT_THAT(embedder_->texts(), IsEmpty());

  // And of another one, when the commit is there.
  ASSERT_THAT(PushDocuments("c1", "", {{"a", "oak"}}, "main").status,
              RpcIsOk());
  ASSERT_THAT(Estimate(Header("c1"), last), RpcIsOk());
  ASSERT_THAT(Estimate(Header("c2", "c1"), last), RpcIsOk());
  EXPECT_EQ(last.estimate().unchanged_document_count(), 1);
  EXPECT_EQ(last.estimate().text_count(), 1);
}

TEST_F(EstimateRpcTest, RefusesWhatCannotBePushed) {
  v1::PushCommitRequest header = Header("c1");
  header.mutable_header()->clear_create_domain();
  v1::PushCommitResponse last;
  EXPECT_THAT(Estimate(header, last),
              RpcFailsWith(grpc::StatusCode::NOT_FOUND, "DOMAIN_NOT_FOUND"));
}

TEST_F(EstimateRpcTest, AJobSaysWhatItCost) {
  const PushResult result = PushDocuments("c1", "", {{"a", "oak"}}, "main");
  ASSERT_THAT(result.status, RpcIsOk());
  v1::GetJobRequest request;
  for (const v1::PushCommitResponse& response : result.responses) {
    if (response.has_accepted()) {
      request.set_job_id(response.accepted().job_id());
    }
  }
  grpc::ClientContext context;
  v1::Job job;
  ASSERT_THAT(
      v1::JobService::NewStub(channel_)->GetJob(&context, request, &job),
      RpcIsOk());
  EXPECT_DOUBLE_EQ(
      job.progress().cost(),
      static_cast<double>(job.progress().token_count()) * 2'000 / 1e6);
  EXPECT_GT(job.progress().cost(), 0);

  grpc::ClientContext list_context;
  v1::ListJobsResponse list;
  ASSERT_THAT(v1::JobService::NewStub(channel_)->ListJobs(
                  &list_context, v1::ListJobsRequest(), &list),
              RpcIsOk());
  ASSERT_THAT(list.jobs(), SizeIs(1));
  EXPECT_EQ(list.jobs(0).progress().cost(), job.progress().cost());
}

}  // namespace
}  // namespace copse
