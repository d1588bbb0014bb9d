// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/pair_join.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/row_bitmap.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kRowCount = 4000;
constexpr size_t kCoveredCount = 3400;

using Predicate = std::function<bool(const RowPair&)>;

// Every pair of `rows` at most at `distance_max`, by comparing all.
std::vector<RowPair> BruteForce(Metric metric, const MemoryVectors& vectors,
                                std::span<const Ordinal> rows,
                                float distance_max) {
  std::vector<RowPair> pairs;
  for (size_t i = 0; i < rows.size(); ++i) {
    const QueryDistance distance(metric, vectors.row(rows[i]));
    for (size_t j = i + 1; j < rows.size(); ++j) {
      const float found = distance.To(vectors.row(rows[j]));
      if (found <= distance_max) {
        pairs.push_back(
            {std::min(rows[i], rows[j]), std::max(rows[i], rows[j]), found});
      }
    }
  }
  std::ranges::sort(pairs);
  return pairs;
}

std::vector<RowPair> Keep(std::vector<RowPair> pairs, const Predicate& keeps) {
  std::erase_if(pairs, [&](const RowPair& pair) { return !keeps(pair); });
  return pairs;
}

// The pairs, each once, in order.
absl::StatusOr<std::vector<RowPair>> Join(Metric metric,
                                          const VectorSource& vectors,
                                          const JoinedRows& rows,
                                          const PairJoinOptions& options,
                                          PairJoinWork* work = nullptr) {
  std::vector<RowPair> pairs;
  COPSE_RETURN_IF_ERROR(JoinPairs(
      metric, vectors, rows, options,
      [&pairs](std::span<const RowPair> some) {
        pairs.insert(pairs.end(), some.begin(), some.end());
        return absl::OkStatus();
      },
      work));
  std::ranges::sort(pairs);
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

// The share of `truth` that `found` has; none of `found` may be wrong.
double PairRecall(const std::vector<RowPair>& found,
                  const std::vector<RowPair>& truth) {
  EXPECT_TRUE(std::ranges::includes(truth, found));
  return truth.empty() ? 1
                       : static_cast<double>(found.size()) /
                             static_cast<double>(truth.size());
}

// Clustered rows, most of them in a forest, some of which have been removed.
class PairJoinTest : public ::testing::TestWithParam<Metric> {
 protected:
  PairJoinTest() {
    // Near-duplicates, and equal rows in and beside the forest.
    for (Ordinal row = 0; row < 60; ++row) {
      vectors_.Append(vectors_.row(row * 7));
    }
    for (const Ordinal ordinal : vectors_.ordinals()) {
      const bool is_covered =
          ordinal < kCoveredCount || (ordinal >= kRowCount && ordinal % 2 == 0);
      if (!is_covered) {
        tail_.push_back(ordinal);
        live_.push_back(ordinal);
        continue;
      }
      covered_.push_back(ordinal);
      if (ordinal % 37 == 5) {
        removed_.Add(ordinal);
      } else {
        live_.push_back(ordinal);
      }
    }
  }

  void SetUp() override {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root,
        BuildForest({.metric = GetParam(), .fan_out = 16, .leaf_row_count = 32},
                    vectors_, covered_, pages_));
    COPSE_ASSERT_OK_AND_ASSIGN(forest_, Forest::Open(root, pages_));
    distance_max_ = NearDistance();
  }

  // A distance that a thousandth of some pairs are within.
  float NearDistance() const {
    std::vector<float> distances;
    for (Ordinal i = 0; i < 200; ++i) {
      const QueryDistance distance(GetParam(), vectors_.row(i));
      for (Ordinal j = i + 1; j < kRowCount; j += 3) {
        distances.push_back(distance.To(vectors_.row(j)));
      }
    }
    std::ranges::sort(distances);
    return distances[distances.size() / 1000];
  }

  JoinedRows Rows() const {
    return {.forest = forest_.get(), .tail = tail_, .excluded = &removed_};
  }

  MemoryVectors vectors_ = MakeClusters({.metric = GetParam(),
                                         .row_count = kRowCount,
                                         .dimension = 48,
                                         .cluster_count = 60});
  std::vector<Ordinal> covered_;
  std::vector<Ordinal> tail_;
  std::vector<Ordinal> live_;
  RowBitmap removed_;
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
  float distance_max_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Metrics, PairJoinTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(PairJoinTest, FindsThePairsThatComparingAllFinds) {
  const std::vector<RowPair> truth =
      BruteForce(GetParam(), vectors_, live_, distance_max_);
  ASSERT_THAT(truth, SizeIs(::testing::Gt(1000U)));
  PairJoinWork work;
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<RowPair> found,
                             Join(GetParam(), vectors_, Rows(),
                                  {.distance_max = distance_max_}, &work));
  EXPECT_GE(PairRecall(found, truth), 0.99);
  EXPECT_GT(work.rows_compared, 0);
}

