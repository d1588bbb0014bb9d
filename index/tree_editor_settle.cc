// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Brings leaves and inner nodes to legal sizes. That this ends:
//
//   * A split leaves at least a quarter of the rows on each side, more than
//     the least a leaf must hold, so its parts are not merged at once.
//   * Reassignment can fill leaves, which are then split in turn; after a
//     number of splits that goes with the number of rows inserted it stops,
//     and a split without it only makes full leaves fewer.
//   * Merging is done once, and what it fills is split without reassignment.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/centroid_page.h"
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/forest_node.h"
#include "index/inner_page.h"
#include "index/kmeans.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/split_mix.h"
#include "index/top_k.h"
#include "index/tree_builder.h"
#include "index/tree_editor.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

constexpr size_t kBeam = 8;

// How many leaves around one that is split may give and take rows.
constexpr size_t kNeighborLeafCount = 64;

// How often rows move around a split, the later times after the parts have
// taken the means of their rows as centroids.
constexpr int kReassignRoundCount = 2;

// Runs of 2-means of which the best split is taken, as one alone often ends in
// a poor local optimum; fewer for so many rows that it would take long.
constexpr size_t kSplitTrialsMax = 8;
constexpr size_t kSplitTrialRowsMax = 4096;

// A page that the edit would else not write is written for rows that come or go
// only if the gains (see Move) of all of them come to this.
constexpr float kGainMin = 0.08F;

// An estimate of <r, v> by a code is off by 0.75 * |r| * |v| / sqrt(D) in one
// standard deviation, and |r| is about 0.8 * sqrt(D) * factor: so many of the
// products of factor and |v| are three standard deviations.
constexpr float kProductMargin = 1.8F;

// Splits with reassignment that are always allowed in one edit.
constexpr size_t kReassigningSplitsMin = 64;

// Inner nodes with fewer children are merged with a sibling.
constexpr size_t kChildCountMin = 3;

}  // namespace

absl::Status TreeEditor::Settle() {
  COPSE_RETURN_IF_ERROR(SplitFullLeaves(Reassign::kYes));
  COPSE_RETURN_IF_ERROR(MergeSmallLeaves());
  COPSE_RETURN_IF_ERROR(SplitFullLeaves(Reassign::kNo));
  COPSE_RETURN_IF_ERROR(RecenterNewLeaves());
  return SettleInners();
}

// ---- Leaves
// ------------------------------------------------------------------

absl::Status TreeEditor::SplitFullLeaves(Reassign reassign) {
  const size_t reassigning_splits_max =
      kReassigningSplitsMin +
      4 * static_cast<size_t>(rows_inserted_) / leaf_row_count_max_;
  while (!full_leaves_.empty()) {
    const NodeIndex leaf = full_leaves_.back();
    full_leaves_.pop_back();
    leaves_[leaf].queued = false;
    if (leaves_[leaf].gone ||
        leaves_[leaf].rows.size() <= leaf_row_count_max_) {
      continue;
    }
    if (splits_with_reassignment_ >= reassigning_splits_max) {
      reassign = Reassign::kNo;
    }
    COPSE_RETURN_IF_ERROR(SplitLeaf(leaf, reassign));
  }
  return absl::OkStatus();
}

absl::Status TreeEditor::SplitLeaf(NodeIndex leaf, Reassign reassign) {
  std::vector<NearLeaf> neighbors;
  if (reassign == Reassign::kYes) {
    ++splits_with_reassignment_;
    COPSE_ASSIGN_OR_RETURN(neighbors, FindLeaves(leaves_[leaf].centroid, kBeam,
                                                 kNeighborLeafCount + 1));
    std::erase_if(neighbors, [leaf](const NearLeaf& neighbor) {
      return neighbor.leaf == leaf;
    });
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<NodeIndex> parts, MakeParts(leaf));
  if (reassign == Reassign::kNo) {
    return absl::OkStatus();
  }
  for (int round = 0; round < kReassignRoundCount; ++round) {
    if (round > 0) {
      for (const NodeIndex part : parts) {
        COPSE_RETURN_IF_ERROR(RecenterLeaf(part));
      }
    }
    COPSE_RETURN_IF_ERROR(
        ReassignOwnRows(leaves_[leaf].centroid, parts, neighbors));
    for (const NearLeaf& neighbor : neighbors) {
      COPSE_RETURN_IF_ERROR(ReassignNeighbor(neighbor.leaf, parts));
    }
  }
  return absl::OkStatus();
}

