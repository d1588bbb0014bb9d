// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The tree in memory, and its rows. tree_editor_settle.cc has what brings
// leaves and inner nodes to legal sizes, tree_editor_write.cc the end.

#include "index/tree_editor.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/centroid_page.h"
#include "index/distance.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/kmeans.h"
#include "index/leaf_page.h"
#include "index/loaded_forest.h"
#include "index/top_k.h"
#include "index/tree_builder.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// Through how many branches of each level the nearest leaf is looked for.
constexpr size_t kBeam = 8;

// In how many of the nearest leaves a row is looked for before it is inserted.
constexpr size_t kLeavesWithRowMax = 8;

// Where a row is looked for that is to be deleted, before it is everywhere. On
// MiniLM embeddings that were inserted over five edits, 99.1 % of the rows are
// where the first look finds them. The others came to their leaf when the nodes
// above it were others, so a wider beam finds them.
struct Look {
  size_t beam;
  size_t leaf_count;
};
constexpr std::array<Look, 3> kLooks = {{{8, 8}, {32, 32}, {128, 512}}};

// Returns how many rows more than which a leaf that grows is split at. Leaves
// between half of it and all of it, few of them just below it, have
// leaf_row_count rows on average, as those of a build have. Leaves larger than
// those of a build were most of what edits lost in recall, see ARCHITECTURE.md.
size_t FullLeaf(const ForestOptions& options) {
  return size_t{options.leaf_row_count} * 4 / 3;
}

}  // namespace

TreeEditor::TreeEditor(const LoadedForest& forest, size_t tree,
                       const VectorSource& vectors, const CodeSpace& space)
    : forest_(forest),
      record_(forest.record().trees[tree]),
      tree_(tree),
      vectors_(vectors),
      space_(space),
      leaf_row_count_max_(FullLeaf(forest.options())),
      leaf_row_count_min_(forest.options().leaf_row_count / 4),
      kernels_(KernelsFor(BestSimdLevel())),
      leaf_count_(static_cast<int64_t>(record_.leaf_count)) {}

absl::Status TreeEditor::Open() {
  COPSE_ASSIGN_OR_RETURN(const InnerNode* const top, forest_.Top(tree_));
  top_ = AddInner(*top, kNoNode, {});
  return absl::OkStatus();
}

// ---- The tree in memory
// ------------------------------------------------------

TreeEditor::NodeIndex TreeEditor::AddInner(const InnerNode& source,
                                           NodeIndex parent,
                                           std::span<const float> centroid) {
  Inner& inner = inners_.emplace_back();
  inner.level = source.page().level();
  inner.parent = parent;
  inner.source = &source;
  inner.centroid = centroid;
  inner.children.reserve(source.child_count());
  const size_t dimension = vectors_.dimension();
  inner.decoded.resize(source.child_count() * dimension);
  for (uint32_t page = 0; page < source.centroid_pages().size(); ++page) {
    const CentroidPage& centroids = source.centroid_pages()[page];
    for (size_t i = 0; i < centroids.vector_count(); ++i) {
      const auto index = static_cast<uint32_t>(inner.children.size());
      Child& child = inner.children.emplace_back();
      child.stored = {.page_id = source.page().children()[index],
                      .row_count = source.page().row_counts()[index],
                      .spread = source.page().spreads()[index]};
      const std::span<float> decoded =
          std::span(inner.decoded).subspan(index * dimension, dimension);
      centroids.Decode(i, space_.origin, decoded);
      child.centroid = decoded;
      child.centroid_page = page;
      child.source = &source;
      child.source_index = index;
    }
  }
  return static_cast<NodeIndex>(inners_.size() - 1);
}

// Returns the inner node that is child `child` of `parent`.
absl::StatusOr<TreeEditor::NodeIndex> TreeEditor::InnerAt(NodeIndex parent,
                                                          uint32_t child) {
  COPSE_DCHECK(inners_[parent].level > 1);
  Child& entry = inners_[parent].children[child];
  if (entry.node == kNoNode) {
    COPSE_ASSIGN_OR_RETURN(
        const InnerNode* const source,
        forest_.InnerChild(*entry.source, entry.source_index));
    entry.node = AddInner(*source, parent, entry.centroid);
  }
  return entry.node;
}

