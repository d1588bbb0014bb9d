// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_session.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "sidecar/service/testing/push_fixture.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PushSessionTest : public PushTest {
 protected:
  // Adds as many operations as fill two batches; returns the first error.
  absl::Status AddTwoBatches(PushSession& session) {
    absl::Status status;
    for (size_t i = 0;
         status.ok() && i < 2 * PushSession::kBatchDocumentCountMax; ++i) {
      status = session.Add(Upsert(absl::StrCat("id", i), "oak"));
    }
    return status;
  }
};

TEST_F(PushSessionTest, MakesACommitOfItsOperations) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech")}));
  EXPECT_EQ(info.document_count, 2);
  EXPECT_EQ(info.inserted_count, 2);
  EXPECT_EQ(info.token_count, 2);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a", "b"));
  EXPECT_THAT(embedder_->roles(), Each(EmbeddingRole::kDocument));
}

TEST_F(PushSessionTest, MakesACommitOfNoOperations) {
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo first, Push(Options("c1"), {}));
  EXPECT_EQ(first.document_count, 0);
  ASSERT_THAT(Push(Options("c2", "c1"), {Upsert("a", "oak")}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo third, Push(Options("c3", "c2"), {}));
  EXPECT_EQ(third.document_count, 1);
}

TEST_F(PushSessionTest, DoesNotEmbedWhatTheParentHas) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech")}),
              IsOk());
  embedder_->Forget();
  std::unique_ptr<PushSession> session = Begin(Options("c2", "c1"));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "birch")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info, session->Finish());
  EXPECT_THAT(embedder_->texts(), ElementsAre("birch"));
  EXPECT_EQ(session->progress().unchanged_document_count, 1);
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.inserted_count, 0);
}

TEST_F(PushSessionTest, TakesTheLastOperationOnADocument) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("kept", "oak"), Upsert("gone", "elm"),
                                   Upsert("back", "ash")}),
              IsOk());
  ASSERT_THAT(
      Push(
          Options("c2", "c1"),
          {Upsert("kept", "beech"), Upsert("kept", "oak"),    // As before.
           DeleteOperation{"gone"}, Upsert("gone", "birch"),  // Replaced.
           Upsert("gone", "pine"), Upsert("new", "fir"), DeleteOperation{"new"},
           DeleteOperation{"back"}, Upsert("back", "ash")}),
      IsOk());
  EXPECT_THAT(IdsOf("c2"), ElementsAre("back", "gone", "kept"));
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             store_->GetCommit("admin/trees", "c2"));
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.inserted_count, 0);
  EXPECT_EQ(info.deleted_count, 0);
  EXPECT_EQ(info.unknown_delete_count, 0);
  EXPECT_EQ(TextOf("c2", "gone"), "pine");
}

TEST_F(PushSessionTest, TakesTheLastOperationAcrossBatches) {
  const auto count =
      static_cast<int64_t>(PushSession::kBatchDocumentCountMax) + 10;
  std::vector<PushOperation> operations;
  for (int64_t i = 0; i < count; ++i) {
    operations.push_back(Upsert(absl::StrCat("id", i), "oak"));
  }
  operations.push_back(Upsert("id0", "beech"));
  operations.push_back(DeleteOperation{"id1"});
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             Push(Options("c1"), std::move(operations)));
  EXPECT_EQ(info.document_count, count - 1);
  EXPECT_EQ(info.unknown_delete_count, 0);
  EXPECT_EQ(TextOf("c1", "id0"), "beech");
}

TEST_F(PushSessionTest, CountsDeletesOfUnknownIds) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(Options("c1"), {DeleteOperation{"nobody"}, Upsert("a", "oak")}));
  EXPECT_EQ(info.unknown_delete_count, 1);
  EXPECT_EQ(info.document_count, 1);
}

TEST_F(PushSessionTest, TakesIdsOfAnyCharacter) {
  const std::string id("a\0b\n\xf0\x9f\x8c\xb3", 8);
  ASSERT_THAT(Push(Options("c1"), {Upsert(id, "oak")}), IsOk());
  EXPECT_THAT(IdsOf("c1"), ElementsAre(id));
}

