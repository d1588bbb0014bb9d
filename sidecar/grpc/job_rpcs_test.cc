// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// JobService, and what becomes of pushes that were accepted.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/job_service.pb.h"
#include "index/util/error_reason.h"
#include "sidecar/grpc/testing/grpc_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobRpcsTest : public GrpcTest {
 protected:
  void SetUp() override {
    GrpcTest::SetUp();
    jobs_ = v1::JobService::NewStub(channel_);
    // Or a push would create it, which embeds a text.
    ASSERT_THAT(engine_->domains().Create("admin/trees", {}, {}), IsOk());
  }

  // Makes the embedder wait until LetGo(), or it is interrupted.
  void Hold() {
    is_held_ = true;
    embedder_->OnEmbed([this](const EmbedContext& context) {
      while (is_held_) {
        if (context.cancelled()) {
          return absl::CancelledError("interrupted");
        }
        std::this_thread::yield();
      }
      return absl::OkStatus();
    });
  }
  void LetGo() { is_held_ = false; }

  void TearDown() override {
    LetGo();
    GrpcTest::TearDown();
  }

  // Sends a whole push, and returns the ID of its job. The call goes on.
  std::string Accept(PushStream& stream, const v1::PushCommitRequest& header,
                     const std::string& id) {
    v1::PushCommitRequest operations;
    AddInsert(id, "oak", operations);
    EXPECT_TRUE(stream.Write(header));
    EXPECT_TRUE(stream.Write(operations));
    EXPECT_TRUE(stream.Write(FinishRequest()));
    stream.WritesDone();
    v1::PushCommitResponse response;
    while (stream.Read(&response)) {
      if (response.has_accepted()) {
        return response.accepted().job_id();
      }
    }
    ADD_FAILURE() << "not accepted: " << stream.Finish().error_message();
    return "";
  }
  std::string AcceptAndLeave(const v1::PushCommitRequest& header,
                             const std::string& id) {
    grpc::ClientContext context;
    const std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
    const std::string job_id = Accept(*stream, header, id);
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    return job_id;
  }

  grpc::Status Get(const std::string& id, v1::Job& job) {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_job_id(id);
    return jobs_->GetJob(&context, request, &job);
  }
  grpc::Status Cancel(const std::string& id, v1::Job& job) {
    grpc::ClientContext context;
    v1::CancelJobRequest request;
    request.set_job_id(id);
    return jobs_->CancelJob(&context, request, &job);
  }
  grpc::Status Resume(const std::string& id, v1::Job& job) {
    grpc::ClientContext context;
    v1::ResumeJobRequest request;
    request.set_job_id(id);
    return jobs_->ResumeJob(&context, request, &job);
  }

  // Returns what a watch says, whole.
  std::vector<v1::Job> Watch(const std::string& id) {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->WatchJob(&context, request);
    std::vector<v1::Job> seen;
    v1::Job job;
    while (stream->Read(&job)) {
      seen.push_back(job);
    }
    EXPECT_THAT(stream->Finish(), RpcIsOk());
    return seen;
  }

  std::vector<std::string> CommitsOf(const v1::ListJobsRequest& request) {
    grpc::ClientContext context;
    v1::ListJobsResponse response;
    EXPECT_THAT(jobs_->ListJobs(&context, request, &response), RpcIsOk());
    std::vector<std::string> commits;
    for (const v1::Job& job : response.jobs()) {
      commits.push_back(job.commit());
    }
    return commits;
  }

  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::atomic<bool> is_held_ = false;
};

