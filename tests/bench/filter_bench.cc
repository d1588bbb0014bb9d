// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/filter_bench.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/exact_search.h"
#include "index/forest.h"
#include "index/row_bitmap.h"
#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;

constexpr FilterKind kFilterKinds[] = {FilterKind::kRandom,
                                       FilterKind::kClustered};

absl::string_view KindName(FilterKind kind) {
  switch (kind) {
    case FilterKind::kRandom:
      return "random";
    case FilterKind::kClustered:
      return "clustered";
    default:
      return "none";
  }
}

class FilterBench {
 public:
  explicit FilterBench(const FilterBenchOptions& options)
      : options_(options), random_(options.filter_seed) {}

  absl::StatusOr<FilterBenchReport> Run() {
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(options_.input));
    COPSE_ASSIGN_OR_RETURN(built_,
                           BuildBenchForest(options_.input, data_.base));
    report_.forest = options_.input.forest;
    report_.rows = data_.base.row_count();
    report_.queries = data_.queries.row_count();
    report_.dimension = data_.base.dimension();
    report_.filter_count = options_.filter_count;
    report_.filter_seed = options_.filter_seed;
    COPSE_RETURN_IF_ERROR(MeasureFilters(FilterKind::kNone, 1));
    for (const FilterKind kind : kFilterKinds) {
      for (const double fraction : options_.fractions) {
        COPSE_RETURN_IF_ERROR(MeasureFilters(kind, fraction));
      }
    }
    return std::move(report_);
  }

 private:
  // Returns `count` rows, ascending.
  absl::StatusOr<std::vector<Ordinal>> ChooseRows(FilterKind kind,
                                                  size_t count) {
    std::vector<Ordinal> rows = data_.base.ordinals();
    if (kind == FilterKind::kRandom) {
      for (size_t i = 0; i < count; ++i) {
        std::swap(rows[i], rows[i + random_.Below(rows.size() - i)]);
      }
      rows.resize(count);
    } else if (kind == FilterKind::kClustered) {
      const auto middle = static_cast<Ordinal>(random_.Below(rows.size()));
      COPSE_ASSIGN_OR_RETURN(
          const std::vector<Neighbor> nearest,
          ExactSearch(options_.input.forest.metric, data_.base, rows,
                      data_.base.row(middle), count));
      rows.clear();
      for (const Neighbor& neighbor : nearest) {
        rows.push_back(neighbor.ordinal);
      }
    }
    std::ranges::sort(rows);
    return rows;
  }

  // Sets the truth of the queries for which filter `number`, which passes
  // `rows`, is used.
  void FindTruth(size_t number, std::span<const Ordinal> rows) {
    const size_t dimension = data_.base.dimension();
    MemoryVectors passing(dimension, {});
    for (const Ordinal row : rows) {
      passing.Append(data_.base.row(row));
    }
    MemoryVectors queries(dimension, {});
    for (size_t i = number; i < truth_.size(); i += options_.filter_count) {
      queries.Append(data_.queries.row(static_cast<Ordinal>(i)));
    }
    if (queries.row_count() == 0) {
      return;
    }
    std::vector<std::vector<Neighbor>> truth =
        ExactTruth(options_.input.forest.metric, passing, queries,
                   kNeighborCount, options_.input.forest.thread_count);
    for (size_t i = 0; i < truth.size(); ++i) {
      for (Neighbor& neighbor : truth[i]) {
        neighbor.ordinal = rows[neighbor.ordinal];
      }
      truth_[number + i * options_.filter_count] = std::move(truth[i]);
    }
  }

  absl::Status MeasureFilters(FilterKind kind, double fraction) {
    FilterBenchResult result = {.kind = kind, .fraction = fraction};
    result.rows_allowed = std::max<size_t>(
        1, static_cast<size_t>(std::llround(
               fraction * static_cast<double>(data_.base.row_count()))));
    options_.input.progress(absl::StrFormat(
        "filter: %s, %d rows pass", KindName(kind), result.rows_allowed));
    truth_.assign(data_.queries.row_count(), {});
    filters_.clear();
    for (size_t number = 0; number < options_.filter_count; ++number) {
      COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> rows,
                             ChooseRows(kind, result.rows_allowed));
      FindTruth(number, rows);
      RowBitmap& filter = filters_.emplace_back();
      for (const Ordinal row : rows) {
        filter.Add(row);
      }
    }
    for (const ScanBudget& budget : options_.budgets) {
      result.scan_budget = budget.RowCount(data_.base.row_count());
      COPSE_RETURN_IF_ERROR(MeasureBudget(result));
    }
    return absl::OkStatus();
  }

  absl::Status MeasureBudget(FilterBenchResult result) {
    const auto options = [&](size_t query) {
      return SearchOptions{
          .neighbor_count = kNeighborCount,
          .scan_budget = result.scan_budget,
          .allowed = result.kind == FilterKind::kNone
                         ? nullptr
                         : &filters_[query % options_.filter_count]};
    };
    // Loads the pages.
    COPSE_RETURN_IF_ERROR(
        RunSearches(*built_.forest, data_, options, /*seconds_min=*/0)
            .status());
    COPSE_ASSIGN_OR_RETURN(
        const Searches searches,
        RunSearches(*built_.forest, data_, options, options_.seconds_min));
    result.recall_at_10 = Recall(truth_, searches.found, kNeighborCount);
    result.costs = CostsOf(searches);
    report_.results.push_back(result);
    return absl::OkStatus();
  }

  const FilterBenchOptions& options_;
  internal::SplitMix random_;
  BenchData data_;
  BenchForest built_;
  std::vector<RowBitmap> filters_;
  std::vector<std::vector<Neighbor>> truth_;  // By query.
  FilterBenchReport report_;
};

}  // namespace