TEST_F(PushSessionTest, TakesReadyVectorsWithoutAnEmbedder) {
  PushOptions options = Options("c1");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 3;
  options.create_domain->metric = Metric::kEuclidean;
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             Push(options, {UpsertVector("a", {1, 2, 3})}));
  EXPECT_EQ(info.document_count, 1);
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(PushSessionTest, StoresClusteringVectorsFromTheFirstPushThatWantsThem) {
  embedder_->SetDialect(EmbeddingDialect::kOpenAi);
  PushOptions options = Options("c1");
  ASSERT_THAT(Push(options, {Upsert("a", "oak")}), IsOk());
  EXPECT_FALSE(store_->GetDomain("admin/trees")->options.stores_clustering);
  // What is refused changes nothing.
  options.store_clustering = true;
  EXPECT_THAT(engine_->BeginPush(options, {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  EXPECT_FALSE(store_->GetDomain("admin/trees")->options.stores_clustering);
  embedder_->Forget();
  options = Options("c2", "c1");
  options.store_clustering = true;
  ASSERT_THAT(Push(options, {Upsert("b", "beech")}), IsOk());
  EXPECT_THAT(embedder_->roles(),
              UnorderedElementsAre(EmbeddingRole::kDocument,
                                   EmbeddingRole::kClustering));
  // And those after it, which need not say so again.
  ASSERT_THAT(Push(Options("c3", "c2"), {Upsert("c", "elm")}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                             store_->OpenCommit("admin/trees", "c3"));
  const ReadMask mask = {.clustering_vector = true};
  EXPECT_THAT((*reader->GetDocument("a", mask))->clustering_vector, IsEmpty());
  EXPECT_EQ((*reader->GetDocument("b", mask))->clustering_vector,
            FakeEmbedder::VectorOf("beech"));
  EXPECT_EQ((*reader->GetDocument("c", mask))->clustering_vector,
            FakeEmbedder::VectorOf("elm"));
  EXPECT_THAT((*reader->GetDocument("c", {}))->clustering_vector, IsEmpty());
}

TEST_F(PushSessionTest, BuiltinVectorsServeForClusteringToo) {
  embedder_->SetDialect(EmbeddingDialect::kBuiltin);
  PushOptions options = Options("c1");
  options.store_clustering = true;
  ASSERT_THAT(Push(options, {Upsert("a", "oak")}), IsOk());
  EXPECT_THAT(embedder_->roles(), Each(EmbeddingRole::kDocument));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                             store_->OpenCommit("admin/trees", "c1"));
  EXPECT_EQ((*reader->GetDocument("a", {.clustering_vector = true}))
                ->clustering_vector,
            FakeEmbedder::VectorOf("oak"));
}

TEST_F(PushSessionTest, KeepsWhatTheDatabaseSaysOfTheCommit) {
  PushOptions options = Options("c1");
  options.commit.commit_time = absl::FromUnixSeconds(1'000'000'000);
  options.commit.author = "Ada";
  options.commit.message = "first\nline";
  ASSERT_THAT(Push(options, {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             store_->GetCommit("admin/trees", "c1"));
  EXPECT_EQ(info.commit_time, absl::FromUnixSeconds(1'000'000'000));
  EXPECT_EQ(info.author, "Ada");
  EXPECT_EQ(info.message, "first\nline");
}

// ---- While it runs ---------------------------------------------------------

TEST_F(PushSessionTest, EmbedsTheNextBatchWhileOneIsUnderWay) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  std::latch both_began(2);
  embedder_->OnEmbed([&both_began](const EmbedContext& /*context*/) {
    both_began.arrive_and_wait();
    return absl::OkStatus();
  });
  ASSERT_THAT(AddTwoBatches(*session), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, session->Finish());
  EXPECT_EQ(info.document_count, 2 * PushSession::kBatchDocumentCountMax);
}

TEST_F(PushSessionTest, EndsTheOtherBatchesWhenOneFails) {
  std::unique_ptr<PushSession> session = Begin(Options("broken"));
  std::latch both_began(2);
  std::atomic<int> count = 0;
  embedder_->OnEmbed([&](const EmbedContext& context) -> absl::Status {
    const bool is_first = count++ == 0;
    both_began.arrive_and_wait();
    if (is_first) {
      return absl::UnavailableError("the provider is down");
    }
    while (!context.cancelled()) {
      std::this_thread::yield();
    }
    return absl::CancelledError("cancelled");
  });
  absl::Status status = AddTwoBatches(*session);
  if (status.ok()) {
    status = session->Finish().status();
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("the provider is down")));
}

TEST_F(PushSessionTest, ReportsProgressOfEveryPhase) {
  std::vector<PushProgress> reports;
  COPSE_ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<PushSession> session,
      engine_->BeginPush(Options("c1"), {},
                         [&reports](const PushProgress& progress) {
                           reports.push_back(progress);
                         }));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "elm")), IsOk());
  ASSERT_THAT(session->Finish(), IsOk());
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.front().phase, PushPhase::kEmbedding);
  EXPECT_EQ(reports.back().phase, PushPhase::kPublishing);
  EXPECT_THAT(reports.back(),
              AllOf(Field(&PushProgress::operation_count, 2),
                    Field(&PushProgress::embedded_document_count, 2),
                    Field(&PushProgress::token_count, 2)));
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_GE(reports[i].phase, reports[i - 1].phase);
    EXPECT_GE(reports[i].embedded_document_count,
              reports[i - 1].embedded_document_count);
  }
}

