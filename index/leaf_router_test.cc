// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which leaves a search is led to, against the scores of all of them.

#include "index/leaf_router.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/coded_query.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/split_mix.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse::internal {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Pair;

// A leaf, by its parent and its place there.
using LeafKey = std::pair<const InnerNode*, uint32_t>;

class LeafRouterTest : public ::testing::Test {
 protected:
  void Build(MemoryVectors vectors, const ForestOptions& options) {
    vectors_ = std::move(vectors);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root,
        BuildForest(options, vectors_, vectors_.ordinals(), pages_));
    COPSE_ASSERT_OK_AND_ASSIGN(owner_, Forest::Open(root, pages_));
    forest_ = static_cast<const LoadedForest*>(owner_.get());
    leaves_.clear();
    for (size_t tree = 0; tree < options.tree_count; ++tree) {
      ASSERT_NO_FATAL_FAILURE(ListLeaves(tree));
    }
  }

  // Prepares `query_` for `vector`, which for cosine has unit length.
  void Prepare(std::span<const float> vector) {
    COPSE_ASSERT_OK_AND_ASSIGN(const CodeSpace space, forest_->Space());
    query_.Prepare(space, vector);
  }

  // Takes `row_count` rows again and again until no leaf is left, and checks
  // that each leaf was taken once.
  void ExpectEachLeafOnce(size_t tree_count, uint64_t row_count) {
    ASSERT_THAT(router_.Begin(*forest_, query_, tree_count, &work_), IsOk());
    std::map<LeafKey, int> taken;
    std::vector<RoutedLeaf> batch;
    uint64_t rows_taken = 0;
    while (true) {
      COPSE_ASSERT_OK_AND_ASSIGN(const uint64_t rows,
                                 router_.Take(row_count, batch));
      uint64_t rows_in_batch = 0;
      for (const RoutedLeaf& leaf : batch) {
        ++taken[{leaf.parent, leaf.index}];
        rows_in_batch += leaf.parent->page().row_counts()[leaf.index];
        EXPECT_EQ(leaf.score, leaf.parent->ScoreChild(query_, leaf.index));
      }
      EXPECT_EQ(rows, rows_in_batch);
      rows_taken += rows;
      if (rows == 0) {
        break;
      }
    }
    EXPECT_THAT(batch, IsEmpty());
    EXPECT_EQ(rows_taken, vectors_.row_count() * tree_count);
    EXPECT_THAT(taken, Each(Pair(::testing::_, 1)));
    std::set<LeafKey> expected;
    for (size_t tree = 0; tree < tree_count; ++tree) {
      expected.insert(leaves_[tree].begin(), leaves_[tree].end());
    }
    EXPECT_EQ(taken.size(), expected.size());
    for (const LeafKey& leaf : expected) {
      EXPECT_THAT(taken, Contains(Pair(leaf, 1)));
    }
  }

  MemoryVectors vectors_{1, {}};
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> owner_;
  const LoadedForest* forest_ = nullptr;
  std::vector<std::vector<LeafKey>> leaves_;  // Of each tree.
  CodedQuery query_;
  LeafRouter router_;
  SearchWork work_;

 private:
  void ListLeaves(size_t tree) {
    std::vector<LeafKey>& leaves = leaves_.emplace_back();
    COPSE_ASSERT_OK_AND_ASSIGN(const InnerNode* top, forest_->Top(tree));
    std::vector<const InnerNode*> stack = {top};
    while (!stack.empty()) {
      const InnerNode& node = *stack.back();
      stack.pop_back();
      for (uint32_t i = 0; i < node.child_count(); ++i) {
        if (node.page().level() == 1) {
          leaves.push_back({&node, i});
          continue;
        }
        COPSE_ASSERT_OK_AND_ASSIGN(const InnerNode* child,
                                   forest_->InnerChild(node, i));
        stack.push_back(child);
      }
    }
    ASSERT_EQ(leaves.size(), forest_->record().trees[tree].leaf_count);
  }
};

