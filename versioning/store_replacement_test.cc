// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup.h"
#include "versioning/commit_builder.h"
#include "versioning/document.h"
#include "versioning/domain_replacement.h"
#include "versioning/files.h"
#include "versioning/store.h"
#include "versioning/test_folder.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What replaces "d" has vectors of 8 components.
constexpr uint32_t kDimension = 8;

class StoreReplacementTest : public StoreTest {
 protected:
  absl::StatusOr<std::unique_ptr<DomainReplacement>> Begin(
      const std::string& owner = "me") {
    return test_->BeginReplacement(
        {.domain = "d", .metric = Metric::kCosine, .dimension = kDimension},
        owner);
  }

  static absl::Status Build(DomainReplacement& replacement,
                            const std::string& commit) {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitReplay> replay,
                           replacement.BeginCommit(commit));
    const std::unique_ptr<CommitBuilder> builder = replay->TakeBuilder();
    COPSE_RETURN_IF_ERROR(replay->ForEachChange(
        {.on_document = [&](const Document& document) -> absl::Status {
           COPSE_ASSIGN_OR_RETURN(const bool is_unchanged,
                                  builder->TryUpsertUnchanged(document));
           const std::vector<float> vector(kDimension, 1);
           const EmbeddedDocument embedded = {&document, vector};
           return is_unchanged ? absl::OkStatus()
                               : builder->Upsert({&embedded, 1});
         },
         .on_delete =
             [&](const std::string& document_id) {
               return builder->Delete(document_id);
             }}));
    return builder->Commit({}).status();
  }

  // Builds what there is, once; `before_switch` is called then.
  static absl::StatusOr<bool> Round(
      DomainReplacement& replacement,
      const std::function<void()>& before_switch = nullptr) {
    COPSE_ASSIGN_OR_RETURN(const ReplacementRound round,
                           replacement.BeginRound(nullptr));
    for (const std::string& commit : round.commits) {
      COPSE_RETURN_IF_ERROR(Build(replacement, commit));
    }
    if (before_switch != nullptr) {
      before_switch();
    }
    return replacement.Switch(round, nullptr);
  }

  uint32_t DimensionNow() { return test_->GetDomain("d")->options.dimension; }
};