// ---- The end of a push -----------------------------------------------------

TEST_F(PushSessionTest, AnAbortDropsThePush) {
  const absl::Status status = PushError(
      {Upsert("a", "oak"), AbortOperation{"rolled back"}}, Options("broken"));
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kCancelled, "PUSH_ABORTED"));
  EXPECT_THAT(status.message(), HasSubstr("rolled back"));
}

TEST_F(PushSessionTest, ACommitIsInFlightUntilItsSessionEnds) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  session = nullptr;
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}), IsOk());
}

TEST_F(PushSessionTest, AnErrorFreesTheCommitAtOnce) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_FALSE(session->Add(DeleteOperation{""}).ok());
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}), IsOk());
}

TEST_F(PushSessionTest, RefusesACommitThatIsComplete) {
  ASSERT_THAT(Push(Options("c1"), {}), IsOk());
  EXPECT_THAT(Push(Options("c1"), {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(PushSessionTest, RefusesAnUnknownParent) {
  EXPECT_THAT(PushError({}, Options("broken", "nowhere")),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(PushSessionTest, RefusesAnUnknownDomainUnlessItMayCreateIt) {
  PushOptions options = Options("c1");
  options.create_domain = std::nullopt;
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(PushSessionTest, CreatesNoDomainForACommitThatCannotBe) {
  PushOptions options = Options("a\nb");
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(store_->GetDomain("admin/trees"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(PushSessionTest, RefusesADomainThatIsNotAsCreateDomainWants) {
  ASSERT_THAT(Push(Options("c1"), {}), IsOk());
  PushOptions options = Options("c2", "c1");
  options.create_domain->metric = Metric::kEuclidean;
  const absl::Status status = Push(options, {}).status();
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kFailedPrecondition,
                                "DOMAIN_SETTINGS_DIFFER"));
  EXPECT_EQ(MetadataOf(status, "field"), "metric");
  options.create_domain->metric = Metric::kCosine;
  EXPECT_THAT(Push(options, {}), IsOk());
}

TEST_F(PushSessionTest, RefusesABranchThatHasMoved) {
  PushOptions first = Options("c1");
  first.commit.branch = "main";
  first.commit.expected_branch_commit = "";
  ASSERT_THAT(Push(first, {}), IsOk());
  PushOptions second = Options("c2", "c1");
  second.commit.branch = "main";
  second.commit.expected_branch_commit = "c0";
  EXPECT_THAT(Push(second, {}),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  second.commit.expected_branch_commit = "c1";
  EXPECT_THAT(Push(second, {}), IsOk());
}

TEST_F(PushSessionTest, RefusesAnExpectedBranchCommitWithoutABranch) {
  PushOptions options = Options("c1");
  options.commit.expected_branch_commit = "c0";
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
}

TEST_F(PushSessionTest, EndsWhenTheCallerHasGone) {
  std::atomic<bool> gone = false;
  CallContext context;
  context.interruption = [&gone] {
    return gone ? CallCancelledError() : absl::OkStatus();
  };
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushSession> session,
                             engine_->BeginPush(Options("c1"), context));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  embedder_->OnEmbed([&gone](const EmbedContext& embed_context) {
    gone = true;
    EXPECT_TRUE(embed_context.cancelled());
    return absl::CancelledError("embedding was cancelled");
  });
  EXPECT_THAT(session->Finish(),
              FailsWith(absl::StatusCode::kCancelled, "CANCELLED"));
  EXPECT_THAT(store_->GetCommit("admin/trees", "c1"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PushSessionTest, EndsAtItsDeadline) {
  CallContext context;
  context.deadline = absl::InfinitePast();
  EXPECT_THAT(
      engine_->BeginPush(Options("c1"), context),
      FailsWith(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"));
}

}  // namespace
}  // namespace copse
