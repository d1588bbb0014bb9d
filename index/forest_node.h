// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pages of a forest in memory: read, checked and, for inner nodes, with a slot
// for each child. A slot is one atomic pointer: a search that finds it set
// pays for no look-up, lock or reference count.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<InnerNode> node,
//                          LoadInnerNode(pages, page_id, expected));
//   float score = node->ScoreChild(query, 3);

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

// Thread safety: immutable once it is in a slot.
class LeafNode {
 public:
  LeafNode(PageRef page, const LeafPage& view)
      : page_(std::move(page)), view_(view) {}

  const LeafPage& page() const { return view_; }

  // The place of the leaf in the order in which its forest loaded them, from 0.
  uint32_t number() const { return number_; }
  void set_number(uint32_t number) { number_ = number; }

  size_t memory_size_bytes() const {
    return sizeof(*this) + page_->bytes().size();
  }

 private:
  PageRef page_;
  LeafPage view_;  // Of page_.
  uint32_t number_ = 0;
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

  // Returns the score of the centroid of child `index`, see LeafPage::Scan().
  // REQUIRES: index < child_count()
  float ScoreChild(const CodedQuery& query, size_t index) const {
    const CentroidPlace& place = places_[index];
    return centroid_pages_[place.page].Score(query, place.index);
  }
  float ScoreChildExactly(const CodedQuery& query, size_t index) const {
    const CentroidPlace& place = places_[index];
    return centroid_pages_[place.page].ExactScore(query, place.index);
  }
  // Asks for the memory that ScoreChild() reads.
  void PrefetchChild(size_t index) const {
    const CentroidPlace& place = places_[index];
    centroid_pages_[place.page].Prefetch(place.index);
  }

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
  // Where the centroid of a child is.
  struct CentroidPlace {
    uint16_t page = 0;
    uint16_t index = 0;
  };

  PageRef page_;
  InnerPage view_;  // Of page_.
  std::vector<PageRef> centroid_refs_;
  std::vector<CentroidPage> centroid_pages_;  // Of centroid_refs_.
  std::vector<CentroidPlace> places_;         // As many as children.
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