std::vector<float> TreeEditor::RoundedMean(const Matrix& points) const {
  MeanSum sum(points.dimension());
  for (size_t row = 0; row < points.row_count(); ++row) {
    sum.Add(points.row(row));
  }
  std::vector<float> mean(points.dimension());
  sum.Finish(mean);
  RoundCentroid(space_.origin, mean);
  return mean;
}

// Moves the centroid of a new leaf to the mean of its rows. None of them is
// coded yet, and the centroid is on no page.
absl::Status TreeEditor::RecenterLeaf(NodeIndex leaf) {
  Leaf& moved = leaves_[leaf];
  COPSE_DCHECK(moved.source == nullptr && !moved.gone);
  if (moved.rows.empty()) {
    return absl::OkStatus();
  }
  Matrix points(vectors_.dimension());
  COPSE_RETURN_IF_ERROR(ReadVectors(moved.rows, points));
  moved.own_centroid = RoundedMean(points);
  moved.centroid = moved.own_centroid;
  inners_[moved.parent].children[ChildIndex(moved.parent, leaf)].centroid =
      moved.centroid;
  return absl::OkStatus();
}

absl::Status TreeEditor::RecenterNewLeaves() {
  for (NodeIndex leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (leaves_[leaf].source == nullptr && !leaves_[leaf].gone) {
      COPSE_RETURN_IF_ERROR(RecenterLeaf(leaf));
    }
  }
  return absl::OkStatus();
}

// Returns for each point whether it belongs to the second of two parts: of
// several splits the one that leaves the points nearest to their means.
std::vector<bool> TreeEditor::BestSplit(const Matrix& points,
                                        uint64_t seed) const {
  std::vector<bool> best;
  double most = 0;
  MeanSum sums[] = {MeanSum(points.dimension()), MeanSum(points.dimension())};
  std::vector<float> means[] = {std::vector<float>(points.dimension()),
                                std::vector<float>(points.dimension())};
  const size_t trial_count = std::clamp<size_t>(
      kSplitTrialRowsMax / points.row_count(), 1, kSplitTrialsMax);
  for (size_t trial = 0; trial < trial_count; ++trial) {
    std::vector<bool> second = SplitInTwo(points, DerivedSeed(seed, trial));
    for (size_t row = 0; row < second.size(); ++row) {
      sums[second[row] ? 1 : 0].Add(points.row(row));
    }
    const double weight = sums[0].weight() * sums[1].weight();
    sums[0].Finish(means[0]);
    sums[1].Finish(means[1]);
    // By this, but for a factor, the sum of squared distances falls.
    const double fall = weight * SquaredDistance(means[0], means[1]);
    if (best.empty() || fall > most) {
      best = std::move(second);
      most = fall;
    }
  }
  return best;
}

// Replaces a full leaf by leaves that are not, and returns them.
absl::StatusOr<std::vector<TreeEditor::NodeIndex>> TreeEditor::MakeParts(
    NodeIndex leaf) {
  std::vector<std::vector<Ordinal>> parts{std::move(leaves_[leaf].rows)};
  std::vector<std::vector<float>> centroids(1);
  for (size_t i = 0; i < parts.size(); ++i) {
    while (true) {
      Matrix points(vectors_.dimension());
      COPSE_RETURN_IF_ERROR(ReadVectors(parts[i], points));
      if (parts[i].size() <= leaf_row_count_max_) {
        centroids[i] = RoundedMean(points);
        break;
      }
      const std::vector<bool> second = BestSplit(
          points,
          DerivedSeed(forest_.options().seed, parts[i].front() + parts.size()));
      std::vector<Ordinal> kept;
      std::vector<Ordinal> moved;
      for (size_t row = 0; row < second.size(); ++row) {
        (second[row] ? moved : kept).push_back(parts[i][row]);
      }
      parts[i] = std::move(kept);
      parts.push_back(std::move(moved));
      centroids.emplace_back();
    }
  }
  const NodeIndex parent = leaves_[leaf].parent;
  leaves_[leaf].gone = true;
  const size_t child = ChildIndex(parent, leaf);
  inners_[parent].children.erase(inners_[parent].children.begin() +
                                 static_cast<std::ptrdiff_t>(child));
  --leaf_count_;
  std::vector<NodeIndex> new_leaves;
  for (size_t i = 0; i < parts.size(); ++i) {
    new_leaves.push_back(
        AddLeaf(parent, std::move(centroids[i]), std::move(parts[i])));
  }
  return new_leaves;
}

