// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes an inner node: its centroid pages and its inner page.
//
//   NodeWriter writer(level, dimension);
//   writer.KeepCentroidPage(page_id, children);     // Not written again.
//   writer.AddChild(child, centroid);
//   COPSE_ASSIGN_OR_RETURN(PageId page_id, writer.Finish(sink));

#ifndef COPSE_INDEX_NODE_WRITER_H_
#define COPSE_INDEX_NODE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/page_store.h"

namespace copse::internal {

// A child of an inner node: a leaf, or an inner node of the level below.
struct ChildNode {
  PageId page_id = kNoPage;
  uint32_t row_count = 0;
  float spread = 0;  // See inner_page.h.
};

// Returns the spread of the rows below `children` around `centroid`, where
// child i has its centroid in centroids[i].
float SpreadAround(std::span<const float> centroid,
                   std::span<const std::span<const float>> centroids,
                   std::span<const ChildNode> children);

// Thread safety: none.
class NodeWriter {
 public:
  NodeWriter(uint32_t level, size_t dimension)
      : level_(level), dimension_(dimension) {}

  // Adds `children` whose centroids are those of a page that exists, in this
  // order. REQUIRES: AddChild() has not been called.
  void KeepCentroidPage(PageId page_id, std::span<const ChildNode> children);

  // Adds a child whose centroid is still to be written.
  void AddChild(const ChildNode& child, std::span<const float> centroid);

  // Returns the rows below all children.
  uint32_t row_count() const;

  // Writes the pages and returns the number of the inner page. Called once.
  // REQUIRES: 1 to kChildCountMax children
  absl::StatusOr<PageId> Finish(PageSink& sink);

 private:
  const uint32_t level_;
  const size_t dimension_;
  std::vector<PageId> centroid_pages_;
  std::vector<uint32_t> centroid_counts_;
  std::vector<ChildNode> children_;
  std::vector<float> centroids_;  // Of AddChild().
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_NODE_WRITER_H_
