// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <span>
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
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Lt;

ForestOptions SmallPages(Metric metric) {
  return {.metric = metric, .fan_out = 8, .leaf_row_count = 16};
}

std::vector<Ordinal> Shuffled(std::vector<Ordinal> rows, uint64_t seed) {
  std::shuffle(rows.begin(), rows.end(), std::mt19937_64(seed));
  return rows;
}

std::set<PageId> PageIds(const Forest& forest) {
  std::set<PageId> page_ids;
  EXPECT_THAT(forest.ForEachPageId([&page_ids](PageId page_id) {
    page_ids.insert(page_id);
    return absl::OkStatus();
  }),
              IsOk());
  return page_ids;
}

// A forest that is edited, with the rows that it should cover.
class EditedForest {
 public:
  EditedForest(const ForestOptions& options, const MemoryVectors& vectors)
      : options_(options), vectors_(vectors) {}

  absl::Status Build(std::span<const Ordinal> rows) {
    COPSE_ASSIGN_OR_RETURN(const PageId root,
                           BuildForest(options_, vectors_, rows, pages_));
    covered_.assign(rows.begin(), rows.end());
    return Open(root);
  }

  // Edits, checks the result and opens it.
  absl::Status Edit(std::span<const Ordinal> inserted,
                    std::span<const Ordinal> deleted) {
    const size_t page_count = pages_.page_count();
    const size_t size_bytes = pages_.size_bytes();
    COPSE_ASSIGN_OR_RETURN(
        edit_, EditForest(*forest_, vectors_, inserted, deleted, pages_));
    if (pages_.page_count() !=
            page_count + static_cast<size_t>(edit_.pages_written) ||
        pages_.size_bytes() !=
            size_bytes + static_cast<size_t>(edit_.bytes_written)) {
      return absl::InternalError("pages written are not those counted");
    }
    std::erase_if(covered_, [&](Ordinal ordinal) {
      return std::ranges::find(deleted, ordinal) != deleted.end();
    });
    covered_.insert(covered_.end(), inserted.begin(), inserted.end());
    COPSE_RETURN_IF_ERROR(Open(edit_.root));
    return CheckForest(*forest_, covered_);
  }

  const Forest& forest() const { return *forest_; }
  const ForestEdit& edit() const { return edit_; }
  std::span<const Ordinal> covered() const { return covered_; }
  MemoryPageStore& pages() { return pages_; }

 private:
  absl::Status Open(PageId root) {
    COPSE_ASSIGN_OR_RETURN(forest_, Forest::Open(root, pages_));
    return absl::OkStatus();
  }

  const ForestOptions options_;
  const MemoryVectors& vectors_;
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
  ForestEdit edit_;
  std::vector<Ordinal> covered_;
};

class ForestEditTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Metrics, ForestEditTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(ForestEditTest, FindsAsMuchAsAFreshForestAfterManyEdits) {
  const MemoryVectors vectors =
      MakeClusters({.metric = GetParam(), .row_count = 6000, .dimension = 24});
  const MemoryVectors queries = MakeClusters(
      {.metric = GetParam(), .row_count = 300, .dimension = 24, .row_seed = 2});
  const std::vector<Ordinal> rows = Shuffled(vectors.ordinals(), 3);
  EditedForest edited(SmallPages(GetParam()), vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(3000)), IsOk());
  for (size_t step = 0; step < 10; ++step) {
    ASSERT_THAT(
        edited.Edit(std::span(rows).subspan(3000 + 300 * step, 300), {}),
        IsOk())
        << "step " << step;
  }
  for (size_t step = 0; step < 5; ++step) {
    ASSERT_THAT(edited.Edit({}, std::span(rows).subspan(1200 * step, 300)),
                IsOk())
        << "step " << step;
  }
  EditedForest fresh(SmallPages(GetParam()), vectors);
  ASSERT_THAT(fresh.Build(edited.covered()), IsOk());
  // So few that the fresh forest misses some, too.
  const SearchOptions options = {.neighbor_count = 10, .scan_budget = 100};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const double recall,
      MeanRecall(edited.forest(), vectors, edited.covered(), queries, options));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const double fresh_recall,
      MeanRecall(fresh.forest(), vectors, edited.covered(), queries, options));
  EXPECT_THAT(recall, Ge(fresh_recall - 0.015));
  for (Ordinal i = 0; i < 5; ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Neighbor> truth,
        ExactSearch(GetParam(), vectors, edited.covered(), queries.row(i), 10));
    EXPECT_THAT(
        edited.forest().Search(vectors, queries.row(i),
                               {.scan_budget = 6000, .rerank_count = 6000}),
        IsOkAndHolds(ElementsAreArray(truth)));
  }
}

