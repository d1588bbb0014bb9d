// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/index_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <set>
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
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/vector_file.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"

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

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

struct Data {
  MemoryVectors base;
  MemoryVectors queries;
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
  if (options.row_count_max < 1) {
    return absl::InvalidArgumentError("limit is 0, expected at least 1");
  }
  return absl::OkStatus();
}

absl::StatusOr<Data> ReadData(const IndexBenchOptions& options) {
  COPSE_ASSIGN_OR_RETURN(
      VectorMatrix base,
      ReadVectorFile(options.base_path, options.row_count_max));
  COPSE_ASSIGN_OR_RETURN(VectorMatrix queries,
                         ReadVectorFile(options.query_path));
  if (base.dimension != queries.dimension) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: dimension is %d, expected %d as in %s", options.query_path,
        queries.dimension, base.dimension, options.base_path));
  }
  Data data = {
      .base = MemoryVectors(base.dimension, std::move(base.components)),
      .queries =
          MemoryVectors(queries.dimension, std::move(queries.components))};
  if (options.forest.metric == Metric::kCosine) {
    data.base.Normalize();
    data.queries.Normalize();
  }
  return data;
}

// What the searches for all queries found, and what they cost.
struct Searches {
  std::vector<std::vector<Neighbor>> found;
  std::vector<double> microseconds;
  SearchWork work;
};

