// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/centroid_tree.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "index/centroid_page.h"
#include "index/distance.h"
#include "index/kmeans.h"
#include "index/split_mix.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/worker_crew.h"

namespace copse::internal {
namespace {

// Nodes are made this full, so that edits need not split them at once.
constexpr double kFill = 0.75;

using Members = std::vector<uint32_t>;

// Returns fan_out^level, or a number above all counts of leaves.
size_t Power(size_t fan_out, size_t level) {
  size_t power = 1;
  for (size_t i = 0; i < level && power < (size_t{1} << 33); ++i) {
    power *= fan_out;
  }
  return power;
}

size_t UsualFanOut(uint32_t fan_out) {
  return std::max<size_t>(
      2, static_cast<size_t>(kFill * static_cast<double>(fan_out)));
}

// Divides sets of leaves into the children of nodes.
class Divider {
 public:
  Divider(const Matrix& leaves, const CentroidTree::Options& options,
          WorkerCrew& crew)
      : leaves_(leaves),
        fan_out_(options.fan_out),
        children_min_(std::min<size_t>(options.children_min, options.fan_out)),
        seed_(options.seed),
        crew_(crew) {}

  // Divides the leaves below a node of `level` >= 2 among its children: at
  // most fan_out of them, each with at most fan_out^(level - 1) leaves.
  std::vector<Members> Divide(const Members& members, size_t level) {
    const size_t capacity = Power(fan_out_, level - 1);
    const size_t usual = Power(UsualFanOut(fan_out_), level - 1);
    const size_t least =
        std::min<size_t>((members.size() + usual - 1) / usual, fan_out_);
    const size_t wanted =
        std::min(members.size() / children_min_, UsualFanOut(fan_out_));
    const size_t child_count = std::max({size_t{1}, least, wanted});
    std::vector<Members> children = Cluster(members, child_count);
    for (size_t i = 0; i < children.size(); ++i) {
      while (children[i].size() > capacity) {
        children.push_back(CutOff(children[i]));
      }
    }
    return children.size() <= fan_out_ ? children : Chunks(children);
  }

 private:
  Matrix Gather(const Members& members) const {
    Matrix points(leaves_.dimension());
    points.Reserve(members.size());
    for (const uint32_t member : members) {
      points.Append(leaves_.row(member));
    }
    return points;
  }

  std::vector<Members> Cluster(const Members& members, size_t cluster_count) {
    const Matrix points = Gather(members);
    const Matrix centroids = KMeans(points,
                                    {.cluster_count = cluster_count,
                                     .iteration_count = 10,
                                     .seed = DerivedSeed(seed_, ++part_)},
                                    crew_);
    const std::vector<uint32_t> nearest = NearestRows(points, centroids, crew_);
    std::vector<Members> clusters(centroids.row_count());
    for (size_t i = 0; i < members.size(); ++i) {
      clusters[nearest[i]].push_back(members[i]);
    }
    std::erase_if(clusters,
                  [](const Members& cluster) { return cluster.empty(); });
    return clusters;
  }

  // Takes one half of `members` out of it and returns it.
  Members CutOff(Members& members) {
    const std::vector<bool> second =
        SplitInTwo(Gather(members), DerivedSeed(seed_, ++part_));
    Members kept;
    Members cut;
    for (size_t i = 0; i < members.size(); ++i) {
      (second[i] ? cut : kept).push_back(members[i]);
    }
    members = std::move(kept);
    return cut;
  }

  // Divides all members of `clusters` evenly: the last resort when clusters of
  // very different sizes make too many children.
  std::vector<Members> Chunks(const std::vector<Members>& clusters) const {
    Members all;
    for (const Members& cluster : clusters) {
      all.insert(all.end(), cluster.begin(), cluster.end());
    }
    std::vector<Members> chunks(fan_out_);
    for (size_t i = 0; i < all.size(); ++i) {
      chunks[i * fan_out_ / all.size()].push_back(all[i]);
    }
    std::erase_if(chunks, [](const Members& chunk) { return chunk.empty(); });
    return chunks;
  }

