// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/rerank.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/distance.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/stored_vector.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

constexpr size_t kVectorsAhead = 4;

}  // namespace

absl::Status Rerank(Metric metric, const VectorSource& vectors,
                    std::span<const float> query, std::span<const Ordinal> rows,
                    const SearchOptions& options,
                    std::vector<Neighbor>& neighbors) {
  for (size_t i = 0; i < std::min(kVectorsAhead, rows.size()); ++i) {
    vectors.Prefetch(rows[i]);
  }
  const QueryDistance distance(metric, query);
  neighbors.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kVectorsAhead < rows.size()) {
      vectors.Prefetch(rows[i + kVectorsAhead]);
    }
    COPSE_RETURN_IF_ERROR(CheckAt(options, i));
    COPSE_ASSIGN_OR_RETURN(const StoredVector vector, vectors.Read(rows[i]));
    const float to_row = distance.To(vector);
    if (to_row <= options.distance_max) {
      neighbors.push_back({rows[i], to_row});
    }
  }
  const size_t count = std::min(options.neighbor_count, neighbors.size());
  const auto is_nearer = [](const Neighbor& left, const Neighbor& right) {
    return left.distance != right.distance ? left.distance < right.distance
                                           : left.ordinal < right.ordinal;
  };
  std::ranges::partial_sort(
      neighbors, neighbors.begin() + static_cast<std::ptrdiff_t>(count),
      is_nearer);
  neighbors.resize(count);
  return absl::OkStatus();
}

}  // namespace copse::internal