// Returns the leaf that is child `child` of `parent`.
TreeEditor::NodeIndex TreeEditor::LeafAt(NodeIndex parent, uint32_t child) {
  COPSE_DCHECK(inners_[parent].level == 1);
  Child& entry = inners_[parent].children[child];
  if (entry.node == kNoNode) {
    Leaf& leaf = leaves_.emplace_back();
    leaf.parent = parent;
    leaf.source = entry.source;
    leaf.source_index = entry.source_index;
    leaf.centroid = entry.centroid;
    entry.node = static_cast<NodeIndex>(leaves_.size() - 1);
  }
  return entry.node;
}

// Returns the page of a leaf as it was before the edit.
// REQUIRES: the leaf is not new.
absl::StatusOr<const LeafNode*> TreeEditor::PeekPage(
    const Leaf& leaf, std::unique_ptr<LeafNode>& storage) const {
  COPSE_DCHECK(leaf.source != nullptr);
  return forest_.PeekLeaf(*leaf.source, leaf.source_index, storage);
}

// Makes the rows of a leaf known.
absl::Status TreeEditor::OpenLeaf(NodeIndex leaf) {
  Leaf& opened = leaves_[leaf];
  if (opened.opened) {
    return absl::OkStatus();
  }
  std::unique_ptr<LeafNode> storage;
  COPSE_ASSIGN_OR_RETURN(const LeafNode* const node, PeekPage(opened, storage));
  opened.rows.assign(node->page().ordinals().begin(),
                     node->page().ordinals().end());
  opened.opened = true;
  return absl::OkStatus();
}

float TreeEditor::SquaredDistance(std::span<const float> a,
                                  std::span<const float> b) const {
  return Ordered(kernels_.squared_euclidean(a.data(), b.data(), a.size()));
}

// Returns the `count` leaves, or all if there are fewer, whose centroids are
// nearest to `vector`, the nearest first, of those below the `beam` nearest
// nodes of each level.
absl::StatusOr<std::vector<TreeEditor::NearLeaf>> TreeEditor::FindLeaves(
    std::span<const float> vector, size_t beam, size_t count) {
  struct Entry {
    float distance;
    NodeIndex inner;
    uint32_t child;
    bool operator<(const Entry& other) const {
      return std::tie(distance, inner, child) <
             std::tie(other.distance, other.inner, other.child);
    }
  };
  std::vector<NodeIndex> nodes{top_};
  std::vector<Entry> entries;
  while (true) {
    entries.clear();
    for (const NodeIndex node : nodes) {
      const Inner& inner = inners_[node];
      for (uint32_t i = 0; i < inner.children.size(); ++i) {
        entries.push_back(
            {SquaredDistance(vector, inner.children[i].centroid), node, i});
      }
    }
    const bool at_leaves = inners_[nodes.front()].level == 1;
    const size_t kept = std::min(entries.size(), at_leaves ? count : beam);
    std::partial_sort(entries.begin(),
                      entries.begin() + static_cast<std::ptrdiff_t>(kept),
                      entries.end());
    entries.resize(kept);
    if (at_leaves) {
      break;
    }
    nodes.clear();
    for (const Entry& entry : entries) {
      COPSE_ASSIGN_OR_RETURN(const NodeIndex node,
                             InnerAt(entry.inner, entry.child));
      nodes.push_back(node);
    }
  }
  std::vector<NearLeaf> leaves;
  leaves.reserve(entries.size());
  for (const Entry& entry : entries) {
    leaves.push_back({entry.distance, LeafAt(entry.inner, entry.child)});
  }
  return leaves;
}

absl::Status TreeEditor::ReadVectors(std::span<const Ordinal> rows,
                                     Matrix& matrix) const {
  return AppendVectors(vectors_, rows, matrix);
}

// Marks an inner node and all above it as changed.
void TreeEditor::MarkChanged(NodeIndex inner) {
  for (; inner != kNoNode; inner = inners_[inner].parent) {
    inners_[inner].changed = true;
  }
}

size_t TreeEditor::ChildIndex(NodeIndex parent, NodeIndex node) const {
  const std::vector<Child>& children = inners_[parent].children;
  const auto child = std::ranges::find(children, node, &Child::node);
  COPSE_CHECK(child != children.end());
  return child - children.begin();
}

// REQUIRES: the leaf is opened and does not hold the row.
void TreeEditor::AddRow(NodeIndex leaf, Ordinal ordinal) {
  Leaf& target = leaves_[leaf];
  COPSE_DCHECK(target.opened && !target.gone);
  target.rows.insert(std::ranges::lower_bound(target.rows, ordinal), ordinal);
  target.changed = true;
  MarkChanged(target.parent);
  if (target.rows.size() > leaf_row_count_max_ && !target.queued) {
    target.queued = true;
    full_leaves_.push_back(leaf);
  }
}

