// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes from the first operation to the end of their job, and on in another
// process.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_intake.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PushJobTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    // Or a push would create it, which embeds a text.
    ASSERT_THAT(engine_->domains().Create("admin/trees", {}, {}), IsOk());
    embedder_->Forget();
  }

  // Hands in a push of `ids`, each with a text of its own.
  absl::StatusOr<std::shared_ptr<Job>> Accept(
      const PushOptions& options, const std::vector<std::string>& ids,
      const std::string& text = "oak") {
    COPSE_ASSIGN_OR_RETURN(std::unique_ptr<PushIntake> intake,
                           engine_->BeginIntake(options, {}));
    for (const std::string& id : ids) {
      COPSE_RETURN_IF_ERROR(intake->Add(Upsert(id, absl::StrCat(text, id))));
    }
    return intake->Accept(static_cast<int64_t>(ids.size()));
  }

  static JobRecord WaitForEnd(const Job& job) {
    for (int64_t seen = -1; !job.has_ended();) {
      seen = job.WaitForChange(seen, absl::Seconds(10));
    }
    return job.summary();
  }

  // Makes the embedder wait until LetGo(), or the push is interrupted.
  void Hold() {
    is_held_ = true;
    embedder_->OnEmbed([this](const EmbedContext& context) {
      is_asked_ = true;
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
  void WaitUntilAsked() {
    while (!is_asked_) {
      std::this_thread::yield();
    }
  }

  std::atomic<bool> is_held_ = false;
  std::atomic<bool> is_asked_ = false;
};

TEST_F(PushJobTest, MakesTheCommitAndKeepsARecordOfIt) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a", "b"}));
  const JobRecord record = WaitForEnd(*job);
  EXPECT_EQ(record.state, JobState::kSucceeded);
  EXPECT_EQ(record.progress.done_count, 2);
  EXPECT_EQ(record.progress.total_count, 2);
  EXPECT_EQ(record.progress.token_count, 2);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a", "b"));
  EXPECT_EQ(job->TakeOutcome().commit->document_count, 2);
  COPSE_ASSERT_OK_AND_ASSIGN(const std::optional<JobRecord> stored,
                             store_->jobs().Get(job->id()));
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->state, JobState::kSucceeded);
  EXPECT_EQ(stored->progress, record.progress);
  EXPECT_THAT(stored->payload, IsEmpty());
}

TEST_F(PushJobTest, LeavesNothingWithoutAcceptance) {
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushIntake> intake,
                               engine_->BeginIntake(Options("c1"), {}));
    ASSERT_THAT(intake->Add(Upsert("a", std::string(1 << 20, 'x'))), IsOk());
    EXPECT_THAT(engine_->BeginIntake(Options("c1"), {}),
                FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
    EXPECT_THAT(intake->Accept(2), FailsWith(absl::StatusCode::kInvalidArgument,
                                             "OPERATION_COUNT_DIFFERS"));
  }
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
  COPSE_ASSERT_OK_AND_ASSIGN(const JobPage page, engine_->jobs().List({}));
  EXPECT_THAT(page.items, IsEmpty());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a"}));
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
}

TEST_F(PushJobTest, EmbedsNothingBeforeItIsAccepted) {
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushIntake> intake,
                             engine_->BeginIntake(Options("c1"), {}));
  for (int i = 0; i < 3000; ++i) {
    ASSERT_THAT(intake->Add(Upsert(absl::StrCat(i), "oak")), IsOk());
  }
  EXPECT_THAT(embedder_->texts(), IsEmpty());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, intake->Accept(3000));
  EXPECT_EQ(WaitForEnd(*job).progress.done_count, 3000);
  EXPECT_THAT(embedder_->texts(), SizeIs(3000));
}

