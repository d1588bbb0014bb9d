// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/index_bench.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/distance.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/search_runs.h"
#include "tests/bench/vector_file.h"

namespace copse {
namespace {

constexpr size_t kBudgetCountMax = 64;
constexpr size_t kNeighborCountMax = 10000;
constexpr size_t kTruthCountMin = 100;

constexpr std::pair<Metric, absl::string_view> kMetricNames[] = {
    {Metric::kCosine, "cosine"},   {Metric::kEuclidean, "euclidean"},
    {Metric::kDotProduct, "dot"},  {Metric::kManhattan, "manhattan"},
    {Metric::kHamming, "hamming"},
};

absl::Status CheckOptions(const IndexBenchOptions& options) {
  if (options.budgets.empty()) {
    return absl::InvalidArgumentError(
        "budgets: the list is empty, expected at least 1");
  }
  if (options.neighbor_count < 1 ||
      options.neighbor_count > kNeighborCountMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("k is %d, expected 1 to %d", options.neighbor_count,
                        kNeighborCountMax));
  }
  if (options.rerank_counts.empty()) {
    return absl::InvalidArgumentError(
        "rerank: the list is empty, expected at least 1");
  }
  return absl::OkStatus();
}

// Appends what was found, each query's neighbors filled up to `count`.
void AppendFound(const Searches& searches, size_t count,
                 std::vector<int32_t>& ordinals) {
  for (const std::vector<Neighbor>& found : searches.found) {
    for (size_t i = 0; i < count; ++i) {
      ordinals.push_back(
          i < found.size() ? static_cast<int32_t>(found[i].ordinal) : -1);
    }
  }
}

// Measures every setting of the options.
class Sweep {
 public:
  Sweep(const IndexBenchOptions& options, const BenchData& data,
        const Forest& forest, std::span<const std::vector<Neighbor>> truth)
      : options_(options), data_(data), forest_(forest), truth_(truth) {}

  absl::StatusOr<std::vector<IndexBenchResult>> Run() {
    for (const ScanBudget& budget : options_.budgets) {
      for (const size_t rerank_count : options_.rerank_counts) {
        for (const SearchMode mode :
             {SearchMode::kSingle, SearchMode::kBatch}) {
          COPSE_RETURN_IF_ERROR(
              Measure({.mode = mode,
                       .scan_budget = budget.RowCount(data_.base.row_count()),
                       .rerank_count = rerank_count}));
        }
      }
    }
    if (!options_.neighbors_path.empty()) {
      COPSE_RETURN_IF_ERROR(WriteNpyInt32(
          options_.neighbors_path,
          std::vector<size_t>{results_.size(), data_.queries.row_count(),
                              options_.neighbor_count},
          ordinals_));
    }
    return std::move(results_);
  }

 private:
  absl::Status Measure(IndexBenchResult result) {
    options_.input.progress(
        absl::StrFormat("searching with a budget of %d rows, %s",
                        result.scan_budget, ModeName(result.mode)));
    const size_t k = options_.neighbor_count;
    // These searches load the pages, too, so that the timed ones need not.
    COPSE_ASSIGN_OR_RETURN(
        const Searches untimed,
        Search(result, std::max(k, kTruthCountMin), /*seconds_min=*/0));
    COPSE_ASSIGN_OR_RETURN(const Searches timed,
                           Search(result, k, options_.seconds_min));
    const auto recall = [&](size_t at) {
      return Recall(truth_, at <= k ? timed.found : untimed.found, at);
    };
    result.recall_at_1 = recall(1);
    result.recall_at_10 = recall(10);
    result.recall_at_100 = recall(100);
    result.costs = CostsOf(timed);
    AppendFound(timed, k, ordinals_);
    results_.push_back(result);
    return absl::OkStatus();
  }

  absl::StatusOr<Searches> Search(const IndexBenchResult& setting,
                                  size_t neighbor_count, double seconds_min) {
    // As many rows for each neighbor, however many these are.
    const SearchOptions search = {
        .neighbor_count = neighbor_count,
        .scan_budget = setting.scan_budget,
        .rerank_count = std::min(setting.rerank_count, data_.base.row_count()) *
                        neighbor_count / options_.neighbor_count};
    return setting.mode == SearchMode::kBatch
               ? RunBatches(forest_, data_, search, seconds_min)
               : RunSearches(
                     forest_, data_, [&](size_t) { return search; },
                     seconds_min);
  }

  const IndexBenchOptions& options_;
  const BenchData& data_;
  const Forest& forest_;
  const std::span<const std::vector<Neighbor>> truth_;
  std::vector<IndexBenchResult> results_;
  std::vector<int32_t> ordinals_;  // Of all results.
};

}  // namespace

size_t ScanBudget::RowCount(size_t row_count) const {
  const double rows =
      is_percent ? std::ceil(value / 100 * static_cast<double>(row_count) *
                             (1 - 1e-12))
                 : value;
  return std::max<size_t>(static_cast<size_t>(rows), 1);
}

absl::StatusOr<std::vector<ScanBudget>> ParseScanBudgets(
    absl::string_view text) {
  std::vector<ScanBudget> budgets;
  for (const absl::string_view entry : absl::StrSplit(text, ',')) {
    ScanBudget budget;
    if (absl::EndsWith(entry, "%")) {
      budget.is_percent = true;
      if (!absl::SimpleAtod(entry.substr(0, entry.size() - 1), &budget.value) ||
          !(budget.value > 0 && budget.value <= 100)) {
        return absl::InvalidArgumentError(absl::StrFormat(
            "budgets: '%s' is not a percentage above 0 and up to 100", entry));
      }
    } else {
      uint32_t row_count = 0;
      if (!absl::SimpleAtoi(entry, &row_count) || row_count == 0) {
        return absl::InvalidArgumentError(absl::StrFormat(
            "budgets: '%s' is neither a number of rows from 1 to %d nor a "
            "percentage such as 2%%",
            entry, UINT32_MAX));
      }
      budget.value = row_count;
    }
    budgets.push_back(budget);
  }
  if (budgets.size() > kBudgetCountMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("budgets: the list has %d entries, expected at most %d",
                        budgets.size(), kBudgetCountMax));
  }
  return budgets;
}

