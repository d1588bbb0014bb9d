// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What BuildForest() promises, whatever the rows are.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/exact_search.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Small leaves and pages, so that few rows make a deep tree.
constexpr ForestOptions kSmallPages = {.fan_out = 8, .leaf_row_count = 16};

ForestOptions SmallPages(Metric metric) {
  ForestOptions options = kSmallPages;
  options.metric = metric;
  return options;
}

// Returns the bytes of all pages by number.
std::vector<std::vector<std::byte>> Contents(const MemoryPageStore& pages) {
  std::vector<std::vector<std::byte>> contents;
  for (const PageId page_id : pages.page_ids()) {
    const PageRef page = *pages.Read(page_id);
    contents.emplace_back(page->bytes().begin(), page->bytes().end());
  }
  return contents;
}

// Builds over all rows of `vectors`, checks the forest, and that a search for
// some of the rows without limits is the exact search.
void ExpectExactForest(const ForestOptions& options,
                       const MemoryVectors& vectors,
                       const MemoryVectors& queries) {
  MemoryPageStore pages;
  const std::vector<Ordinal> ordinals = vectors.ordinals();
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId root,
                             BuildForest(options, vectors, ordinals, pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  ASSERT_THAT(CheckForest(*forest, ordinals), IsOk());
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Neighbor> truth,
        ExactSearch(options.metric, vectors, ordinals, queries.row(i), 20));
    EXPECT_THAT(forest->Search(vectors, queries.row(i),
                               {.neighbor_count = 20,
                                .scan_budget = vectors.row_count(),
                                .rerank_count = vectors.row_count()}),
                IsOkAndHolds(ElementsAreArray(truth)))
        << "query " << i;
  }
}

class ForestBuildTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Metrics, ForestBuildTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(ForestBuildTest, SearchWithoutLimitsIsExact) {
  const MemoryVectors vectors = MakeClusters({.metric = GetParam()});
  const MemoryVectors queries =
      MakeClusters({.metric = GetParam(), .row_count = 20, .row_seed = 2});
  ExpectExactForest(SmallPages(GetParam()), vectors, queries);
}

TEST_P(ForestBuildTest, FindsMostNeighborsInATenthOfTheRows) {
  const MemoryVectors vectors =
      MakeClusters({.metric = GetParam(), .row_count = 8000, .dimension = 32});
  const MemoryVectors queries = MakeClusters(
      {.metric = GetParam(), .row_count = 100, .dimension = 32, .row_seed = 2});
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PageId root,
      BuildForest({.metric = GetParam(), .leaf_row_count = 32}, vectors,
                  vectors.ordinals(), pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  EXPECT_THAT(MeanRecall(*forest, vectors, vectors.ordinals(), queries,
                         {.neighbor_count = 10, .scan_budget = 800}),
              IsOkAndHolds(Ge(0.95)));
}

TEST_P(ForestBuildTest, SeveralTreesFindEachRowOnce) {
  const MemoryVectors vectors = MakeClusters({.metric = GetParam()});
  const MemoryVectors queries =
      MakeClusters({.metric = GetParam(), .row_count = 10, .row_seed = 2});
  ForestOptions options = SmallPages(GetParam());
  options.tree_count = 3;
  ExpectExactForest(options, vectors, queries);

  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PageId root,
      BuildForest(options, vectors, vectors.ordinals(), pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        std::vector<Neighbor> found,
        forest->Search(vectors, queries.row(i),
                       {.neighbor_count = 50, .scan_budget = 600}));
    EXPECT_THAT(found, SizeIs(50));
    std::ranges::sort(found, {}, &Neighbor::ordinal);
    EXPECT_THAT(std::ranges::adjacent_find(found, {}, &Neighbor::ordinal),
                Eq(found.end()));
  }
}

TEST(ForestBuildSmallTest, BuildsAForestOfNoRows) {
  const MemoryVectors vectors(3, {1, 2, 3});
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId root,
                             BuildForest({}, vectors, {}, pages));
  EXPECT_EQ(pages.page_count(), 1U);
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  EXPECT_THAT(CheckForest(*forest, {}), IsOk());
  EXPECT_THAT(forest->Search(vectors, vectors.row(0), {}),
              IsOkAndHolds(IsEmpty()));
}

