// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/forest_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/calibration.h"
#include "index/code_space.h"
#include "index/distance.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/leaf_router.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/top_k.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// Searches that remember more than this are forgotten.
constexpr size_t kScratchSizeBytesMax = size_t{1} << 20;
constexpr size_t kScratchCountMax = 256;

constexpr size_t kVectorsAhead = 4;

// Leaves or rows between two calls of SearchOptions::check: a few microseconds.
constexpr size_t kCheckInterval = 32;

// SearchOptions with the defaults filled in and bounded by what there is.
struct Limits {
  size_t neighbor_count;
  size_t row_budget;
  size_t rerank_count;
};

Limits ToLimits(const SearchOptions& options, Metric metric, size_t row_count) {
  Limits limits;
  limits.neighbor_count = std::min(options.neighbor_count, row_count);
  if (options.exact) {
    limits.row_budget = row_count;
    limits.rerank_count = row_count;
    return limits;
  }
  const SearchEffort effort =
      options.recall_target > 0
          ? EffortFor(options.calibration, options.recall_target, metric,
                      limits.neighbor_count, row_count)
          : DefaultEffort(metric, limits.neighbor_count, row_count);
  const auto bounded = [&limits, row_count](size_t count) {
    return std::min(std::max(count, limits.neighbor_count), row_count);
  };
  limits.row_budget =
      bounded(options.row_budget == 0 ? effort.row_budget : options.row_budget);
  limits.rerank_count = bounded(
      options.rerank_count == 0 ? effort.rerank_count : options.rerank_count);
  return limits;
}

class Searcher {
 public:
  Searcher(const LoadedForest& forest, const VectorSource& vectors,
           std::span<const float> query, const SearchOptions& options,
           SearchScratch& scratch, SearchWork& work)
      : forest_(forest),
        vectors_(vectors),
        query_(query),
        options_(options),
        limits_(ToLimits(options, forest.options().metric,
                         forest.record().row_count)),
        filter_{options.allowed, options.excluded},
        scratch_(scratch),
        work_(work) {}

  absl::StatusOr<std::vector<Neighbor>> Run() {
    COPSE_RETURN_IF_ERROR(Collect());
    return Rerank();
  }

  // Lists the rows with the best estimates in scratch.ordinals, each once.
  absl::Status Collect() {
    COPSE_RETURN_IF_ERROR(Prepare());
    const size_t wanted = RowsWanted();
    size_t passed = 0;
    uint64_t taken = 0;
    while (passed < wanted) {
      // A filter that few rows pass makes for larger batches, not for more.
      const uint64_t rows_per_match =
          std::clamp<uint64_t>(taken / (passed + 1), 1, 64);
      COPSE_ASSIGN_OR_RETURN(
          const uint64_t row_count,
          scratch_.router.Take((wanted - passed) * rows_per_match,
                               scratch_.leaves));
      if (row_count == 0) {
        break;
      }
      taken += row_count;
      COPSE_RETURN_IF_ERROR(ScanLeaves(passed));
    }
    work_.rows_scanned += static_cast<int64_t>(passed);
    ListCandidates();
    return absl::OkStatus();
  }

 private:
  // Returns after how many rows that pass the filters the search may end.
  size_t RowsWanted() const {
    if (options_.allowed == nullptr) {
      return limits_.row_budget;
    }
    return std::min(limits_.row_budget,
                    static_cast<size_t>(options_.allowed->row_count()));
  }

  // A search that may have to look at every row needs but one tree.
  size_t TreeCount() const {
    const bool all = RowsWanted() < limits_.row_budget ||
                     limits_.row_budget >= forest_.record().row_count;
    return all ? 1 : forest_.record().trees.size();
  }