TreeEditor::NodeIndex TreeEditor::AddLeaf(NodeIndex parent,
                                          std::vector<float> centroid,
                                          std::vector<Ordinal> rows) {
  const auto index = static_cast<NodeIndex>(leaves_.size());
  Leaf& leaf = leaves_.emplace_back();
  leaf.parent = parent;
  leaf.own_centroid = std::move(centroid);
  leaf.centroid = leaf.own_centroid;
  leaf.rows = std::move(rows);
  leaf.opened = true;
  leaf.changed = true;
  Child& child = inners_[parent].children.emplace_back();
  child.centroid = leaf.centroid;
  child.node = index;
  MarkChanged(parent);
  ++leaf_count_;
  return index;
}

// Moves the rows of a leaf that was split to neighbours that are nearer than
// the part they are in. Only a row that is farther from its part than it was
// from `old_centroid` is looked at: of the others few have such a neighbour.
absl::Status TreeEditor::ReassignOwnRows(std::span<const float> old_centroid,
                                         std::span<const NodeIndex> parts,
                                         std::span<const NearLeaf> neighbors) {
  std::vector<Move> moves;
  std::vector<float> buffer;
  for (const NodeIndex part : parts) {
    for (const Ordinal ordinal : leaves_[part].rows) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             ReadVector(vectors_, ordinal, buffer));
      const float now = SquaredDistance(vector, leaves_[part].centroid);
      if (now <= SquaredDistance(vector, old_centroid)) {
        continue;
      }
      Move move = {.source = part, .target = part, .ordinal = ordinal};
      float least = now;
      for (const NearLeaf& neighbor : neighbors) {
        const float distance =
            SquaredDistance(vector, leaves_[neighbor.leaf].centroid);
        if (distance < least) {
          least = distance;
          move.target = neighbor.leaf;
        }
      }
      if (move.target != part) {
        move.gain = 1 - least / now;
        moves.push_back(move);
      }
    }
  }
  std::ranges::stable_sort(moves, {}, &Move::target);
  for (auto first = moves.begin(); first != moves.end();) {
    const auto last = std::find_if(first, moves.end(), [&](const Move& move) {
      return move.target != first->target;
    });
    COPSE_RETURN_IF_ERROR(MoveRows({first, last}));
    first = last;
  }
  return absl::OkStatus();
}

// Makes `moves`, which all leave or all enter one neighbour of a leaf that was
// split, unless that would write its page for too little.
absl::Status TreeEditor::MoveRows(std::span<const Move> moves) {
  if (moves.empty()) {
    return absl::OkStatus();
  }
  float gain = 0;
  for (const Move& move : moves) {
    gain += move.gain;
  }
  const bool both_are_written = leaves_[moves.front().source].changed &&
                                leaves_[moves.front().target].changed;
  if (!both_are_written && gain < kGainMin) {
    return absl::OkStatus();
  }
  for (const Move& move : moves) {
    COPSE_RETURN_IF_ERROR(OpenLeaf(move.target));
    RemoveRow(move.source, move.ordinal);
    AddRow(move.target, move.ordinal);
    ++rows_moved_;
  }
  return absl::OkStatus();
}

// Appends the rows of `leaf` that may be nearer to `part_centroid`: by their
// codes where they have one, so that few vectors need be read. With v the way
// from one centroid to the other, these are the rows of which the residual r
// has <r, v> > |v|^2 / 2.
absl::Status TreeEditor::ListNearerRows(const Leaf& leaf,
                                        std::span<const float> part_centroid,
                                        std::vector<Ordinal>& rows) const {
  if (leaf.source == nullptr) {
    rows.insert(rows.end(), leaf.rows.begin(), leaf.rows.end());
    return absl::OkStatus();
  }
  std::unique_ptr<LeafNode> storage;
  COPSE_ASSIGN_OR_RETURN(const LeafNode* const node, PeekPage(leaf, storage));
  const LeafPage& page = node->page();
  std::vector<float> way(part_centroid.begin(), part_centroid.end());
  for (size_t i = 0; i < way.size(); ++i) {
    way[i] = Ordered(way[i] - leaf.centroid[i]);
  }
  CodedQuery query;
  query.Prepare(
      {.metric = Metric::kEuclidean, .rotation = space_.rotation, .origin = {}},
      way);
  ScanScratch scan;
  scan.Reserve(page.row_count());
  page.coded_rows().EstimateProducts(query, scan.sums, scan.estimates);
  const float length = std::sqrt(query.square());
  for (const Ordinal ordinal : leaf.rows) {
    const std::optional<size_t> index = page.Find(ordinal);
    if (!index.has_value() ||
        scan.estimates[*index] +
                kProductMargin * length * page.coded_rows().factor(*index) >
            0.5F * query.square()) {
      rows.push_back(ordinal);
    }
  }
  return absl::OkStatus();
}