absl::StatusOr<FilterBenchReport> RunFilterBench(
    const FilterBenchOptions& options) {
  if (options.budgets.empty() || options.fractions.empty() ||
      options.filter_count < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%d budgets, %d fractions and %d filters, expected at least 1 of each",
        options.budgets.size(), options.fractions.size(),
        options.filter_count));
  }
  for (const double fraction : options.fractions) {
    if (!(fraction > 0 && fraction <= 1)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "fractions: %g, expected above 0 and up to 1", fraction));
    }
  }
  return FilterBench(options).Run();
}

std::string ToTable(const FilterBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %d queries, %s; %d filters of each kind, seed "
      "%d\n\n%9s %8s %9s %9s %10s %9s %9s %9s %9s %9s %8s %5s\n",
      report.rows, report.dimension, report.queries,
      MetricName(report.forest.metric), report.filter_count, report.filter_seed,
      "filter", "fraction", "rows", "budget", "recall@10", "queries/s",
      "p50 us", "p99 us", "scanned", "compared", "pages", "cpu");
  for (const FilterBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table,
        "%9s %8g %9d %9d %10.4f %9.0f %9s %9s %9.0f %9.1f %8.1f %5.2f\n",
        KindName(result.kind), result.fraction, result.rows_allowed,
        result.scan_budget, result.recall_at_10,
        result.costs.queries_per_second, PercentileText(result.costs.p50_us),
        PercentileText(result.costs.p99_us), result.costs.rows_scanned,
        result.costs.rows_reranked, result.costs.pages_read,
        result.costs.cpu_share);
  }
  return table;
}

std::string ToJson(const FilterBenchReport& report) {
  nlohmann::ordered_json json = {
      {"rows", report.rows},
      {"dimension", report.dimension},
      {"queries", report.queries},
      {"metric", std::string(MetricName(report.forest.metric))},
      {"filters", report.filter_count},
      {"filter_seed", report.filter_seed},
      {"k", kNeighborCount},
      {"results", nlohmann::ordered_json::array()},
  };
  for (const FilterBenchResult& result : report.results) {
    nlohmann::ordered_json line = {
        {"filter", std::string(KindName(result.kind))},
        {"fraction", result.fraction},
        {"rows_allowed", result.rows_allowed},
        {"scan_budget", result.scan_budget},
        {"recall_at_10", result.recall_at_10},
    };
    AddToJson(result.costs, line);
    json["results"].push_back(std::move(line));
  }
  return json.dump(2);
}

}  // namespace copse
