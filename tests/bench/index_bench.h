// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures the index library on real vectors: builds a forest in memory, and
// for each of a list of scan budgets how well and how fast one thread searches,
// query by query and in a batch.
//
//   COPSE_ASSIGN_OR_RETURN(IndexBenchReport report, RunIndexBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_INDEX_BENCH_H_
#define COPSE_TESTS_BENCH_INDEX_BENCH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"
#include "index/metric.h"
#include "tests/bench/search_runs.h"

namespace copse {

// How many rows a search may scan: a number of rows, or a share of all rows.
struct ScanBudget {
  double value = 0;
  bool is_percent = false;

  // Returns how many of `row_count` rows it is, rounded up, at least 1.
  size_t RowCount(size_t row_count) const;
};

// Parses a list such as "1%,2%,4000". Fails with kInvalidArgument, naming the
// entry, unless each is a positive number of rows or a percentage in (0, 100].
absl::StatusOr<std::vector<ScanBudget>> ParseScanBudgets(
    absl::string_view text);

// Parses cosine, euclidean, dot, manhattan or hamming.
absl::StatusOr<Metric> ParseMetric(absl::string_view name);
absl::string_view MetricName(Metric metric);

struct IndexBenchOptions {
  BenchInput input;

  // Each is measured with each of `rerank_counts`.
  std::vector<ScanBudget> budgets;

  // As in SearchOptions; 0 is the library's default.
  std::vector<size_t> rerank_counts = {0};

  // How many rows each timed search returns.
  size_t neighbor_count = 10;

  // Timed searches are repeated until they have taken so long.
  double seconds_min = 1;

  // If not empty, what the timed searches found is written there: int32 of
  // shape (results, queries, neighbor_count), -1 where fewer were found.
  std::string neighbors_path;
};

enum class SearchMode { kSingle, kBatch };
absl::string_view ModeName(SearchMode mode);  // single or batch

struct IndexBenchResult {
  SearchMode mode = SearchMode::kSingle;
  size_t scan_budget = 0;
  size_t rerank_count = 0;

  // From the timed searches for k up to their neighbor_count; beyond it, from
  // searches for 100 neighbors at the same budget, with as many rows compared
  // for each neighbor, which are not timed.
  double recall_at_1 = 0;
  double recall_at_10 = 0;
  double recall_at_100 = 0;

  SearchCosts costs{};
};

struct IndexBenchReport {
  std::string simd;
  ForestOptions forest;
  size_t rows = 0;
  size_t queries = 0;
  size_t dimension = 0;
  size_t neighbor_count = 0;
  double build_seconds = 0;
  double truth_seconds = 0;
  size_t pages = 0;

  // The bytes of all pages per row: what the index takes beyond the vectors.
  double bytes_per_vector = 0;

  // With the row itself, in fp32 or, of 0 and 1 in Hamming, in bits; that is
  // all there is.
  double total_bytes_per_vector = 0;

  // For each budget and rerank count, single queries and then a batch.
  std::vector<IndexBenchResult> results;
};

// Fails with kInvalidArgument for options that make no sense and files that do
// not fit together, with kInternal if a search returns a wrong distance or a
// row twice, and with what the files and the library fail with.
absl::StatusOr<IndexBenchReport> RunIndexBench(
    const IndexBenchOptions& options);

std::string ToTable(const IndexBenchReport& report);
std::string ToJson(const IndexBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_INDEX_BENCH_H_
