// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Edits one tree of a forest copy on write, after SPFresh's LIRE (Xu et al.,
// SOSP 2023, section 4): the pages that change are written anew, all others
// are shared with the tree it started from.
//
//   TreeEditor editor(forest, tree, vectors, space);
//   COPSE_RETURN_IF_ERROR(editor.Delete(deleted));
//   COPSE_RETURN_IF_ERROR(editor.Insert(inserted));
//   COPSE_RETURN_IF_ERROR(editor.Settle());
//   COPSE_ASSIGN_OR_RETURN(TreeRecord tree, editor.Write(sink));
//
// A row is inserted into the leaf with the nearest centroid. A leaf that is
// full is split in two by the best of several runs of 2-means; then the rows
// of the two, and those of the leaves around them, move where a centroid has
// become nearer, unless so few would move that the page they leave or enter is
// not worth writing. The centroids of the parts move to the means of their
// rows, before rows move once more and at the end. A leaf that has run empty
// gives its rows to the nearest others. All other centroids stay as they are.
// Inner nodes are split and merged in the same manner.
//
// Work and memory go with the pages that change and those around them; of the
// leaves that are looked at only the ordinals are kept. Alone a deleted row
// that is not in one of the 512 leaves nearest to its vector costs more: a
// look at all leaves, once for all such rows.

#ifndef COPSE_INDEX_TREE_EDITOR_H_
#define COPSE_INDEX_TREE_EDITOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/distance.h"
#include "index/forest_node.h"
#include "index/forest_page.h"
#include "index/kmeans.h"
#include "index/leaf_page.h"
#include "index/loaded_forest.h"
#include "index/node_writer.h"
#include "index/page_store.h"
#include "index/vector_source.h"

namespace copse::internal {

// Thread safety: none. After a failure it can only be destroyed.
class TreeEditor {
 public:
  // All arguments must outlive the editor. REQUIRES: forest.row_count() > 0
  TreeEditor(const LoadedForest& forest, size_t tree,
             const VectorSource& vectors, const CodeSpace& space);

  // Reads the top node. Called once, before anything else.
  absl::Status Open();

  // Takes out `rows`, each named once. Fails with kInvalidArgument if one is
  // not covered.
  absl::Status Delete(std::span<const Ordinal> rows);

  // Puts in `rows`, each named once. Fails with kInvalidArgument if one is
  // found to be covered: in the leaves nearest to it, where it would be.
  absl::Status Insert(std::span<const Ordinal> rows);

  // Splits and merges until every leaf and inner node has a legal size.
  // REQUIRES: rows are left
  absl::Status Settle();

  // Writes what has changed and returns the tree. Called once, at the end.
  absl::StatusOr<TreeRecord> Write(PageSink& sink);

  int64_t rows_moved() const { return rows_moved_; }

 private:
  // An index into leaves_ or inners_.
  using NodeIndex = uint32_t;
  static constexpr NodeIndex kNoNode = std::numeric_limits<NodeIndex>::max();
  static constexpr uint32_t kNoCentroidPage =
      std::numeric_limits<uint32_t>::max();

  // A child of an inner node that is in memory.
  struct Child {
    ChildNode stored;                 // As it is, or was before it changed.
    std::span<const float> centroid;  // Of a decoded or an own centroid.
    NodeIndex node = kNoNode;         // If it has been looked at.
    uint32_t centroid_page = kNoCentroidPage;  // Index in the parent's pages.
    const InnerNode* source = nullptr;         // Names the page, with
    uint32_t source_index = 0;                 // this index.
  };

  struct Inner {
    uint32_t level = 1;
    NodeIndex parent = kNoNode;
    const InnerNode* source = nullptr;  // Null for a new node.
    std::vector<float> own_centroid;    // Of a new node.
    std::span<const float> centroid;    // Empty for the top.
    std::vector<float> decoded;         // The centroids of source's children.
    std::vector<Child> children;
    bool changed = false;
    bool gone = false;
  };

  struct Leaf {
    NodeIndex parent = kNoNode;
    const InnerNode* source = nullptr;  // Null for a new leaf.
    uint32_t source_index = 0;
    std::vector<float> own_centroid;  // Of a new leaf.
    std::span<const float> centroid;
    std::vector<Ordinal> rows;  // Ascending; if `opened`.
    bool opened = false;
    bool changed = false;
    bool queued = false;
    bool gone = false;
  };

  // A row that is nearer to the centroid of another leaf than to that of its
  // own.
  struct Move {
    NodeIndex source = kNoNode;
    NodeIndex target = kNoNode;
    Ordinal ordinal = 0;
    float gain = 0;  // By which share of its squared distance.
  };

