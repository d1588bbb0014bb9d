// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures whether a recall that is asked for is reached: calibrates a forest
// with some of the queries, asks for each target with the others, and finds the
// smallest scan budget that would have done.
//
//   COPSE_ASSIGN_OR_RETURN(CalibrateBenchReport report,
//                          RunCalibrateBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_CALIBRATE_BENCH_H_
#define COPSE_TESTS_BENCH_CALIBRATE_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "tests/bench/search_runs.h"

namespace copse {

struct CalibrateBenchOptions {
  BenchInput input;

  // If not 0, so many random rows of the base are taken out of it and are the
  // queries, in place of those of the file: queries that nobody has seen.
  size_t query_row_count = 0;

  // If not 0, the queries are shuffled, and the rows that are queries chosen,
  // by it.
  uint64_t query_seed = 0;

  // The first queries calibrate, and those from `held_out_offset` later on are
  // held out; with `sample_rows` rows calibrate, and no query does.
  size_t calibration_count = 256;
  bool sample_rows = false;
  size_t held_out_offset = 0;
  size_t held_out_count_max = std::numeric_limits<size_t>::max();

  std::vector<size_t> neighbor_counts = {1, 10, 100};
  std::vector<double> targets = {0.90, 0.95, 0.99};
};

struct CalibrateBenchResult {
  size_t neighbor_count = 0;
  double target = 0;

  // What the calibration chose, and what it came to.
  size_t scan_budget = 0;
  size_t rerank_count = 0;
  double recall = 0;
  double rows_scanned = 0;  // Mean, as the next.
  double microseconds = 0;

  // Rows scanned with the smallest budgets that reach the target on the
  // held-out queries: with the chosen rerank count, and with four times as
  // much. Negative: it is not reached.
  double least_rows = -1;
  double least_rows_more_rerank = -1;
};

struct CalibrateBenchReport {
  ForestOptions forest;
  size_t rows = 0;
  size_t dimension = 0;
  size_t calibration_queries = 0;
  bool sample_rows = false;
  size_t held_out_queries = 0;
  size_t held_out_offset = 0;
  size_t query_row_count = 0;
  uint64_t query_seed = 0;
  double build_seconds = 0;
  double truth_seconds = 0;  // Of the calibration queries.
  double calibrate_seconds = 0;
  size_t calibration_bytes = 0;
  std::vector<CalibrateBenchResult> results;
};

// Fails with kInvalidArgument for files that do not fit together or too few
// queries, and with what the files and the library fail with.
absl::StatusOr<CalibrateBenchReport> RunCalibrateBench(
    const CalibrateBenchOptions& options);

std::string ToTable(const CalibrateBenchReport& report);
std::string ToJson(const CalibrateBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_CALIBRATE_BENCH_H_
