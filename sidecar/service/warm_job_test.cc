// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/warm_job.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/job_record.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WarmJobTest : public EngineTest {
 protected:
  void SetUp() override {
    embedder_->SetDialect(EmbeddingDialect::kOpenAi);
    EngineTest::SetUp();
    ASSERT_THAT(
        engine_->domains().Create(
            "admin/trees", {.default_chunking = Chunking::Mode::kBoundary}, {}),
        IsOk());
    embedder_->Forget();
  }

  absl::StatusOr<std::shared_ptr<Job>> Accept(
      std::vector<PushOperation> operations) {
    COPSE_ASSIGN_OR_RETURN(std::unique_ptr<WarmIntake> intake,
                           engine_->BeginWarming("admin/trees", {}));
    for (PushOperation& operation : operations) {
      COPSE_RETURN_IF_ERROR(intake->Add(std::move(operation)));
    }
    return intake->Accept(static_cast<int64_t>(operations.size()));
  }

  JobRecord Warm(std::vector<PushOperation> operations) {
    const absl::StatusOr<std::shared_ptr<Job>> job =
        Accept(std::move(operations));
    EXPECT_THAT(job, IsOk());
    if (!job.ok()) {
      return {};
    }
    for (int64_t seen = -1; !(*job)->has_ended();) {
      seen = (*job)->WaitForChange(seen, absl::Seconds(10));
    }
    return (*job)->record();
  }
};

TEST_F(WarmJobTest, EmbedsTheTextsAndMakesNoCommit) {
  const JobRecord record =
      Warm({Upsert("a", "oak"), DeleteOperation{"b"},
            UpsertVector("c", std::vector<float>(32, 1)), Upsert("d", "elm")});
  EXPECT_EQ(record.kind, JobKind::kWarm);
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_EQ(record.progress.done_count, 4);
  EXPECT_EQ(record.progress.chunk_count, 2);
  EXPECT_THAT(embedder_->texts(), ElementsAre("oak", "elm"));
  EXPECT_EQ(store_->GetStatistics().value().commit_count, 0);
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
}

TEST_F(WarmJobTest, HalvesWhatIsTooLongAndListsWhatFails) {
  embedder_->RefuseLongerTexts(10);
  embedder_->FailText("yew", absl::InvalidArgumentError("no yew"));
  const JobRecord record =
      Warm({Upsert("a", "beech larch"), Upsert("b", "yew")});
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_EQ(record.progress.failed_count, 1);
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0], (JobFailure{"b", 2, "no yew"}));
  EXPECT_THAT(embedder_->texts(),
              ElementsAre("beech larch", "yew", "beech", " larch"));
}

// It asks for the text, its first half, the first half of that, and so on.
TEST_F(WarmJobTest, AsksFewTimesForATextThatIsRefusedAtEverySize) {
  embedder_->RefuseLongerTexts(0);
  const JobRecord record =
      Warm({Upsert("a", "oak elm box yew ash fir fig bay")});
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_THAT(embedder_->texts(),
              ElementsAre("oak elm box yew ash fir fig bay", "oak elm box yew",
                          "oak elm", "oak", "o"));
  EXPECT_EQ(record.progress.chunk_count, 5);
  EXPECT_EQ(record.progress.failed_count, 1);
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0].document_id, "a");
  EXPECT_THAT(record.failures[0].message, HasSubstr("too long"));
}

TEST_F(WarmJobTest, EmbedsWhatTemplatesMake) {
  ASSERT_THAT(store_->DeleteDomain("admin/trees"), IsOk());
  ASSERT_THAT(engine_->domains().Create(
                  "admin/trees", {.templates = {{"Film", "{{title}}"}}}, {}),
              IsOk());
  embedder_->Forget();
  UpsertOperation film = Upsert("a", R"({"title": "Alien", "year": 1979})");
  film.document.type = "Film";
  UpsertOperation wrong = Upsert("b", "no JSON");
  wrong.document.type = "Film";
  const JobRecord record = Warm({film, wrong, Upsert("c", "oak")});
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_THAT(embedder_->texts(), ElementsAre("Alien", "oak"));
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0].document_id, "b");
  EXPECT_THAT(record.failures[0].message,
              HasSubstr("the text goes into no template"));
}

TEST_F(WarmJobTest, FailsWithTheProviderAndMayBeResumed) {
  embedder_->OnEmbed([](const EmbedContext&) {
    return absl::UnavailableError("the provider is down");
  });
  const JobRecord record = Warm({Upsert("a", "oak")});
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(std::string(record.error.message()),
              HasSubstr("the provider is down"));
  EXPECT_TRUE(record.is_resumable);
}

TEST_F(WarmJobTest, AsksTheProviderAtOnceWhenItIsResumed) {
  embedder_->Pause();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto intake,
                             engine_->BeginWarming("admin/trees", {}));
  ASSERT_THAT(intake->Add(Upsert("a", "oak")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, intake->Accept(1));
  for (int64_t seen = -1; job->summary().state != JobState::kWaiting;) {
    seen = job->WaitForChange(seen, absl::Seconds(10));
  }
  ASSERT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  engine_->jobs().WaitUntilIdle();
  EXPECT_EQ(job->summary().state, JobState::kSucceeded);
  EXPECT_THAT(embedder_->texts(), ElementsAre("oak"));
}

TEST_F(WarmJobTest, HasNothingToDoForTheBuiltinEmbedder) {
  embedder_->SetDialect(EmbeddingDialect::kBuiltin);
  EXPECT_THAT(engine_->BeginWarming("admin/trees", {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "EMBEDDINGS_NOT_CACHED"));
}

TEST_F(WarmJobTest, RefusesWhatCannotBeWarmed) {
  EXPECT_THAT(engine_->BeginWarming("admin/none", {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(Accept({AbortOperation{"enough"}}),
              FailsWith(absl::StatusCode::kCancelled, "PUSH_ABORTED"));
  EXPECT_THAT(
      Accept({Upsert("", "oak")}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENT_ID_INVALID"));
  EXPECT_THAT(ListFolder(store_->jobs().folder()), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace copse