// Moves the rows of `neighbor` that are nearer to one of `parts`.
absl::Status TreeEditor::ReassignNeighbor(NodeIndex neighbor,
                                          std::span<const NodeIndex> parts) {
  if (leaves_[neighbor].gone) {
    return absl::OkStatus();
  }
  COPSE_RETURN_IF_ERROR(OpenLeaf(neighbor));
  for (const NodeIndex part : parts) {
    const std::span<const float> part_centroid = leaves_[part].centroid;
    std::vector<Ordinal> rows;
    COPSE_RETURN_IF_ERROR(
        ListNearerRows(leaves_[neighbor], part_centroid, rows));
    std::vector<Move> moves;
    std::vector<float> buffer;
    for (const Ordinal ordinal : rows) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             ReadVector(vectors_, ordinal, buffer));
      const float now = SquaredDistance(vector, leaves_[neighbor].centroid);
      const float distance = SquaredDistance(vector, part_centroid);
      if (distance < now) {
        moves.push_back({.source = neighbor,
                         .target = part,
                         .ordinal = ordinal,
                         .gain = 1 - distance / now});
      }
    }
    COPSE_RETURN_IF_ERROR(MoveRows(moves));
  }
  return absl::OkStatus();
}

absl::Status TreeEditor::MergeSmallLeaves() {
  const auto leaf_count = static_cast<NodeIndex>(leaves_.size());
  for (NodeIndex leaf = 0; leaf < leaf_count; ++leaf) {
    const Leaf& small = leaves_[leaf];
    if (small.changed && !small.gone && leaf_count_ > 1 &&
        small.rows.size() < leaf_row_count_min_) {
      COPSE_RETURN_IF_ERROR(DissolveLeaf(leaf));
    }
  }
  return absl::OkStatus();
}

// Gives the rows of a leaf to the nearest others.
absl::Status TreeEditor::DissolveLeaf(NodeIndex leaf) {
  const std::vector<Ordinal> rows = std::move(leaves_[leaf].rows);
  leaves_[leaf].gone = true;
  --leaf_count_;
  RemoveChild(leaves_[leaf].parent, leaf);
  std::vector<float> buffer;
  for (const Ordinal ordinal : rows) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors_, ordinal, buffer));
    COPSE_ASSIGN_OR_RETURN(const std::vector<NearLeaf> nearest,
                           FindLeaves(vector, kBeam, /*count=*/1));
    COPSE_RETURN_IF_ERROR(OpenLeaf(nearest.front().leaf));
    AddRow(nearest.front().leaf, ordinal);
    ++rows_moved_;
  }
  return absl::OkStatus();
}

// Takes a child out, and its parents for as long as they have no other.
void TreeEditor::RemoveChild(NodeIndex parent, NodeIndex node) {
  while (true) {
    std::vector<Child>& children = inners_[parent].children;
    children.erase(children.begin() +
                   static_cast<std::ptrdiff_t>(ChildIndex(parent, node)));
    MarkChanged(parent);
    if (!children.empty()) {
      return;
    }
    COPSE_CHECK(parent != top_);
    inners_[parent].gone = true;
    node = parent;
    parent = inners_[parent].parent;
  }
}

// ---- Inner nodes
// -------------------------------------------------------------

