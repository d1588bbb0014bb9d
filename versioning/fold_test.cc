// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fold.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/calibration.h"
#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/query_sample.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::IsNull;
using ::testing::Le;
using ::testing::Not;
using ::testing::NotNull;

// Forests from 50 rows on, so a fold is due after 50 changes.
constexpr uint32_t kRowCountMin = 50;

class FoldTest : public ::testing::Test {
 protected:
  FoldTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = kRowCountMin}) {
    test_.CreateDomain("d", Metric::kCosine, 8);
  }

  // Pushes `count` new documents and remembers the phases of the commit.
  void Push(const std::string& commit, const std::string& parent,
            uint32_t count, const std::vector<std::string>& deletes = {}) {
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < count; ++i) {
      documents.push_back({absl::StrCat("id", next_id_), next_id_});
      ++next_id_;
    }
    phases_.clear();
    ASSERT_THAT(
        test_.Push({.domain = "d", .commit = commit, .parent_commit = parent},
                   documents, deletes,
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

  uint64_t ForestOf(const std::string& commit) const {
    return OpenReader(commit)->manifest().preferred_forest;
  }

  TestStore test_;
  uint32_t next_id_ = 0;
  std::vector<CommitPhase> phases_;
};

TEST_F(FoldTest, FewRowsHaveNoForest) {
  Push("c1", "", kRowCountMin);
  EXPECT_THAT(phases_, Not(Contains(CommitPhase::kFolding)));
  EXPECT_THAT(OpenReader("c1")->forest(), IsNull());
  EXPECT_EQ(OpenReader("c1")->GetTail()->tail().size(), kRowCountMin);
}

TEST_F(FoldTest, ABuildCoversExactlyTheCommit) {
  Push("c1", "", kRowCountMin + 1);
  EXPECT_THAT(phases_, Contains(CommitPhase::kFolding));
  const auto reader = OpenReader("c1");
  ASSERT_THAT(reader->forest(), NotNull());
  EXPECT_EQ(reader->forest()->covered().row_count(), kRowCountMin + 1);
  EXPECT_THAT(reader->GetTail()->tail(), IsEmpty());
  EXPECT_TRUE(reader->GetTail()->removed().empty());
}

TEST_F(FoldTest, SmallChangesShareTheForestOfTheParent) {
  Push("c1", "", 200);
  Push("c2", "c1", 20, {"id3", "id4"});
  EXPECT_THAT(phases_, Not(Contains(CommitPhase::kFolding)));
  EXPECT_EQ(ForestOf("c2"), ForestOf("c1"));
  EXPECT_EQ(OpenReader("c2")->forest(), OpenReader("c1")->forest());
  EXPECT_EQ(OpenReader("c2")->GetTail()->tail().size(), 20);
  EXPECT_EQ(OpenReader("c2")->GetTail()->removed().row_count(), 2);
  // Nothing of it hangs on what was in memory.
  test_.Reopen();
  EXPECT_EQ(OpenReader("c2")->GetTail()->tail().size(), 20);
  EXPECT_EQ(OpenReader("c2")->forest(), OpenReader("c1")->forest());
}

TEST_F(FoldTest, LargeChangesEditTheForest) {
  Push("c1", "", 400);
  const uint64_t first = ForestOf("c1");
  Push("c2", "c1", 30);
  Push("c3", "c2", 30);
  EXPECT_THAT(phases_, Contains(CommitPhase::kFolding));
  EXPECT_NE(ForestOf("c3"), first);
  EXPECT_EQ(ForestOf("c2"), first);
  EXPECT_THAT(OpenReader("c3")->GetTail()->tail(), IsEmpty());
  EXPECT_EQ(OpenReader("c3")->forest()->covered().row_count(), 460);
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_GT(report.pages_checked, 0);
}

TEST_F(FoldTest, ASiblingTakesTheBetterForestOfTheOther) {
  Push("base", "", 200);
  Push("left", "base", 60);
  const uint64_t folded = ForestOf("left");
  ASSERT_NE(folded, ForestOf("base"));
  // Made from the same base, with most of the same content: its preferred
  // forest does not serve, that of its sibling's child does.
  Push("right", "left", 1, {"id250"});
  EXPECT_EQ(ForestOf("right"), folded);
  // From nothing, but with the same rows as nobody: a forest of its own.
  Push("other", "", 200);
  EXPECT_NE(ForestOf("other"), folded);
}

TEST_F(FoldTest, ANewForestIsCalibratedWithRows) {
  Push("c1", "", 400);
  const auto encode = [this] {
    const auto reader = OpenReader("c1");
    const Calibration* calibration = reader->forest()->calibration();
    EXPECT_THAT(calibration, NotNull());
    EXPECT_EQ(calibration->row_count(), 400);
    EXPECT_EQ(calibration->query_count(), 128);
    EXPECT_EQ(*calibration, calibration->RaisedToQuestions(Metric::kCosine))
        << "rows promise no more than questions get";
    return calibration->Encode();
  };
  const std::vector<std::byte> written = encode();
  test_.Reopen();
  EXPECT_EQ(encode(), written);
}

TEST_F(FoldTest, ACalibrationServesUntilAFifthOfTheRowsHasChanged) {
  Push("c1", "", 400);
  Push("c2", "c1", 60);
  const auto second = OpenReader("c2");
  ASSERT_THAT(second->forest()->calibration(), NotNull());
  EXPECT_EQ(second->forest()->calibration()->row_count(), 400);
  EXPECT_EQ(second->forest()->record().changed_row_count, 60);
  Push("c3", "c2", 60);
  const auto third = OpenReader("c3");
  ASSERT_THAT(third->forest()->calibration(), NotNull());
  EXPECT_EQ(third->forest()->calibration()->row_count(), 520);
  EXPECT_EQ(third->forest()->record().changed_row_count, 0);
}

TEST_F(FoldTest, CalibratesWithQueriesOnceThereAreEnough) {
  Push("c1", "", 400);
  for (uint32_t i = 0; i < 120; ++i) {
    EXPECT_THAT(
        OpenReader("c1")->Search({.query = MakeVector(Metric::kCosine, 8, i),
                                  .is_user_query = i < 110}),
        IsOk());
  }
  Push("c2", "c1", 60);
  const auto reader = OpenReader("c2");
  ASSERT_THAT(reader->forest()->calibration(), NotNull());
  EXPECT_EQ(reader->forest()->calibration()->query_count(), 110);
  EXPECT_EQ(reader->forest()->record().accepted_query_count, 110);
}

TEST_F(FoldTest, TheSampleOfQueriesIsThereAfterARestart) {
  Push("c1", "", 400);
  for (uint32_t i = 0; i < 110; ++i) {
    EXPECT_THAT(
        OpenReader("c1")->Search({.query = MakeVector(Metric::kCosine, 8, i),
                                  .is_user_query = true}),
        IsOk());
  }
  Push("c2", "c1", 60);
  test_.Reopen();
  EXPECT_EQ(OpenReader("c2")->domain().query_sample().ToRecord().query_count(),
            110);
}

TEST_F(FoldTest, ASearchWithATargetScansWhatTheCalibrationSays) {
  Push("c1", "", 2000);
  const auto reader = OpenReader("c1");
  ASSERT_THAT(reader->forest()->calibration(), NotNull());
  const auto rows_scanned = [&reader](const DocumentSearchOptions& options) {
    return reader->Search(options)->work.rows_scanned;
  };
  const std::vector<float> query = MakeVector(Metric::kCosine, 8, 10000);
  const size_t budget = reader->forest()
                            ->calibration()
                            ->EffortFor(0.9, Metric::kCosine, 10, 2000)
                            .scan_budget;
  EXPECT_THAT(rows_scanned({.query = query, .recall_target = 0.9}),
              AllOf(Ge(static_cast<int64_t>(budget)), Le(2000)));
  EXPECT_EQ(rows_scanned({.query = query, .recall_target = 1}), 2000);
  EXPECT_THAT(
      reader->Search({.query = query, .recall_target = 2}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "recall_target is 2, expected more than 0 and at most 1"));
}

TEST_F(FoldTest, ACommitThatShrinksNeedsNoForest) {
  Push("c1", "", 60);
  std::vector<std::string> deletes;
  deletes.reserve(20);
  for (int i = 0; i < 20; ++i) {
    deletes.push_back(absl::StrCat("id", i));
  }
  Push("c2", "c1", 0, deletes);
  EXPECT_THAT(OpenReader("c2")->forest(), IsNull());
  // Its child is large again and finds the old forest.
  Push("c3", "c2", 15);
  EXPECT_EQ(ForestOf("c3"), ForestOf("c1"));
}

TEST_F(FoldTest, AFoldThatIsStoppedLeavesNoCommit) {
  Push("c1", "", 60);
  std::vector<TestDocument> documents;
  for (uint32_t i = 0; i < 100; ++i) {
    documents.push_back({absl::StrCat("n", i), i});
  }
  EXPECT_THAT(test_.Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
                         documents, {},
                         [](CommitPhase phase) {
                           return phase == CommitPhase::kFolding
                                      ? absl::CancelledError("no")
                                      : absl::OkStatus();
                         }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(test_->GetCommit("d", "c2"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FoldTest, FindsEveryRowAsItsOwnNearest) {
  Push("c1", "", 300);
  Push("c2", "c1", 40, {"id7"});
  const auto reader = OpenReader("c2");
  for (uint32_t i = 0; i < next_id_; ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search({.query = MakeVector(Metric::kCosine, 8, i),
                        .neighbor_count = 1,
                        .scan_budget = 400}));
    ASSERT_EQ(result.neighbors.size(), 1);
    const std::string id = absl::StrCat("id", i);
    if (i == 7) {
      EXPECT_NE(result.neighbors[0].document_id, id);
    } else {
      EXPECT_EQ(result.neighbors[0].document_id, id);
    }
  }
}

TEST_F(FoldTest, AReaderLargerThanTheBudgetStillAnswers) {
  Push("c1", "", 500);
  test_.Close();
  test_.options().pool_size_bytes = 1;
  test_.Open();
  const auto reader = OpenReader("c1");
  for (uint32_t i = 0; i < 20; ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search({.query = MakeVector(Metric::kCosine, 8, i),
                        .neighbor_count = 1,
                        .scan_budget = 500}));
    ASSERT_EQ(result.neighbors.size(), 1);
    EXPECT_EQ(result.neighbors[0].document_id, absl::StrCat("id", i));
    EXPECT_GT(result.work.pages_read, 0);
  }
}

}  // namespace
}  // namespace copse