TEST(ForestBuildSmallTest, BuildsAForestOfOneRow) {
  const MemoryVectors vectors(3, {1, 2, 3, 4, 5, 6});
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PageId root, BuildForest({.metric = Metric::kEuclidean}, vectors,
                                     std::vector<Ordinal>{1}, pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  EXPECT_THAT(CheckForest(*forest, std::vector<Ordinal>{1}), IsOk());
  EXPECT_THAT(forest->Search(vectors, vectors.row(1), {}),
              IsOkAndHolds(ElementsAreArray({Neighbor{1, 0}})));
}

// Rows that k-means alone can do little with.
class ForestBuildDegenerateTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Metrics, ForestBuildDegenerateTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(ForestBuildDegenerateTest, EqualRows) {
  const MemoryVectors vectors(4, std::vector<float>(4000, 1));
  const MemoryVectors queries(4, {1, 1, 0, 1});
  ExpectExactForest(SmallPages(GetParam()), vectors, queries);
}

TEST_P(ForestBuildDegenerateTest, ZeroRows) {
  const MemoryVectors vectors(4, std::vector<float>(4000, 0));
  const MemoryVectors queries(4, {0, 0, 0, 0, 1, 0, 0, 1});
  ExpectExactForest(SmallPages(GetParam()), vectors, queries);
}

TEST_P(ForestBuildDegenerateTest, TwoDifferentRows) {
  std::vector<float> components;
  for (int i = 0; i < 1000; ++i) {
    const bool rare = i % 100 == 0;
    components.insert(components.end(), {1, rare ? 0.F : 1.F, 0, 1});
  }
  MemoryVectors vectors(4, std::move(components));
  if (GetParam() == Metric::kCosine) {
    vectors.Normalize();
  }
  const MemoryVectors queries(4, {1, 1, 0, 1, 0, 0, 0, 1});
  ExpectExactForest(SmallPages(GetParam()), vectors, queries);
}

TEST_P(ForestBuildDegenerateTest, OneDenseClusterAndOutliers) {
  MemoryVectors vectors = MakeClusters(
      {.metric = GetParam(), .row_count = 30, .dimension = 8, .seed = 5});
  const MemoryVectors queries = MakeClusters(
      {.metric = GetParam(), .row_count = 10, .dimension = 8, .row_seed = 6});
  std::mt19937_64 random(3);
  const std::vector<float> center(vectors.row(0).begin(), vectors.row(0).end());
  for (int i = 0; i < 1500; ++i) {
    std::vector<float> row = center;
    if (GetParam() != Metric::kHamming) {
      row[random() % row.size()] += 1e-3F * static_cast<float>(random() % 7);
    }
    vectors.Append(row);
  }
  if (GetParam() == Metric::kCosine) {
    vectors.Normalize();
  }
  ExpectExactForest(SmallPages(GetParam()), vectors, queries);
}

TEST(ForestBuildSmallTest, KeepsItsPagesLegalAtTheEndOfTheRangeOfFloats) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kMin = std::numeric_limits<float>::denorm_min();
  std::mt19937_64 random(1);
  for (const Metric metric : {Metric::kEuclidean, Metric::kDotProduct}) {
    std::vector<float> components;
    for (int i = 0; i < 4 * 500; ++i) {
      const float values[] = {kMax, -kMax, kMin, -kMin, 0, 1, kMax / 3};
      components.push_back(values[random() % std::size(values)]);
    }
    const MemoryVectors vectors(4, std::move(components));
    MemoryPageStore pages;
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root,
        BuildForest(SmallPages(metric), vectors, vectors.ordinals(), pages));
    COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                               Forest::Open(root, pages));
    EXPECT_THAT(CheckForest(*forest, vectors.ordinals()), IsOk());
    EXPECT_THAT(forest->Search(vectors, vectors.row(7), {}),
                IsOkAndHolds(SizeIs(10)));
  }
}

TEST(ForestBuildSmallTest, TheFewestChildrenMakeADeepTree) {
  const MemoryVectors vectors = MakeClusters({.row_count = 3000});
  const MemoryVectors queries = MakeClusters({.row_count = 5, .row_seed = 2});
  ExpectExactForest({.fan_out = 4, .leaf_row_count = 8}, vectors, queries);
}