absl::Status TreeEditor::SettleInners() {
  for (uint32_t level = 1; level <= inners_[top_].level; ++level) {
    // Nodes that are added on the way are of legal size or are looked at, too.
    for (NodeIndex inner = 0; inner < inners_.size(); ++inner) {
      if (inners_[inner].level == level && inners_[inner].changed &&
          !inners_[inner].gone && inner != top_ &&
          inners_[inner].children.size() < kChildCountMin) {
        COPSE_RETURN_IF_ERROR(MergeInner(inner));
      }
    }
    for (NodeIndex inner = 0; inner < inners_.size(); ++inner) {
      while (inners_[inner].level == level && !inners_[inner].gone &&
             inners_[inner].children.size() > forest_.options().fan_out) {
        SplitInner(inner);
      }
    }
  }
  return LowerTop();
}

// Puts `children`, which come from another node, below `target`.
void TreeEditor::MoveChildren(std::vector<Child> children, NodeIndex target) {
  for (Child& child : children) {
    child.centroid_page = kNoCentroidPage;
    if (child.node != kNoNode) {
      (inners_[target].level == 1 ? leaves_[child.node].parent
                                  : inners_[child.node].parent) = target;
    }
    inners_[target].children.push_back(child);
  }
  MarkChanged(target);
}

// Gives the children of a node to its nearest sibling, if it has one.
absl::Status TreeEditor::MergeInner(NodeIndex inner) {
  const NodeIndex parent = inners_[inner].parent;
  const std::vector<Child>& siblings = inners_[parent].children;
  if (siblings.size() < 2) {
    return absl::OkStatus();
  }
  size_t nearest = siblings.size();
  float least = 0;
  for (size_t i = 0; i < siblings.size(); ++i) {
    const float distance =
        SquaredDistance(siblings[i].centroid, inners_[inner].centroid);
    if (siblings[i].node != inner &&
        (nearest == siblings.size() || distance < least)) {
      nearest = i;
      least = distance;
    }
  }
  COPSE_ASSIGN_OR_RETURN(const NodeIndex target,
                         InnerAt(parent, static_cast<uint32_t>(nearest)));
  MoveChildren(std::exchange(inners_[inner].children, {}), target);
  inners_[inner].gone = true;
  RemoveChild(parent, inner);
  return absl::OkStatus();
}

// Replaces a node by two with half of its children each; a new top is put over
// them if it was the top.
void TreeEditor::SplitInner(NodeIndex inner) {
  if (inner == top_) {
    Inner& new_top = inners_.emplace_back();
    new_top.level = inners_[inner].level + 1;
    COPSE_CHECK(new_top.level <= kLevelMax);
    new_top.children.emplace_back().node = inner;
    top_ = static_cast<NodeIndex>(inners_.size() - 1);
    inners_[inner].parent = top_;
  }
  const NodeIndex parent = inners_[inner].parent;
  std::vector<Child> children = std::exchange(inners_[inner].children, {});
  Matrix points(vectors_.dimension());
  for (const Child& child : children) {
    points.Append(child.centroid);
  }
  const std::vector<bool> second =
      SplitInTwo(points, DerivedSeed(forest_.options().seed, children.size()));
  for (const bool part : {false, true}) {
    const auto index = static_cast<NodeIndex>(inners_.size());
    Inner& half = inners_.emplace_back();
    half.level = inners_[inner].level;
    half.parent = parent;
    std::vector<Child> half_children;
    MeanSum sum(vectors_.dimension());
    for (size_t i = 0; i < children.size(); ++i) {
      if (second[i] == part) {
        half_children.push_back(children[i]);
        sum.Add(children[i].centroid,
                std::max(1U, children[i].stored.row_count));
      }
    }
    half.own_centroid.resize(vectors_.dimension());
    sum.Finish(half.own_centroid);
    RoundCentroid(space_.origin, half.own_centroid);
    half.centroid = half.own_centroid;
    Child& child = inners_[parent].children.emplace_back();
    child.centroid = half.centroid;
    child.node = index;
    MoveChildren(std::move(half_children), index);
  }
  inners_[inner].gone = true;
  RemoveChild(parent, inner);
}

// Takes away tops with one child.
absl::Status TreeEditor::LowerTop() {
  while (inners_[top_].level > 1 && inners_[top_].children.size() == 1) {
    COPSE_ASSIGN_OR_RETURN(const NodeIndex child, InnerAt(top_, 0));
    inners_[top_].gone = true;
    top_ = child;
    inners_[top_].parent = kNoNode;
    inners_[top_]
        .centroid = {};  // The codes of a top are relative to the origin.
    inners_[top_].changed = true;
  }
  return absl::OkStatus();
}

}  // namespace copse::internal
