// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/packed_rows.h"

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/exact_search.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kRowCount = 3000;

class PackedRowsTest : public ::testing::TestWithParam<Metric> {
 protected:
  const MemoryVectors vectors_ =
      MakeClusters({.metric = GetParam(), .row_count = kRowCount});
  const MemoryVectors queries_ =
      MakeClusters({.metric = GetParam(), .row_count = 20, .row_seed = 2});
};

INSTANTIATE_TEST_SUITE_P(Metrics, PackedRowsTest,
                         ::testing::Values(Metric::kCosine, Metric::kEuclidean,
                                           Metric::kDotProduct,
                                           Metric::kManhattan,
                                           Metric::kHamming));

TEST_P(PackedRowsTest, FindsNearlyAllOfTheNearest) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PackedRows rows,
      PackedRows::Make(GetParam(), vectors_, vectors_.ordinals()));
  double recall = 0;
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Neighbor> truth,
        ExactSearch(GetParam(), vectors_, vectors_.ordinals(), queries_.row(i),
                    10));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Neighbor> found,
        rows.Search(vectors_, queries_.row(i), {.neighbor_count = 10}));
    ASSERT_THAT(found, SizeIs(10));
    recall += Recall(found, truth) / static_cast<double>(queries_.row_count());
  }
  EXPECT_GE(recall, 0.98);
}

TEST(PackedRowsOfNearDuplicatesTest, FindsThem) {
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean}) {
    for (const double radius : {0.01, 0.003, 0.001}) {
      MemoryVectors vectors =
          MakeClusters({.metric = metric, .row_count = 1000, .dimension = 128});
      const MemoryVectors queries =
          AppendNearDuplicates(metric, 7, radius, 1000, 20, vectors);
      COPSE_ASSERT_OK_AND_ASSIGN(
          const PackedRows rows,
          PackedRows::Make(metric, vectors, vectors.ordinals()));
      double recall = 0;
      for (Ordinal i = 0; i < queries.row_count(); ++i) {
        COPSE_ASSERT_OK_AND_ASSIGN(
            const std::vector<Neighbor> truth,
            ExactSearch(metric, vectors, vectors.ordinals(), queries.row(i),
                        10));
        COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Neighbor> found,
                                   rows.Search(vectors, queries.row(i), {}));
        recall += Recall(found, truth) / 20;
      }
      EXPECT_GE(recall, 0.95) << MetricName(metric) << ", radius " << radius;
    }
  }
}

TEST_P(PackedRowsTest, IsTheExactSearchWhenEveryRowIsCompared) {
  RowBitmap excluded;
  std::vector<Ordinal> kept;
  for (Ordinal i = 0; i < kRowCount; ++i) {
    if (i % 3 == 0) {
      excluded.Add(i);
    } else {
      kept.push_back(i);
    }
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PackedRows rows,
      PackedRows::Make(GetParam(), vectors_, vectors_.ordinals()));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<Neighbor> truth,
      ExactSearch(GetParam(), vectors_, kept, queries_.row(0), 25));
  EXPECT_THAT(
      rows.Search(vectors_, queries_.row(0),
                  {.neighbor_count = 25, .exact = true, .excluded = &excluded}),
      IsOkAndHolds(ElementsAreArray(truth)));
}

TEST(PackedRowsOfNothingTest, FindsNothing) {
  const MemoryVectors vectors = MakeClusters({.row_count = 1});
  COPSE_ASSERT_OK_AND_ASSIGN(const PackedRows rows,
                             PackedRows::Make(Metric::kCosine, vectors, {}));
  EXPECT_THAT(rows.Search(vectors, vectors.row(0), {}),
              IsOkAndHolds(IsEmpty()));
}

TEST(PackedRowsOfNothingTest, NamesARowThatCannotBeRead) {
  const MemoryVectors vectors = MakeClusters({.row_count = 3});
  const Ordinal ordinals[] = {2, 3};
  EXPECT_THAT(
      PackedRows::Make(Metric::kCosine, vectors, ordinals).status(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("row 3 does not exist")));
}

}  // namespace
}  // namespace copse
