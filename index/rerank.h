// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The last step of a search: the exact distances of the rows with the best
// estimates.

#ifndef COPSE_INDEX_RERANK_H_
#define COPSE_INDEX_RERANK_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"

#include "index/forest.h"
#include "index/metric.h"
#include "index/vector_source.h"

namespace copse::internal {

// Leaves or rows between two calls of SearchOptions::check: a few microseconds.
inline constexpr size_t kCheckInterval = 32;

// Asks, at some of the steps, whether the search is still wanted.
inline absl::Status CheckAt(const SearchOptions& options, size_t step) {
  return options.check != nullptr && step % kCheckInterval == 0
             ? (*options.check)()
             : absl::OkStatus();
}

// Sets `neighbors` to the options.neighbor_count nearest of `rows` that are at
// most at options.distance_max, or to all if there are fewer, ascending by
// (distance, ordinal). Fails with what `vectors` and options.check fail with.
absl::Status Rerank(Metric metric, const VectorSource& vectors,
                    std::span<const float> query, std::span<const Ordinal> rows,
                    const SearchOptions& options,
                    std::vector<Neighbor>& neighbors);

}  // namespace copse::internal

#endif  // COPSE_INDEX_RERANK_H_
