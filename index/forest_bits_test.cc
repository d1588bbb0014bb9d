// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Rows stored as bits give what the same rows stored as floats give, to the
// bit: pages, edits, calibrations, neighbors and their distances.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/calibrate.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/packed_rows.h"
#include "index/page_store.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Eq;

constexpr size_t kQueryCount = 40;

// Bits that do and do not fill their words.
class ForestBitsTest : public ::testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(bits_.ToBits());
    ASSERT_TRUE(bits_.Read(0)->is_bits());
    ASSERT_FALSE(floats_.Read(0)->is_bits());
  }

  static MemoryVectors Make(size_t row_count, uint64_t row_seed) {
    return MakeClusters({.metric = Metric::kHamming,
                         .row_count = row_count,
                         .dimension = GetParam(),
                         .row_seed = row_seed});
  }

  static void ExpectEqualPages(const MemoryPageStore& left,
                               const MemoryPageStore& right) {
    ASSERT_THAT(left.page_ids(), ElementsAreArray(right.page_ids()));
    for (const PageId page_id : left.page_ids()) {
      const PageRef left_page = *left.Read(page_id);
      ASSERT_THAT(left_page->bytes(),
                  ElementsAreArray((*right.Read(page_id))->bytes()));
    }
  }

  const MemoryVectors floats_ = Make(3000, 1);
  MemoryVectors bits_ = Make(3000, 1);
  const MemoryVectors queries_ = Make(kQueryCount, 2);
};

INSTANTIATE_TEST_SUITE_P(Dimensions, ForestBitsTest,
                         ::testing::Values(1, 7, 64, 65, 200));

TEST_P(ForestBitsTest, HasTheSamePagesAndNeighborsAlsoAfterEdits) {
  const std::vector<Ordinal> rows = floats_.ordinals();
  const auto first = std::span(rows).first(2000);
  const auto rest = std::span(rows).subspan(2000);
  std::vector<MemoryPageStore> pages(2);
  std::vector<std::shared_ptr<const Forest>> forests(2);
  const std::vector<const MemoryVectors*> sources = {&floats_, &bits_};
  for (size_t i = 0; i < sources.size(); ++i) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root,
        BuildForest(
            {.metric = Metric::kHamming, .fan_out = 16, .leaf_row_count = 32},
            *sources[i], first, pages[i]));
    COPSE_ASSERT_OK_AND_ASSIGN(forests[i], Forest::Open(root, pages[i]));
    COPSE_ASSERT_OK_AND_ASSIGN(
        const ForestEdit edit,
        EditForest(*forests[i], *sources[i], rest, first.first(700), pages[i]));
    COPSE_ASSERT_OK_AND_ASSIGN(forests[i], Forest::Open(edit.root, pages[i]));
  }
  ExpectEqualPages(pages[0], pages[1]);
  for (Ordinal i = 0; i < kQueryCount; ++i) {
    for (const SearchOptions& options :
         {SearchOptions{}, SearchOptions{.scan_budget = 100},
          SearchOptions{.exact = true}}) {
      COPSE_ASSERT_OK_AND_ASSIGN(
          const std::vector<Neighbor> expected,
          forests[0]->Search(floats_, queries_.row(i), options));
      EXPECT_THAT(forests[1]->Search(bits_, queries_.row(i), options),
                  IsOkAndHolds(Eq(expected)));
    }
  }
}

TEST_P(ForestBitsTest, HasTheSameExactSearchAndPackedRows) {
  const std::vector<Ordinal> rows = floats_.ordinals();
  COPSE_ASSERT_OK_AND_ASSIGN(const PackedRows from_floats,
                             PackedRows::Make(Metric::kHamming, floats_, rows));
  COPSE_ASSERT_OK_AND_ASSIGN(const PackedRows from_bits,
                             PackedRows::Make(Metric::kHamming, bits_, rows));
  for (Ordinal i = 0; i < kQueryCount; ++i) {
    const std::span<const float> query = queries_.row(i);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const std::vector<Neighbor> nearest,
        ExactSearch(Metric::kHamming, floats_, rows, query, 10));
    EXPECT_THAT(ExactSearch(Metric::kHamming, bits_, rows, query, 10),
                IsOkAndHolds(Eq(nearest)));
    COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<Neighbor> found,
                               from_floats.Search(floats_, query, {}));
    EXPECT_THAT(from_bits.Search(bits_, query, {}), IsOkAndHolds(Eq(found)));
  }
}

TEST_P(ForestBitsTest, HasTheSameCalibrationNeighbors) {
  const std::vector<Ordinal> rows = floats_.ordinals();
  std::vector<CalibrationQuery> expected(kQueryCount);
  for (Ordinal i = 0; i < kQueryCount; ++i) {
    expected[i].row = i;
    expected[i].vector = floats_.Read(i)->ToFloats();
  }
  std::vector<CalibrationQuery> found = expected;
  ASSERT_THAT(
      FindCalibrationNeighbors(Metric::kHamming, floats_, rows, {}, expected),
      IsOk());
  ASSERT_THAT(
      FindCalibrationNeighbors(Metric::kHamming, bits_, rows, {}, found),
      IsOk());
  for (size_t i = 0; i < kQueryCount; ++i) {
    EXPECT_THAT(found[i].neighbors, ElementsAreArray(expected[i].neighbors));
  }
}

}  // namespace
}  // namespace copse
