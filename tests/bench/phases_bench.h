// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures where the time of a search goes, phase by phase (search_phase.h), of
// single queries and of a batch. The clock is read when the library tells that
// a phase has ended; what that adds can be seen beside the same searches
// without an observer.
//
//   COPSE_ASSIGN_OR_RETURN(PhasesBenchReport report, RunPhasesBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_PHASES_BENCH_H_
#define COPSE_TESTS_BENCH_PHASES_BENCH_H_

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/search_phase.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"

namespace copse {

struct PhasesBenchOptions {
  BenchInput input;
  std::vector<ScanBudget> budgets;
  size_t neighbor_count = 10;
  size_t rerank_count = 0;

  // All queries are repeated until they have taken so long; of the searches for
  // a query, or of the batches, the fastest counts, as the least disturbed.
  double seconds_min = 1;
};

// Microseconds a query.
struct PhasesBenchResult {
  SearchMode mode = SearchMode::kSingle;
  size_t scan_budget = 0;
  std::array<double, kSearchPhaseCount> phase_us{};
  double rest_us = 0;      // In no phase: the call and what it returns.
  double observed_us = 0;  // All of the above.
  double us = 0;           // Without an observer.
};

struct PhasesBenchReport {
  ForestOptions forest;
  std::string simd;
  size_t rows = 0;
  size_t queries = 0;
  size_t dimension = 0;
  size_t neighbor_count = 0;
  std::vector<PhasesBenchResult> results;
};

// Fails with kInvalidArgument for options that make no sense and files that do
// not fit together, and with what the files and the searches fail with.
absl::StatusOr<PhasesBenchReport> RunPhasesBench(
    const PhasesBenchOptions& options);

std::string ToTable(const PhasesBenchReport& report);
std::string ToJson(const PhasesBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_PHASES_BENCH_H_