// Sentence embeddings in small: clusters of clusters, of unit length, with
// less freedom than dimensions.
MemoryVectors MakeEmbeddings(size_t row_count, uint64_t row_seed) {
  constexpr size_t kDimension = 128;
  constexpr size_t kFreedom = 24;
  const MemoryVectors axes = MakeClusters({.metric = Metric::kEuclidean,
                                           .row_count = kFreedom,
                                           .dimension = kDimension,
                                           .cluster_count = 1});
  const MemoryVectors rows = MakeClusters({.metric = Metric::kEuclidean,
                                           .row_count = row_count,
                                           .dimension = kFreedom,
                                           .cluster_count = 60,
                                           .row_seed = row_seed});
  std::vector<float> components(row_count * kDimension);
  for (Ordinal row = 0; row < row_count; ++row) {
    for (size_t axis = 0; axis < kFreedom; ++axis) {
      for (size_t i = 0; i < kDimension; ++i) {
        components[row * kDimension + i] +=
            rows.row(row)[axis] *
            (axes.row(static_cast<Ordinal>(axis))[i] - axes.row(0)[i]);
      }
    }
  }
  MemoryVectors vectors(kDimension, std::move(components));
  vectors.Normalize();
  return vectors;
}

class LeafRouterMetricTest : public LeafRouterTest,
                             public ::testing::WithParamInterface<Metric> {};

INSTANTIATE_TEST_SUITE_P(Metrics, LeafRouterMetricTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(LeafRouterMetricTest, TakesEachLeafOnce) {
  ASSERT_NO_FATAL_FAILURE(
      Build(MakeClusters({.metric = GetParam(), .row_count = 3000}),
            {.metric = GetParam(), .fan_out = 8, .leaf_row_count = 16}));
  ASSERT_GT(forest_->record().trees[0].level, 2U);
  Prepare(vectors_.row(7));
  for (const uint64_t row_count : {1, 17, 500, 3000, 1000000}) {
    ExpectEachLeafOnce(1, row_count);
  }
}

TEST_P(LeafRouterMetricTest, TakesEachLeafOfTwoTreesOnce) {
  ASSERT_NO_FATAL_FAILURE(
      Build(MakeClusters({.metric = GetParam(), .row_count = 1000}),
            {.metric = GetParam(),
             .tree_count = 2,
             .fan_out = 8,
             .leaf_row_count = 16}));
  Prepare(vectors_.row(7));
  ExpectEachLeafOnce(2, 100);
  ExpectEachLeafOnce(1, 100);
  ExpectEachLeafOnce(2, 5000);
}

TEST_P(LeafRouterMetricTest, BeginsWithTheBestLeaves) {
  MemoryVectors vectors = MakeEmbeddings(6000, 1);
  const MemoryVectors queries = MakeEmbeddings(50, 2);
  ASSERT_NO_FATAL_FAILURE(
      Build(std::move(vectors),
            {.metric = GetParam(), .fan_out = 16, .leaf_row_count = 16}));
  // What leaf_router.cc ranks by, see there.
  const auto rank = [&](const LeafKey& leaf) {
    const float score = leaf.first->ScoreChild(query_, leaf.second);
    const float spread = leaf.first->page().spreads()[leaf.second];
    return query_.ranking() == Ranking::kInnerProduct
               ? score - 0.15F * std::sqrt(query_.square() * spread)
               : score + 0.4F * spread;
  };
  size_t good = 0;
  size_t count = 0;
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    Prepare(queries.row(i));
    ASSERT_THAT(router_.Begin(*forest_, query_, 1, &work_), IsOk());
    std::vector<RoutedLeaf> taken;
    COPSE_ASSERT_OK_AND_ASSIGN(const uint64_t rows, router_.Take(300, taken));
    EXPECT_GE(rows, 300U);
    std::vector<LeafKey> all = leaves_[0];
    std::ranges::sort(all, {}, rank);
    const float last = rank(all[taken.size() - 1]);
    for (const RoutedLeaf& leaf : taken) {
      good += rank({leaf.parent, leaf.index}) <= last ? 1 : 0;
      ++count;
    }
  }
  const double recall = static_cast<double>(good) / static_cast<double>(count);
  RecordProperty("recall", std::to_string(recall));
  EXPECT_GE(recall, 0.95) << "of " << count << " leaves";
}

