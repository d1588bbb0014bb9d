// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures searches among some of the rows only: for filters that pass random
// rows, and for filters that pass the rows nearest to a random row, as those of
// users do, which go with the content. Beside them without a filter.
//
//   COPSE_ASSIGN_OR_RETURN(FilterBenchReport report, RunFilterBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_FILTER_BENCH_H_
#define COPSE_TESTS_BENCH_FILTER_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"

namespace copse {

struct FilterBenchOptions {
  BenchInput input;
  std::vector<ScanBudget> budgets;

  // Shares of the rows that pass, in (0, 1].
  std::vector<double> fractions = {0.5, 0.1, 0.01, 0.001};

  // So many filters of each kind and fraction take turns, at least 1.
  size_t filter_count = 8;
  uint64_t filter_seed = 1;

  // Timed searches are repeated until they have taken so long.
  double seconds_min = 1;
};

enum class FilterKind { kNone, kRandom, kClustered };

struct FilterBenchResult {
  FilterKind kind = FilterKind::kNone;
  double fraction = 1;
  size_t rows_allowed = 0;
  size_t scan_budget = 0;
  double recall_at_10 = 0;  // Against the exact search with the same filter.
  SearchCosts costs{};
};

struct FilterBenchReport {
  ForestOptions forest;
  size_t rows = 0;
  size_t queries = 0;
  size_t dimension = 0;
  size_t filter_count = 0;
  uint64_t filter_seed = 0;
  std::vector<FilterBenchResult> results;
};

// Fails with kInvalidArgument for options that make no sense and files that do
// not fit together, and with what the files and the searches fail with.
absl::StatusOr<FilterBenchReport> RunFilterBench(
    const FilterBenchOptions& options);

std::string ToTable(const FilterBenchReport& report);
std::string ToJson(const FilterBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_FILTER_BENCH_H_