TEST_F(StoreReplacementTest, SwitchesOnlyWhenNothingWasMadeOrDeletedSince) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}, {"b", 2}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "main"), {{"a", 3}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  EXPECT_THAT(
      Round(*replacement,
            [&] {
              ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"c", 4}}), IsOk());
            }),
      IsOkAndHolds(Eq(false)));
  EXPECT_THAT(
      Round(*replacement,
            [&] { ASSERT_THAT(test_->DeleteCommit("d", "c3"), IsOk()); }),
      IsOkAndHolds(Eq(false)));
  EXPECT_EQ(DimensionNow(), 4U);
  // A branch that moves changes no commit, and is as it was left.
  EXPECT_THAT(Round(*replacement,
                    [&] {
                      ASSERT_THAT(
                          test_->UpdateBranch("d", "main", "c1", std::nullopt),
                          IsOk());
                    }),
              IsOkAndHolds(Eq(true)));
  EXPECT_EQ(DimensionNow(), kDimension);
  EXPECT_EQ(test_->GetBranch("d", "main")->head_commit, "c1");
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", 3), Pair("b", 2))));
  EXPECT_THAT(test_->GetCommit("d", "c3"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(StoreReplacementTest, BuildsAnewWhatWasPushedAnewUnderItsName) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  EXPECT_THAT(
      Round(*replacement,
            [&] {
              ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
              // Even one that descends from its own child.
              ASSERT_THAT(test_.Push(Options("c1", "c2"), {{"a", 9}}), IsOk());
            }),
      IsOkAndHolds(Eq(false)));
  EXPECT_THAT(Round(*replacement), IsOkAndHolds(Eq(true)));
  EXPECT_THAT(test_.ReadAll("d", "c1"),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", 9), Pair("b", 2))));
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", 1), Pair("b", 2))));
  EXPECT_EQ(test_->VerifyDomain("d")->finding_count(), 0);
}

TEST_F(StoreReplacementTest, CommitsInFlightStaySo) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(std::shared_ptr<CommitClaim> claim,
                             test_->ClaimCommit(Options("c2", "c1", "main")));
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<CommitBuilder> builder,
                             test_->BeginCommit(Options("c3", "c1")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  EXPECT_THAT(Round(*replacement), IsOkAndHolds(Eq(true)));
  EXPECT_THAT(test_.Push(Options("c2"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kAborted, "DOMAIN_REPLACED"));
  builder = nullptr;
  EXPECT_THAT(test_.Push(Options("c3", "c1"), {}), IsOk());
  {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto other,
        test_->BeginCommit(Options("c2", "c1", "main"), claim));
    EXPECT_THAT(other->Commit({}), IsOk());
  }
  EXPECT_EQ(test_->GetStatistics()->in_flight_count, 1);
  claim = nullptr;
  EXPECT_EQ(test_->GetStatistics()->in_flight_count, 0);
}

TEST_F(StoreReplacementTest, AMergeThatTheSwitchMeetsIsMadeAgain) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("ours", "c1", "main"), {{"a", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("theirs", "c1"), {{"a", 3}, {"b", 3}}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  bool is_replaced = false;
  std::vector<std::string> told;
  MergeVisitor visitor;
  visitor.on_base = [&](absl::string_view commit, size_t /*base_count*/) {
    told.emplace_back(commit);
    return absl::OkStatus();
  };
  visitor.on_conflict = [&](const MergeConflict& conflict) {
    told.push_back(conflict.document_id);
    return absl::OkStatus();
  };
  visitor.check = [&] {
    if (!told.empty() && !std::exchange(is_replaced, true)) {
      EXPECT_THAT(Round(*replacement), IsOkAndHolds(Eq(true)));
    }
    return absl::OkStatus();
  };
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo merged,
      test_->MergeCommits({.commit = Options("m", "ours", "main"),
                           .theirs_commit = "theirs",
                           .conflict_policy = ConflictPolicy::kOurs},
                          visitor));
  EXPECT_TRUE(is_replaced);
  EXPECT_THAT(told, ElementsAre("c1", "a"));
  EXPECT_THAT(merged.parent_commits, ElementsAre("ours", "theirs"));
  EXPECT_EQ(DimensionNow(), kDimension);
  EXPECT_EQ(test_->GetBranch("d", "main")->head_commit, "m");
  EXPECT_THAT(test_.ReadAll("d", "m"),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", 2), Pair("b", 3))));
  EXPECT_EQ(test_->VerifyDomain("d")->finding_count(), 0);
}

TEST_F(StoreReplacementTest, HeldPublicationsWaitForTheirRelease) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  replacement->HoldPublications();
  std::atomic<bool> is_publishing = false;
  std::atomic<bool> is_done = false;
  std::jthread pusher([&] {
    EXPECT_THAT(test_.Push(Options("c1"), {{"a", 1}}, {},
                           [&](CommitPhase phase) {
                             is_publishing = phase == CommitPhase::kPublishing;
                             return absl::OkStatus();
                           }),
                IsOk());
    is_done = true;
  });
  while (!is_publishing) {
    std::this_thread::yield();
  }
  EXPECT_THAT(test_->GetCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_FALSE(is_done);
  replacement->ReleasePublications();
  pusher.join();
  EXPECT_THAT(test_->GetCommit("d", "c1"), IsOk());
}

TEST_F(StoreReplacementTest, GoesOnAfterTheStoreWasClosed) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"b", 2}}), IsOk());
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
    ASSERT_THAT(Build(*replacement, "c1"), IsOk());
  }
  test_.Reopen();
  EXPECT_THAT(Begin("you"),
              FailsWith(absl::StatusCode::kAborted, "REEMBEDDING_IN_FLIGHT"));
  EXPECT_EQ(test_->FindReplacement("d").value()->owner, "me");
  EXPECT_THAT(test_->ListReplacementOwners(), IsOkAndHolds(ElementsAre("me")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  COPSE_ASSERT_OK_AND_ASSIGN(const ReplacementRound round,
                             replacement->BeginRound(nullptr));
  EXPECT_THAT(round.commits, ElementsAre("c2"));
  EXPECT_THAT(Round(*replacement), IsOkAndHolds(Eq(true)));
}

TEST_F(StoreReplacementTest, ADroppedOneLeavesNothing) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  ASSERT_THAT(Build(*replacement, "c1"), IsOk());
  EXPECT_THAT(test_->DropReplacement("you"), IsOk());
  EXPECT_THAT(ListFolder(test_.path() + "/domains"), IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(test_->DropReplacement("me"), IsOk());
  EXPECT_THAT(ListFolder(test_.path() + "/domains"), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(Round(*replacement),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->DropReplacement("me"), IsOk());
}

TEST_F(StoreReplacementTest, ABackupHasTheDomainAndNotWhatIsFilled) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto replacement, Begin());
  ASSERT_THAT(Build(*replacement, "c1"), IsOk());
  const TestFolder folder;
  ASSERT_THAT(test_->CreateBackup({.folder = folder.path() + "/backups"}),
              IsOk());
  ASSERT_THAT(RestoreBackup({.backup_folder = folder.path() + "/backups",
                             .data_folder = folder.path() + "/data"}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> restored,
                             Store::Open({.folder = folder.path() + "/data",
                                          .free_space_min_bytes = 0}));
  EXPECT_THAT(restored->FindReplacement("d"), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(TestStore::ReadAllOf(*restored, "d", "c1"),
              IsOkAndHolds(ElementsAre(Pair("a", 1))));
  EXPECT_THAT(ListFolder(folder.path() + "/data/domains"),
              IsOkAndHolds(SizeIs(1)));
}

}  // namespace
}  // namespace copse
