// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One search of a forest, in three steps:
//
//   1. Collect: the leaves whose centroids are nearest (leaf_router.h), until
//      they hold the rows of the budget.
//   2. Scan: the leaves are scanned one after the other, the next prefetched,
//      and the best estimates kept.
//   3. Re-rank: the exact distances of the best estimates are computed, and
//      among near-duplicates those of rows that rounding has made worse
//      (second_look.h).
//
// With filters, steps 1 and 2 go on until enough rows have passed. Where a
// filter lets few rows pass, step 3 takes them all, and there is nothing to
// scan.

#ifndef COPSE_INDEX_FOREST_SEARCH_H_
#define COPSE_INDEX_FOREST_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "index/coded_query.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/leaf_router.h"
#include "index/second_look.h"
#include "index/top_k.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"

namespace copse::internal {

class LoadedForest;

// What a search needs to remember; kept from one search to the next, so that
// after the first ones nothing is allocated.
struct SearchScratch {
  size_t memory_size_bytes() const;

  std::vector<float> query;  // Of unit length, for cosine.
  CodedQuery coded_query;
  LeafRouter router;
  std::vector<RoutedLeaf> leaves;
  std::vector<const LeafNode*> nodes;
  ScanScratch scan;
  TopK candidates;
  std::vector<ScannedLeaf> near_leaves;  // Those that need a second look.
  std::vector<Ordinal> ordinals;
  std::vector<std::pair<Ordinal, size_t>> places;  // In `ordinals`.
  std::vector<Neighbor> neighbors;
};

// Lends a SearchScratch to each running search.
//
// Thread safety: any number of threads may use one ScratchPool.
class ScratchPool {
 public:
  std::unique_ptr<SearchScratch> Take();
  void Return(std::unique_ptr<SearchScratch> scratch);

 private:
  Mutex mutex_;
  std::vector<std::unique_ptr<SearchScratch>> scratches_
      ABSL_GUARDED_BY(mutex_);
};

// See Forest::Search().
absl::StatusOr<std::vector<Neighbor>> SearchForest(const LoadedForest& forest,
                                                   const VectorSource& vectors,
                                                   std::span<const float> query,
                                                   const SearchOptions& options,
                                                   ScratchPool& pool,
                                                   SearchWork& work);

// See Forest::BatchSearch().
absl::StatusOr<std::vector<std::vector<Neighbor>>> BatchSearchForest(
    const LoadedForest& forest, const VectorSource& vectors,
    std::span<const std::span<const float>> queries,
    const SearchOptions& options, ScratchPool& pool, SearchWork& work);

// Runs the first two steps of a search and returns the rows that it would
// re-rank, the best estimate first; valid until `scratch` is used again. Fails
// as SearchForest() does.
absl::StatusOr<std::span<const Ordinal>> FindCandidates(
    const LoadedForest& forest, const VectorSource& vectors,
    std::span<const float> query, const SearchOptions& options,
    SearchScratch& scratch, SearchWork& work);

}  // namespace copse::internal

#endif  // COPSE_INDEX_FOREST_SEARCH_H_
