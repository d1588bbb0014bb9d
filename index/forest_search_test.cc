// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What Forest::Search() promises beside finding neighbours, which
// forest_build_test.cc shows: limits, filters, defaults, counts, threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <thread>
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
#include "index/row_bitmap.h"
#include "index/search_phase.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Le;
using ::testing::Lt;
using ::testing::SizeIs;

constexpr size_t kRowCount = 4000;

class ForestSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    COPSE_ASSERT_OK_AND_ASSIGN(
        root_, BuildForest({.fan_out = 16, .leaf_row_count = 16}, vectors_,
                           vectors_.ordinals(), pages_));
    COPSE_ASSERT_OK_AND_ASSIGN(forest_, Forest::Open(root_, pages_));
  }

  // Returns the exact answer among the rows for which keep(ordinal).
  template <typename Keep>
  std::vector<Neighbor> Exact(std::span<const float> query, size_t count,
                              const Keep& keep) const {
    std::vector<Ordinal> ordinals = vectors_.ordinals();
    std::erase_if(ordinals, [&](Ordinal ordinal) { return !keep(ordinal); });
    return *ExactSearch(Metric::kCosine, vectors_, ordinals, query, count);
  }

  const MemoryVectors vectors_ = MakeClusters({.row_count = kRowCount});
  const MemoryVectors queries_ = MakeClusters({.row_count = 20, .row_seed = 2});
  MemoryPageStore pages_;
  PageId root_ = kNoPage;
  std::shared_ptr<const Forest> forest_;
};

TEST_F(ForestSearchTest, ReturnsOnlyAllowedRowsThatAreNotExcluded) {
  RowBitmap allowed;
  RowBitmap excluded;
  for (Ordinal i = 0; i < kRowCount; ++i) {
    if (i % 3 == 0) {
      allowed.Add(i);
    }
    if (i % 2 == 0) {
      excluded.Add(i);
    }
  }
  const auto keep = [](Ordinal ordinal) { return ordinal % 6 == 3; };
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    EXPECT_THAT(
        forest_->Search(vectors_, queries_.row(i),
                        {.scan_budget = kRowCount,
                         .rerank_count = kRowCount,
                         .allowed = &allowed,
                         .excluded = &excluded}),
        IsOkAndHolds(ElementsAreArray(Exact(queries_.row(i), 10, keep))));
  }
}

TEST_F(ForestSearchTest, CountsOnlyRowsThatPassAgainstTheBudget) {
  RowBitmap allowed;
  for (Ordinal i = 0; i < kRowCount; i += 5) {
    allowed.Add(i);
  }
  SearchWork work;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<Neighbor> found,
      forest_->Search(vectors_, queries_.row(0),
                      {.scan_budget = 150, .allowed = &allowed}, &work));
  EXPECT_THAT(found, SizeIs(10));
  EXPECT_THAT(work.rows_scanned, AllOf(Ge(150), Lt(200)));
}

TEST_F(ForestSearchTest, StaysNearTheBudgetWhereTheNearestRowsAreExcluded) {
  const auto all = [](Ordinal) { return true; };
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    RowBitmap excluded;
    for (const Neighbor& neighbor : Exact(queries_.row(i), 400, all)) {
      excluded.Add(neighbor.ordinal);
    }
    const SearchOptions options = {.scan_budget = 100, .excluded = &excluded};
    SearchWork work;
    EXPECT_THAT(forest_->Search(vectors_, queries_.row(i), options, &work),
                IsOkAndHolds(SizeIs(10)));
    EXPECT_THAT(work.rows_scanned, AllOf(Ge(100), Le(340)));
    const std::vector<std::span<const float>> batch = {queries_.row(i)};
    COPSE_ASSERT_OK_AND_ASSIGN(const auto found,
                               forest_->BatchSearch(vectors_, batch, options));
    EXPECT_THAT(found[0], SizeIs(10));
  }
}

TEST_F(ForestSearchTest, FindsTheFewAllowedRowsWhereverTheyAre) {
  RowBitmap allowed;
  const std::vector<Ordinal> rows = {5, 700, 1999, 3998};
  for (const Ordinal row : rows) {
    allowed.Add(row);
  }
  const auto keep = [&rows](Ordinal ordinal) {
    return std::ranges::find(rows, ordinal) != rows.end();
  };
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    EXPECT_THAT(
        forest_->Search(vectors_, queries_.row(i),
                        {.scan_budget = 50, .allowed = &allowed}),
        IsOkAndHolds(ElementsAreArray(Exact(queries_.row(i), 10, keep))));
  }
}

