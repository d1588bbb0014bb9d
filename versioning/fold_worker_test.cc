// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Folds beside the pushes, through the store that has them.

#include "versioning/fold_worker.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/mutex.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsNull;
using ::testing::Not;
using ::testing::NotNull;

constexpr uint32_t kRowCountMin = 50;

class FoldWorkerTest : public ::testing::Test {
 protected:
  FoldWorkerTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = kRowCountMin,
               .fold_mode = StoreOptions::FoldMode::kInBackground,
               .on_fold_begin =
                   [this](const FoldReport& report) { AddBegun(report); },
               .on_fold = [this](const FoldReport& report) { Add(report); }}) {
    test_.CreateDomain("d", Metric::kCosine, 8);
  }

  // The store calls on_fold until it is closed.
  ~FoldWorkerTest() override { test_.Close(); }

  void AddBegun(const FoldReport& report) {
    MutexLock lock(mutex_);
    EXPECT_EQ(begun_.size(), reports_.size()) << "two folds at a time";
    begun_.push_back(report);
    changed_.NotifyAll();
  }

  void Add(const FoldReport& report) {
    MutexLock lock(mutex_);
    reports_.push_back(report);
  }

  void WaitForABegunFold() {
    MutexLock lock(mutex_);
    while (begun_.empty()) {
      changed_.Wait(mutex_);
    }
  }

  std::vector<std::string> FoldedCommits() {
    MutexLock lock(mutex_);
    std::vector<std::string> commits;
    for (const FoldReport& report : reports_) {
      EXPECT_THAT(report.status, IsOk());
      commits.push_back(report.commit);
    }
    return commits;
  }

  // Pushes `count` new documents to branch "main".
  void Push(const std::string& commit, const std::string& parent,
            uint32_t count) {
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < count; ++i, ++next_id_) {
      documents.push_back({absl::StrCat("id", next_id_), next_id_});
    }
    ASSERT_THAT(test_.Push({.domain = "d",
                            .commit = commit,
                            .parent_commit = parent,
                            .branch = "main"},
                           documents, {},
                           [this](CommitPhase phase) {
                             phases_.push_back(phase);
                             return absl::OkStatus();
                           }),
                IsOk());
  }

  std::shared_ptr<const CommitReaderImpl> OpenReader(
      const std::string& commit) const {
    return std::static_pointer_cast<const CommitReaderImpl>(
        test_->OpenCommit("d", commit).value());
  }

  // The documents nearest to that of content `content`, by the reader.
  static std::vector<std::string> Nearest(const CommitReaderImpl& reader,
                                          uint32_t content) {
    DocumentSearchOptions options;
    const std::vector<float> query = MakeVector(Metric::kCosine, 8, content);
    options.query = query;
    options.neighbor_count = 5;
    options.exact = true;
    const absl::StatusOr<DocumentSearchResult> result = reader.Search(options);
    EXPECT_THAT(result, IsOk());
    std::vector<std::string> ids;
    for (const DocumentNeighbor& neighbor : result->neighbors) {
      ids.push_back(neighbor.document_id);
    }
    return ids;
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<FoldReport> begun_ ABSL_GUARDED_BY(mutex_);
  std::vector<FoldReport> reports_ ABSL_GUARDED_BY(mutex_);
  TestStore test_;
  uint32_t next_id_ = 0;
  std::vector<CommitPhase> phases_;
};

TEST_F(FoldWorkerTest, NoPushWaitsForAFold) {
  Push("c1", "", 200);
  EXPECT_THAT(phases_, Not(Contains(CommitPhase::kFolding)));
  test_->WaitForFolds();
  EXPECT_THAT(FoldedCommits(), ElementsAre("c1"));
  const StoreStatistics statistics = test_->GetStatistics().value();
  EXPECT_EQ(statistics.folds.done_count, 1);
  EXPECT_EQ(statistics.folds.failed_count, 0);
  EXPECT_EQ(statistics.folds.running_count, 0);
  EXPECT_EQ(statistics.folds.waiting_count, 0);
}

