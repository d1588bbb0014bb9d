// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pulls from a scripted database, and on in another process.

#include "sidecar/service/pull_job.h"

#include <cstdint>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Line(absl::string_view op, absl::string_view id,
                 absl::string_view text = "") {
  return absl::StrCat(
      R"({"op":")", op, R"(","id":")", id, "\"",
      text.empty() ? "" : absl::StrCat(R"(,"string":")", text, "\""), "}\n");
}

class PullJobTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(engine_->domains().Create("admin/trees", {}, {}), IsOk());
    embedder_->Forget();
  }

  void ConfigureEngine(EngineOptions& options) override {
    options.content_source.endpoint = server_.url("/api/index");
  }

  static PullOptions Pull(absl::string_view commit,
                          absl::string_view previous = "") {
    PullOptions options;
    options.push = Options(commit, previous);
    return options;
  }

  // What the database says to a request whose path ends with `path_end`.
  void Say(std::string path_end, ScriptedReply reply) {
    MutexLock lock(mutex_);
    replies_[std::move(path_end)] = std::move(reply);
  }
  void Say(std::string path_end, const std::string& body) {
    Say(std::move(path_end),
        ScriptedReply{.body = body,
                      .framing = ScriptedReply::Framing::kChunked});
  }

  JobRecord Run(PullOptions options) {
    absl::StatusOr<std::shared_ptr<Job>> job =
        engine_->Pull(std::move(options), {});
    EXPECT_THAT(job, IsOk());
    return job.ok() ? WaitForEnd(**job) : JobRecord();
  }

  static JobRecord WaitForEnd(const Job& job) {
    for (int64_t seen = -1; !job.has_ended();) {
      seen = job.WaitForChange(seen, absl::Seconds(10));
    }
    return job.record();
  }

  ScriptedReply Answer(const ScriptedRequest& request) {
    MutexLock lock(mutex_);
    for (const auto& [path_end, reply] : replies_) {
      if (absl::EndsWith(request.path, path_end)) {
        return reply;
      }
    }
    return {.status = 404, .body = "no such commit"};
  }

  Mutex mutex_;
  std::map<std::string, ScriptedReply> replies_ ABSL_GUARDED_BY(mutex_);
  ScriptedHttpServer server_{
      [this](const ScriptedRequest& request) { return Answer(request); }};
};