TEST_F(ForestSearchTest, ComparesAllRowsOfANarrowFilterAndScansNone) {
  RowBitmap allowed;
  RowBitmap excluded;
  for (Ordinal i = 0; i < kRowCount; i += 40) {
    allowed.Add(i);
    if (i % 80 == 0) {
      excluded.Add(i);
    }
  }
  const auto keep = [](Ordinal ordinal) { return ordinal % 80 == 40; };
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    SearchWork work;
    EXPECT_THAT(
        forest_->Search(vectors_, queries_.row(i),
                        {.scan_budget = 1000,
                         .rerank_count = 1,
                         .allowed = &allowed,
                         .excluded = &excluded},
                        &work),
        IsOkAndHolds(ElementsAreArray(Exact(queries_.row(i), 10, keep))));
    EXPECT_EQ(work.rows_scanned, 0);
    EXPECT_EQ(work.rows_reranked, kRowCount / 80);
  }
}

TEST_F(ForestSearchTest, ComparesOnlyAllowedRowsWhenTheAnswerIsToBeExact) {
  RowBitmap allowed;
  for (Ordinal i = 0; i < kRowCount; i += 2) {
    allowed.Add(i);
  }
  const auto keep = [](Ordinal ordinal) { return ordinal % 2 == 0; };
  SearchWork work;
  EXPECT_THAT(forest_->Search(vectors_, queries_.row(0),
                              {.exact = true, .allowed = &allowed}, &work),
              IsOkAndHolds(ElementsAreArray(Exact(queries_.row(0), 10, keep))));
  EXPECT_EQ(work.rows_reranked, kRowCount / 2);
}

TEST_F(ForestSearchTest, FindsNothingWhereNothingIsAllowed) {
  const RowBitmap allowed;
  SearchWork work;
  EXPECT_THAT(
      forest_->Search(vectors_, queries_.row(0), {.allowed = &allowed}, &work),
      IsOkAndHolds(SizeIs(0)));
  EXPECT_EQ(work.rows_scanned, 0);
}

TEST_F(ForestSearchTest, ReturnsAllRowsIfMoreAreWanted) {
  const auto keep = [](Ordinal) { return true; };
  for (const size_t count : {kRowCount, std::numeric_limits<size_t>::max()}) {
    EXPECT_THAT(forest_->Search(vectors_, queries_.row(0),
                                {.neighbor_count = count, .scan_budget = 1}),
                IsOkAndHolds(
                    ElementsAreArray(Exact(queries_.row(0), kRowCount, keep))));
  }
}

TEST_F(ForestSearchTest, StaysNearItsLimits) {
  SearchWork work;
  ASSERT_THAT(forest_->Search(vectors_, queries_.row(0),
                              {.scan_budget = 200, .rerank_count = 30}, &work),
              IsOk());
  EXPECT_THAT(work.rows_scanned, AllOf(Ge(200), Le(232)));
  EXPECT_EQ(work.rows_reranked, 30);
  EXPECT_THAT(work.pages_read, Ge(200 / 32));
  const SearchWork first = work;
  ASSERT_THAT(forest_->Search(vectors_, queries_.row(0),
                              {.scan_budget = 200, .rerank_count = 30}, &work),
              IsOk());
  EXPECT_EQ(work.rows_scanned, 2 * first.rows_scanned) << "work adds up";
  EXPECT_EQ(work.pages_read, 2 * first.pages_read);
}

TEST_F(ForestSearchTest, DefaultsFindAlmostAll) {
  EXPECT_THAT(MeanRecall(*forest_, vectors_, vectors_.ordinals(), queries_,
                         {.neighbor_count = 10}),
              IsOkAndHolds(Ge(0.97)));
  EXPECT_THAT(MeanRecall(*forest_, vectors_, vectors_.ordinals(), queries_,
                         {.neighbor_count = 100}),
              IsOkAndHolds(Ge(0.97)));
}

TEST_F(ForestSearchTest, AZeroQueryIsAtDistanceOneOfEverything) {
  const std::vector<float> zero(vectors_.dimension());
  EXPECT_THAT(forest_->Search(vectors_, zero, {}),
              IsOkAndHolds(AllOf(SizeIs(10),
                                 Each(Field(&Neighbor::distance, Eq(1.F))))));
}

TEST_F(ForestSearchTest, TheLengthOfACosineQueryDoesNotMatter) {
  for (const float factor : {1e-3F, 1e3F}) {
    std::vector<float> query(queries_.row(0).begin(), queries_.row(0).end());
    COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Neighbor> expected,
                               forest_->Search(vectors_, query, {}));
    for (float& component : query) {
      component *= factor;
    }
    COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Neighbor> found,
                               forest_->Search(vectors_, query, {}));
    ASSERT_THAT(found, SizeIs(expected.size()));
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ordinal, expected[i].ordinal);
    }
  }
}

