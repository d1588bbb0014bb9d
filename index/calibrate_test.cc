// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/calibrate.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/calibration.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

constexpr size_t kRowCount = 6000;

std::vector<CalibrationQuery> ToQueries(const MemoryVectors& vectors) {
  std::vector<CalibrationQuery> queries(vectors.row_count());
  for (Ordinal i = 0; i < queries.size(); ++i) {
    const std::span<const float> row = vectors.row(i);
    queries[i].vector.assign(row.begin(), row.end());
  }
  return queries;
}

// A forest in memory over `vectors`.
class OpenForest {
 public:
  OpenForest(Metric metric, const MemoryVectors& vectors)
      : forest_(*Forest::Open(
            *BuildForest(
                {.metric = metric, .fan_out = 16, .leaf_row_count = 16},
                vectors, vectors.ordinals(), pages_),
            pages_)) {}

  const Forest& operator*() const { return *forest_; }
  const Forest* operator->() const { return forest_.get(); }

 private:
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
};

class CalibrateTest : public ::testing::Test {
 protected:
  absl::StatusOr<Calibration> CalibrateWith(const MemoryVectors& sample,
                                            uint32_t thread_count = 1) const {
    const CalibrateOptions options = {.thread_count = thread_count};
    std::vector<CalibrationQuery> queries = ToQueries(sample);
    COPSE_RETURN_IF_ERROR(FindCalibrationNeighbors(
        Metric::kCosine, vectors_, vectors_.ordinals(), options, queries));
    return Calibrate(*forest_, vectors_, queries, options);
  }

  const MemoryVectors vectors_ = MakeClusters({.row_count = kRowCount});
  const MemoryVectors sample_ = MakeClusters({.row_count = 100, .row_seed = 2});
  const OpenForest forest_{Metric::kCosine, vectors_};
};

TEST_F(CalibrateTest, FindsTheNeighborsThatExactSearchFinds) {
  std::vector<CalibrationQuery> queries = ToQueries(sample_);
  queries[3].row = 17;
  ASSERT_THAT(
      FindCalibrationNeighbors(Metric::kCosine, vectors_, vectors_.ordinals(),
                               {.thread_count = 2}, queries),
      IsOk());
  for (const CalibrationQuery& query : queries) {
    std::vector<Ordinal> ordinals = vectors_.ordinals();
    if (query.row.has_value()) {
      std::erase(ordinals, *query.row);
    }
    EXPECT_THAT(ExactSearch(Metric::kCosine, vectors_, ordinals, query.vector,
                            query.neighbors.size()),
                IsOkAndHolds(ElementsAreArray(query.neighbors)));
    EXPECT_THAT(query.neighbors, SizeIs(Ge(100U)));
  }
}

TEST_F(CalibrateTest, ReachesTheTargetsOnOtherQueries) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                             CalibrateWith(sample_));
  const MemoryVectors others = MakeClusters({.row_count = 100, .row_seed = 3});
  for (const size_t k : {1, 4, 10, 30, 100}) {
    for (const double target : {0.8, 0.9, 0.95, 0.99}) {
      COPSE_ASSERT_OK_AND_ASSIGN(
          const double recall,
          MeanRecall(*forest_, vectors_, vectors_.ordinals(), others,
                     {.neighbor_count = k,
                      .recall_target = target,
                      .calibration = &calibration}));
      EXPECT_GE(recall, target - 0.02) << k << " neighbors, " << target;
    }
  }
}

TEST_F(CalibrateTest, ScansFewerRowsForLowerTargets) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                             CalibrateWith(sample_));
  const auto rows_scanned = [&](double target) {
    SearchWork work;
    EXPECT_THAT(
        forest_->Search(vectors_, sample_.row(0),
                        {.recall_target = target, .calibration = &calibration},
                        &work),
        IsOk());
    return work.rows_scanned;
  };
  EXPECT_LT(rows_scanned(0.7), rows_scanned(0.95));
  EXPECT_LT(rows_scanned(0.95), static_cast<int64_t>(kRowCount));
  EXPECT_EQ(rows_scanned(1), static_cast<int64_t>(kRowCount));
}

