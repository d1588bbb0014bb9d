// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes an inner node: its centroid pages and its inner page.
//
//   NodeWriter writer(level, space, centroid);
//   writer.KeepCentroidPage(page_id, children, centroids);  // Not written
//   again. writer.AddChild(child, centroid); COPSE_ASSIGN_OR_RETURN(PageId
//   page_id, writer.Finish(sink));

#ifndef COPSE_INDEX_NODE_WRITER_H_
#define COPSE_INDEX_NODE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/coded_rows.h"
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
  // `space` and `centroid`, that of the node, must outlive the writer; the top
  // of a tree has an empty one.
  NodeWriter(uint32_t level, const CodeSpace& space,
             std::span<const float> centroid)
      : level_(level), space_(space), codes_(space_, centroid) {}

  // Adds `children` whose centroids are those of a page that exists, in this
  // order. REQUIRES: AddChild() has not been called;
  // centroids.size() == children.size()
  void KeepCentroidPage(PageId page_id, std::span<const ChildNode> children,
                        std::span<const std::span<const float>> centroids);

  // Adds a child whose centroid, which RoundCentroid() has rounded, is still to
  // be written.
  void AddChild(const ChildNode& child, std::span<const float> centroid);

  // Returns the rows below all children.
  uint32_t row_count() const;

  // Writes the pages and returns the number of the inner page. Called once.
  // REQUIRES: 1 to kChildCountMax children
  absl::StatusOr<PageId> Finish(PageSink& sink);

 private:
  const uint32_t level_;
  const CodeSpace space_;
  CodedRowsBuilder codes_;
  std::vector<PageId> centroid_pages_;
  std::vector<uint32_t> centroid_counts_;
  std::vector<ChildNode> children_;
  std::vector<float> differences_;  // To the origin, of AddChild().
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_NODE_WRITER_H_
