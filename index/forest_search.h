// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One search of a forest, in three steps:
//
//   1. Collect: inner nodes are opened best first, and the centroids of their
//      children scored exactly, until the leaves in sight hold several times
//      the rows of the budget; the nearest of them are taken. Never is a
//      centroid of one level compared with one of another.
//   2. Scan: the leaves are scanned one after the other, the next prefetched,
//      and the best estimates kept.
//   3. Re-rank: the exact distances of the best estimates are computed.
//
// With filters, steps 1 and 2 go on until enough rows have passed.

#ifndef COPSE_INDEX_FOREST_SEARCH_H_
#define COPSE_INDEX_FOREST_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/top_k.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"

namespace copse::internal {

class LoadedForest;

// A child that a search has seen the centroid of.
struct FrontierEntry {
  float rank = 0;         // Smaller comes first.
  float score = 0;        // Of the centroid; see LeafPage::Scan().
  uint32_t sequence = 0;  // Decides between equal scores.
  uint32_t index = 0;     // In `parent`.
  const InnerNode* parent = nullptr;
};

// What a search needs to remember; kept from one search to the next, so that
// after the first ones nothing is allocated.
struct SearchScratch {
  size_t memory_size_bytes() const;

  std::vector<float> query;  // Of unit length, for cosine.
  LeafQuery leaf_query;
  TopK candidates;
  std::vector<float> scores;
  std::vector<std::vector<FrontierEntry>> frontier;  // By level; heaps.
  std::vector<uint64_t> rows_in_sight;               // By level.
  std::vector<uint32_t> nodes_opened;  // By level of their children.
  std::vector<FrontierEntry> batch;
  std::vector<const LeafNode*> leaves;
  std::vector<Ordinal> ordinals;
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
                                                   SearchScratch& scratch,
                                                   SearchWork& work);

}  // namespace copse::internal

#endif  // COPSE_INDEX_FOREST_SEARCH_H_