// Checks that `found` has the distances it should have and no row twice: recall
// counts by these distances, so a wrong one would be a wrong result.
absl::Status CheckFound(const QueryDistance& distance,
                        const MemoryVectors& base,
                        std::span<const Neighbor> found) {
  std::set<Ordinal> seen;
  for (const Neighbor& neighbor : found) {
    COPSE_RETURN_IF_ERROR(base.Read(neighbor.ordinal).status());
    const float expected = distance.To(base.row(neighbor.ordinal));
    if (neighbor.distance != expected) {
      return absl::InternalError(
          absl::StrFormat("row %d is at distance %g, expected %g",
                          neighbor.ordinal, neighbor.distance, expected));
    }
    if (!seen.insert(neighbor.ordinal).second) {
      return absl::InternalError(
          absl::StrFormat("row %d is found twice", neighbor.ordinal));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Searches> RunSearches(Metric metric, const Data& data,
                                     const Forest& forest,
                                     const SearchOptions& options) {
  Searches searches;
  for (size_t i = 0; i < data.queries.row_count(); ++i) {
    const auto query = data.queries.row(static_cast<Ordinal>(i));
    const Stopwatch stopwatch;
    absl::StatusOr<std::vector<Neighbor>> found =
        forest.Search(data.base, query, options, &searches.work);
    searches.microseconds.push_back(stopwatch.Seconds() * 1e6);
    absl::Status status = found.status();
    if (status.ok()) {
      status = CheckFound(QueryDistance(metric, query), data.base, *found);
    }
    if (!status.ok()) {
      return AnnotateStatus(status, absl::StrFormat("query %d", i));
    }
    searches.found.push_back(*std::move(found));
  }
  return searches;
}

double Recall(std::span<const std::vector<Neighbor>> truth,
              std::span<const std::vector<Neighbor>> found, size_t k) {
  size_t hits = 0;
  size_t wanted = 0;
  for (size_t query = 0; query < truth.size(); ++query) {
    hits += internal::CountHits(truth[query], found[query], k);
    wanted += std::min(k, truth[query].size());
  }
  return static_cast<double>(hits) / static_cast<double>(wanted);
}

// Fills in all but the recalls.
void StoreCosts(const Searches& searches, IndexBenchResult& result) {
  const auto count = static_cast<double>(searches.microseconds.size());
  const double total = std::accumulate(searches.microseconds.begin(),
                                       searches.microseconds.end(), 0.0);
  result.queries_per_second = count / total * 1e6;
  result.p50_us = internal::Percentile(searches.microseconds, 0.50);
  result.p99_us = internal::Percentile(searches.microseconds, 0.99);
  result.rows_scanned = static_cast<double>(searches.work.rows_scanned) / count;
  result.rows_reranked =
      static_cast<double>(searches.work.rows_reranked) / count;
  result.pages_read = static_cast<double>(searches.work.pages_read) / count;
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

// Measures every budget of `options`.
absl::Status Sweep(const IndexBenchOptions& options, const Data& data,
                   const Forest& forest,
                   std::span<const std::vector<Neighbor>> truth,
                   IndexBenchReport& report) {
  const Metric metric = options.forest.metric;
  const size_t k = options.neighbor_count;
  std::vector<int32_t> ordinals;
  for (const ScanBudget& budget : options.budgets) {
    IndexBenchResult result = {
        .scan_budget = budget.RowCount(data.base.row_count()),
        .rerank_count = options.rerank_count};
    options.progress(absl::StrFormat("searching with a budget of %d rows",
                                     result.scan_budget));
    SearchOptions search = {.neighbor_count = std::max(k, kTruthCountMin),
                            .scan_budget = result.scan_budget,
                            .rerank_count = options.rerank_count};
    // These searches load the pages, too, so that the timed ones need not.
    COPSE_ASSIGN_OR_RETURN(const Searches untimed,
                           RunSearches(metric, data, forest, search));
    search.neighbor_count = k;
    COPSE_ASSIGN_OR_RETURN(const Searches timed,
                           RunSearches(metric, data, forest, search));
    const auto recall = [&](size_t at) {
      return Recall(truth, at <= k ? timed.found : untimed.found, at);
    };
    result.recall_at_1 = recall(1);
    result.recall_at_10 = recall(10);
    result.recall_at_100 = recall(100);
    StoreCosts(timed, result);
    AppendFound(timed, k, ordinals);
    report.results.push_back(result);
  }
  if (options.neighbors_path.empty()) {
    return absl::OkStatus();
  }
  return WriteNpyInt32(
      options.neighbors_path,
      std::vector<size_t>{options.budgets.size(), data.queries.row_count(), k},
      ordinals);
}

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

absl::StatusOr<IndexBenchReport> RunIndexBench(
    const IndexBenchOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckOptions(options));
  options.progress("reading the vectors");
  COPSE_ASSIGN_OR_RETURN(const Data data, ReadData(options));
  IndexBenchReport report = {
      .simd = std::string(SimdLevelName(BestSimdLevel())),
      .forest = options.forest,
      .rows = data.base.row_count(),
      .queries = data.queries.row_count(),
      .dimension = data.base.dimension(),
      .neighbor_count = options.neighbor_count,
      .results = {}};

  options.progress(
      absl::StrFormat("building the forest over %d rows", report.rows));
  MemoryPageStore pages;
  const Stopwatch build_stopwatch;
  COPSE_ASSIGN_OR_RETURN(
      const PageId root,
      BuildForest(options.forest, data.base, data.base.ordinals(), pages));
  report.build_seconds = build_stopwatch.Seconds();
  report.pages = pages.page_count();
  report.bytes_per_vector = static_cast<double>(pages.size_bytes()) /
                            static_cast<double>(report.rows);
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                         Forest::Open(root, pages));

  options.progress(
      absl::StrFormat("comparing %d queries with all rows", report.queries));
  const Stopwatch truth_stopwatch;
  const std::vector<std::vector<Neighbor>> truth =
      ExactTruth(options.forest.metric, data.base, data.queries,
                 std::max(options.neighbor_count, kTruthCountMin),
                 options.forest.thread_count);
  report.truth_seconds = truth_stopwatch.Seconds();
  COPSE_RETURN_IF_ERROR(Sweep(options, data, *forest, truth, report));
  return report;
}

std::string ToTable(const IndexBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %d queries, %s, %s\n"
      "built in %.2f s by %d threads: %d trees, fan-out %d, leaves of %d rows\n"
      "%d pages, %.1f bytes per vector\n\n"
      "%9s %8s %8s %9s %9s %9s %9s %9s %9s %8s\n",
      report.rows, report.dimension, report.queries,
      MetricName(report.forest.metric), report.simd, report.build_seconds,
      report.forest.thread_count, report.forest.tree_count,
      report.forest.fan_out, report.forest.leaf_row_count, report.pages,
      report.bytes_per_vector, "budget", "recall@1", "@10", "@100", "queries/s",
      "p50 us", "p99 us", "scanned", "reranked", "pages");
  for (const IndexBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table, "%9d %8.4f %8.4f %9.4f %9.0f %9.1f %9.1f %9.0f %9.1f %8.1f\n",
        result.scan_budget, result.recall_at_1, result.recall_at_10,
        result.recall_at_100, result.queries_per_second, result.p50_us,
        result.p99_us, result.rows_scanned, result.rows_reranked,
        result.pages_read);
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
      {"results", nlohmann::ordered_json::array()},
  };
  for (const IndexBenchResult& result : report.results) {
    json["results"].push_back({
        {"scan_budget", result.scan_budget},
        {"rerank_count", result.rerank_count},
        {"recall_at_1", result.recall_at_1},
        {"recall_at_10", result.recall_at_10},
        {"recall_at_100", result.recall_at_100},
        {"queries_per_second", result.queries_per_second},
        {"p50_us", result.p50_us},
        {"p99_us", result.p99_us},
        {"rows_scanned", result.rows_scanned},
        {"rows_reranked", result.rows_reranked},
        {"pages_read", result.pages_read},
    });
  }
  return json.dump(2);
}

namespace internal {

size_t CountHits(std::span<const Neighbor> truth,
                 std::span<const Neighbor> found, size_t k) {
  if (truth.empty()) {
    return 0;
  }
  const float distance_max = truth[std::min(k, truth.size()) - 1].distance;
  const auto first = found.first(std::min(k, found.size()));
  return static_cast<size_t>(
      std::count_if(first.begin(), first.end(), [&](const Neighbor& neighbor) {
        return neighbor.distance <= distance_max;
      }));
}

double Percentile(std::vector<double> values, double share) {
  COPSE_CHECK(!values.empty() && share > 0 && share <= 1);
  const auto rank = static_cast<size_t>(
      std::ceil(share * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace internal
}  // namespace copse