TEST_F(JobRpcsTest, SaysThatAPushIsAcceptedAndThenTheCommit) {
  const PushResult result = PushDocuments("c1", "", {{"a", "oak"}}, "main");
  ASSERT_THAT(result.status, RpcIsOk());
  std::string job_id;
  for (const v1::PushCommitResponse& response : result.responses) {
    if (response.has_accepted()) {
      EXPECT_THAT(job_id, IsEmpty()) << "twice";
      job_id = response.accepted().job_id();
    }
  }
  v1::Job job;
  ASSERT_THAT(Get(job_id, job), RpcIsOk());
  EXPECT_EQ(job.kind(), v1::Job::KIND_PUSH);
  EXPECT_EQ(job.state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_EQ(job.domain(), "admin/trees");
  EXPECT_EQ(job.commit(), "c1");
  EXPECT_EQ(job.branch(), "main");
  EXPECT_EQ(job.attempt_count(), 1);
  EXPECT_EQ(job.progress().done_count(), 1);
  EXPECT_EQ(job.progress().total_count(), 1);
  EXPECT_GT(job.progress().rate(), 0);
  EXPECT_TRUE(job.has_end_time());
  EXPECT_FALSE(job.has_error());
}

TEST_F(JobRpcsTest, GoesOnWithoutTheClient) {
  Hold();
  const std::string id = AcceptAndLeave(Header("c1"), "a");
  LetGo();
  const std::vector<v1::Job> seen = Watch(id);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(JobRpcsTest, QueuesAPushBehindThatOfItsParent) {
  Hold();
  const std::string parent = AcceptAndLeave(Header("c1"), "a");
  const std::string child = AcceptAndLeave(Header("c2", "c1"), "b");
  v1::Job job;
  ASSERT_THAT(Get(child, job), RpcIsOk());
  EXPECT_EQ(job.state(), v1::Job::STATE_QUEUED);
  EXPECT_EQ(job.parent_commit(), "c1");
  EXPECT_FALSE(job.has_start_time());
  EXPECT_THAT(PushDocuments("c2", "c1", {}).status,
              RpcFailsWith(grpc::StatusCode::ABORTED, "COMMIT_IN_FLIGHT"));
  LetGo();
  EXPECT_EQ(Watch(child).back().state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "b"));
}

TEST_F(JobRpcsTest, CancelsAPushForItsCallerToo) {
  Hold();
  grpc::ClientContext context;
  const std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
  const std::string id = Accept(*stream, Header("c1"), "a");
  v1::Job job;
  ASSERT_THAT(Cancel(id, job), RpcIsOk());
  EXPECT_EQ(job.state(), v1::Job::STATE_CANCELLED);
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(),
              RpcFailsWith(grpc::StatusCode::CANCELLED, "JOB_CANCELLED"));
  LetGo();
  EXPECT_THAT(PushDocuments("c1", "", {{"a", "oak"}}).status, RpcIsOk());
  ASSERT_THAT(Cancel(id, job), RpcIsOk()) << "once more";
}

TEST_F(JobRpcsTest, SaysWhyAPushWaitsForTheProvider) {
  const absl::Time time = absl::Now() + absl::Hours(1);
  const std::string retry_time =
      absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
  embedder_->OnEmbed([&retry_time](const EmbedContext&) {
    return WithReason(absl::UnavailableError("answered 429: slow down"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE",
                      {{"retry_time", retry_time}});
  });
  grpc::ClientContext context;
  const std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
  const std::string id = Accept(*stream, Header("c1"), "a");
  v1::PushCommitResponse response;
  while (!response.progress().has_retry_time()) {
    ASSERT_TRUE(stream->Read(&response));
  }
  EXPECT_EQ(response.progress().retry_time().seconds(),
            absl::ToUnixSeconds(time));
  EXPECT_EQ(response.progress().wait_reason(), "answered 429: slow down");
  v1::Job job;
  ASSERT_THAT(Cancel(id, job), RpcIsOk());
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(),
              RpcFailsWith(grpc::StatusCode::CANCELLED, "JOB_CANCELLED"));
}