TEST_F(ForestSearchTest, RejectsAWrongRequest) {
  EXPECT_THAT(forest_->Search(vectors_, queries_.row(0).first(5), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("16")));
  std::vector<float> query(queries_.row(0).begin(), queries_.row(0).end());
  query[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(forest_->Search(vectors_, query, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(forest_->Search(vectors_, queries_.row(0), {.neighbor_count = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("neighbor_count is 0, expected at least 1")));
  const MemoryVectors others(2, {1, 2});
  EXPECT_THAT(forest_->Search(others, queries_.row(0), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("vectors have 2 components, expected 16 as the "
                          "forest")));
}

TEST_F(ForestSearchTest, PassesOnThatAVectorIsMissing) {
  const std::span<const float> half = vectors_.row(0);
  const MemoryVectors few(vectors_.dimension(), {half.begin(), half.end()});
  EXPECT_THAT(forest_->Search(few, queries_.row(0), {}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ForestSearchTest, LoadsPagesOnFirstUseAndOnlyOnce) {
  const size_t at_open = forest_->memory_size_bytes();
  EXPECT_THAT(pages_.read_count(), Eq(1));
  ASSERT_THAT(forest_->Search(vectors_, queries_.row(0), {.scan_budget = 100}),
              IsOk());
  const size_t after_one = forest_->memory_size_bytes();
  const int64_t reads_after_one = pages_.read_count();
  EXPECT_THAT(at_open, Lt(after_one));
  EXPECT_THAT(static_cast<size_t>(reads_after_one), Lt(pages_.page_count()));
  ASSERT_THAT(forest_->Search(vectors_, queries_.row(0), {.scan_budget = 100}),
              IsOk());
  EXPECT_EQ(forest_->memory_size_bytes(), after_one);
  EXPECT_EQ(pages_.read_count(), reads_after_one);
  ASSERT_THAT(
      forest_->Search(vectors_, queries_.row(0), {.scan_budget = kRowCount}),
      IsOk());
  EXPECT_EQ(pages_.read_count(), static_cast<int64_t>(pages_.page_count()));
  EXPECT_THAT(forest_->memory_size_bytes(), Ge(pages_.size_bytes()));
}

TEST_F(ForestSearchTest, ManyThreadsGetTheAnswersOfOne) {
  std::vector<std::vector<Neighbor>> expected;
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        std::vector<Neighbor> found,
        forest_->Search(vectors_, queries_.row(i), {.scan_budget = 300}));
    expected.push_back(std::move(found));
  }
  // A forest of which nothing is loaded yet, so that the threads race for it.
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> fresh,
                             Forest::Open(root_, pages_));
  constexpr int kThreadCount = 4;
  std::vector<int> differences(kThreadCount);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreadCount);
    for (int thread = 0; thread < kThreadCount; ++thread) {
      threads.emplace_back([&, thread] {
        for (int round = 0; round < 5; ++round) {
          for (Ordinal i = 0; i < queries_.row_count(); ++i) {
            const absl::StatusOr<std::vector<Neighbor>> found =
                fresh->Search(vectors_, queries_.row(i), {.scan_budget = 300});
            differences[thread] += !found.ok() || *found != expected[i];
          }
        }
      });
    }
  }
  EXPECT_THAT(differences, Each(0));
}

TEST_F(ForestSearchTest, ComparesEveryRowWhenAskedForTheExactAnswer) {
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    SearchWork work;
    const auto all = [](Ordinal) { return true; };
    EXPECT_THAT(
        forest_->Search(vectors_, queries_.row(i),
                        {.scan_budget = 1, .rerank_count = 1, .exact = true},
                        &work),
        IsOkAndHolds(ElementsAreArray(Exact(queries_.row(i), 10, all))));
    EXPECT_EQ(work.rows_reranked, kRowCount);
  }
}

TEST_F(ForestSearchTest, ReturnsOnlyRowsWithinTheDistance) {
  const auto all = [](Ordinal) { return true; };
  const std::vector<Neighbor> truth = Exact(queries_.row(0), 60, all);
  const float bound = truth[40].distance;
  std::vector<Neighbor> within = truth;
  std::erase_if(within, [bound](const Neighbor& neighbor) {
    return neighbor.distance > bound;
  });
  EXPECT_THAT(forest_->Search(
                  vectors_, queries_.row(0),
                  {.neighbor_count = 60, .exact = true, .distance_max = bound}),
              IsOkAndHolds(ElementsAreArray(within)));
  EXPECT_THAT(forest_->Search(vectors_, queries_.row(0), {.distance_max = -1}),
              IsOkAndHolds(SizeIs(0)));
}

