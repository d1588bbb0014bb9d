// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes the pages of an edited tree that differ from those it started from:
// leaves first, then the inner nodes level by level.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/forest_node.h"
#include "index/forest_page.h"
#include "index/leaf_page.h"
#include "index/node_writer.h"
#include "index/page_store.h"
#include "index/tree_builder.h"
#include "index/tree_editor.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// Pages that stand in each other's place are each intact, and seen only here.
absl::Status CheckDistinct(std::vector<Ordinal> rows) {
  std::ranges::sort(rows);
  const auto repeated = std::ranges::adjacent_find(rows);
  return repeated == rows.end()
             ? absl::OkStatus()
             : absl::DataLossError(absl::StrFormat(
                   "row %d is in two leaves, expected one", *repeated));
}

}  // namespace

// Writes a leaf and makes `child`, its entry in the parent, name the new page.
absl::Status TreeEditor::WriteLeaf(Leaf& leaf, Child& child, PageSink& sink) {
  LeafPageBuilder builder(space_, leaf.centroid);
  std::unique_ptr<LeafNode> storage;
  const LeafNode* stored = nullptr;
  if (leaf.source != nullptr) {
    COPSE_ASSIGN_OR_RETURN(stored, PeekPage(leaf, storage));
  }
  COPSE_RETURN_IF_ERROR(CheckDistinct(leaf.rows));
  std::vector<float> buffer;
  for (const Ordinal ordinal : leaf.rows) {
    const std::optional<size_t> index =
        stored == nullptr ? std::nullopt : stored->page().Find(ordinal);
    if (index.has_value()) {
      builder.CopyRow(stored->page(), *index);
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors_, ordinal, buffer));
    builder.AddRow(ordinal, vector);
  }
  child.stored.row_count = static_cast<uint32_t>(builder.row_count());
  child.stored.spread = builder.spread();
  COPSE_ASSIGN_OR_RETURN(child.stored.page_id, sink.Write(builder.Finish()));
  leaf.changed = false;
  return absl::OkStatus();
}

// Writes an inner node whose children have been written. A centroid page of
// which all vectors are still needed is kept.
absl::StatusOr<ChildNode> TreeEditor::WriteInner(Inner& inner, PageSink& sink) {
  NodeWriter writer(inner.level, space_, inner.centroid);
  std::vector<Child> others;
  size_t next = 0;
  const size_t centroid_page_count =
      inner.source == nullptr ? 0 : inner.source->centroid_pages().size();
  for (uint32_t page = 0; page < centroid_page_count; ++page) {
    // Children are only taken out or added at the end, so those that are left
    // of one page still follow each other.
    std::vector<ChildNode> kept;
    std::vector<std::span<const float>> centroids;
    const size_t first = next;
    while (next < inner.children.size() &&
           inner.children[next].centroid_page == page) {
      centroids.push_back(inner.children[next].centroid);
      kept.push_back(inner.children[next++].stored);
    }
    if (kept.size() == inner.source->centroid_pages()[page].vector_count()) {
      writer.KeepCentroidPage(inner.source->page().centroid_pages()[page], kept,
                              centroids);
    } else {
      const std::span<const Child> children(inner.children);
      const auto rewritten = children.subspan(first, next - first);
      others.insert(others.end(), rewritten.begin(), rewritten.end());
    }
  }
  const std::span<const Child> rest =
      std::span<const Child>(inner.children).subspan(next);
  others.insert(others.end(), rest.begin(), rest.end());
  for (const Child& child : others) {
    writer.AddChild(child.stored, child.centroid);
  }
  ChildNode node;
  node.row_count = writer.row_count();
  if (!inner.centroid.empty()) {
    std::vector<std::span<const float>> centroids;
    std::vector<ChildNode> children;
    for (const Child& child : inner.children) {
      centroids.push_back(child.centroid);
      children.push_back(child.stored);
    }
    node.spread = SpreadAround(inner.centroid, centroids, children);
  }
  COPSE_ASSIGN_OR_RETURN(node.page_id, writer.Finish(sink));
  return node;
}

absl::StatusOr<TreeRecord> TreeEditor::Write(PageSink& sink) {
  TreeRecord record = record_;
  record.leaf_count = static_cast<uint64_t>(leaf_count_);
  record.level = inners_[top_].level;
  if (top_ == 0 && !inners_[top_].changed) {
    return record;
  }
  for (uint32_t level = 1; level <= record.level; ++level) {
    for (NodeIndex index = 0; index < inners_.size(); ++index) {
      Inner& inner = inners_[index];
      if (inner.level != level || !inner.changed || inner.gone) {
        continue;
      }
      if (level == 1) {
        for (Child& child : inner.children) {
          if (child.node != kNoNode && leaves_[child.node].changed) {
            COPSE_RETURN_IF_ERROR(WriteLeaf(leaves_[child.node], child, sink));
          }
        }
      }
      COPSE_ASSIGN_OR_RETURN(const ChildNode node, WriteInner(inner, sink));
      if (index == top_) {
        record.top = node.page_id;
      } else {
        inners_[inner.parent].children[ChildIndex(inner.parent, index)].stored =
            node;
      }
    }
  }
  return record;
}

}  // namespace copse::internal