  const Matrix& leaves_;
  const uint32_t fan_out_;
  const size_t children_min_;
  const uint64_t seed_;
  uint64_t part_ = 0;
  WorkerCrew& crew_;
};

// Returns the lowest level at which one node can hold `leaf_count` leaves.
size_t TopLevel(size_t leaf_count, uint32_t fan_out) {
  const size_t usual = UsualFanOut(fan_out);
  size_t level = 1;
  while (Power(level == 1 ? fan_out : usual, level) < leaf_count) {
    ++level;
  }
  return level;
}

size_t LeafCount(const std::vector<Members>& nodes) {
  size_t count = 0;
  for (const Members& members : nodes) {
    count += members.size();
  }
  return count;
}

// Returns the means of the leaves of `nodes`, each leaf with its weight.
Matrix Means(const Matrix& leaves, std::span<const uint32_t> weights,
             const std::vector<Members>& nodes) {
  Matrix means(leaves.dimension(), nodes.size());
  MeanSum sum(leaves.dimension());
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const uint32_t member : nodes[i]) {
      sum.Add(leaves.row(member), std::max(1U, weights[member]));
    }
    sum.Finish(means.mutable_row(i));
  }
  return means;
}

}  // namespace

CentroidTree CentroidTree::Make(const Matrix& leaves,
                                std::span<const uint32_t> weights,
                                const Options& options, WorkerCrew& crew) {
  COPSE_CHECK(!leaves.empty() && weights.size() == leaves.row_count());
  Divider divider(leaves, options, crew);
  CentroidTree tree;
  std::vector<Members> nodes(1);
  nodes[0].resize(leaves.row_count());
  std::iota(nodes[0].begin(), nodes[0].end(), 0U);
  // From the top down; a level is put in front of those above it.
  std::vector<Level> levels;
  for (size_t level = TopLevel(leaves.row_count(), options.fan_out); level > 1;
       --level) {
    std::vector<Members> below;
    std::vector<uint32_t> first_child{0};
    for (const Members& members : nodes) {
      for (Members& child : divider.Divide(members, level)) {
        below.push_back(std::move(child));
      }
      first_child.push_back(static_cast<uint32_t>(below.size()));
    }
    if (!levels.empty()) {
      levels.back().first_child = std::move(first_child);
    }
    nodes = std::move(below);
    levels.emplace_back(leaves.dimension());
    levels.back().centroids = Means(leaves, weights, nodes);
  }
  std::vector<uint32_t> first_child{0};
  Level bottom(leaves.dimension());
  bottom.centroids.Reserve(LeafCount(nodes));
  for (const Members& members : nodes) {
    for (const uint32_t member : members) {
      tree.leaf_order_.push_back(member);
      bottom.centroids.Append(leaves.row(member));
    }
    first_child.push_back(static_cast<uint32_t>(tree.leaf_order_.size()));
  }
  if (!levels.empty()) {
    levels.back().first_child = std::move(first_child);
  }
  tree.levels_.push_back(std::move(bottom));
  std::ranges::move(levels.rbegin(), levels.rend(),
                    std::back_inserter(tree.levels_));
  return tree;
}

void CentroidTree::Round(std::span<const float> origin) {
  for (Level& level : levels_) {
    for (size_t i = 0; i < level.centroids.row_count(); ++i) {
      RoundCentroid(origin, level.centroids.mutable_row(i));
    }
  }
}

uint32_t CentroidTree::FindNearestLeaf(std::span<const float> vector,
                                       size_t beam, Scratch& scratch) const {
  static const auto squared_euclidean_rows =
      KernelsFor(BestSimdLevel()).squared_euclidean_rows;
  const auto score = [&](const Level& level, uint32_t first, uint32_t last) {
    if (first == last) {
      return;
    }
    scratch.scores.resize(last - first);
    squared_euclidean_rows(vector.data(), level.centroids.row(first).data(),
                           vector.size(), last - first, scratch.scores.data());
    for (uint32_t i = first; i < last; ++i) {
      scratch.children.emplace_back(Ordered(scratch.scores[i - first]), i);
    }
  };
  scratch.children.clear();
  score(levels_.back(), 0,
        static_cast<uint32_t>(levels_.back().centroids.row_count()));
  for (size_t level = levels_.size() - 1; level > 0; --level) {
    scratch.beam.swap(scratch.children);
    const size_t kept = std::min(beam, scratch.beam.size());
    std::partial_sort(scratch.beam.begin(),
                      scratch.beam.begin() + static_cast<std::ptrdiff_t>(kept),
                      scratch.beam.end());
    scratch.children.clear();
    for (size_t i = 0; i < kept; ++i) {
      const std::vector<uint32_t>& first_child = levels_[level].first_child;
      const uint32_t node = scratch.beam[i].second;
      score(levels_[level - 1], first_child[node], first_child[node + 1]);
    }
  }
  return std::ranges::min_element(scratch.children)->second;
}

}  // namespace copse::internal