TEST_F(ForestSearchTest, RefusesADistanceThatIsNotANumber) {
  EXPECT_THAT(forest_->Search(
                  vectors_, queries_.row(0),
                  {.distance_max = std::numeric_limits<float>::quiet_NaN()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("distance_max is not a number")));
}

TEST_F(ForestSearchTest, EndsWithTheStatusOfTheCheck) {
  int calls = 0;
  const std::function<absl::Status()> check = [&calls] {
    return ++calls < 3 ? absl::OkStatus()
                       : absl::DeadlineExceededError("too late");
  };
  EXPECT_THAT(forest_->Search(vectors_, queries_.row(0),
                              {.scan_budget = kRowCount, .check = &check}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "too late"));
  EXPECT_EQ(calls, 3);
}

TEST_F(ForestSearchTest, TellsItsObserverWhenEachPhaseHasEnded) {
  std::vector<SearchPhase> ended;
  const PhaseObserver observer = [&ended](SearchPhase phase) {
    ended.push_back(phase);
  };
  std::vector<SearchPhase> all;
  for (size_t phase = 0; phase < kSearchPhaseCount; ++phase) {
    all.push_back(static_cast<SearchPhase>(phase));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Neighbor> expected,
                             forest_->Search(vectors_, queries_.row(0), {}));
  EXPECT_THAT(
      forest_->Search(vectors_, queries_.row(0), {.phase_observer = &observer}),
      IsOkAndHolds(ElementsAreArray(expected)));
  EXPECT_THAT(ended, IsSupersetOf(all));
  EXPECT_EQ(ended.front(), SearchPhase::kBegin);
  EXPECT_EQ(ended.back(), SearchPhase::kCompareRows);
  ended.clear();
  const std::vector<std::span<const float>> queries = {queries_.row(0)};
  EXPECT_THAT(
      forest_->BatchSearch(vectors_, queries, {.phase_observer = &observer}),
      IsOkAndHolds(ElementsAre(ElementsAreArray(expected))));
  EXPECT_THAT(ended, IsSupersetOf(all));
}

TEST_F(ForestSearchTest, FindsInABatchWhatSingleSearchesFind) {
  RowBitmap excluded;
  RowBitmap allowed;
  for (Ordinal i = 0; i < kRowCount; ++i) {
    if (i % 7 == 0) {
      excluded.Add(i);
    } else if (i % 2 == 0) {
      allowed.Add(i);
    }
  }
  std::vector<std::span<const float>> queries;
  for (int repeat = 0; repeat < 8; ++repeat) {
    for (Ordinal i = 0; i < queries_.row_count(); ++i) {
      queries.push_back(queries_.row(i));
    }
  }
  for (const SearchOptions& options :
       {SearchOptions{.scan_budget = 600},
        SearchOptions{.scan_budget = kRowCount, .rerank_count = kRowCount},
        SearchOptions{.scan_budget = 600, .excluded = &excluded},
        SearchOptions{.scan_budget = 300, .allowed = &allowed}}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::vector<Neighbor>> found,
        forest_->BatchSearch(vectors_, queries, options));
    ASSERT_THAT(found, SizeIs(queries.size()));
    for (size_t i = 0; i < queries.size(); ++i) {
      COPSE_ASSERT_OK_AND_ASSIGN(
          const std::vector<Neighbor> single,
          forest_->Search(vectors_, queries[i], options));
      EXPECT_THAT(found[i], ElementsAreArray(single));
    }
  }
}

TEST_F(ForestSearchTest, ABatchEndsWithTheStatusOfTheCheckBeforeItBegins) {
  int call_count = 0;
  const std::function<absl::Status()> check = [&call_count] {
    ++call_count;
    return absl::CancelledError("no");
  };
  const std::vector<std::span<const float>> batch(100, queries_.row(0));
  EXPECT_THAT(forest_->BatchSearch(vectors_, batch, {.check = &check}),
              StatusIs(absl::StatusCode::kCancelled, "no"));
  EXPECT_EQ(call_count, 1);
}

TEST_F(ForestSearchTest, NamesTheBadQueryOfABatch) {
  const std::vector<float> bad(3);
  const std::vector<std::span<const float>> queries = {queries_.row(0), bad};
  EXPECT_THAT(
      forest_->BatchSearch(vectors_, queries, {}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("query 1: ")));
}

