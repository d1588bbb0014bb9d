// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/search_runs.h"

#include <cstddef>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/forest.h"
#include "index/metric.h"
#include "index/vector_source.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Ge;
using ::testing::SizeIs;

TEST(CountHitsTest, CountsWhatIsAtMostAsFarAsTheLastOfTheTruth) {
  const std::vector<Neighbor> truth = {{1, 0.1F}, {2, 0.2F}, {3, 0.2F}};
  // Row 9 is as far as row 2, so it is as good an answer.
  const std::vector<Neighbor> found = {{1, 0.1F}, {9, 0.2F}, {8, 0.3F}};
  EXPECT_EQ(internal::CountHits(truth, found, 1), 1U);
  EXPECT_EQ(internal::CountHits(truth, found, 2), 2U);
  EXPECT_EQ(internal::CountHits(truth, found, 3), 2U);
  EXPECT_EQ(internal::CountHits(truth, found, 10), 2U);
  EXPECT_EQ(internal::CountHits(truth, {}, 3), 0U);
  EXPECT_EQ(internal::CountHits({}, found, 3), 0U);
}

TEST(PercentileTest, IsTheNearestRank) {
  EXPECT_EQ(internal::Percentile({3, 1, 2, 4}, 0.5), 2);
  EXPECT_EQ(internal::Percentile({3, 1, 2, 4}, 0.99), 4);
  EXPECT_EQ(internal::Percentile({7}, 0.01), 7);
}

TEST(RecallTest, IsTheShareOfWhatThereIsToFind) {
  const std::vector<std::vector<Neighbor>> truth = {
      {{1, 0.1F}, {2, 0.2F}, {3, 0.3F}}, {{4, 0.1F}}, {}};
  const std::vector<std::vector<Neighbor>> found = {
      {{1, 0.1F}, {3, 0.3F}}, {{4, 0.1F}, {5, 0.5F}}, {}};
  EXPECT_EQ(Recall(truth, found, 1), 1);
  EXPECT_EQ(Recall(truth, found, 2), 2.0 / 3);
  EXPECT_EQ(Recall(truth, found, 10), 3.0 / 4);
}

// Ten points on a line, and two of them as queries.
class SearchRunsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 10; ++i) {
      data_.base.Append(std::vector<float>{static_cast<float>(i)});
    }
    data_.queries.Append(data_.base.row(3));
    data_.queries.Append(data_.base.row(7));
    input_.forest.metric = Metric::kEuclidean;
    COPSE_ASSERT_OK_AND_ASSIGN(built_, BuildBenchForest(input_, data_.base));
  }

  BenchInput input_;
  BenchData data_;
  BenchForest built_;
};

TEST_F(SearchRunsTest, KeepsWhatTheFirstPassFoundAndTheTimesOfAll) {
  const auto options = [](size_t query) {
    return SearchOptions{.neighbor_count = query + 1};
  };
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Searches searches,
      RunSearches(*built_.forest, data_, options, /*seconds_min=*/0.001));
  ASSERT_THAT(searches.found, SizeIs(2));
  EXPECT_THAT(searches.found[0], SizeIs(1)) << "options go by the query";
  EXPECT_THAT(searches.found[1], SizeIs(2));
  EXPECT_EQ(searches.found[1][0].ordinal, 7U);
  EXPECT_THAT(searches.pass_seconds.size(), Ge(2U));
  EXPECT_THAT(searches.microseconds, SizeIs(2 * searches.pass_seconds.size()));
  EXPECT_EQ(searches.work.rows_scanned, 20) << "of one pass";
  const SearchCosts costs = CostsOf(searches);
  EXPECT_EQ(costs.rows_scanned, 10);
  EXPECT_THAT(costs.p99_us, Ge(costs.p50_us));
  EXPECT_GT(costs.cpu_share, 0);
}

TEST_F(SearchRunsTest, FindsInABatchWhatSingleSearchesFind) {
  const SearchOptions options = {.neighbor_count = 4};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Searches batches,
      RunBatches(*built_.forest, data_, options, /*seconds_min=*/0));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Searches singles,
      RunSearches(
          *built_.forest, data_, [&](size_t) { return options; },
          /*seconds_min=*/0));
  EXPECT_EQ(batches.found, singles.found);
  EXPECT_THAT(batches.pass_seconds, SizeIs(1));
  EXPECT_LT(CostsOf(batches).p50_us, 0) << "there are none";
}

}  // namespace
}  // namespace copse
