// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/loaded_forest.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/forest.h"
#include "index/forest_node.h"
#include "index/forest_page.h"
#include "index/forest_search.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse {

absl::StatusOr<std::shared_ptr<const Forest>> Forest::Open(
    PageId root, const PageSource& pages) {
  COPSE_ASSIGN_OR_RETURN(const PageRef page, pages.Read(root));
  absl::StatusOr<internal::ForestRecord> record =
      internal::ParseForestPage(page->bytes());
  if (!record.ok()) {
    return internal::AtPage(root, record.status());
  }
  return std::make_shared<const internal::LoadedForest>(
      root, *std::move(record), pages, page->bytes().size());
}

namespace internal {
namespace {

// A page that is still to be visited, as the page above describes it.
struct PageToVisit {
  PageId page_id = kNoPage;
  uint32_t level = 0;  // 0 for leaves.
  uint64_t row_count = 0;
};

ExpectedNode ChildOf(const InnerNode& parent, size_t index, size_t dimension) {
  return {.dimension = dimension,
          .level = parent.page().level() - 1,
          .row_count = parent.page().row_counts()[index]};
}

// Walks the pages of a forest as its source has them. The row counts say how
// many pages there can be, so damaged pages cannot make it endless.
class PageWalk {
 public:
  using Visit = std::function<absl::Status(PageId, std::span<const std::byte>)>;

  enum class Leaves { kRead, kNameOnly };

  PageWalk(const LoadedForest& forest, Leaves leaves, const Visit& visit)
      : forest_(forest), leaves_(leaves), visit_(visit) {}