// REQUIRES: the leaf is opened and holds the row.
void TreeEditor::RemoveRow(NodeIndex leaf, Ordinal ordinal) {
  Leaf& source = leaves_[leaf];
  const auto row = std::ranges::lower_bound(source.rows, ordinal);
  COPSE_CHECK(source.opened && row != source.rows.end() && *row == ordinal);
  source.rows.erase(row);
  source.changed = true;
  MarkChanged(source.parent);
}

// ---- Rows
// --------------------------------------------------------------------

// Returns which of `leaves` holds the row, or kNoNode.
absl::StatusOr<TreeEditor::NodeIndex> TreeEditor::FindRow(
    Ordinal ordinal, std::span<const NearLeaf> leaves) {
  for (const NearLeaf& near : leaves) {
    COPSE_RETURN_IF_ERROR(OpenLeaf(near.leaf));
    if (std::ranges::binary_search(leaves_[near.leaf].rows, ordinal)) {
      return near.leaf;
    }
  }
  return kNoNode;
}

// Takes out a row if it is in one of the leaves near its vector.
absl::StatusOr<bool> TreeEditor::DeleteNear(Ordinal ordinal) {
  std::vector<float> buffer;
  const absl::StatusOr<std::span<const float>> vector =
      ReadVector(vectors_, ordinal, buffer);
  if (!vector.ok()) {
    return false;  // A row that cannot be read can still be deleted.
  }
  for (const Look& look : kLooks) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<NearLeaf> leaves,
                           FindLeaves(*vector, look.beam, look.leaf_count));
    COPSE_ASSIGN_OR_RETURN(const NodeIndex leaf, FindRow(ordinal, leaves));
    if (leaf != kNoNode) {
      RemoveRow(leaf, ordinal);
      return true;
    }
  }
  return false;
}

// Takes out those of `missing` that are anywhere, and returns the others.
absl::StatusOr<std::vector<Ordinal>> TreeEditor::DeleteAnywhere(
    std::vector<Ordinal> missing) {
  std::ranges::sort(missing);
  std::vector<Ordinal> found;
  std::vector<NodeIndex> nodes{top_};
  while (!nodes.empty() && found.size() < missing.size()) {
    const NodeIndex node = nodes.back();
    nodes.pop_back();
    const auto child_count =
        static_cast<uint32_t>(inners_[node].children.size());
    for (uint32_t i = 0; i < child_count; ++i) {
      if (inners_[node].level > 1) {
        COPSE_ASSIGN_OR_RETURN(const NodeIndex child, InnerAt(node, i));
        nodes.push_back(child);
        continue;
      }
      const NodeIndex leaf = LeafAt(node, i);
      COPSE_RETURN_IF_ERROR(OpenLeaf(leaf));
      std::vector<Ordinal> here;
      std::ranges::set_intersection(leaves_[leaf].rows, missing,
                                    std::back_inserter(here));
      for (const Ordinal ordinal : here) {
        RemoveRow(leaf, ordinal);
        found.push_back(ordinal);
      }
    }
  }
  std::ranges::sort(found);
  std::vector<Ordinal> left;
  std::ranges::set_difference(missing, found, std::back_inserter(left));
  return left;
}

absl::Status TreeEditor::Delete(std::span<const Ordinal> rows) {
  std::vector<Ordinal> missing;
  for (const Ordinal ordinal : rows) {
    COPSE_ASSIGN_OR_RETURN(const bool found, DeleteNear(ordinal));
    if (!found) {
      missing.push_back(ordinal);
    }
  }
  if (missing.empty()) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> unknown,
                         DeleteAnywhere(std::move(missing)));
  if (!unknown.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "row %d is to be deleted, but the forest does not cover it",
        unknown.front()));
  }
  return absl::OkStatus();
}

absl::Status TreeEditor::Insert(std::span<const Ordinal> rows) {
  std::vector<float> buffer;
  for (const Ordinal ordinal : rows) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors_, ordinal, buffer));
    COPSE_ASSIGN_OR_RETURN(const std::vector<NearLeaf> leaves,
                           FindLeaves(vector, kBeam, kLeavesWithRowMax));
    COPSE_ASSIGN_OR_RETURN(const NodeIndex found, FindRow(ordinal, leaves));
    if (found != kNoNode) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "row %d is to be inserted, but the forest covers it already",
          ordinal));
    }
    AddRow(leaves.front().leaf, ordinal);
    ++rows_inserted_;
  }
  return absl::OkStatus();
}

}  // namespace copse::internal
