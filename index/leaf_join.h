// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The part of a join (pair_join.h) that a forest helps with: groups of up to 64
// rows are looked for in the leaves that they reach, node by node of the lowest
// level, so that codes of centroids and rows are read from memory once a group.
//
//   LeafJoin join(context);
//   COPSE_RETURN_IF_ERROR(join.Begin());
//   COPSE_RETURN_IF_ERROR(join.JoinLeaf(17));
//   COPSE_RETURN_IF_ERROR(join.JoinRows(ordinals));

#ifndef COPSE_INDEX_LEAF_JOIN_H_
#define COPSE_INDEX_LEAF_JOIN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/coded_query.h"
#include "index/distance.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/leaf_router.h"
#include "index/metric.h"
#include "index/pair_join.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"

namespace copse::internal {

class LoadedForest;

// The most rows that are looked for at once: their tables fit the second cache.
inline constexpr size_t kJoinGroupRowCount = 64;

// What all parts of one join share. Nothing is owned.
class JoinContext {
 public:
  JoinContext(Metric metric, const VectorSource& vectors,
              const JoinedRows& rows, const PairJoinOptions& options,
              const PairSink& sink)
      : metric_(metric),
        vectors_(vectors),
        rows_(rows),
        options_(options),
        sink_(sink) {}

  Metric metric() const { return metric_; }
  const VectorSource& vectors() const { return vectors_; }
  const JoinedRows& rows() const { return rows_; }
  const PairJoinOptions& options() const { return options_; }
  RowFilter filter() const { return {rows_.allowed, rows_.excluded}; }

  absl::Status Check() const {
    return options_.check == nullptr ? absl::OkStatus() : (*options_.check)();
  }

  // The square of the distance in the space of the codes at which rows may
  // form a pair; in the dot product the distance.
  float Reach() const;

  // Hands `pairs`, which it empties, to the sink, and adds `work` up.
  absl::Status Emit(std::vector<RowPair>& pairs);
  void AddWork(const PairJoinWork& work);
  PairJoinWork work() const;

 private:
  const Metric metric_;
  const VectorSource& vectors_;
  const JoinedRows& rows_;
  const PairJoinOptions& options_;

  mutable Mutex mutex_;
  const PairSink& sink_ ABSL_GUARDED_BY(mutex_);
  PairJoinWork work_ ABSL_GUARDED_BY(mutex_);
};

// Collects pairs, and hands them on when they are many.
class PairBuffer {
 public:
  explicit PairBuffer(JoinContext& context) : context_(context) {}

  absl::Status Add(Ordinal left, Ordinal right, float distance) {
    pairs_.push_back({.first = std::min(left, right),
                      .second = std::max(left, right),
                      .distance = distance});
    return pairs_.size() < kPairCountMax ? absl::OkStatus() : Flush();
  }
  absl::Status Flush() {
    return pairs_.empty() ? absl::OkStatus() : context_.Emit(pairs_);
  }

 private:
  static constexpr size_t kPairCountMax = 4096;

  JoinContext& context_;
  std::vector<RowPair> pairs_;
};

class JoinGroup;

// Thread safety: after Begin() any number of threads may join.
class LeafJoin {
 public:
  // `context` has a forest that is not empty, and outlives the join.
  explicit LeafJoin(JoinContext& context);
  ~LeafJoin();

  // Opens the nodes above the leaves.
  absl::Status Begin();

  size_t leaf_count() const { return leaves_.size(); }

  // Emits pairs of which one row is of leaf `index` and passes the filter.
  // REQUIRES: index < leaf_count()
  absl::Status JoinLeaf(size_t index);

  // Emits pairs of one of `rows`, which need not be covered and are at most
  // kJoinGroupRowCount, and a covered row: all that there are but a few, also
  // if those that are found are not looked for.
  absl::Status JoinRows(std::span<const Ordinal> rows);

 private:
  friend class JoinGroup;

  // A node above leaves, and the node above it: null for the top.
  struct Node {
    const InnerNode* node = nullptr;
    const InnerNode* parent = nullptr;
    uint32_t index = 0;  // Of the node in its parent.
  };
  struct Leaf {
    const InnerNode* node = nullptr;
    uint32_t index = 0;
  };

  std::unique_ptr<JoinGroup> TakeGroup();
  absl::Status Finish(std::unique_ptr<JoinGroup> group, absl::Status status);

  JoinContext& context_;
  const LoadedForest& forest_;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;

  Mutex mutex_;
  std::vector<std::unique_ptr<JoinGroup>> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_LEAF_JOIN_H_