TEST(ForestBuildSmallTest, PagesDoNotDependOnThreadsOrOrder) {
  const MemoryVectors vectors = MakeClusters({.row_count = 3000});
  std::vector<Ordinal> ordinals = vectors.ordinals();
  ForestOptions options = kSmallPages;
  options.tree_count = 2;
  MemoryPageStore expected;
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId root,
                             BuildForest(options, vectors, ordinals, expected));
  for (const uint32_t thread_count : {2U, 5U}) {
    options.thread_count = thread_count;
    std::ranges::reverse(ordinals);
    MemoryPageStore pages;
    EXPECT_THAT(BuildForest(options, vectors, ordinals, pages),
                IsOkAndHolds(Eq(root)));
    EXPECT_TRUE(Contents(pages) == Contents(expected))
        << thread_count << " threads";
  }
}

TEST(ForestBuildSmallTest, AnotherSeedMakesOtherPages) {
  const MemoryVectors vectors = MakeClusters({.row_count = 3000});
  ForestOptions options = kSmallPages;
  MemoryPageStore pages;
  ASSERT_THAT(BuildForest(options, vectors, vectors.ordinals(), pages), IsOk());
  options.seed = 1;
  MemoryPageStore others;
  ASSERT_THAT(BuildForest(options, vectors, vectors.ordinals(), others),
              IsOk());
  EXPECT_FALSE(Contents(pages) == Contents(others));
}

TEST(ForestBuildSmallTest, KeepsItsOptions) {
  const MemoryVectors vectors = MakeClusters({.row_count = 100});
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId root,
                             BuildForest({.metric = Metric::kManhattan,
                                          .tree_count = 2,
                                          .fan_out = 9,
                                          .leaf_row_count = 11,
                                          .seed = 77,
                                          .thread_count = 3},
                                         vectors, vectors.ordinals(), pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(root, pages));
  EXPECT_EQ(forest->root(), root);
  EXPECT_EQ(forest->dimension(), 16U);
  EXPECT_EQ(forest->row_count(), 100);
  EXPECT_EQ(forest->options().metric, Metric::kManhattan);
  EXPECT_EQ(forest->options().tree_count, 2U);
  EXPECT_EQ(forest->options().fan_out, 9U);
  EXPECT_EQ(forest->options().leaf_row_count, 11U);
  EXPECT_EQ(forest->options().seed, 77U);
}

TEST(ForestBuildSmallTest, NamesOptionsOutOfRange) {
  const MemoryVectors vectors = MakeClusters({.row_count = 100});
  MemoryPageStore pages;
  const auto expect_refused = [&](const ForestOptions& options,
                                  const std::string& message) {
    EXPECT_THAT(BuildForest(options, vectors, vectors.ordinals(), pages),
                StatusIs(absl::StatusCode::kInvalidArgument, Eq(message)));
  };
  expect_refused({.metric = static_cast<Metric>(6)},
                 "metric is 6, expected a number from 1 to 5");
  expect_refused({.tree_count = 0},
                 "tree_count is 0, expected a number from 1 to 8");
  expect_refused({.tree_count = 9},
                 "tree_count is 9, expected a number from 1 to 8");
  expect_refused({.fan_out = 3},
                 "fan_out is 3, expected a number from 4 to 1024");
  expect_refused({.leaf_row_count = 1025},
                 "leaf_row_count is 1025, expected a number from 8 to 1024");
  expect_refused({.thread_count = 0},
                 "thread_count is 0, expected a number from 1 to 256");
  EXPECT_EQ(pages.page_count(), 0U);
}

TEST(ForestBuildSmallTest, RejectsARowThatIsNamedTwice) {
  const MemoryVectors vectors = MakeClusters({.row_count = 100});
  MemoryPageStore pages;
  EXPECT_THAT(
      BuildForest({}, vectors, std::vector<Ordinal>{4, 5, 4}, pages),
      StatusIs(absl::StatusCode::kInvalidArgument,
               Eq("ordinals contain 4 twice, expected each at most once")));
}

TEST(ForestBuildSmallTest, PassesOnWhatTheSourceAndTheSinkFailWith) {
  const MemoryVectors vectors = MakeClusters({.row_count = 1000});
  std::vector<Ordinal> ordinals = vectors.ordinals();
  MemoryPageStore pages;
  ForestOptions options = kSmallPages;
  options.thread_count = 3;
  for (const int64_t write_count : {0, 1, 40}) {
    pages.FailWritesAfter(write_count);
    EXPECT_THAT(BuildForest(options, vectors, ordinals, pages),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
  pages.FailWritesAfter(-1);
  ordinals.push_back(1000);
  EXPECT_THAT(BuildForest(options, vectors, ordinals, pages),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("row 1000")));
}

}  // namespace
}  // namespace copse
