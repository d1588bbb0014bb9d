// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/exact_truth.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "index/distance.h"
#include "index/metric.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/vector_source.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

// Queries that share the reading of a row: 16 of 1,536 components stay in the
// second cache.
constexpr size_t kGroupSize = 16;

// Finds the neighbors of the queries [first, last).
void SearchGroup(Metric metric, const MemoryVectors& base,
                 const MemoryVectors& queries, size_t neighbor_count,
                 size_t first, size_t last,
                 std::vector<std::vector<Neighbor>>& truth) {
  std::vector<QueryDistance> distances;
  std::vector<internal::TopK> nearest(last - first);
  for (size_t query = first; query < last; ++query) {
    distances.emplace_back(metric, queries.row(static_cast<Ordinal>(query)));
    nearest[query - first].Reset(neighbor_count);
  }
  for (size_t row = 0; row < base.row_count(); ++row) {
    const auto ordinal = static_cast<Ordinal>(row);
    for (size_t i = 0; i < distances.size(); ++i) {
      nearest[i].Add(distances[i].To(base.row(ordinal)), ordinal);
    }
  }
  for (size_t query = first; query < last; ++query) {
    for (const internal::Candidate& candidate :
         nearest[query - first].Finish()) {
      truth[query].push_back(
          {.ordinal = candidate.ordinal, .distance = candidate.estimate});
    }
  }
}

}  // namespace

std::vector<std::vector<Neighbor>> ExactTruth(Metric metric,
                                              const MemoryVectors& base,
                                              const MemoryVectors& queries,
                                              size_t neighbor_count,
                                              size_t thread_count) {
  COPSE_CHECK(base.dimension() == queries.dimension());
  COPSE_CHECK(neighbor_count > 0 && thread_count > 0);
  neighbor_count = std::min(neighbor_count, base.row_count());
  std::vector<std::vector<Neighbor>> truth(queries.row_count());
  std::atomic<size_t> next_query = 0;
  const auto search = [&] {
    for (size_t first = next_query.fetch_add(kGroupSize); first < truth.size();
         first = next_query.fetch_add(kGroupSize)) {
      SearchGroup(metric, base, queries, neighbor_count, first,
                  std::min(first + kGroupSize, truth.size()), truth);
    }
  };
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < thread_count; ++i) {
    threads.emplace_back(search);
  }
  search();
  threads.clear();  // Joins them.
  return truth;
}

}  // namespace copse