TEST_P(ForestEditTest, SharesThePagesThatItDoesNotTouch) {
  const MemoryVectors vectors =
      MakeClusters({.metric = GetParam(), .row_count = 4001});
  const std::vector<Ordinal> rows = vectors.ordinals();
  EditedForest edited({.metric = GetParam(), .leaf_row_count = 32}, vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(4000)), IsOk());
  const std::set<PageId> before = PageIds(edited.forest());
  ASSERT_THAT(edited.Edit(std::span(rows).last(1), {}), IsOk());
  const std::set<PageId> after = PageIds(edited.forest());
  std::vector<PageId> fresh;
  std::ranges::set_difference(after, before, std::back_inserter(fresh));
  EXPECT_EQ(fresh.size(), static_cast<size_t>(edited.edit().pages_written));
  // The leaf, its inner pages and the root; more if the leaf was full.
  EXPECT_THAT(edited.edit().pages_written, Le(12));
}

TEST_P(ForestEditTest, LeavesTheOldForestAsItWas) {
  const MemoryVectors vectors = MakeClusters({.metric = GetParam()});
  const MemoryVectors queries =
      MakeClusters({.metric = GetParam(), .row_count = 10, .row_seed = 2});
  const std::vector<Ordinal> rows = Shuffled(vectors.ordinals(), 4);
  EditedForest edited(SmallPages(GetParam()), vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(1200)), IsOk());
  const PageId old_root = edited.forest().root();
  std::vector<std::vector<Neighbor>> expected;
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        std::vector<Neighbor> found,
        edited.forest().Search(vectors, queries.row(i), {.scan_budget = 200}));
    expected.push_back(std::move(found));
  }
  ASSERT_THAT(
      edited.Edit(std::span(rows).last(800), std::span(rows).subspan(100, 600)),
      IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> old_forest,
                             Forest::Open(old_root, edited.pages()));
  EXPECT_THAT(CheckForest(*old_forest, std::span(rows).first(1200)), IsOk());
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    EXPECT_THAT(
        old_forest->Search(vectors, queries.row(i), {.scan_budget = 200}),
        IsOkAndHolds(ElementsAreArray(expected[i])));
  }
}

TEST(ForestEditSmallTest, SurvivesRandomEditsOfAllSizes) {
  const MemoryVectors vectors = MakeClusters({.row_count = 3000});
  ForestOptions options = {.tree_count = 2, .fan_out = 4, .leaf_row_count = 8};
  EditedForest edited(options, vectors);
  ASSERT_THAT(edited.Build(std::vector<Ordinal>{1, 2, 3}), IsOk());
  std::mt19937_64 random(11);
  for (int step = 0; step < 60; ++step) {
    const std::vector<Ordinal> covered(edited.covered().begin(),
                                       edited.covered().end());
    std::vector<Ordinal> others = vectors.ordinals();
    std::erase_if(others, [&](Ordinal ordinal) {
      return std::ranges::find(covered, ordinal) != covered.end();
    });
    const auto some = [&random](const std::vector<Ordinal>& rows) {
      const size_t limit = size_t{1} << (random() % 11);
      std::vector<Ordinal> chosen = Shuffled(rows, random());
      chosen.resize(std::min(chosen.size(), random() % limit));
      return chosen;
    };
    ASSERT_THAT(edited.Edit(some(others), some(covered)), IsOk())
        << "step " << step << " from " << covered.size() << " rows";
  }
}

TEST(ForestEditSmallTest, GrowsFromNothingAndShrinksToNothing) {
  const MemoryVectors vectors = MakeClusters({.row_count = 600});
  const std::vector<Ordinal> rows = Shuffled(vectors.ordinals(), 5);
  EditedForest edited({.fan_out = 4, .leaf_row_count = 8}, vectors);
  ASSERT_THAT(edited.Build({}), IsOk());
  for (size_t i = 0; i < rows.size(); i += 20) {
    ASSERT_THAT(edited.Edit(std::span(rows).subspan(i, 20), {}), IsOk());
  }
  EXPECT_EQ(edited.forest().row_count(), 600);
  for (size_t i = 0; i < rows.size(); i += 20) {
    ASSERT_THAT(edited.Edit({}, std::span(rows).subspan(i, 20)), IsOk());
  }
  EXPECT_EQ(edited.forest().row_count(), 0);
  EXPECT_THAT(edited.forest().Search(vectors, vectors.row(0), {}),
              IsOkAndHolds(IsEmpty()));
}

