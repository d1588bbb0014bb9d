// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The true neighbors of many queries, by comparing all with all. What
// ExactSearch() does for one query, for many at once: a row is read from memory
// once for a group of queries, which is what such a search waits for.

#ifndef COPSE_TESTS_BENCH_EXACT_TRUTH_H_
#define COPSE_TESTS_BENCH_EXACT_TRUTH_H_

#include <cstddef>
#include <vector>

#include "index/metric.h"
#include "index/vector_source.h"
#include "tests/support/memory_vectors.h"

namespace copse {

// Returns for each row of `queries` the `neighbor_count` nearest rows of
// `base`, or all if there are fewer, ascending by (distance, ordinal).
// REQUIRES: base.dimension() == queries.dimension(), neighbor_count > 0 and
// thread_count > 0
std::vector<std::vector<Neighbor>> ExactTruth(Metric metric,
                                              const MemoryVectors& base,
                                              const MemoryVectors& queries,
                                              size_t neighbor_count,
                                              size_t thread_count);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_EXACT_TRUTH_H_