TEST_F(FoldWorkerTest, TellsOfEachFoldWhenItBeginsAndWhenItHasEnded) {
  Push("c1", "", 200);
  test_->WaitForFolds();
  Push("c2", "c1", 10);  // Needs no fold.
  test_->WaitForFolds();
  MutexLock lock(mutex_);
  ASSERT_EQ(begun_.size(), 1);
  EXPECT_EQ(begun_[0].domain, "d");
  EXPECT_EQ(begun_[0].commit, "c1");
  EXPECT_EQ(begun_[0].row_count, 200);
  ASSERT_EQ(reports_.size(), 1);
  EXPECT_EQ(reports_[0].row_count, 200);
}

TEST_F(FoldWorkerTest, ReadersGetTheForestWhenTheyAreOpenedAnew) {
  Push("c1", "", 200);
  const auto held = OpenReader("c1");
  const std::vector<std::string> before = Nearest(*held, 7);
  test_->WaitForFolds();
  const auto reader = OpenReader("c1");
  ASSERT_THAT(reader->forest(), NotNull());
  EXPECT_EQ(reader->forest()->covered().row_count(), 200);
  EXPECT_THAT(reader->GetTail()->tail(), IsEmpty());
  EXPECT_EQ(Nearest(*reader, 7), before);
  EXPECT_EQ(Nearest(*held, 7), before);
}

TEST_F(FoldWorkerTest, SiblingsAndAncestorsShareTheForest) {
  Push("c1", "", 200);
  Push("c2", "c1", 10);
  Push("c3", "c2", 10);
  test_->WaitForFolds();
  // Whichever of them was folded serves all.
  EXPECT_EQ(FoldedCommits().size(), 1);
  ASSERT_THAT(OpenReader("c1")->forest(), NotNull());
  EXPECT_EQ(OpenReader("c1")->forest(), OpenReader("c3")->forest());
  EXPECT_EQ(OpenReader("c2")->forest(), OpenReader("c3")->forest());
}

TEST_F(FoldWorkerTest, TheForestSurvives) {
  Push("c1", "", 200);
  test_->WaitForFolds();
  const uint64_t number = OpenReader("c1")->forest()->number();
  test_.Reopen();
  // No manifest names it.
  EXPECT_EQ(OpenReader("c1")->manifest().preferred_forest, 0);
  ASSERT_THAT(OpenReader("c1")->forest(), NotNull());
  EXPECT_EQ(OpenReader("c1")->forest()->number(), number);
  test_->WaitForFolds();
  EXPECT_THAT(FoldedCommits(), ElementsAre("c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_EQ(report.finding_count(), 0);
  EXPECT_GT(report.pages_checked, 0);
}

TEST_F(FoldWorkerTest, WhatACrashCutShortIsMadeWhenTheCommitIsOpened) {
  test_.options().fold_mode = StoreOptions::FoldMode::kInCommit;
  test_.options().forest_row_count_min = 1000;
  test_.Reopen();
  Push("c1", "", 200);
  test_.options().fold_mode = StoreOptions::FoldMode::kInBackground;
  test_.options().forest_row_count_min = kRowCountMin;
  test_.Reopen();
  EXPECT_THAT(OpenReader("c1")->forest(), IsNull());
  test_->WaitForFolds();
  EXPECT_THAT(OpenReader("c1")->forest(), NotNull());
}

TEST_F(FoldWorkerTest, ClosingTheStoreEndsTheFold) {
  Push("c1", "", 2000);
  WaitForABegunFold();
  test_.Close();
  {
    MutexLock lock(mutex_);
    ASSERT_EQ(reports_.size(), 1);
    EXPECT_TRUE(reports_[0].status.ok() ||
                absl::IsCancelled(reports_[0].status))
        << reports_[0].status;
  }
  // Ended before, or stopped: no third outcome, and no finding.
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_EQ(report.finding_count(), 0);
  OpenReader("c1");
  test_->WaitForFolds();
  EXPECT_THAT(OpenReader("c1")->forest(), NotNull());
}

TEST_F(FoldWorkerTest, ADeletedDomainIsNotFolded) {
  Push("c1", "", 2000);
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  test_->WaitForFolds();
  EXPECT_EQ(test_->GetStatistics()->folds.failed_count, 0);
}

}  // namespace
}  // namespace copse
