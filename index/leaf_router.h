// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the leaves whose centroids are nearest to a query, a batch at a time.
//
//   LeafRouter router;
//   COPSE_RETURN_IF_ERROR(router.Begin(forest, query, tree_count, &work));
//   std::vector<RoutedLeaf> leaves;
//   COPSE_ASSIGN_OR_RETURN(uint64_t row_count, router.Take(2000, leaves));
//
// At each level, from the top down, the children of the opened nodes are
// estimated by their codes, about twice as many as are needed are scored again
// by their centroids, and the best of these are opened, or are the leaves.
// Estimates alone would cost a third of the recall: on 100,000 MiniLM
// embeddings, 3 % of the rows scanned, recall@10 is .916 without the second
// scores, .929 with those of twice as many leaves and .927 with three times.

#ifndef COPSE_INDEX_LEAF_ROUTER_H_
#define COPSE_INDEX_LEAF_ROUTER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/coded_query.h"
#include "index/distance.h"
#include "index/fast_scan.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/search_phase.h"

namespace copse::internal {

class LoadedForest;

// A leaf, by its parent and its place there, and the score of its centroid.
struct RoutedLeaf {
  const InnerNode* parent = nullptr;
  uint32_t index = 0;
  float score = 0;  // See LeafPage::Scan().
};

// Keeps its memory from one search to the next.
//
// Thread safety: none.
class LeafRouter {
 public:
  // Begins a search of the first `tree_count` trees. `forest`, `query`, `work`,
  // which is added to, and `observer`, if there is one, must outlive the
  // search. REQUIRES: the forest has rows.
  absl::Status Begin(const LoadedForest& forest, const CodedQuery& query,
                     size_t tree_count, SearchWork* work,
                     const PhaseObserver* observer = nullptr);

  // Replaces the contents of `leaves` by the nearest leaves not yet taken,
  // about the nearest first, that hold at least `row_count` rows together, and
  // returns how many these are; 0 if no leaf is left.
  absl::StatusOr<uint64_t> Take(uint64_t row_count,
                                std::vector<RoutedLeaf>& leaves);

  size_t memory_size_bytes() const;

 private:
  // A child of an opened node: slot * kChildCountMax + index of the child.
  using Place = uint32_t;

  // The children of the opened nodes of one level that have not been taken.
  struct Level {
    void Clear();
    void RemoveTaken();

    std::vector<const InnerNode*> nodes;  // By slot.
    std::vector<float> ranks;             // Smaller comes first.
    std::vector<float> scores;            // Not a number: only estimated.
    std::vector<Place> places;
    uint64_t rows_opened = 0;    // Below all opened nodes.
    uint64_t rows_in_sight = 0;  // Below the entries.
    uint32_t nodes_opened = 0;
    bool some_taken = false;  // Their ranks are infinite.
  };

  absl::Status OpenLevels(uint64_t row_count);
  void OpenNode(const InnerNode& node, float score);
  void TakeEntries(Level& level, uint64_t row_count,
                   std::vector<RoutedLeaf>& taken);
  void ListBest(const Level& level, size_t count);
  void ScoreShortlist(Level& level);
  void OrderShortlist(const Level& level);
  float Bonus(float spread) const;

  const FastScanKernels& kernels_ = FastScanKernelsFor(BestSimdLevel());
  const LoadedForest* forest_ = nullptr;
  const CodedQuery* query_ = nullptr;
  SearchWork* work_ = nullptr;
  const PhaseObserver* observer_ = nullptr;
  uint64_t row_count_ = 0;  // Of all trees.
  uint64_t rows_taken_ = 0;
  float spread_factor_ = 0;
  std::vector<Level> levels_;
  size_t level_count_ = 0;
  std::vector<uint32_t> shortlist_;  // Indices of entries.
  std::vector<uint32_t> ordered_;
  std::vector<RoutedLeaf> nodes_;
  std::vector<float> sample_;
  ScanScratch scan_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_LEAF_ROUTER_H_