TEST_F(CalibrateTest, ATargetOfOneIsExact) {
  for (Ordinal i = 0; i < 10; ++i) {
    EXPECT_THAT(forest_->Search(vectors_, sample_.row(i), {.recall_target = 1}),
                IsOkAndHolds(ElementsAreArray(
                    *ExactSearch(Metric::kCosine, vectors_, vectors_.ordinals(),
                                 sample_.row(i), 10))));
  }
}

TEST_F(CalibrateTest, ExplicitBudgetsWinOverTheTarget) {
  SearchWork work;
  EXPECT_THAT(
      forest_->Search(
          vectors_, sample_.row(0),
          {.scan_budget = 100, .rerank_count = 25, .recall_target = 1}, &work),
      IsOk());
  EXPECT_THAT(work.rows_scanned, AllOf(Ge(100), Le(132)));
  EXPECT_EQ(work.rows_reranked, 25);
}

TEST_F(CalibrateTest, RefusesATargetOutOfRange) {
  EXPECT_THAT(
      forest_->Search(vectors_, sample_.row(0), {.recall_target = 1.5}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "recall_target is 1.5, expected more than 0 and at most 1"));
}

TEST_F(CalibrateTest, IsTheSameWhateverTheThreads) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration one, CalibrateWith(sample_));
  EXPECT_THAT(CalibrateWith(sample_, 3), IsOkAndHolds(one));
  EXPECT_EQ(one.row_count(), kRowCount);
  EXPECT_EQ(one.query_count(), 100);
}

TEST_F(CalibrateTest, PromisesLessOnTheGroundsOfFewQueries) {
  const MemoryVectors few = MakeClusters({.row_count = 10, .row_seed = 2});
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration many, CalibrateWith(sample_));
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration some, CalibrateWith(few));
  EXPECT_LT(some.settings(1).back().recall, many.settings(1).back().recall);
}

TEST_F(CalibrateTest, LeavesOutTheRowThatTheQueryIs) {
  std::vector<CalibrationQuery> queries(1);
  queries[0].row = 5;
  queries[0].vector.assign(vectors_.row(5).begin(), vectors_.row(5).end());
  ASSERT_THAT(FindCalibrationNeighbors(Metric::kCosine, vectors_,
                                       vectors_.ordinals(), {}, queries),
              IsOk());
  EXPECT_THAT(queries[0].neighbors,
              Not(Contains(Field(&Neighbor::ordinal, Eq(5U)))));
  EXPECT_THAT(Calibrate(*forest_, vectors_, queries, {}), IsOk());
}

TEST_F(CalibrateTest, EndsWhenItIsNoLongerWanted) {
  const std::function<absl::Status()> check = [] {
    return absl::CancelledError("nobody waits");
  };
  std::vector<CalibrationQuery> queries = ToQueries(sample_);
  EXPECT_THAT(
      FindCalibrationNeighbors(Metric::kCosine, vectors_, vectors_.ordinals(),
                               {.check = &check}, queries),
      StatusIs(absl::StatusCode::kCancelled));
  ASSERT_THAT(FindCalibrationNeighbors(Metric::kCosine, vectors_,
                                       vectors_.ordinals(), {}, queries),
              IsOk());
  EXPECT_THAT(Calibrate(*forest_, vectors_, queries, {.check = &check}),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CalibrateTest, NamesTheQueryThatIsWrong) {
  std::vector<CalibrationQuery> queries = ToQueries(sample_);
  queries[7].vector.pop_back();
  EXPECT_THAT(
      FindCalibrationNeighbors(Metric::kCosine, vectors_, vectors_.ordinals(),
                               {}, queries),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("query 7")));
  queries = ToQueries(sample_);
  EXPECT_THAT(Calibrate(*forest_, vectors_, queries, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("0 neighbors, expected at least 1")));
  EXPECT_THAT(Calibrate(*forest_, vectors_, {}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "0 queries, expected at least 1"));
}