// Later batches are worse, but not by more than routing by parts explains.
TEST_P(LeafRouterMetricTest, GoesOnWithTheNextBest) {
  ASSERT_NO_FATAL_FAILURE(
      Build(MakeEmbeddings(6000, 1),
            {.metric = GetParam(), .fan_out = 16, .leaf_row_count = 16}));
  const MemoryVectors queries = MakeEmbeddings(20, 2);
  double first = 0;
  double second = 0;
  double third = 0;
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    Prepare(queries.row(i));
    ASSERT_THAT(router_.Begin(*forest_, query_, 1, &work_), IsOk());
    for (double* mean : {&first, &second, &third}) {
      std::vector<RoutedLeaf> taken;
      COPSE_ASSERT_OK_AND_ASSIGN(const uint64_t rows, router_.Take(300, taken));
      ASSERT_GE(rows, 300U);
      for (const RoutedLeaf& leaf : taken) {
        *mean += leaf.score / static_cast<double>(taken.size());
      }
    }
  }
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_P(LeafRouterMetricTest, TakesTheOnlyLeaf) {
  ASSERT_NO_FATAL_FAILURE(
      Build(MakeClusters({.metric = GetParam(), .row_count = 1}),
            {.metric = GetParam()}));
  Prepare(vectors_.row(0));
  ExpectEachLeafOnce(1, 1);
  ExpectEachLeafOnce(1, 1000);
}

TEST_P(LeafRouterMetricTest, TakesLeavesWithEqualCentroids) {
  std::vector<float> components;
  for (int i = 0; i < 1000; ++i) {
    components.insert(components.end(), {0, 1, 0, 0});
  }
  ASSERT_NO_FATAL_FAILURE(
      Build(MemoryVectors(4, std::move(components)),
            {.metric = GetParam(), .fan_out = 4, .leaf_row_count = 8}));
  for (const std::vector<float>& query :
       {std::vector<float>{0, 1, 0, 0}, std::vector<float>{1, 0, 0, 0},
        std::vector<float>{0, 0, 0, 0}}) {
    Prepare(query);
    ExpectEachLeafOnce(1, 1);
    ExpectEachLeafOnce(1, 100);
  }
}

TEST_P(LeafRouterMetricTest, TakesEachLeafOnceAtTheEndsOfTheRange) {
  constexpr float kMax = std::numeric_limits<float>::max();
  SplitMix random(1);
  for (const float magnitude : {kMax, 1e30F, 1e-30F, 1e-44F}) {
    std::vector<float> components(4000);
    std::ranges::generate(components, [&] {
      return magnitude * static_cast<float>(2 * random.Fraction() - 1);
    });
    ASSERT_NO_FATAL_FAILURE(
        Build(MemoryVectors(8, std::move(components)),
              {.metric = GetParam(), .fan_out = 4, .leaf_row_count = 8}));
    for (const float at : {kMax, -kMax, 0.0F, magnitude}) {
      Prepare(std::vector<float>(8, at));
      ExpectEachLeafOnce(1, 50);
    }
  }
}

TEST_F(LeafRouterTest, OpensAFewNodesOnly) {
  ASSERT_NO_FATAL_FAILURE(
      Build(MakeEmbeddings(20000, 1), {.fan_out = 8, .leaf_row_count = 8}));
  Prepare(vectors_.row(5));
  ASSERT_THAT(router_.Begin(*forest_, query_, 1, &work_), IsOk());
  std::vector<RoutedLeaf> taken;
  COPSE_ASSERT_OK_AND_ASSIGN(const uint64_t rows, router_.Take(20, taken));
  EXPECT_GE(rows, 20U);
  std::set<const InnerNode*> parents;
  for (const LeafKey& leaf : leaves_[0]) {
    parents.insert(leaf.first);
  }
  EXPECT_LT(static_cast<size_t>(work_.pages_read), parents.size() / 2);
  EXPECT_GT(router_.memory_size_bytes(), 0U);
}

}  // namespace
}  // namespace copse::internal