TEST_F(PullJobTest, FetchesAllAndThenDifferences) {
  Say("commit_id=c1", Line("Inserted", "a", "oak") +
                          Line("Inserted", "b", "elm") +
                          "{\"op\":\"Error\",\"message\":\"no c\"}\n");
  const JobRecord first = Run(Pull("c1"));
  EXPECT_EQ(first.state, JobState::kSucceeded);
  EXPECT_EQ(first.kind, JobKind::kPull);
  EXPECT_EQ(first.progress.done_count, 2);
  EXPECT_EQ(first.progress.failed_count, 1);
  ASSERT_THAT(first.failures, SizeIs(1));
  EXPECT_EQ(first.failures[0],
            (JobFailure{"unknown", 3, "operation error: no c"}));
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a", "b"));

  Say("commit_id=c2&previous_commit_id=c1&previous=c1",
      Line("Deleted", "a") + Line("Inserted", "c", "ash"));
  EXPECT_EQ(Run(Pull("c2", "c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("b", "c"));
  EXPECT_THAT(embedder_->texts(), ElementsAre("oak", "elm", "ash"));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
}

TEST_F(PullJobTest, TakesOnlyInsertsOfKnownDocumentsForAFullListing) {
  Say("commit_id=c1",
      Line("Inserted", "a", "oak") + Line("Inserted", "b", "elm"));
  ASSERT_EQ(Run(Pull("c1")).state, JobState::kSucceeded);
  Say("previous=c1",
      Line("Inserted", "c", "ash") + Line("Inserted", "a", "oak"));
  EXPECT_EQ(Run(Pull("c2", "c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "c"));
  EXPECT_THAT(embedder_->texts(), ElementsAre("oak", "elm", "ash"));

  // Of documents that are new, and with a change, it is a difference.
  Say("previous=c1", Line("Inserted", "c", "ash"));
  EXPECT_EQ(Run(Pull("c3", "c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c3"), ElementsAre("a", "b", "c"));
  Say("previous=c1",
      Line("Inserted", "c", "ash") + Line("Changed", "a", "yew"));
  EXPECT_EQ(Run(Pull("c4", "c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c4"), ElementsAre("a", "b", "c"));
}

TEST_F(PullJobTest, AsksForAllWithoutThePreviousCommit) {
  Say("commit_id=c2", Line("Inserted", "a", "oak"));
  EXPECT_EQ(Run(Pull("c2", "c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a"));
  ASSERT_THAT(server_.requests(), SizeIs(1));
  EXPECT_THAT(server_.requests()[0].path, Not(HasSubstr("previous")));
}

TEST_F(PullJobTest, WaitsForThePullOfThePreviousCommit) {
  auto latch = std::make_shared<std::latch>(2);
  Say("commit_id=c1",
      ScriptedReply{.body = Line("Inserted", "a", "oak"), .latch = latch});
  Say("previous=c1", Line("Inserted", "b", "elm"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto first, engine_->Pull(Pull("c1"), {}));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto second,
                             engine_->Pull(Pull("c2", "c1"), {}));
  EXPECT_EQ(second->summary().state, JobState::kQueued);
  EXPECT_THAT(engine_->Pull(Pull("c1"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  latch->count_down();
  EXPECT_EQ(WaitForEnd(*first).state, JobState::kSucceeded);
  EXPECT_EQ(WaitForEnd(*second).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "b"));
  EXPECT_THAT(engine_->Pull(Pull("c1"), {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(PullJobTest, LeavesNothingOfContentThatIsNotWhole) {
  const std::string lines =
      Line("Inserted", "a", std::string(100'000, 'x')) + Line("Deleted", "b");
  Say("commit_id=c1", ScriptedReply{.body = lines,
                                    .framing = ScriptedReply::Framing::kChunked,
                                    .cut_after = lines.size() - 10});
  const JobRecord record = Run(Pull("c1"));
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_TRUE(record.is_resumable);
  EXPECT_THAT(record.error,
              FailsWith(absl::StatusCode::kUnavailable, "CONTENT_UNAVAILABLE"));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(embedder_->texts(), IsEmpty());
  // The commit is free.
  Say("commit_id=c1", lines);
  EXPECT_EQ(Run(Pull("c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PullJobTest, ResumesByFetchingAnew) {
  Say("commit_id=c1", ScriptedReply{.status = 503, .body = "starting"});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, engine_->Pull(Pull("c1"), {}));
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kFailed);
  Say("commit_id=c1", Line("Inserted", "a", "oak"));
  ASSERT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  engine_->jobs().WaitUntilIdle();
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PullJobTest, AsksTheProviderAtOnceWhenItIsResumed) {
  Say("commit_id=c1", Line("Inserted", "a", "oak"));
  embedder_->Pause();
  // One that is resumed while it waits keeps its authorization.
  PullOptions options = Pull("c1");
  options.authorization = "Basic c2VjcmV0";
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, engine_->Pull(options, {}));
  for (int64_t seen = -1; job->summary().state != JobState::kWaiting;) {
    seen = job->WaitForChange(seen, absl::Seconds(10));
  }
  ASSERT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PullJobTest, IsNotResumableIfItHadAnAuthorization) {
  Say("commit_id=c1", ScriptedReply{.status = 503, .body = "starting"});
  PullOptions options = Pull("c1");
  options.authorization = "Basic c2VjcmV0";
  const JobRecord record = Run(options);
  EXPECT_THAT(record.error,
              FailsWith(absl::StatusCode::kUnavailable, "CONTENT_UNAVAILABLE"));
  EXPECT_FALSE(record.is_resumable);
}

TEST_F(PullJobTest, TakesTheContentThatCameLastAfterAWait) {
  Say("commit_id=c1",
      Line("Inserted", "a", "oak") + Line("Inserted", "b", "elm"));
  embedder_->OnEmbed([this](const EmbedContext&) {
    // The database has changed when the provider is back.
    Say("commit_id=c1", Line("Inserted", "c", "ash"));
    embedder_->OnEmbed(nullptr);
    return WithReason(absl::UnavailableError("the provider is down"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE",
                      {{"retry_time", "1970-01-01T00:00:01Z"}});
  });
  EXPECT_EQ(Run(Pull("c1")).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("c"));
  EXPECT_THAT(server_.requests(), SizeIs(2));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
}

TEST_F(PullJobTest, KeepsAnEmptyDocumentAsItWasIfFailuresAreSkipped) {
  Say("commit_id=c1",
      Line("Inserted", "a", "oak") + Line("Inserted", "b", "elm"));
  ASSERT_EQ(Run(Pull("c1")).state, JobState::kSucceeded);
  // All documents, of which one has no text any more.
  Say("previous=c1", Line("Inserted", "c", "ash") +
                         R"({"op":"Inserted","id":"b","string":""})" + "\n");
  PullOptions options = Pull("c2", "c1");
  EXPECT_THAT(Run(options).error, FailsWith(absl::StatusCode::kInvalidArgument,
                                            "DOCUMENTS_FAILED"));
  options.push.skip_failed_documents = true;
  const JobRecord record = Run(options);
  EXPECT_EQ(record.state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c2"), ElementsAre("b", "c"));
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0].document_id, "b");
}

TEST_F(PullJobTest, RefusesAnAbort) {
  Say("commit_id=c1", "{\"op\":\"Abort\"}\n");
  EXPECT_THAT(
      Run(Pull("c1")).error,
      FailsWith(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID"));
}

TEST_F(PullJobTest, FetchesAnewInAnotherProcess) {
  Say("commit_id=c1", ScriptedReply{.is_hanging = true});
  ASSERT_THAT(engine_->Pull(Pull("c1"), {}), IsOk());
  while (server_.requests().empty()) {
    std::this_thread::yield();
  }
  Say("commit_id=c1", Line("Inserted", "a", "oak"));
  Restart();
  engine_->jobs().WaitUntilIdle();
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
  EXPECT_THAT(server_.requests(), SizeIs(2));
}

TEST_F(PullJobTest, NeedsTheAuthorizationAgainInAnotherProcess) {
  Say("commit_id=c1", ScriptedReply{.is_hanging = true});
  PullOptions options = Pull("c1");
  options.authorization = "Basic c2VjcmV0";
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, engine_->Pull(options, {}));
  const JobId id = job->id();
  while (server_.requests().empty()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_.requests()[0].headers.at("authorization"),
            "Basic c2VjcmV0");
  EXPECT_THAT(job->record().Encode(), Not(HasSubstr("c2VjcmV0")));
  Restart();
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord record, engine_->jobs().Get(id));
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(record.error, FailsWith(absl::StatusCode::kFailedPrecondition,
                                      "PULL_AUTHORIZATION_LOST"));
  EXPECT_FALSE(record.is_resumable);
  Say("commit_id=c1", Line("Inserted", "a", "oak"));
  EXPECT_EQ(Run(options).state, JobState::kSucceeded);
}

TEST_F(PullJobTest, RefusesWhatCannotBe) {
  PullOptions options = Pull("c1");
  options.authorization = "Basic a\r\nX-Evil: b";
  EXPECT_THAT(engine_->Pull(options, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  EngineOptions no_source;
  no_source.find_embedder = FindOnly(embedder_);
  Engine engine(*store_, std::move(no_source));
  EXPECT_THAT(engine.Pull(Pull("c1"), {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "CONTENT_ENDPOINT_NOT_SET"));
}

}  // namespace
}  // namespace copse
