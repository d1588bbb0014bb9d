// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/leaf_join.h"

#include <algorithm>
#include <cmath>
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
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/distance.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/pair_join.h"
#include "index/second_look.h"
#include "index/stored_vector.h"
#include "index/top_k.h"
#include "index/tree_builder.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// Returns the share of t by which a row looks across the boundary of its leaf,
// if the rows there look for it, too: all of t would find everything. What of a
// difference points at a boundary goes with 1 / sqrt(dimension) in data that
// fills its space; embeddings do not, hence the other part.
float BoundaryShare(size_t dimension) {
  return std::min(1.0F, 0.25F + 1 / std::sqrt(static_cast<float>(dimension)));
}

// In dense families, whose centroids are those of their leaves, what separates
// two rows points straight from leaf to leaf. With b - a = y - x one of the two
// rows has |x - b|^2 <= |x - a|^2 + t^2; a little more, since rows are at the
// edges of their families. 100,000 MiniLM embeddings: of the pairs within .1
// all are found, without it .9645.
constexpr double kStraightReach = 1.25;

// What rounding a query to int8 adds to the score of a centroid, of the squared
// length of the query.
constexpr float kScoreRounding = 4e-3F;

// Manhattan distances are taken for so many times the Euclidean one and the
// square root of the dimension; differences that are spread as a normal
// distribution have 0.8, those of a sixth of the components 0.33.
constexpr double kManhattanSpread = 0.33;

// Rows that are compared at once, so that their vectors are on their way.
constexpr size_t kHitCountMax = 256;

}  // namespace

float JoinContext::Reach() const {
  const double distance = options_.distance_max;
  switch (metric_) {
    case Metric::kCosine:
      return ToFinite(2 * distance);
    case Metric::kEuclidean:
      return ToFinite(distance * distance);
    case Metric::kDotProduct:
      return ToFinite(distance);
    case Metric::kManhattan: {
      const double spread =
          kManhattanSpread *
          std::sqrt(static_cast<double>(vectors_.dimension()));
      const double length = distance / std::max(1.0, spread);
      return ToFinite(length * length);
    }
    case Metric::kHamming:
      return ToFinite(distance);
  }
  return std::numeric_limits<float>::max();
}

absl::Status JoinContext::Emit(std::vector<RowPair>& pairs) {
  MutexLock lock(mutex_);
  const absl::Status status = sink_(pairs);
  pairs.clear();
  return status;
}

void JoinContext::AddWork(const PairJoinWork& work) {
  MutexLock lock(mutex_);
  work_.leaf_count += work.leaf_count;
  work_.rows_scanned += work.rows_scanned;
  work_.rows_compared += work.rows_compared;
}

PairJoinWork JoinContext::work() const {
  MutexLock lock(mutex_);
  return work_;
}

// Rows that are looked for together. Keeps its memory for the next ones.
//
// Thread safety: none.
class JoinGroup {
 public:
  explicit JoinGroup(LeafJoin& join)
      : join_(join), context_(join.context_), buffer_(context_) {}

  // Looks for `rows`, which are of `leaf`, or of none if it is null.
  absl::Status Run(std::span<const Ordinal> rows, const LeafJoin::Leaf* leaf) {
    rows_ = rows;
    COPSE_RETURN_IF_ERROR(Prepare(leaf));
    for (const LeafJoin::Node& node : join_.nodes_) {
      COPSE_RETURN_IF_ERROR(ListVisits(node));
      for (uint32_t child = 0; child < node.node->child_count(); ++child) {
        if (!visits_[child].empty()) {
          COPSE_RETURN_IF_ERROR(ScanLeaf(*node.node, child));
        }
      }
    }
    COPSE_RETURN_IF_ERROR(Compare());
    return buffer_.Flush();
  }

  PairJoinWork TakeWork() { return std::exchange(work_, PairJoinWork()); }

 private:
  // A row that is looked for.
  struct Row {
    std::vector<float> components;  // Of bits.
    CodedQuery query;
    float limit = 0;  // Leaves with larger scores are not looked at.
  };
  struct Visit {
    uint32_t row = 0;
    float score = 0;  // Of the leaf.
  };
  struct Hit {
    uint32_t row = 0;
    Ordinal found = 0;
  };