TEST_F(JobRpcsTest, WarmsTheCacheAsAJob) {
  embedder_->Forget();
  embedder_->SetDialect(EmbeddingDialect::kOpenAi);
  grpc::ClientContext context;
  const std::unique_ptr<PushStream> stream = commits_->WarmEmbeddings(&context);
  const std::string id = Accept(*stream, Header(""), "a");
  v1::PushCommitResponse response;
  EXPECT_FALSE(stream->Read(&response));
  ASSERT_THAT(stream->Finish(), RpcIsOk());
  const std::vector<v1::Job> seen = Watch(id);
  EXPECT_EQ(seen.back().kind(), v1::Job::KIND_WARM);
  EXPECT_EQ(seen.back().state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_EQ(seen.back().progress().chunk_count(), 1);
  EXPECT_THAT(embedder_->texts(), ElementsAre("oak"));
  EXPECT_THAT(PushDocuments("c1", "c0", {{"a", "oak"}}).status,
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "PARENT_COMMIT_NOT_FOUND"))
      << "no commit was made";
}

TEST_F(JobRpcsTest, ReembedsADomainAsAJob) {
  ASSERT_THAT(PushDocuments("c1", "", {{"a", "oak"}, {"b", "elm"}}).status,
              RpcIsOk());
  const auto reembed = [this](const v1::ReembedDomainRequest& request,
                              v1::Job& job) {
    grpc::ClientContext context;
    return domains_->ReembedDomain(&context, request, &job);
  };
  v1::ReembedDomainRequest request;
  v1::Job job;
  EXPECT_THAT(reembed(request, job),
              RpcFailsWith(grpc::StatusCode::NOT_FOUND, "DOMAIN_NOT_FOUND"));
  request.set_domain("admin/trees");
  EXPECT_THAT(reembed(request, job),
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "NOTHING_TO_REEMBED"));
  request.set_dimension(7);
  EXPECT_THAT(reembed(request, job),
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "EMBEDDING_DIMENSION_MISMATCH"));
  request.set_dimension(0);
  request.mutable_chunking()->set_mode(v1::Chunking::MODE_WINDOW);
  request.mutable_chunking()->set_chunk_token_count(100);
  ASSERT_THAT(reembed(request, job), RpcIsOk());
  EXPECT_EQ(job.kind(), v1::Job::KIND_REEMBED);
  EXPECT_EQ(job.domain(), "admin/trees");
  const v1::Job end = Watch(job.job_id()).back();
  EXPECT_EQ(end.state(), v1::Job::STATE_SUCCEEDED) << end.error().message();
  EXPECT_EQ(end.progress().done_count(), 2);
  EXPECT_EQ(end.progress().chunk_count(), 2);
  v1::GetDomainRequest get;
  get.set_domain("admin/trees");
  v1::Domain domain;
  grpc::ClientContext context;
  ASSERT_THAT(domains_->GetDomain(&context, get, &domain), RpcIsOk());
  EXPECT_EQ(domain.settings().chunking().mode(), v1::Chunking::MODE_WINDOW);
  EXPECT_EQ(domain.settings().chunking().chunk_token_count(), 100);
  EXPECT_EQ(domain.commit_count(), 1);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a", "b"));
}