  absl::Status Run() {
    COPSE_RETURN_IF_ERROR(VisitPage(forest_.root()));
    const ForestRecord& record = forest_.record();
    if (record.origin != kNoPage) {
      COPSE_RETURN_IF_ERROR(VisitPage(record.origin));
      COPSE_RETURN_IF_ERROR(
          LoadOrigin(forest_.pages(), record.origin, record.dimension)
              .status());
    }
    if (record.row_count == 0) {
      return absl::OkStatus();
    }
    for (const TreeRecord& tree : record.trees) {
      COPSE_RETURN_IF_ERROR(VisitTree(tree));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status VisitPage(PageId page_id) {
    COPSE_ASSIGN_OR_RETURN(const PageRef page, forest_.pages().Read(page_id));
    return visit_(page_id, page->bytes());
  }

  absl::Status VisitTree(const TreeRecord& tree) {
    uint64_t leaf_count = 0;
    std::vector<PageToVisit> stack{
        {tree.top, tree.level, forest_.record().row_count}};
    while (!stack.empty()) {
      const PageToVisit next = stack.back();
      stack.pop_back();
      if (next.level > 0) {
        COPSE_RETURN_IF_ERROR(VisitInner(next, stack));
        continue;
      }
      ++leaf_count;
      COPSE_RETURN_IF_ERROR(VisitLeaf(next));
    }
    if (leaf_count != tree.leaf_count) {
      return AtPage(forest_.root(),
                    absl::DataLossError(absl::StrFormat(
                        "leaf count of a tree is %d, expected %d as found",
                        tree.leaf_count, leaf_count)));
    }
    return absl::OkStatus();
  }

  absl::Status VisitLeaf(const PageToVisit& leaf) {
    if (leaves_ == Leaves::kNameOnly) {
      return visit_(leaf.page_id, {});
    }
    COPSE_RETURN_IF_ERROR(VisitPage(leaf.page_id));
    return LoadLeafNode(
               forest_.pages(), leaf.page_id,
               {.dimension = forest_.dimension(), .row_count = leaf.row_count})
        .status();
  }

  absl::Status VisitInner(const PageToVisit& inner,
                          std::vector<PageToVisit>& stack) {
    COPSE_RETURN_IF_ERROR(VisitPage(inner.page_id));
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<InnerNode> node,
                           LoadInnerNode(forest_.pages(), inner.page_id,
                                         {.dimension = forest_.dimension(),
                                          .level = inner.level,
                                          .row_count = inner.row_count}));
    for (const PageId page_id : node->page().centroid_pages()) {
      COPSE_RETURN_IF_ERROR(VisitPage(page_id));
    }
    for (size_t i = node->child_count(); i-- > 0;) {
      stack.push_back({node->page().children()[i], inner.level - 1,
                       node->page().row_counts()[i]});
    }
    return absl::OkStatus();
  }

  const LoadedForest& forest_;
  const Leaves leaves_;
  const Visit& visit_;
};

}  // namespace

LoadedForest::LoadedForest(PageId root, ForestRecord record,
                           const PageSource& pages, size_t root_size_bytes)
    : root_(root),
      record_(std::move(record)),
      rotation_(record_.dimension, record_.options.seed),
      pages_(pages),
      memory_size_bytes_(sizeof(*this) + root_size_bytes) {
  COPSE_CHECK(record_.trees.size() <= tops_.size());
}

absl::StatusOr<std::vector<Neighbor>> LoadedForest::Search(
    const VectorSource& vectors, std::span<const float> query,
    const SearchOptions& options, SearchWork* work) const {
  SearchWork ignored;
  return SearchForest(*this, vectors, query, options, scratch_pool_,
                      work == nullptr ? ignored : *work);
}

absl::StatusOr<std::vector<std::vector<Neighbor>>> LoadedForest::BatchSearch(
    const VectorSource& vectors,
    std::span<const std::span<const float>> queries,
    const SearchOptions& options, SearchWork* work) const {
  SearchWork ignored;
  return BatchSearchForest(*this, vectors, queries, options, scratch_pool_,
                           work == nullptr ? ignored : *work);
}

// ---- Loading
// -----------------------------------------------------------------

absl::StatusOr<std::span<const float>> LoadedForest::Origin() const {
  if (record_.origin == kNoPage) {
    return std::span<const float>();
  }
  if (const std::vector<float>* origin =
          origin_.load(std::memory_order_acquire)) {
    return std::span<const float>(*origin);
  }
  COPSE_ASSIGN_OR_RETURN(std::vector<float> loaded,
                         LoadOrigin(pages_, record_.origin, dimension()));
  MutexLock lock(mutex_);
  if (origin_owner_ == nullptr) {
    origin_owner_ =
        std::make_unique<const std::vector<float>>(std::move(loaded));
    memory_size_bytes_ += dimension() * sizeof(float);
    origin_.store(origin_owner_.get(), std::memory_order_release);
  }
  return std::span<const float>(*origin_owner_);
}

absl::StatusOr<CodeSpace> LoadedForest::Space() const {
  COPSE_ASSIGN_OR_RETURN(const std::span<const float> origin, Origin());
  return CodeSpace{.metric = record_.options.metric,
                   .rotation = &rotation_,
                   .origin = origin};
}

absl::StatusOr<const InnerNode*> LoadedForest::Top(size_t tree) const {
  COPSE_DCHECK(record_.row_count > 0 && tree < record_.trees.size());
  if (const InnerNode* top = tops_[tree].load(std::memory_order_acquire)) {
    return top;
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<InnerNode> node,
                         LoadInnerNode(pages_, record_.trees[tree].top,
                                       {.dimension = dimension(),
                                        .level = record_.trees[tree].level,
                                        .row_count = record_.row_count}));
  MutexLock lock(mutex_);
  const InnerNode* top = tops_[tree].load(std::memory_order_relaxed);
  if (top == nullptr) {
    top = node.get();
    memory_size_bytes_ += node->memory_size_bytes();
    inner_nodes_.push_back(std::move(node));
    tops_[tree].store(top, std::memory_order_release);
  }
  return top;
}

template <typename Node>
const Node* LoadedForest::Keep(
    const InnerNode& parent, size_t index, std::unique_ptr<Node> node,
    std::vector<std::unique_ptr<const Node>>& owner) const {
  if (const void* first = parent.child(index)) {
    return static_cast<const Node*>(first);
  }
  const Node* kept = node.get();
  memory_size_bytes_ += node->memory_size_bytes();
  owner.push_back(std::move(node));
  parent.set_child(index, kept);
  return kept;
}

absl::StatusOr<const InnerNode*> LoadedForest::InnerChild(
    const InnerNode& parent, size_t index) const {
  COPSE_DCHECK(parent.page().level() > 1);
  if (const void* node = parent.child(index)) {
    return static_cast<const InnerNode*>(node);
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<InnerNode> node,
                         LoadInnerNode(pages_, parent.page().children()[index],
                                       ChildOf(parent, index, dimension())));
  MutexLock lock(mutex_);
  return Keep(parent, index, std::move(node), inner_nodes_);
}

absl::StatusOr<const LeafNode*> LoadedForest::LeafChild(const InnerNode& parent,
                                                        size_t index) const {
  COPSE_DCHECK(parent.page().level() == 1);
  if (const void* node = parent.child(index)) {
    return static_cast<const LeafNode*>(node);
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<LeafNode> node,
                         LoadLeafNode(pages_, parent.page().children()[index],
                                      ChildOf(parent, index, dimension())));
  MutexLock lock(mutex_);
  node->set_number(static_cast<uint32_t>(leaf_nodes_.size()));
  return Keep(parent, index, std::move(node), leaf_nodes_);
}

absl::StatusOr<const LeafNode*> LoadedForest::PeekLeaf(
    const InnerNode& parent, size_t index,
    std::unique_ptr<LeafNode>& storage) const {
  COPSE_DCHECK(parent.page().level() == 1);
  if (const void* node = parent.child(index)) {
    return static_cast<const LeafNode*>(node);
  }
  COPSE_ASSIGN_OR_RETURN(storage,
                         LoadLeafNode(pages_, parent.page().children()[index],
                                      ChildOf(parent, index, dimension())));
  return storage.get();
}

// ---- Walking
// -----------------------------------------------------------------

absl::Status LoadedForest::ForEachPage(
    const std::function<absl::Status(PageId, std::span<const std::byte>)>&
        visit) const {
  return PageWalk(*this, PageWalk::Leaves::kRead, visit).Run();
}

absl::Status LoadedForest::ForEachPageId(
    const std::function<absl::Status(PageId)>& visit) const {
  const PageWalk::Visit visit_page =
      [&visit](PageId page_id, std::span<const std::byte> /*bytes*/) {
        return visit(page_id);
      };
  return PageWalk(*this, PageWalk::Leaves::kNameOnly, visit_page).Run();
}

absl::Status LoadedForest::ForEachRow(
    const std::function<void(Ordinal)>& visit) const {
  if (record_.row_count == 0) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const InnerNode* const top, Top(0));
  std::vector<const InnerNode*> stack{top};
  while (!stack.empty()) {
    const InnerNode& node = *stack.back();
    stack.pop_back();
    for (size_t i = 0; i < node.child_count(); ++i) {
      if (node.page().level() > 1) {
        COPSE_ASSIGN_OR_RETURN(const InnerNode* const child,
                               InnerChild(node, i));
        stack.push_back(child);
        continue;
      }
      std::unique_ptr<LeafNode> storage;
      COPSE_ASSIGN_OR_RETURN(const LeafNode* const leaf,
                             PeekLeaf(node, i, storage));
      for (const Ordinal ordinal : leaf->page().ordinals()) {
        visit(ordinal);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace copse