// Near-duplicates among other rows: what separates them is far smaller than
// their distance to the origin, which estimates are rounded by.
class NearDuplicatesTest : public ::testing::TestWithParam<double> {
 protected:
  static constexpr size_t kDuplicateCount = 2000;

  void Build(const ForestOptions& options) {
    metric_ = options.metric;
    vectors_ = MakeClusters(
        {.metric = metric_, .row_count = kRowCount, .dimension = 128});
    queries_ = AppendNearDuplicates(metric_, 7, GetParam(), kDuplicateCount, 20,
                                    vectors_);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root,
        BuildForest(options, vectors_, vectors_.ordinals(), pages_));
    COPSE_ASSERT_OK_AND_ASSIGN(forest_, Forest::Open(root, pages_));
  }

  void ExpectFound(const SearchOptions& options) {
    std::vector<std::span<const float>> queries;
    for (Ordinal i = 0; i < queries_.row_count(); ++i) {
      queries.push_back(queries_.row(i));
    }
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::vector<Neighbor>> batch,
        forest_->BatchSearch(vectors_, queries, options));
    double recall = 0;
    double batch_recall = 0;
    for (size_t i = 0; i < queries.size(); ++i) {
      COPSE_ASSERT_OK_AND_ASSIGN(
          const std::vector<Neighbor> truth,
          ExactSearch(metric_, vectors_, Passing(options), queries[i],
                      options.neighbor_count));
      COPSE_ASSERT_OK_AND_ASSIGN(
          const std::vector<Neighbor> found,
          forest_->Search(vectors_, queries[i], options));
      recall += Recall(found, truth) / static_cast<double>(queries.size());
      batch_recall +=
          Recall(batch[i], truth) / static_cast<double>(queries.size());
    }
    EXPECT_GE(recall, 0.95) << MetricName(metric_);
    EXPECT_GE(batch_recall, 0.95) << MetricName(metric_);
  }

  std::vector<Ordinal> Passing(const SearchOptions& options) const {
    std::vector<Ordinal> ordinals = vectors_.ordinals();
    std::erase_if(ordinals, [&options](Ordinal ordinal) {
      return options.excluded != nullptr && options.excluded->Contains(ordinal);
    });
    return ordinals;
  }

  Metric metric_ = Metric::kCosine;
  MemoryVectors vectors_ = MemoryVectors(1, {});
  MemoryVectors queries_ = MemoryVectors(1, {});
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
};

INSTANTIATE_TEST_SUITE_P(Radii, NearDuplicatesTest,
                         ::testing::Values(0.01, 0.003, 0.001));

TEST_P(NearDuplicatesTest, AreFoundWithTheDefaults) {
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean}) {
    Build({.metric = metric});
    ExpectFound({});
  }
}

TEST_P(NearDuplicatesTest, AreFoundInSeveralTrees) {
  Build({.tree_count = 2});
  ExpectFound({});
}

TEST_P(NearDuplicatesTest, AreFoundBesideExcludedOnes) {
  Build({});
  RowBitmap excluded;
  for (Ordinal i = 0; i < vectors_.row_count(); i += 2) {
    excluded.Add(i);
  }
  ExpectFound({.excluded = &excluded});
}

TEST_P(NearDuplicatesTest, AreFoundWithAFewRowsToCompare) {
  Build({});
  ExpectFound({.neighbor_count = 3, .rerank_count = 3});
}

TEST_F(ForestSearchTest, SeveralTreesFindAsManyAsAskedForWithTheLeastBudget) {
  MemoryPageStore pages;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PageId root,
      BuildForest({.tree_count = 4, .fan_out = 16, .leaf_row_count = 16},
                  vectors_, vectors_.ordinals(), pages));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto forest, Forest::Open(root, pages));
  for (const size_t count : {1, 10, 50}) {
    for (Ordinal i = 0; i < queries_.row_count(); ++i) {
      EXPECT_THAT(forest->Search(vectors_, queries_.row(i),
                                 {.neighbor_count = count, .scan_budget = 1}),
                  IsOkAndHolds(SizeIs(count)));
    }
  }
}

TEST_F(ForestSearchTest, RowsThatAreFarApartAreComparedOnce) {
  for (Ordinal i = 0; i < queries_.row_count(); ++i) {
    SearchWork work;
    EXPECT_THAT(forest_->Search(vectors_, queries_.row(i), {}, &work), IsOk());
    EXPECT_EQ(work.rows_reranked, 60);
  }
}

}  // namespace
}  // namespace copse