  absl::Status Prepare(const LeafJoin::Leaf* leaf) {
    COPSE_RETURN_IF_ERROR(context_.Check());
    COPSE_ASSIGN_OR_RETURN(const CodeSpace space, join_.forest_.Space());
    reach_ = context_.Reach();
    if (queries_.size() < rows_.size()) {
      queries_.resize(rows_.size());
    }
    distances_.clear();
    for (size_t i = 0; i < rows_.size(); ++i) {
      Row& row = queries_[i];
      COPSE_ASSIGN_OR_RETURN(
          const std::span<const float> vector,
          ReadVector(context_.vectors(), rows_[i], row.components));
      distances_.emplace_back(context_.metric(), vector);
      row.query.Prepare(space, vector);
      COPSE_RETURN_IF_ERROR(SetLimit(leaf, row));
    }
    return absl::OkStatus();
  }

  // Decides how far leaves may be from `row`.
  absl::Status SetLimit(const LeafJoin::Leaf* leaf, Row& row) {
    if (row.query.ranking() == Ranking::kInnerProduct) {
      row.limit = std::numeric_limits<float>::max();
      return absl::OkStatus();
    }
    float own = 0;
    if (leaf != nullptr) {
      own = leaf->node->ScoreChildExactly(row.query, leaf->index);
    } else {
      SearchWork work;
      COPSE_RETURN_IF_ERROR(
          router_.Begin(join_.forest_, row.query, /*tree_count=*/1, &work));
      COPSE_RETURN_IF_ERROR(router_.Take(1, leaves_).status());
      own = leaves_.front().score;
    }
    row.limit = ToFinite(LimitFor(own, /*is_alone=*/leaf == nullptr) +
                         double{kScoreRounding} * row.query.square());
    return absl::OkStatus();
  }

  // Returns the squared distance up to which leaves are looked at by a row
  // whose own leaf is at `own`, squared. If the rows there do not look for it,
  // it is alone, and has to see twice as far.
  double LimitFor(float own, bool is_alone) const {
    const double square = std::max(0.0F, own);
    const double sides = is_alone ? 2 : 1;
    const double beyond =
        std::sqrt(square) + sides *
                                BoundaryShare(context_.vectors().dimension()) *
                                std::sqrt(double{reach_});
    return std::max(beyond * beyond, square + sides * kStraightReach * reach_);
  }

  // Lists by child of `node` which rows look into it.
  absl::Status ListVisits(const LeafJoin::Node& node) {
    const size_t child_count = node.node->child_count();
    if (visits_.size() < child_count) {
      visits_.resize(child_count);
    }
    for (std::vector<Visit>& visits : visits_) {
      visits.clear();
    }
    const CodedRows& codes = node.node->page().coded_rows();
    const RowMagnitudes magnitudes = codes.Magnitudes();
    scan_.Reserve(child_count);
    for (uint32_t i = 0; i < rows_.size(); ++i) {
      const Row& row = queries_[i];
      const float score = ScoreOf(node, row.query);
      if (row.query.ranking() == Ranking::kInnerProduct) {
        for (uint32_t child = 0; child < child_count; ++child) {
          visits_[child].push_back(
              {i, node.node->ScoreChildExactly(row.query, child)});
        }
        continue;
      }
      const float limit =
          codes.EstimateLimit(row.query, magnitudes, score, row.limit);
      const size_t count = codes.Select(row.query, score, limit, scan_.sums,
                                        scan_.estimates, scan_.indices);
      for (size_t j = 0; j < count; ++j) {
        const uint32_t child = scan_.indices[j];
        float child_score = node.node->ScoreChild(row.query, child);
        if (child_score > row.limit) {
          continue;
        }
        if (child_score < SecondLookScore(row.query)) {
          child_score = node.node->ScoreChildExactly(row.query, child);
        }
        visits_[child].push_back({i, child_score});
      }
    }
    return context_.Check();
  }

  static float ScoreOf(const LeafJoin::Node& node, const CodedQuery& query) {
    if (node.parent != nullptr) {
      return node.parent->ScoreChild(query, node.index);
    }
    return query.ranking() == Ranking::kInnerProduct ? 0 : query.square();
  }

  // Lists what may be a pair among a leaf and the rows that look into it.
  absl::Status ScanLeaf(const InnerNode& node, uint32_t child) {
    COPSE_ASSIGN_OR_RETURN(const LeafNode* const leaf,
                           join_.forest_.LeafChild(node, child));
    const LeafPage& page = leaf->page();
    const CodedRows& codes = page.coded_rows();
    const RowMagnitudes magnitudes = codes.Magnitudes();
    const RowFilter filter = context_.filter();
    scan_.Reserve(page.row_count());
    work_.leaf_count += static_cast<int64_t>(visits_[child].size());
    work_.rows_scanned +=
        static_cast<int64_t>(visits_[child].size() * page.row_count());
    for (const Visit& visit : visits_[child]) {
      const CodedQuery& query = queries_[visit.row].query;
      const float limit =
          codes.EstimateLimit(query, magnitudes, visit.score, reach_);
      const size_t count = codes.Select(query, visit.score, limit, scan_.sums,
                                        scan_.estimates, scan_.indices);
      for (size_t i = 0; i < count; ++i) {
        const Ordinal found = page.ordinals()[scan_.indices[i]];
        if (found != rows_[visit.row] && filter.Passes(found)) {
          context_.vectors().Prefetch(found);
          hits_.push_back({visit.row, found});
        }
      }
      if (hits_.size() >= kHitCountMax) {
        COPSE_RETURN_IF_ERROR(Compare());
      }
    }
    return absl::OkStatus();
  }