TEST(CalibrateSmallTest, TakesForestsOfAnySize) {
  const MemoryVectors sample = MakeClusters({.row_count = 5, .row_seed = 2});
  for (const size_t row_count : {1, 2, 70, 101}) {
    const MemoryVectors vectors = MakeClusters({.row_count = row_count});
    const OpenForest forest(Metric::kCosine, vectors);
    std::vector<CalibrationQuery> queries = ToQueries(sample);
    queries.push_back({.vector = queries[0].vector, .row = 0, .neighbors = {}});
    ASSERT_THAT(FindCalibrationNeighbors(Metric::kCosine, vectors,
                                         vectors.ordinals(), {}, queries),
                IsOk());
    COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                               Calibrate(*forest, vectors, queries, {}));
    EXPECT_THAT(Calibration::Parse(calibration.Encode()),
                IsOkAndHolds(calibration));
  }
}

// Rows at equal distances are equal answers, so that thousands of copies of
// one row do not make the calibration demand that all are scanned.
TEST(CalibrateSmallTest, CopiesOfARowDoNotCountAsMisses) {
  MemoryVectors vectors = MakeClusters({.row_count = 4000});
  const std::vector<float> copy(vectors.row(0).begin(), vectors.row(0).end());
  for (int i = 0; i < 2000; ++i) {
    vectors.Append(copy);
  }
  const OpenForest forest(Metric::kCosine, vectors);
  std::vector<CalibrationQuery> queries =
      ToQueries(MakeClusters({.row_count = 60, .row_seed = 2}));
  for (int i = 0; i < 40; ++i) {
    queries.push_back({.vector = copy,
                       .row = static_cast<Ordinal>(4000 + i),
                       .neighbors = {}});
  }
  ASSERT_THAT(FindCalibrationNeighbors(Metric::kCosine, vectors,
                                       vectors.ordinals(), {}, queries),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                             Calibrate(*forest, vectors, queries, {}));
  EXPECT_LT(calibration.EffortFor(0.9, Metric::kCosine, 10, 6000).scan_budget,
            3000);
}

TEST(CalibrateSmallTest, OnlyCopiesLeaveNothingToMeasure) {
  MemoryVectors vectors(2, {});
  for (int i = 0; i < 3000; ++i) {
    vectors.Append(std::vector<float>{1, 0});
  }
  const OpenForest forest(Metric::kCosine, vectors);
  std::vector<CalibrationQuery> queries = {
      {.vector = {1, 0}, .row = 1, .neighbors = {}}};
  ASSERT_THAT(FindCalibrationNeighbors(Metric::kCosine, vectors,
                                       vectors.ordinals(), {}, queries),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                             Calibrate(*forest, vectors, queries, {}));
  EXPECT_THAT(calibration.settings(1), IsEmpty());
}

TEST(CalibrateMetricTest, ReachesTheTargetsInEveryMetric) {
  for (const Metric metric :
       {Metric::kCosine, Metric::kEuclidean, Metric::kDotProduct,
        Metric::kManhattan, Metric::kHamming}) {
    const MemoryVectors vectors =
        MakeClusters({.metric = metric, .row_count = 4000});
    const OpenForest forest(metric, vectors);
    std::vector<CalibrationQuery> queries = ToQueries(
        MakeClusters({.metric = metric, .row_count = 100, .row_seed = 2}));
    ASSERT_THAT(FindCalibrationNeighbors(metric, vectors, vectors.ordinals(),
                                         {}, queries),
                IsOk());
    COPSE_ASSERT_OK_AND_ASSIGN(const Calibration calibration,
                               Calibrate(*forest, vectors, queries, {}));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const double recall,
        MeanRecall(
            *forest, vectors, vectors.ordinals(),
            MakeClusters({.metric = metric, .row_count = 100, .row_seed = 3}),
            {.recall_target = 0.9, .calibration = &calibration}));
    EXPECT_GE(recall, 0.88) << static_cast<int>(metric);
  }
}

}  // namespace
}  // namespace copse