TEST(ForestEditSmallTest, SplitsLeavesOfEqualRows) {
  const MemoryVectors vectors(4, std::vector<float>(2000, 0.5F));
  const std::vector<Ordinal> rows = vectors.ordinals();
  EditedForest edited(
      {.metric = Metric::kEuclidean, .fan_out = 4, .leaf_row_count = 8},
      vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(100)), IsOk());
  for (size_t i = 100; i < 500; i += 50) {
    ASSERT_THAT(edited.Edit(std::span(rows).subspan(i, 50), {}), IsOk());
  }
  // They are in no particular leaf, so a delete has to look for them.
  ASSERT_THAT(edited.Edit({}, std::span(rows).subspan(30, 450)), IsOk());
}

TEST(ForestEditSmallTest, FollowsRowsIntoARegionThatItHasNeverSeen) {
  MemoryVectors vectors = MakeClusters({.metric = Metric::kEuclidean});
  const size_t old_count = vectors.row_count();
  const MemoryVectors others =
      MakeClusters({.metric = Metric::kEuclidean, .seed = 9, .row_seed = 9});
  for (Ordinal i = 0; i < others.row_count(); ++i) {
    std::vector<float> row(others.row(i).begin(), others.row(i).end());
    row[0] += 50;
    vectors.Append(row);
  }
  const std::vector<Ordinal> rows = vectors.ordinals();
  EditedForest edited(SmallPages(Metric::kEuclidean), vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(old_count)), IsOk());
  for (size_t i = old_count; i < rows.size(); i += 200) {
    ASSERT_THAT(edited.Edit(std::span(rows).subspan(i, 200), {}), IsOk());
  }
  MemoryVectors queries = MakeClusters({.metric = Metric::kEuclidean,
                                        .row_count = 30,
                                        .seed = 9,
                                        .row_seed = 10});
  MemoryVectors moved(queries.dimension(), {});
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    std::vector<float> row(queries.row(i).begin(), queries.row(i).end());
    row[0] += 50;
    moved.Append(row);
  }
  EXPECT_THAT(MeanRecall(edited.forest(), vectors, rows, moved,
                         {.neighbor_count = 10, .scan_budget = 400}),
              IsOkAndHolds(Ge(0.95)));
  EXPECT_THAT(edited.edit().rows_moved, Gt(0));
}

// Leaves of near-duplicates grow out of one that has other rows, too.
TEST(ForestEditSmallTest, FindsNearDuplicatesThatCameInEdits) {
  constexpr size_t kOtherCount = 1500;
  constexpr size_t kEditCount = 5;
  for (const double radius : {0.01, 0.001}) {
    MemoryVectors vectors =
        MakeClusters({.row_count = kOtherCount, .dimension = 128});
    const MemoryVectors queries =
        AppendNearDuplicates(Metric::kCosine, 7, radius, 1500, 20, vectors);
    const std::vector<Ordinal> rows = vectors.ordinals();
    EditedForest edited({}, vectors);
    ASSERT_THAT(edited.Build(std::span(rows).first(kOtherCount)), IsOk());
    for (size_t edit = 0; edit < kEditCount; ++edit) {
      ASSERT_THAT(
          edited.Edit(std::span(rows).subspan(kOtherCount + 300 * edit, 300),
                      {}),
          IsOk());
    }
    COPSE_ASSERT_OK_AND_ASSIGN(
        const double recall,
        MeanRecall(edited.forest(), vectors, rows, queries, {}));
    EXPECT_THAT(recall, Ge(0.95)) << "radius " << radius;
  }
}