  // A leaf and how far (squared) its centroid is.
  struct NearLeaf {
    float distance = 0;
    NodeIndex leaf = kNoNode;
  };

  // ---- The tree in memory (tree_editor.cc) ----
  NodeIndex AddInner(const InnerNode& source, NodeIndex parent,
                     std::span<const float> centroid);
  absl::StatusOr<NodeIndex> InnerAt(NodeIndex parent, uint32_t child);
  NodeIndex LeafAt(NodeIndex parent, uint32_t child);
  absl::Status OpenLeaf(NodeIndex leaf);
  absl::StatusOr<const LeafNode*> PeekPage(
      const Leaf& leaf, std::unique_ptr<LeafNode>& storage) const;
  absl::StatusOr<std::vector<NearLeaf>> FindLeaves(
      std::span<const float> vector, size_t beam, size_t count);
  absl::Status ReadVectors(std::span<const Ordinal> rows, Matrix& matrix) const;
  float SquaredDistance(std::span<const float> a,
                        std::span<const float> b) const;
  void MarkChanged(NodeIndex inner);
  void AddRow(NodeIndex leaf, Ordinal ordinal);
  void RemoveRow(NodeIndex leaf, Ordinal ordinal);
  size_t ChildIndex(NodeIndex parent, NodeIndex node) const;

  // ---- Rows (tree_editor.cc) ----
  absl::StatusOr<bool> DeleteNear(Ordinal ordinal);
  absl::StatusOr<std::vector<Ordinal>> DeleteAnywhere(
      std::vector<Ordinal> missing);
  absl::StatusOr<NodeIndex> FindRow(Ordinal ordinal,
                                    std::span<const NearLeaf> leaves);

  // ---- Leaves (tree_editor_settle.cc) ----
  enum class Reassign { kYes, kNo };
  absl::Status SplitFullLeaves(Reassign reassign);
  absl::Status SplitLeaf(NodeIndex leaf, Reassign reassign);
  absl::StatusOr<std::vector<NodeIndex>> MakeParts(NodeIndex leaf);
  std::vector<bool> BestSplit(const Matrix& points, uint64_t seed) const;
  std::vector<float> RoundedMean(const Matrix& points) const;
  absl::Status RecenterLeaf(NodeIndex leaf);
  absl::Status RecenterNewLeaves();
  NodeIndex AddLeaf(NodeIndex parent, std::vector<float> centroid,
                    std::vector<Ordinal> rows);
  absl::Status ReassignOwnRows(std::span<const float> old_centroid,
                               std::span<const NodeIndex> parts,
                               std::span<const NearLeaf> neighbors);
  absl::Status ReassignNeighbor(NodeIndex neighbor,
                                std::span<const NodeIndex> parts);
  absl::Status MoveRows(std::span<const Move> moves);
  absl::Status ListNearerRows(const Leaf& leaf,
                              std::span<const float> part_centroid,
                              std::vector<Ordinal>& rows) const;
  absl::Status MergeSmallLeaves();
  absl::Status DissolveLeaf(NodeIndex leaf);
  void RemoveChild(NodeIndex parent, NodeIndex node);

  // ---- Inner nodes (tree_editor_settle.cc) ----
  absl::Status SettleInners();
  absl::Status MergeInner(NodeIndex inner);
  void SplitInner(NodeIndex inner);
  void MoveChildren(std::vector<Child> children, NodeIndex target);
  absl::Status LowerTop();

  // ---- Writing (tree_editor_write.cc) ----
  absl::Status WriteLeaf(Leaf& leaf, Child& child, PageSink& sink);
  absl::StatusOr<ChildNode> WriteInner(Inner& inner, PageSink& sink);

  const LoadedForest& forest_;
  const TreeRecord record_;
  const size_t tree_;
  const VectorSource& vectors_;
  const CodeSpace space_;
  const size_t leaf_row_count_max_;  // A leaf that outgrows it is split.
  const size_t leaf_row_count_min_;
  const DistanceKernels& kernels_;

  std::deque<Inner> inners_;  // A deque, so that references stay valid.
  std::deque<Leaf> leaves_;
  NodeIndex top_ = kNoNode;
  int64_t leaf_count_ = 0;
  std::vector<NodeIndex> full_leaves_;
  size_t splits_with_reassignment_ = 0;
  int64_t rows_inserted_ = 0;
  int64_t rows_moved_ = 0;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_TREE_EDITOR_H_
