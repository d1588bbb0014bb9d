// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A hierarchy over the centroids of the leaves of one tree, in memory: what a
// build finds the nearest leaf of a row with, and what the inner pages are
// written from.
//
//   const CentroidTree tree = CentroidTree::Make(centroids, weights, options,
//                                                crew);
//   CentroidTree::Scratch scratch;
//   uint32_t leaf = tree.FindNearestLeaf(vector, beam, scratch);
//
// Nodes at level 0 are the leaves, and `level_count()` levels of nodes lie on
// top of each other below one top node, which has no entry of its own. The
// children of a node stand side by side at the level below.

#ifndef COPSE_INDEX_CENTROID_TREE_H_
#define COPSE_INDEX_CENTROID_TREE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "index/kmeans.h"
#include "index/worker_crew.h"

namespace copse::internal {

// Thread safety: immutable; any number of threads may use one CentroidTree.
class CentroidTree {
 public:
  // The nodes of one level.
  struct Level {
    explicit Level(size_t dimension) : centroids(dimension) {}

    Matrix centroids;
    // Node i has the children [first_child[i], first_child[i + 1]) at the level
    // below. Empty at level 0.
    std::vector<uint32_t> first_child;
  };

  // Working memory of FindNearestLeaf().
  struct Scratch {
    std::vector<float> scores;
    std::vector<std::pair<float, uint32_t>> beam;
    std::vector<std::pair<float, uint32_t>> children;
  };

  struct Options {
    // The most children of a node.
    uint32_t fan_out = 128;
    // Nodes have about so many children or more.
    size_t children_min = 12;
    uint64_t seed = 0;
  };

  // Makes a hierarchy over `leaves`, of which leaf i counts as weights[i] rows.
  // Leaves are put into a new order.
  // REQUIRES: leaves are not empty; weights.size() == leaves.row_count()
  static CentroidTree Make(const Matrix& leaves,
                           std::span<const uint32_t> weights,
                           const Options& options, WorkerCrew& crew);

  // Rounds all centroids to what pages can hold, see RoundCentroid().
  void Round(std::span<const float> origin);

  size_t leaf_count() const { return levels_[0].centroids.row_count(); }

  // The number of levels with nodes, at least 1: level 0 holds the leaves and
  // the top node has the nodes of level `level_count() - 1` as its children.
  size_t level_count() const { return levels_.size(); }
  const Level& level(size_t index) const { return levels_[index]; }

  // Leaf i was leaf leaf_order()[i] of the argument of Make().
  std::span<const uint32_t> leaf_order() const { return leaf_order_; }

  // Returns the leaf with the centroid that is nearest to `vector` among those
  // below the `beam` nearest nodes of each level.
  // REQUIRES: beam > 0
  uint32_t FindNearestLeaf(std::span<const float> vector, size_t beam,
                           Scratch& scratch) const;

 private:
  CentroidTree() = default;

  std::vector<Level> levels_;
  std::vector<uint32_t> leaf_order_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_CENTROID_TREE_H_
