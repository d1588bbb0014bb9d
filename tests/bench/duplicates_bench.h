// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures joins (index/pair_join.h): all pairs of rows within each of some
// distances, and those of a few changed rows, by how many of the true pairs are
// found and in what time. Truth is every row compared with every other.
//
//   COPSE_ASSIGN_OR_RETURN(DuplicatesBenchReport report,
//                          RunDuplicatesBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_DUPLICATES_BENCH_H_
#define COPSE_TESTS_BENCH_DUPLICATES_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/pair_join.h"
#include "tests/bench/search_runs.h"

namespace copse {

struct DuplicatesBenchOptions {
  BenchInput input;  // Queries are not used.
  std::vector<double> distances = {0.05, 0.1};

  // Threads of the joins; the truth is found by those of the build.
  uint32_t join_thread_count = 1;

  // Rows of the joins of changed rows, drawn by the seed.
  size_t changed_count = 100;
  uint64_t changed_seed = 1;

  // Each join is repeated so often, and the fastest counts; at least 1.
  size_t run_count = 3;
};

struct DuplicatesBenchResult {
  double distance = 0;
  size_t changed_count = 0;  // 0: all pairs.
  size_t pairs = 0;          // In truth.
  double recall = 0;
  double seconds = 0;
  PairJoinWork work = {};
};

struct DuplicatesBenchReport {
  ForestOptions forest;
  size_t rows = 0;
  size_t dimension = 0;
  uint32_t join_thread_count = 1;
  double build_seconds = 0;
  double truth_seconds = 0;
  std::vector<DuplicatesBenchResult> results;
};

// Fails with kInvalidArgument for options that make no sense, kInternal if a
// join returns a pair that is not one, and with what the files and the library
// fail with.
absl::StatusOr<DuplicatesBenchReport> RunDuplicatesBench(
    const DuplicatesBenchOptions& options);

std::string ToTable(const DuplicatesBenchReport& report);
std::string ToJson(const DuplicatesBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_DUPLICATES_BENCH_H_