TEST_F(PushJobTest, GoesOnInAnotherProcess) {
  Hold();
  const std::string long_text(100'000, 'x');
  COPSE_ASSERT_OK_AND_ASSIGN(const auto small, Accept(Options("c1"), {"a"}));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto large,
                             Accept(Options("c2"), {"b"}, long_text));
  // Behind the first, so it only spools.
  COPSE_ASSERT_OK_AND_ASSIGN(const auto child,
                             Accept(Options("c3", "c1"), {"c"}));
  EXPECT_EQ(child->summary().state, JobState::kQueued);
  WaitUntilAsked();
  Restart();
  // Nobody else may take them.
  EXPECT_THAT(engine_->BeginIntake(Options("c2"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  LetGo();
  engine_->jobs().WaitUntilIdle();
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
  EXPECT_THAT(IdsOf("c2"), ElementsAre("b"));
  EXPECT_THAT(IdsOf("c3"), ElementsAre("a", "c"));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord record,
                             engine_->jobs().Get(large->id()));
  EXPECT_EQ(record.state, JobState::kSucceeded);
  EXPECT_EQ(record.attempt_count, 2);
}

TEST_F(PushJobTest, FailsWithoutTheParentItWaitedFor) {
  Hold();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto parent, Accept(Options("c1"), {"a"}));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto child,
                             Accept(Options("c2", "c1"), {"b"}));
  ASSERT_THAT(engine_->jobs().Cancel(parent->id(), {}), IsOk());
  LetGo();
  const JobRecord record = WaitForEnd(*child);
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(record.error, FailsWith(absl::StatusCode::kFailedPrecondition,
                                      "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(PushJobTest, ChecksOperationsOfAPushThatWaits) {
  Hold();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto parent, Accept(Options("c1"), {"a"}));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushIntake> intake,
                             engine_->BeginIntake(Options("c2", "c1"), {}));
  EXPECT_THAT(
      intake->Add(UpsertVector("v", {1.0F})),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  EXPECT_THAT(intake->Add(AbortOperation{"enough"}),
              FailsWith(absl::StatusCode::kCancelled, "PUSH_ABORTED"));
  LetGo();
  WaitForEnd(*parent);
}

TEST_F(PushJobTest, IsResumedAfterAnErrorOfTheProvider) {
  embedder_->OnEmbed([](const EmbedContext&) {
    return absl::UnavailableError("the provider is down");
  });
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto job, Accept(Options("c1"), {"a"}, std::string(100'000, 'x')));
  EXPECT_TRUE(WaitForEnd(*job).is_resumable);
  // The commit is free, and what was pushed is still there.
  EXPECT_THAT(engine_->BeginIntake(Options("c1"), {}), IsOk());
  Restart();
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(SizeIs(1)));
  embedder_->OnEmbed(nullptr);
  ASSERT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  engine_->jobs().WaitUntilIdle();
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
}

TEST_F(PushJobTest, AsksTheProviderAtOnceWhenItIsResumed) {
  embedder_->Pause();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a"}));
  for (int64_t seen = -1; job->summary().state != JobState::kWaiting;) {
    seen = job->WaitForChange(seen, absl::Seconds(10));
  }
  EXPECT_THAT(job->summary().retry_time, Gt(absl::Now() + absl::Minutes(50)));
  EXPECT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PushJobTest, SaysWhatItCostBeforeItFailed) {
  embedder_->OnEmbed([](const EmbedContext& context) {
    context.statistics->request_count += 3;
    context.statistics->token_count += 7;
    return absl::UnavailableError("the provider is down");
  });
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a"}));
  const JobRecord record = WaitForEnd(*job);
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_EQ(record.progress.request_count, 3);
  EXPECT_EQ(record.progress.token_count, 7);
}

TEST_F(PushJobTest, IsNotResumedOverACommitOfTheSameName) {
  embedder_->OnEmbed([](const EmbedContext&) {
    return absl::UnavailableError("the provider is down");
  });
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a"}));
  WaitForEnd(*job);
  embedder_->OnEmbed(nullptr);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto other, Accept(Options("c1"), {"b"}));
  WaitForEnd(*other);
  EXPECT_THAT(engine_->jobs().Resume(job->id()),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(PushJobTest, DoesNotRunInAnotherDomainOfTheSameName) {
  Hold();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto first, Accept(Options("c1"), {"a"}));
  PushOptions options = Options("c2", "c1");
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(options, {"b"}));
  ASSERT_THAT(store_->DeleteDomain("admin/trees"), IsOk());
  ASSERT_THAT(engine_->domains().Create(
                  "admin/trees", {.dimension = 3, .vectors_only = true}, {}),
              IsOk());
  LetGo();
  EXPECT_THAT(WaitForEnd(*job).error,
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(PushJobTest, KeepsTheDocumentsThatFailed) {
  PushOptions options = Options("c1");
  COPSE_ASSERT_OK_AND_ASSIGN(auto intake, engine_->BeginIntake(options, {}));
  ASSERT_THAT(intake->Add(Upsert("a", "")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, intake->Accept(std::nullopt));
  const JobRecord record = WaitForEnd(*job);
  EXPECT_THAT(record.error, FailsWith(absl::StatusCode::kInvalidArgument,
                                      "DOCUMENTS_FAILED"));
  EXPECT_FALSE(record.is_resumable);
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0].document_id, "a");
  EXPECT_EQ(record.progress.failed_count, 1);

  options.skip_failed_documents = true;
  COPSE_ASSERT_OK_AND_ASSIGN(intake, engine_->BeginIntake(options, {}));
  ASSERT_THAT(intake->Add(Upsert("a", "")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto skipped, intake->Accept(std::nullopt));
  WaitForEnd(*skipped);
  COPSE_ASSERT_OK_AND_ASSIGN(const std::optional<JobRecord> stored,
                             store_->jobs().Get(skipped->id()));
  EXPECT_EQ(stored->state, JobState::kSucceeded);
  EXPECT_THAT(stored->failures, SizeIs(1));
}

TEST_F(PushJobTest, CollectsGarbageAndMakesBackupsAsJobs) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Accept(Options("c1"), {"a"}));
  WaitForEnd(*job);
  const auto ok = [](const auto&...) { return absl::OkStatus(); };
  ASSERT_THAT(engine_->CollectGarbage({.domain = "admin/trees"}, {},
                                      {.on_progress = ok, .on_result = ok}),
              IsOk());
  ASSERT_THAT(
      engine_->CollectGarbage({.domain = "admin/trees", .is_dry_run = true}, {},
                              {.on_progress = ok, .on_result = ok}),
      IsOk());
  ASSERT_THAT(engine_->CreateBackup(0, {}, ok), IsOk());
  EXPECT_THAT(engine_->CollectGarbage({.domain = "nobody"}, {},
                                      {.on_progress = ok, .on_result = ok}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  COPSE_ASSERT_OK_AND_ASSIGN(const JobPage page, engine_->jobs().List({}));
  ASSERT_THAT(page.items, SizeIs(4));
  EXPECT_EQ(page.items[0].record.kind, JobKind::kCollect);
  EXPECT_EQ(page.items[0].record.state, JobState::kFailed);
  EXPECT_EQ(page.items[1].record.kind, JobKind::kBackup);
  EXPECT_EQ(page.items[1].record.state, JobState::kSucceeded);
  EXPECT_EQ(page.items[2].record.kind, JobKind::kCollect);
  EXPECT_EQ(page.items[2].record.state, JobState::kSucceeded);
}

}  // namespace
}  // namespace copse