TEST_F(JobRpcsTest, ResumesAPushThatFailed) {
  embedder_->OnEmbed([](const EmbedContext&) {
    return WithReason(absl::UnavailableError("the provider is down"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE");
  });
  const PushResult result = PushDocuments("c1", "", {{"a", "oak"}});
  EXPECT_THAT(result.status, RpcFailsWith(grpc::StatusCode::UNAVAILABLE,
                                          "EMBEDDING_PROVIDER_UNAVAILABLE"));
  grpc::ClientContext context;
  v1::ListJobsRequest request;
  request.set_state(v1::Job::STATE_FAILED);
  v1::ListJobsResponse response;
  ASSERT_THAT(jobs_->ListJobs(&context, request, &response), RpcIsOk());
  ASSERT_THAT(response.jobs(), SizeIs(1));
  v1::Job job = response.jobs(0);
  EXPECT_TRUE(job.is_resumable());
  EXPECT_EQ(job.error().code(), 14);
  EXPECT_THAT(job.error().details(), SizeIs(1));

  embedder_->OnEmbed(nullptr);
  const std::string id = job.job_id();
  ASSERT_THAT(Resume(id, job), RpcIsOk());
  EXPECT_EQ(Watch(id).back().state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
  EXPECT_THAT(
      Resume(id, job),
      RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION, "JOB_NOT_RESUMABLE"));
  EXPECT_THAT(Cancel(id, job),
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION, "JOB_ENDED"));
}

TEST_F(JobRpcsTest, NamesTheDocumentsThatFailed) {
  EXPECT_THAT(
      PushDocuments("c1", "", {{"a", ""}}).status,
      RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "DOCUMENTS_FAILED"));
  grpc::ClientContext context;
  v1::ListJobsResponse response;
  ASSERT_THAT(jobs_->ListJobs(&context, {}, &response), RpcIsOk());
  ASSERT_THAT(response.jobs(), SizeIs(1));
  EXPECT_THAT(response.jobs(0).failures(), IsEmpty());
  v1::Job job;
  ASSERT_THAT(Get(response.jobs(0).job_id(), job), RpcIsOk());
  ASSERT_THAT(job.failures(), SizeIs(1));
  EXPECT_EQ(job.failures(0).document_id(), "a");
  EXPECT_EQ(job.failures(0).operation_number(), 1);
}

TEST_F(JobRpcsTest, ListsByDomainStateAndKind) {
  ASSERT_THAT(PushDocuments("c1", "", {{"a", "oak"}}).status, RpcIsOk());
  ASSERT_THAT(PushDocuments("c2", "c1", {{"b", "elm"}}).status, RpcIsOk());
  v1::ListJobsRequest request;
  EXPECT_THAT(CommitsOf(request), ElementsAre("c2", "c1"));
  request.set_domain("another");
  EXPECT_THAT(CommitsOf(request), IsEmpty());
  request.set_domain("admin/trees");
  request.set_state(v1::Job::STATE_RUNNING);
  EXPECT_THAT(CommitsOf(request), IsEmpty());
  request.set_state(v1::Job::STATE_SUCCEEDED);
  request.set_kind(v1::Job::KIND_PUSH);
  EXPECT_THAT(CommitsOf(request), ElementsAre("c2", "c1"));
  request.set_kind(static_cast<v1::Job::Kind>(99));
  grpc::ClientContext context;
  v1::ListJobsResponse response;
  EXPECT_THAT(
      jobs_->ListJobs(&context, request, &response),
      RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID"));
}

TEST_F(JobRpcsTest, KnowsNoOtherJobs) {
  v1::Job job;
  for (const char* id : {"", "no job", "00000000000000000000000000000000"}) {
    EXPECT_THAT(Get(id, job),
                RpcFailsWith(grpc::StatusCode::NOT_FOUND, "JOB_NOT_FOUND"));
    EXPECT_THAT(Cancel(id, job),
                RpcFailsWith(grpc::StatusCode::NOT_FOUND, "JOB_NOT_FOUND"));
    EXPECT_THAT(Resume(id, job),
                RpcFailsWith(grpc::StatusCode::NOT_FOUND, "JOB_NOT_FOUND"));
  }
}

TEST_F(JobRpcsTest, LeavesAJobToTheNextStartWhenTheServerStops) {
  Hold();
  grpc::ClientContext context;
  const std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
  const std::string id = Accept(*stream, Header("c1"), "a");
  engine_->jobs().BeginStop();
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_THAT(status,
              RpcFailsWith(grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN"));
  EXPECT_THAT(status.error_message(),
              HasSubstr("the push goes on as job " + id));
  EXPECT_EQ(InfoOf(status).metadata().at("job"), id);
}

}  // namespace
}  // namespace copse