  // Compares what has been listed, exactly.
  absl::Status Compare() {
    COPSE_RETURN_IF_ERROR(context_.Check());
    work_.rows_compared += static_cast<int64_t>(hits_.size());
    for (const Hit& hit : hits_) {
      COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                             context_.vectors().Read(hit.found));
      const float distance = distances_[hit.row].To(vector);
      if (distance <= context_.options().distance_max) {
        COPSE_RETURN_IF_ERROR(buffer_.Add(rows_[hit.row], hit.found, distance));
      }
    }
    hits_.clear();
    return absl::OkStatus();
  }

  LeafJoin& join_;
  JoinContext& context_;
  PairBuffer buffer_;
  PairJoinWork work_;
  float reach_ = 0;
  std::span<const Ordinal> rows_;
  std::deque<Row> queries_;
  std::deque<QueryDistance> distances_;
  std::vector<std::vector<Visit>> visits_;  // By child.
  std::vector<Hit> hits_;
  ScanScratch scan_;
  LeafRouter router_;
  std::vector<RoutedLeaf> leaves_;
};

LeafJoin::LeafJoin(JoinContext& context)
    : context_(context),
      forest_(static_cast<const LoadedForest&>(*context.rows().forest)) {}

LeafJoin::~LeafJoin() = default;

absl::Status LeafJoin::Begin() {
  COPSE_ASSIGN_OR_RETURN(const InnerNode* const top, forest_.Top(0));
  std::vector<Node> stack = {{.node = top}};
  while (!stack.empty()) {
    const Node node = stack.back();
    stack.pop_back();
    const bool is_lowest = node.node->page().level() == 1;
    if (is_lowest) {
      nodes_.push_back(node);
    }
    for (uint32_t i = 0; i < node.node->child_count(); ++i) {
      if (is_lowest) {
        leaves_.push_back({node.node, i});
        continue;
      }
      COPSE_ASSIGN_OR_RETURN(const InnerNode* const child,
                             forest_.InnerChild(*node.node, i));
      stack.push_back({.node = child, .parent = node.node, .index = i});
    }
    COPSE_RETURN_IF_ERROR(context_.Check());
  }
  return absl::OkStatus();
}

std::unique_ptr<JoinGroup> LeafJoin::TakeGroup() {
  MutexLock lock(mutex_);
  if (groups_.empty()) {
    return std::make_unique<JoinGroup>(*this);
  }
  std::unique_ptr<JoinGroup> group = std::move(groups_.back());
  groups_.pop_back();
  return group;
}

absl::Status LeafJoin::Finish(std::unique_ptr<JoinGroup> group,
                              absl::Status status) {
  context_.AddWork(group->TakeWork());
  if (status.ok()) {
    MutexLock lock(mutex_);
    groups_.push_back(std::move(group));
  }
  return status;
}

absl::Status LeafJoin::JoinLeaf(size_t index) {
  const Leaf& leaf = leaves_[index];
  COPSE_ASSIGN_OR_RETURN(const LeafNode* const node,
                         forest_.LeafChild(*leaf.node, leaf.index));
  const RowFilter filter = context_.filter();
  std::vector<Ordinal> rows;
  for (const Ordinal ordinal : node->page().ordinals()) {
    if (filter.Passes(ordinal)) {
      rows.push_back(ordinal);
    }
  }
  std::unique_ptr<JoinGroup> group = TakeGroup();
  absl::Status status = absl::OkStatus();
  for (size_t first = 0; first < rows.size() && status.ok();
       first += kJoinGroupRowCount) {
    status = group->Run(
        std::span(rows).subspan(
            first, std::min(kJoinGroupRowCount, rows.size() - first)),
        &leaf);
  }
  return Finish(std::move(group), status);
}

absl::Status LeafJoin::JoinRows(std::span<const Ordinal> rows) {
  std::unique_ptr<JoinGroup> group = TakeGroup();
  const absl::Status status = group->Run(rows, nullptr);
  return Finish(std::move(group), status);
}

}  // namespace copse::internal
