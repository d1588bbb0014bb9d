// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pages of a forest in memory: read, checked and, for inner nodes, with a slot
// for each child. A slot is one atomic pointer: a search that finds it set
// pays for no look-up, lock or reference count.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<InnerNode> node,
//                          LoadInnerNode(pages, page_id, expected));
//   std::span<const float> centroid = node->centroid(3);

#ifndef COPSE_INDEX_FOREST_NODE_H_
#define COPSE_INDEX_FOREST_NODE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/centroid_page.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/page_store.h"

namespace copse::internal {

// What the page that names a page says about it, and must hold.
struct ExpectedNode {
  size_t dimension = 0;
  uint32_t level = 0;      // Of inner nodes.
  uint64_t row_count = 0;  // Below the node.
};

// Thread safety: immutable.
class LeafNode {
 public:
  LeafNode(PageRef page, const LeafPage& view)
      : page_(std::move(page)), view_(view) {}

  const LeafPage& page() const { return view_; }
  size_t memory_size_bytes() const {
    return sizeof(*this) + page_->bytes().size();
  }

 private:
  PageRef page_;
  LeafPage view_;  // Of page_.
};

// Thread safety: immutable but for the slots, which are atomic.
class InnerNode {
 public:
  InnerNode(PageRef page, const InnerPage& view,
            std::vector<PageRef> centroid_refs,
            std::vector<CentroidPage> centroid_pages);

  const InnerPage& page() const { return view_; }
  size_t child_count() const { return view_.children().size(); }

  // The centroids of all children: those of each page stand one after the
  // other, and the pages follow in the order of the children.
  std::span<const CentroidPage> centroid_pages() const {
    return centroid_pages_;
  }

  // The centroid of child `index`. REQUIRES: index < child_count()
  std::span<const float> centroid(size_t index) const;

  // Child `index` once it has been loaded, else null: at level 1 a LeafNode,
  // above an InnerNode. The node is owned by who sets the slot.
  const void* child(size_t index) const {
    return slots_[index].load(std::memory_order_acquire);
  }
  void set_child(size_t index, const void* node) const {
    slots_[index].store(node, std::memory_order_release);
  }

  size_t memory_size_bytes() const;

 private:
  PageRef page_;
  InnerPage view_;  // Of page_.
  std::vector<PageRef> centroid_refs_;
  std::vector<CentroidPage> centroid_pages_;  // Of centroid_refs_.
  std::unique_ptr<std::atomic<const void*>[]> slots_;
};

// Reads and checks the page and what `expected` says of it. Fails with what
// `pages` fails with, and with kDataLoss or kUnimplemented, naming the page.
absl::StatusOr<std::unique_ptr<LeafNode>> LoadLeafNode(
    const PageSource& pages, PageId page_id, const ExpectedNode& expected);

// The same for an inner page and its centroid pages.
absl::StatusOr<std::unique_ptr<InnerNode>> LoadInnerNode(
    const PageSource& pages, PageId page_id, const ExpectedNode& expected);

// Reads the page that holds one vector of `dimension` components.
absl::StatusOr<std::vector<float>> LoadOrigin(const PageSource& pages,
                                              PageId page_id, size_t dimension);

// Returns `status` with the page number before its message.
absl::Status AtPage(PageId page_id, const absl::Status& status);

}  // namespace copse::internal

#endif  // COPSE_INDEX_FOREST_NODE_H_
