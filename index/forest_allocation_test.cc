// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A search allocates what it returns and nothing else, once the pages it needs
// are loaded and its working memory has grown. Every `new` of this program is
// counted.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/forest.h"
#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace {

std::atomic<int64_t> allocation_count{0};

void* Allocate(size_t size_bytes, size_t alignment) {
  ++allocation_count;
  // aligned_alloc() wants a multiple of the alignment.
  const size_t rounded =
      (size_bytes + alignment - 1) / alignment * alignment + alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}

}  // namespace

// The array and sized forms of the standard library call these. The nothrow
// form does, too, but not that of a sanitizer.
void* operator new(size_t size_bytes) {
  return Allocate(size_bytes, alignof(std::max_align_t));
}
void* operator new(size_t size_bytes, const std::nothrow_t& /*tag*/) noexcept {
  return Allocate(size_bytes, alignof(std::max_align_t));
}
void* operator new(size_t size_bytes, std::align_val_t alignment) {
  return Allocate(size_bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size_bytes*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t /*size_bytes*/,
                     std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

namespace copse {
namespace {

struct Case {
  Metric metric;
  uint32_t tree_count;
  bool is_bits = false;
};

class ForestAllocationTest : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr size_t kRowCount = 5000;
  static constexpr size_t kQueryCount = 50;

  void SetUp() override {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const PageId root, BuildForest({.metric = GetParam().metric,
                                        .tree_count = GetParam().tree_count,
                                        .fan_out = 16,
                                        .leaf_row_count = 16},
                                       vectors_, vectors_.ordinals(), pages_));
    COPSE_ASSERT_OK_AND_ASSIGN(forest_, Forest::Open(root, pages_));
  }

  // Searches for each query once, and returns the most allocations of one
  // search.
  int64_t SearchAll(const SearchOptions& options) {
    int64_t most = 0;
    for (Ordinal i = 0; i < kQueryCount; ++i) {
      const int64_t before = allocation_count;
      const absl::StatusOr<std::vector<Neighbor>> found =
          forest_->Search(vectors_, vectors_.row(i), options);
      most = std::max(most, allocation_count - before);
      EXPECT_THAT(found, IsOk());
      EXPECT_FALSE(found->empty());
    }
    return most;
  }

  // With near-duplicates of one of the queries, where they have a second look.
  static MemoryVectors MakeVectors() {
    const Metric metric = GetParam().metric;
    MemoryVectors vectors = MakeClusters(
        {.metric = metric, .row_count = kRowCount, .dimension = 70});
    if (metric == Metric::kCosine || metric == Metric::kEuclidean) {
      AppendNearDuplicates(metric, kQueryCount - 1, 0.001, 500, 0, vectors);
    }
    if (GetParam().is_bits) {
      EXPECT_TRUE(vectors.ToBits());
    }
    return vectors;
  }

  const MemoryVectors vectors_ = MakeVectors();
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
};

INSTANTIATE_TEST_SUITE_P(Metrics, ForestAllocationTest,
                         ::testing::Values(Case{Metric::kCosine, 1},
                                           Case{Metric::kEuclidean, 1},
                                           Case{Metric::kDotProduct, 1},
                                           Case{Metric::kManhattan, 1},
                                           Case{Metric::kHamming, 1},
                                           Case{Metric::kHamming, 1, true},
                                           Case{Metric::kCosine, 3}),
                         [](const auto& test) {
                           return MetricName(test.param.metric) +
                                  std::to_string(test.param.tree_count) +
                                  (test.param.is_bits ? "Bits" : "");
                         });

TEST_P(ForestAllocationTest, ASearchAllocatesOnlyWhatItReturns) {
  RowBitmap third;
  RowBitmap one_in_fifty;
  for (Ordinal i = 0; i < kRowCount; ++i) {
    if (i % 3 == 0) {
      third.Add(i);
    }
    if (i % 50 == 0) {
      one_in_fifty.Add(i);
    }
  }
  const SearchOptions all_options[] = {
      {},
      {.neighbor_count = 100},
      {.scan_budget = 300},
      {.scan_budget = 4000, .rerank_count = 500},
      {.allowed = &third},
      {.excluded = &third},
      {.scan_budget = 50, .allowed = &one_in_fifty},
      {.scan_budget = kRowCount},
  };
  for (const SearchOptions& options : all_options) {
    SearchAll(options);  // Loads pages and grows memory.
    EXPECT_LE(SearchAll(options), 1)
        << "neighbor_count " << options.neighbor_count << ", scan_budget "
        << options.scan_budget;
  }
}

}  // namespace
}  // namespace copse