  absl::Status Prepare() {
    routing_query_ = query_;
    if (forest_.options().metric == Metric::kCosine) {
      Normalize();
    }
    COPSE_ASSIGN_OR_RETURN(const CodeSpace space, forest_.Space());
    scratch_.coded_query.Prepare(space, routing_query_);
    // A row may be found once in each tree.
    scratch_.candidates.Reset(limits_.rerank_count * TreeCount());
    return scratch_.router.Begin(forest_, scratch_.coded_query, TreeCount(),
                                 &work_);
  }

  void Normalize() {
    double square = 0;
    for (const float component : query_) {
      square += double{component} * component;
    }
    const double factor = square > 0 ? 1 / std::sqrt(square) : 0;
    scratch_.query.resize(query_.size());
    std::ranges::transform(query_, scratch_.query.begin(),
                           [factor](float component) {
                             return static_cast<float>(component * factor);
                           });
    routing_query_ = scratch_.query;
  }

  absl::Status ScanLeaves(size_t& passed) {
    scratch_.nodes.clear();
    for (const RoutedLeaf& leaf : scratch_.leaves) {
      COPSE_ASSIGN_OR_RETURN(const LeafNode* const node,
                             forest_.LeafChild(*leaf.parent, leaf.index));
      __builtin_prefetch(node);
      scratch_.nodes.push_back(node);
    }
    for (size_t i = 0; i < scratch_.nodes.size(); ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(i));
      if (i + 1 < scratch_.nodes.size()) {
        scratch_.nodes[i + 1]->page().Prefetch();
      }
      passed += scratch_.nodes[i]->page().Scan(
          scratch_.coded_query, scratch_.leaves[i].score, filter_,
          scratch_.scan, scratch_.candidates);
    }
    work_.pages_read += static_cast<int64_t>(scratch_.nodes.size());
    return absl::OkStatus();
  }

  // Asks, now and then, whether the search is still wanted.
  absl::Status CheckAt(size_t step) const {
    return options_.check != nullptr && step % kCheckInterval == 0
               ? (*options_.check)()
               : absl::OkStatus();
  }

  void ListCandidates() {
    scratch_.ordinals.clear();
    for (const Candidate& candidate : scratch_.candidates.Finish()) {
      scratch_.ordinals.push_back(candidate.ordinal);
    }
    if (TreeCount() > 1) {
      RemoveRepeated();
    }
    if (scratch_.ordinals.size() > limits_.rerank_count) {
      scratch_.ordinals.resize(limits_.rerank_count);
    }
  }

  // Keeps the first of equal ordinals, at its place.
  void RemoveRepeated() {
    std::vector<Ordinal>& ordinals = scratch_.ordinals;
    std::vector<std::pair<Ordinal, size_t>> places;
    places.reserve(ordinals.size());
    for (size_t i = 0; i < ordinals.size(); ++i) {
      places.emplace_back(ordinals[i], i);
    }
    std::ranges::sort(places);
    const auto is_same_row = [](const auto& left, const auto& right) {
      return left.first == right.first;
    };
    places.erase(std::unique(places.begin(), places.end(), is_same_row),
                 places.end());
    std::ranges::sort(places, {}, &std::pair<Ordinal, size_t>::second);
    ordinals.clear();
    for (const auto& place : places) {
      ordinals.push_back(place.first);
    }
  }

  absl::StatusOr<std::vector<Neighbor>> Rerank() {
    const std::vector<Ordinal>& ordinals = scratch_.ordinals;
    for (size_t i = 0; i < std::min(kVectorsAhead, ordinals.size()); ++i) {
      vectors_.Prefetch(ordinals[i]);
    }
    const QueryDistance distance(forest_.options().metric, query_);
    std::vector<Neighbor>& neighbors = scratch_.neighbors;
    neighbors.clear();
    for (size_t i = 0; i < ordinals.size(); ++i) {
      if (i + kVectorsAhead < ordinals.size()) {
        vectors_.Prefetch(ordinals[i + kVectorsAhead]);
      }
      COPSE_RETURN_IF_ERROR(CheckAt(i));
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             vectors_.Read(ordinals[i]));
      neighbors.push_back({ordinals[i], distance.To(vector)});
    }
    work_.rows_reranked += static_cast<int64_t>(neighbors.size());
    std::erase_if(neighbors, [this](const Neighbor& neighbor) {
      return neighbor.distance > options_.distance_max;
    });
    const size_t count = std::min(limits_.neighbor_count, neighbors.size());
    const auto is_nearer = [](const Neighbor& left, const Neighbor& right) {
      return left.distance != right.distance ? left.distance < right.distance
                                             : left.ordinal < right.ordinal;
    };
    std::ranges::partial_sort(neighbors, neighbors.begin() + count, is_nearer);
    return std::vector<Neighbor>(neighbors.begin(), neighbors.begin() + count);
  }

  const LoadedForest& forest_;
  const VectorSource& vectors_;
  const std::span<const float> query_;
  const SearchOptions& options_;
  const Limits limits_;
  const RowFilter filter_;
  SearchScratch& scratch_;
  SearchWork& work_;
  std::span<const float> routing_query_;
};

