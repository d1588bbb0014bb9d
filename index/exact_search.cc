// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/exact_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/stored_vector.h"
#include "index/top_k.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse {
namespace {

// How many rows ahead memory is asked for. A row of 384 floats is compared in
// 25 ns from the second cache and fetched from memory in about 100 ns.
constexpr size_t kPrefetchDistance = 8;

// Rows between two calls of `check`: some ten microseconds.
constexpr size_t kCheckInterval = 512;

}  // namespace

absl::StatusOr<std::vector<Neighbor>> ExactSearch(
    Metric metric, const VectorSource& vectors,
    std::span<const Ordinal> ordinals, std::span<const float> query,
    size_t neighbor_count, const std::function<absl::Status()>* check) {
  COPSE_RETURN_IF_ERROR(CheckVector(query, vectors.dimension()));
  neighbor_count = std::min(neighbor_count, ordinals.size());
  if (neighbor_count == 0) {
    return std::vector<Neighbor>();
  }
  const QueryDistance distance(metric, query);
  internal::TopK nearest;
  nearest.Reset(neighbor_count);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (i + kPrefetchDistance < ordinals.size()) {
      vectors.Prefetch(ordinals[i + kPrefetchDistance]);
    }
    if (check != nullptr && i % kCheckInterval == 0) {
      COPSE_RETURN_IF_ERROR((*check)());
    }
    COPSE_ASSIGN_OR_RETURN(const StoredVector row, vectors.Read(ordinals[i]));
    nearest.Add(distance.To(row), ordinals[i]);
  }
  std::vector<Neighbor> neighbors;
  neighbors.reserve(neighbor_count);
  for (const internal::Candidate& candidate : nearest.Finish()) {
    neighbors.push_back(
        {.ordinal = candidate.ordinal, .distance = candidate.estimate});
  }
  return neighbors;
}

absl::Status CheckVector(std::span<const float> vector, size_t dimension) {
  if (vector.size() != dimension) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrFormat(
            "vector has %d components, expected %d", vector.size(), dimension)),
        "DIMENSION_MISMATCH",
        {{"found", absl::StrCat(vector.size())},
         {"wanted", absl::StrCat(dimension)}});
  }
  const auto bad = std::find_if_not(
      vector.begin(), vector.end(),
      [](float component) { return std::isfinite(component); });
  if (bad != vector.end()) {
    const auto position = bad - vector.begin();
    return WithReason(
        absl::InvalidArgumentError(absl::StrFormat(
            "component %d of the vector is %g, expected a finite number",
            position, *bad)),
        "VECTOR_NOT_FINITE",
        {{"position", absl::StrCat(position)}, {"found", absl::StrCat(*bad)}});
  }
  return absl::OkStatus();
}

}  // namespace copse