absl::StatusOr<Metric> ParseMetric(absl::string_view name) {
  for (const auto& [metric, metric_name] : kMetricNames) {
    if (name == metric_name) {
      return metric;
    }
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "metric is '%s', expected cosine, euclidean, dot, manhattan or hamming",
      name));
}

absl::string_view MetricName(Metric metric) {
  for (const auto& [known, name] : kMetricNames) {
    if (known == metric) {
      return name;
    }
  }
  COPSE_CHECK(false, "not a Metric");
  return "";
}

absl::string_view ModeName(SearchMode mode) {
  return mode == SearchMode::kBatch ? "batch" : "single";
}

absl::StatusOr<IndexBenchReport> RunIndexBench(
    const IndexBenchOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckOptions(options));
  COPSE_ASSIGN_OR_RETURN(const BenchData data, ReadBenchData(options.input));
  const ForestOptions& forest_options = options.input.forest;
  IndexBenchReport report = {
      .simd = std::string(SimdLevelName(BestSimdLevel())),
      .forest = forest_options,
      .rows = data.base.row_count(),
      .queries = data.queries.row_count(),
      .dimension = data.base.dimension(),
      .neighbor_count = options.neighbor_count,
      .results = {}};
  COPSE_ASSIGN_OR_RETURN(const BenchForest built,
                         BuildBenchForest(options.input, data.base));
  report.build_seconds = built.build_seconds;
  report.pages = built.pages->page_count();
  report.bytes_per_vector = static_cast<double>(built.pages->size_bytes()) /
                            static_cast<double>(report.rows);
  report.total_bytes_per_vector =
      report.bytes_per_vector + static_cast<double>(data.base.row_size_bytes());

  options.input.progress(
      absl::StrFormat("comparing %d queries with all rows", report.queries));
  const Stopwatch truth_stopwatch;
  const std::vector<std::vector<Neighbor>> truth =
      ExactTruth(forest_options.metric, data.base, data.queries,
                 std::max(options.neighbor_count, kTruthCountMin),
                 forest_options.thread_count);
  report.truth_seconds = truth_stopwatch.Seconds();
  COPSE_ASSIGN_OR_RETURN(report.results,
                         Sweep(options, data, *built.forest, truth).Run());
  return report;
}

std::string ToTable(const IndexBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %d queries, %s, %s\n"
      "built in %.2f s by %d threads: %d trees, fan-out %d, leaves of %d rows\n"
      "%d pages, %.1f bytes per vector, %.1f with the row\n\n"
      "%9s %6s %6s %8s %8s %9s %9s %9s %9s %9s %9s %8s %5s\n",
      report.rows, report.dimension, report.queries,
      MetricName(report.forest.metric), report.simd, report.build_seconds,
      report.forest.thread_count, report.forest.tree_count,
      report.forest.fan_out, report.forest.leaf_row_count, report.pages,
      report.bytes_per_vector, report.total_bytes_per_vector, "budget",
      "rerank", "mode", "recall@1", "@10", "@100", "queries/s", "p50 us",
      "p99 us", "scanned", "reranked", "pages", "cpu");
  for (const IndexBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table,
        "%9d %6d %6s %8.4f %8.4f %9.4f %9.0f %9s %9s %9.0f %9.1f %8.1f %5.2f\n",
        result.scan_budget, result.rerank_count, ModeName(result.mode),
        result.recall_at_1, result.recall_at_10, result.recall_at_100,
        result.costs.queries_per_second, PercentileText(result.costs.p50_us),
        PercentileText(result.costs.p99_us), result.costs.rows_scanned,
        result.costs.rows_reranked, result.costs.pages_read,
        result.costs.cpu_share);
  }
  return table;
}

std::string ToJson(const IndexBenchReport& report) {
  nlohmann::ordered_json json = {
      {"rows", report.rows},
      {"dimension", report.dimension},
      {"queries", report.queries},
      {"metric", std::string(MetricName(report.forest.metric))},
      {"simd", report.simd},
      {"threads", report.forest.thread_count},
      {"trees", report.forest.tree_count},
      {"fan_out", report.forest.fan_out},
      {"leaf_rows", report.forest.leaf_row_count},
      {"seed", report.forest.seed},
      {"k", report.neighbor_count},
      {"build_seconds", report.build_seconds},
      {"truth_seconds", report.truth_seconds},
      {"pages", report.pages},
      {"bytes_per_vector", report.bytes_per_vector},
      {"total_bytes_per_vector", report.total_bytes_per_vector},
      {"results", nlohmann::ordered_json::array()},
  };
  for (const IndexBenchResult& result : report.results) {
    nlohmann::ordered_json line = {
        {"mode", std::string(ModeName(result.mode))},
        {"scan_budget", result.scan_budget},
        {"rerank_count", result.rerank_count},
        {"recall_at_1", result.recall_at_1},
        {"recall_at_10", result.recall_at_10},
        {"recall_at_100", result.recall_at_100},
    };
    AddToJson(result.costs, line);
    json["results"].push_back(std::move(line));
  }
  return json.dump(2);
}

}  // namespace copse
