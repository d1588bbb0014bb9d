// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Search by comparing every row: the answer of small commits, of the rows that
// no forest holds yet, and of every test that needs the truth.

#ifndef COPSE_INDEX_EXACT_SEARCH_H_
#define COPSE_INDEX_EXACT_SEARCH_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"
#include "index/vector_source.h"

namespace copse {

// Returns the `neighbor_count` rows of `ordinals` that are nearest to `query`,
// or all if there are fewer, ascending by (distance, ordinal). `ordinals` may
// be in any order and has no duplicates. If `check` is set, it is called again
// and again, after a few hundred rows, and the search ends with the first status
// that is not OK: for deadlines and cancellation. Fails with kInvalidArgument if
// the query has another dimension than `vectors` or a component that is not
// finite, and with what `vectors` and `check` fail with.
absl::StatusOr<std::vector<Neighbor>> ExactSearch(
    Metric metric, const VectorSource& vectors,
    std::span<const Ordinal> ordinals, std::span<const float> query,
    size_t neighbor_count,
    const std::function<absl::Status()>* check = nullptr);

// Returns kInvalidArgument, naming what was found and wanted, unless `vector`
// has `dimension` components and all are finite.
absl::Status CheckVector(std::span<const float> vector, size_t dimension);

}  // namespace copse

#endif  // COPSE_INDEX_EXACT_SEARCH_H_