TEST(ForestEditSmallTest, DeletesARowWhoseVectorIsLost) {
  const MemoryVectors vectors = MakeClusters({.row_count = 500});
  EditedForest edited(SmallPages(Metric::kCosine), vectors);
  ASSERT_THAT(edited.Build(vectors.ordinals()), IsOk());
  // A source that has lost the last rows.
  MemoryVectors shorter(vectors.dimension(), {});
  for (Ordinal i = 0; i < 498; ++i) {
    shorter.Append(vectors.row(i));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      const ForestEdit edit,
      EditForest(edited.forest(), shorter, {}, std::vector<Ordinal>{498, 499},
                 edited.pages()));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Forest> forest,
                             Forest::Open(edit.root, edited.pages()));
  EXPECT_THAT(CheckForest(*forest, shorter.ordinals()), IsOk());
}

TEST(ForestEditSmallTest, AnEditOfNothingWritesNothing) {
  const MemoryVectors vectors = MakeClusters({.row_count = 200});
  EditedForest edited(SmallPages(Metric::kCosine), vectors);
  ASSERT_THAT(edited.Build(vectors.ordinals()), IsOk());
  const PageId root = edited.forest().root();
  ASSERT_THAT(edited.Edit({}, {}), IsOk());
  EXPECT_EQ(edited.edit().root, root);
  EXPECT_EQ(edited.edit().pages_written, 0);
}

TEST(ForestEditSmallTest, EqualEditsWriteEqualPages) {
  const MemoryVectors vectors = MakeClusters({.row_count = 1500});
  const std::vector<Ordinal> rows = vectors.ordinals();
  std::vector<std::vector<std::byte>> contents[2];
  for (auto& bytes : contents) {
    EditedForest edited(SmallPages(Metric::kCosine), vectors);
    ASSERT_THAT(edited.Build(std::span(rows).first(1000)), IsOk());
    ASSERT_THAT(
        edited.Edit(std::span(rows).last(500), std::span(rows).first(100)),
        IsOk());
    for (const PageId page_id : edited.pages().page_ids()) {
      COPSE_ASSERT_OK_AND_ASSIGN(const PageRef page,
                                 edited.pages().Read(page_id));
      bytes.emplace_back(page->bytes().begin(), page->bytes().end());
    }
  }
  EXPECT_TRUE(contents[0] == contents[1]);
}

TEST(ForestEditSmallTest, RejectsRowsThatDoNotFit) {
  const MemoryVectors vectors = MakeClusters({.row_count = 500});
  const std::vector<Ordinal> rows = vectors.ordinals();
  EditedForest edited(SmallPages(Metric::kCosine), vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(400)), IsOk());
  const auto edit = [&](std::vector<Ordinal> inserted,
                        std::vector<Ordinal> deleted) {
    return EditForest(edited.forest(), vectors, inserted, deleted,
                      edited.pages());
  };
  EXPECT_THAT(edit({7}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("row 7 is to be inserted, but the forest covers it "
                          "already")));
  EXPECT_THAT(edit({}, {5, 450}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("row 450 is to be deleted, but the forest does not "
                          "cover it")));
  EXPECT_THAT(edit({450, 450}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("inserted names row 450 twice, expected each row at "
                          "most once")));
  EXPECT_THAT(edit({}, {5, 5}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("deleted names row 5 twice, expected each row at "
                          "most once")));
  EXPECT_THAT(edit({5}, {5}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("row 5 is to be inserted and to be deleted, expected "
                          "one of the two")));
  // The same where the forest would be built anew.
  std::vector<Ordinal> all_but_one(rows.begin() + 1, rows.begin() + 401);
  EXPECT_THAT(edit({}, all_but_one),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("row 400 is to be deleted, but the forest does not "
                          "cover it")));
}

TEST(ForestEditSmallTest, AFailedEditLeavesTheForestUsable) {
  const MemoryVectors vectors = MakeClusters({.row_count = 1000});
  const std::vector<Ordinal> rows = vectors.ordinals();
  EditedForest edited(SmallPages(Metric::kCosine), vectors);
  ASSERT_THAT(edited.Build(std::span(rows).first(800)), IsOk());
  for (const int64_t write_count : {0, 1, 7}) {
    edited.pages().FailWritesAfter(write_count);
    EXPECT_THAT(EditForest(edited.forest(), vectors, std::span(rows).last(200),
                           {}, edited.pages()),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
  edited.pages().FailWritesAfter(-1);
  EXPECT_THAT(CheckForest(edited.forest(), std::span(rows).first(800)), IsOk());
  EXPECT_THAT(edited.Edit(std::span(rows).last(200), {}), IsOk());
}

}  // namespace
}  // namespace copse