TEST_P(PairJoinTest, FindsAllPairsIfExact) {
  EXPECT_THAT(Join(GetParam(), vectors_, Rows(),
                   {.distance_max = distance_max_, .exact = true}),
              IsOkAndHolds(ElementsAreArray(
                  BruteForce(GetParam(), vectors_, live_, distance_max_))));
}

TEST_P(PairJoinTest, GivesTheSameForAnyNumberOfThreads) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<RowPair> one,
      Join(GetParam(), vectors_, Rows(), {.distance_max = distance_max_}));
  EXPECT_THAT(Join(GetParam(), vectors_, Rows(),
                   {.distance_max = distance_max_, .thread_count = 4}),
              IsOkAndHolds(ElementsAreArray(one)));
}

TEST_P(PairJoinTest, FindsPairsOfChangedRowsOnly) {
  RowBitmap changed;
  for (size_t i = 3; i < live_.size(); i += 29) {
    changed.Add(live_[i]);
  }
  const std::vector<RowPair> truth = Keep(
      BruteForce(GetParam(), vectors_, live_, distance_max_),
      [&](const RowPair& pair) {
        return changed.Contains(pair.first) || changed.Contains(pair.second);
      });
  JoinedRows rows = Rows();
  rows.changed = &changed;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<RowPair> found,
      Join(GetParam(), vectors_, rows, {.distance_max = distance_max_}));
  EXPECT_GE(PairRecall(found, truth), 0.99);
}

TEST_P(PairJoinTest, FindsPairsOfAllowedRowsOnly) {
  for (const size_t step : {2, 5}) {
    RowBitmap allowed;
    for (size_t i = 0; i < live_.size(); i += step) {
      allowed.Add(live_[i]);
    }
    const std::vector<RowPair> truth = Keep(
        BruteForce(GetParam(), vectors_, live_, distance_max_),
        [&](const RowPair& pair) {
          return allowed.Contains(pair.first) && allowed.Contains(pair.second);
        });
    JoinedRows rows = Rows();
    rows.allowed = &allowed;
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<RowPair> found,
        Join(GetParam(), vectors_, rows, {.distance_max = distance_max_}));
    EXPECT_GE(PairRecall(found, truth), 0.99) << "step " << step;
  }
}

TEST_P(PairJoinTest, FindsEveryEqualVectorAtDistanceZero) {
  if (GetParam() == Metric::kDotProduct) {
    GTEST_SKIP() << "no distance says that vectors are equal";
  }
  // A zero vector is at 1 from all others in cosine.
  const Ordinal zero = vectors_.Append(std::vector<float>(48, 0.0F));
  const Ordinal other = vectors_.Append(std::vector<float>(48, -0.0F));
  tail_.insert(tail_.end(), {zero, other});
  live_.insert(live_.end(), {zero, other});
  const std::vector<RowPair> truth = Keep(
      BruteForce(GetParam(), vectors_, live_, 0), [&](const RowPair& pair) {
        return std::ranges::equal(vectors_.row(pair.first),
                                  vectors_.row(pair.second));
      });
  ASSERT_THAT(truth, SizeIs(::testing::Gt(50U)));
  EXPECT_THAT(Join(GetParam(), vectors_, Rows(), {.distance_max = 0}),
              IsOkAndHolds(ElementsAreArray(truth)));
  RowBitmap changed;
  changed.Add(kRowCount + 3);
  JoinedRows rows = Rows();
  rows.changed = &changed;
  EXPECT_THAT(
      Join(GetParam(), vectors_, rows, {.distance_max = 0}),
      IsOkAndHolds(ElementsAreArray(Keep(truth, [](const RowPair& pair) {
        return pair.second == kRowCount + 3;
      }))));
}

