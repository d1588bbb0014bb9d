// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The one implementation of Forest: the root record, and the nodes that have
// been needed so far. Nodes are loaded once, kept until the forest goes, and
// reached through the slots of their parents.

#ifndef COPSE_INDEX_LOADED_FOREST_H_
#define COPSE_INDEX_LOADED_FOREST_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/forest_page.h"
#include "index/forest_search.h"
#include "index/page_store.h"
#include "index/rotation.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"

namespace copse::internal {

class LoadedForest final : public Forest {
 public:
  LoadedForest(PageId root, ForestRecord record, const PageSource& pages,
               size_t root_size_bytes);

  PageId root() const override { return root_; }
  const ForestOptions& options() const override { return record_.options; }
  size_t dimension() const override { return record_.dimension; }
  int64_t row_count() const override {
    return static_cast<int64_t>(record_.row_count);
  }
  size_t memory_size_bytes() const override {
    return memory_size_bytes_.load(std::memory_order_relaxed);
  }
  absl::StatusOr<std::vector<Neighbor>> Search(const VectorSource& vectors,
                                               std::span<const float> query,
                                               const SearchOptions& options,
                                               SearchWork* work) const override;
  absl::StatusOr<std::vector<std::vector<Neighbor>>> BatchSearch(
      const VectorSource& vectors,
      std::span<const std::span<const float>> queries,
      const SearchOptions& options, SearchWork* work) const override;
  absl::Status ForEachPage(
      const std::function<absl::Status(PageId, std::span<const std::byte>)>&
          visit) const override;
  absl::Status ForEachPageId(
      const std::function<absl::Status(PageId)>& visit) const override;
  absl::Status ForEachRow(
      const std::function<void(Ordinal)>& visit) const override;

  const ForestRecord& record() const { return record_; }
  const PageSource& pages() const { return pages_; }

  // Returns the vector that codes are relative to; empty if it is zero.
  absl::StatusOr<std::span<const float>> Origin() const;

  // Returns what the codes of the forest are relative to; valid as long as the
  // forest.
  absl::StatusOr<CodeSpace> Space() const;

  // Returns the top node of a tree. REQUIRES: row_count() > 0
  absl::StatusOr<const InnerNode*> Top(size_t tree) const;

  // Returns a child of `parent`, loading it if need be.
  // REQUIRES: parent.page().level() > 1
  absl::StatusOr<const InnerNode*> InnerChild(const InnerNode& parent,
                                              size_t index) const;
  // REQUIRES: parent.page().level() == 1
  absl::StatusOr<const LeafNode*> LeafChild(const InnerNode& parent,
                                            size_t index) const;

  // Returns leaf `index` of `parent` without keeping it if it is not loaded:
  // then `storage` owns it.
  absl::StatusOr<const LeafNode*> PeekLeaf(
      const InnerNode& parent, size_t index,
      std::unique_ptr<LeafNode>& storage) const;

 private:
  // Sets the slot of a child unless another thread was faster, and returns
  // what the slot holds.
  template <typename Node>
  const Node* Keep(const InnerNode& parent, size_t index,
                   std::unique_ptr<Node> node,
                   std::vector<std::unique_ptr<const Node>>& owner) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PageId root_;
  const ForestRecord record_;
  const Rotation rotation_;
  const PageSource& pages_;  // Not owned.

  mutable std::array<std::atomic<const InnerNode*>, 8> tops_{};
  mutable std::atomic<const std::vector<float>*> origin_{nullptr};
  mutable std::atomic<size_t> memory_size_bytes_;
  mutable ScratchPool scratch_pool_;

  mutable Mutex mutex_;
  mutable std::vector<std::unique_ptr<const InnerNode>> inner_nodes_
      ABSL_GUARDED_BY(mutex_);
  mutable std::vector<std::unique_ptr<const LeafNode>> leaf_nodes_
      ABSL_GUARDED_BY(mutex_);
  mutable std::unique_ptr<const std::vector<float>> origin_owner_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_LOADED_FOREST_H_