absl::Status CheckSearch(const LoadedForest& forest,
                         const VectorSource& vectors,
                         std::span<const float> query,
                         const SearchOptions& options) {
  if (vectors.dimension() != forest.dimension()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vectors have %d components, expected %d as the forest",
                        vectors.dimension(), forest.dimension()));
  }
  COPSE_RETURN_IF_ERROR(CheckVector(query, forest.dimension()));
  if (options.neighbor_count == 0) {
    return absl::InvalidArgumentError(
        "neighbor_count is 0, expected at least 1");
  }
  if (std::isnan(options.distance_max)) {
    return absl::InvalidArgumentError(
        "distance_max is not a number, expected a distance");
  }
  return CheckRecallTarget(options.recall_target);
}

}  // namespace

size_t SearchScratch::memory_size_bytes() const {
  return candidates.memory_size_bytes() + router.memory_size_bytes() +
         coded_query.memory_size_bytes() +
         leaves.capacity() * sizeof(RoutedLeaf) +
         nodes.capacity() * sizeof(const LeafNode*) +
         ordinals.capacity() * sizeof(Ordinal) +
         neighbors.capacity() * sizeof(Neighbor);
}

std::unique_ptr<SearchScratch> ScratchPool::Take() {
  {
    MutexLock lock(mutex_);
    if (!scratches_.empty()) {
      std::unique_ptr<SearchScratch> scratch = std::move(scratches_.back());
      scratches_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<SearchScratch>();
}

void ScratchPool::Return(std::unique_ptr<SearchScratch> scratch) {
  if (scratch->memory_size_bytes() > kScratchSizeBytesMax) {
    return;
  }
  MutexLock lock(mutex_);
  if (scratches_.size() < kScratchCountMax) {
    scratches_.push_back(std::move(scratch));
  }
}

absl::StatusOr<std::vector<Neighbor>> SearchForest(const LoadedForest& forest,
                                                   const VectorSource& vectors,
                                                   std::span<const float> query,
                                                   const SearchOptions& options,
                                                   SearchScratch& scratch,
                                                   SearchWork& work) {
  COPSE_RETURN_IF_ERROR(CheckSearch(forest, vectors, query, options));
  if (forest.row_count() == 0) {
    return std::vector<Neighbor>();
  }
  return Searcher(forest, vectors, query, options, scratch, work).Run();
}

absl::StatusOr<std::span<const Ordinal>> FindCandidates(
    const LoadedForest& forest, const VectorSource& vectors,
    std::span<const float> query, const SearchOptions& options,
    SearchScratch& scratch, SearchWork& work) {
  COPSE_RETURN_IF_ERROR(CheckSearch(forest, vectors, query, options));
  if (forest.row_count() == 0) {
    return std::span<const Ordinal>();
  }
  COPSE_RETURN_IF_ERROR(
      Searcher(forest, vectors, query, options, scratch, work).Collect());
  return std::span<const Ordinal>(scratch.ordinals);
}

}  // namespace copse::internal