TEST_P(PairJoinTest, FindsPairsWithoutAForestByCodes) {
  const JoinedRows rows = {.forest = nullptr, .tail = live_};
  const std::vector<RowPair> truth =
      BruteForce(GetParam(), vectors_, live_, distance_max_);
  PairJoinWork work;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<RowPair> found,
      Join(GetParam(), vectors_, rows, {.distance_max = distance_max_}, &work));
  EXPECT_GE(PairRecall(found, truth), 0.99);
  EXPECT_GT(work.rows_scanned, 0);
}

TEST_P(PairJoinTest, EndsWithTheStatusOfCheckAndSink) {
  std::atomic<int> calls = 0;
  const std::function<absl::Status()> check = [&calls] {
    return ++calls < 40 ? absl::OkStatus() : absl::CancelledError("enough");
  };
  EXPECT_THAT(
      Join(GetParam(), vectors_, Rows(),
           {.distance_max = distance_max_, .thread_count = 2, .check = &check}),
      StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_THAT(
      JoinPairs(GetParam(), vectors_, Rows(), {.distance_max = distance_max_},
                [](std::span<const RowPair> /*pairs*/) {
                  return absl::ResourceExhaustedError("full");
                }),
      StatusIs(absl::StatusCode::kResourceExhausted, "full"));
}

TEST(PairJoinErrorsTest, RefusesADistanceThatIsNotANumber) {
  const MemoryVectors vectors(2, {1, 0, 0, 1});
  EXPECT_THAT(Join(Metric::kCosine, vectors, {.tail = {}},
                   {.distance_max = std::numeric_limits<float>::quiet_NaN()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("distance_max is not a number")));
}

TEST(PairJoinErrorsTest, RefusesAForestOfAnotherDimension) {
  const MemoryVectors vectors = MakeClusters({.dimension = 8});
  const MemoryVectors others(2, {1, 0});
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PageId root, BuildForest({}, vectors, vectors.ordinals(), pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto forest, Forest::Open(root, pages));
  EXPECT_THAT(Join(Metric::kCosine, others, {.forest = forest.get()}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vectors have 2 components, expected 8")));
}

TEST(PairJoinNoRowsTest, FindsNothing) {
  const MemoryVectors vectors(2, {1, 0, 0, 1});
  EXPECT_THAT(Join(Metric::kEuclidean, vectors, {}, {.distance_max = 9}),
              IsOkAndHolds(IsEmpty()));
  const std::vector<Ordinal> one = {1};
  EXPECT_THAT(
      Join(Metric::kEuclidean, vectors, {.tail = one}, {.distance_max = 9}),
      IsOkAndHolds(IsEmpty()));
  const std::vector<Ordinal> both = {0, 1};
  EXPECT_THAT(
      Join(Metric::kEuclidean, vectors, {.tail = both}, {.distance_max = -1}),
      IsOkAndHolds(IsEmpty()));
}

// Thousands of rows that differ by less than codes are rounded by.
TEST(PairJoinNearDuplicatesTest, FindsThem) {
  for (const double radius : {0.03, 0.003}) {
    MemoryVectors vectors = MakeClusters({.row_count = 6000, .dimension = 96});
    AppendNearDuplicates(Metric::kCosine, 17, radius, 1500, 0, vectors);
    const std::vector<Ordinal> rows = vectors.ordinals();
    MemoryPageStore pages;
    COPSE_ASSERT_OK_AND_ASSIGN(const PageId root,
                               BuildForest({}, vectors, rows, pages));
    COPSE_ASSERT_OK_AND_ASSIGN(const auto forest, Forest::Open(root, pages));
    const auto distance_max = static_cast<float>(radius * radius / 2);
    const std::vector<RowPair> truth =
        BruteForce(Metric::kCosine, vectors, rows, distance_max);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<RowPair> found,
        Join(Metric::kCosine, vectors, {.forest = forest.get()},
             {.distance_max = distance_max}));
    EXPECT_GE(PairRecall(found, truth), 0.99) << radius;
  }
}

}  // namespace
}  // namespace copse
