// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/calibrate_bench.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "index/calibrate.h"
#include "index/calibration.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/vector_file.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

constexpr size_t kTruthCountMin = 100;

// So many times the chosen rerank count stand for any number, which would make
// each search take as long as an exact one.
constexpr size_t kRerankFactor = 4;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// What searches for all held-out queries came to.
struct Outcome {
  double recall = 0;
  double rows_scanned = 0;
  double microseconds = 0;
};

class CalibrateBench {
 public:
  explicit CalibrateBench(const CalibrateBenchOptions& options)
      : options_(options) {}

  absl::StatusOr<CalibrateBenchReport> Run() {
    COPSE_RETURN_IF_ERROR(ReadFiles());
    COPSE_RETURN_IF_ERROR(Build());
    COPSE_ASSIGN_OR_RETURN(const Calibration calibration, Calibrate());
    report_.calibration_bytes = calibration.Encode().size();
    options_.progress("finding the true neighbors of the held-out queries");
    truth_ = ExactTruth(
        options_.forest.metric, base_, held_out_,
        std::max(kTruthCountMin, std::ranges::max(options_.neighbor_counts)),
        options_.forest.thread_count);
    for (const size_t neighbor_count : options_.neighbor_counts) {
      for (const double target : options_.targets) {
        options_.progress(
            absl::StrFormat("recall@%d of %.3f", neighbor_count, target));
        COPSE_ASSIGN_OR_RETURN(
            const CalibrateBenchResult result,
            MeasureTarget(calibration, neighbor_count, target));
        report_.results.push_back(result);
      }
    }
    return std::move(report_);
  }

 private:
  absl::Status ReadFiles() {
    COPSE_ASSIGN_OR_RETURN(
        VectorMatrix base,
        ReadVectorFile(options_.base_path, options_.row_count_max));
    COPSE_ASSIGN_OR_RETURN(VectorMatrix queries,
                           ReadVectorFile(options_.query_path));
    const size_t first = options_.sample_rows ? 0 : options_.calibration_count;
    if (base.dimension != queries.dimension || queries.row_count() <= first) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: %d queries of dimension %d, expected more than %d of dimension "
          "%d as in %s",
          options_.query_path, queries.row_count(), queries.dimension, first,
          base.dimension, options_.base_path));
    }
    base_ = MemoryVectors(base.dimension, std::move(base.components));
    const size_t last =
        std::min(queries.row_count() - first, options_.held_out_count_max) +
        first;
    const auto begin = queries.components.begin();
    const auto at = [&](size_t row) {
      return begin + static_cast<ptrdiff_t>(row * queries.dimension);
    };
    calibration_ = MemoryVectors(queries.dimension, {begin, at(first)});
    held_out_ = MemoryVectors(queries.dimension, {at(first), at(last)});
    if (options_.forest.metric == Metric::kCosine) {
      base_.Normalize();
      calibration_.Normalize();
      held_out_.Normalize();
    }
    return absl::OkStatus();
  }

  absl::Status Build() {
    options_.progress(
        absl::StrFormat("building over %d rows", base_.row_count()));
    const auto start = std::chrono::steady_clock::now();
    COPSE_ASSIGN_OR_RETURN(
        const PageId root,
        BuildForest(options_.forest, base_, base_.ordinals(), pages_));
    report_.build_seconds = SecondsSince(start);
    report_.forest = options_.forest;
    report_.rows = base_.row_count();
    report_.dimension = base_.dimension();
    report_.held_out_queries = held_out_.row_count();
    COPSE_ASSIGN_OR_RETURN(forest_, Forest::Open(root, pages_));
    return absl::OkStatus();
  }

  std::vector<CalibrationQuery> CalibrationQueries() const {
    std::vector<CalibrationQuery> queries(options_.calibration_count);
    internal::SplitMix random(1);
    for (size_t i = 0; i < queries.size(); ++i) {
      std::span<const float> vector;
      if (options_.sample_rows) {
        queries[i].row = static_cast<Ordinal>(random.Below(base_.row_count()));
        vector = base_.row(*queries[i].row);
      } else {
        vector = calibration_.row(static_cast<Ordinal>(i));
      }
      queries[i].vector.assign(vector.begin(), vector.end());
    }
    return queries;
  }

  absl::StatusOr<Calibration> Calibrate() {
    options_.progress("calibrating");
    std::vector<CalibrationQuery> queries = CalibrationQueries();
    const CalibrateOptions options = {.thread_count =
                                          options_.forest.thread_count};
    auto start = std::chrono::steady_clock::now();
    COPSE_RETURN_IF_ERROR(FindCalibrationNeighbors(
        options_.forest.metric, base_, base_.ordinals(), options, queries));
    report_.truth_seconds = SecondsSince(start);
    start = std::chrono::steady_clock::now();
    absl::StatusOr<Calibration> calibration =
        copse::Calibrate(*forest_, base_, queries, options);
    report_.calibrate_seconds = SecondsSince(start);
    report_.calibration_queries = queries.size();
    report_.sample_rows = options_.sample_rows;
    return calibration;
  }

  absl::StatusOr<Outcome> SearchAll(const SearchOptions& options) const {
    Outcome outcome;
    SearchWork work;
    size_t hits = 0;
    size_t wanted = 0;
    double seconds = 0;
    for (size_t i = 0; i < truth_.size(); ++i) {
      const auto query = held_out_.row(static_cast<Ordinal>(i));
      const auto start = std::chrono::steady_clock::now();
      COPSE_ASSIGN_OR_RETURN(const std::vector<Neighbor> found,
                             forest_->Search(base_, query, options, &work));
      seconds += SecondsSince(start);
      hits += internal::CountHits(truth_[i], found, options.neighbor_count);
      wanted += std::min(options.neighbor_count, truth_[i].size());
    }
    const auto count = static_cast<double>(truth_.size());
    outcome.recall = static_cast<double>(hits) / static_cast<double>(wanted);
    outcome.rows_scanned = static_cast<double>(work.rows_scanned) / count;
    outcome.microseconds = seconds / count * 1e6;
    return outcome;
  }

  // Returns the rows scanned with the smallest budget that reaches the target;
  // a percent is as near as it gets.
  absl::StatusOr<double> LeastRows(size_t neighbor_count, double target,
                                   size_t rerank_count) const {
    SearchOptions options = {.neighbor_count = neighbor_count,
                             .scan_budget = base_.row_count(),
                             .rerank_count = rerank_count};
    COPSE_ASSIGN_OR_RETURN(Outcome outcome, SearchAll(options));
    if (outcome.recall < target) {
      return -1;
    }
    double rows = outcome.rows_scanned;
    size_t enough = base_.row_count();
    size_t too_few = 0;
    while (enough - too_few > std::max<size_t>(1, enough / 100)) {
      options.scan_budget = (enough + too_few) / 2;
      COPSE_ASSIGN_OR_RETURN(outcome, SearchAll(options));
      if (outcome.recall >= target) {
        enough = options.scan_budget;
        rows = outcome.rows_scanned;
      } else {
        too_few = options.scan_budget;
      }
    }
    return rows;
  }

  absl::StatusOr<CalibrateBenchResult> MeasureTarget(
      const Calibration& calibration, size_t neighbor_count, double target) {
    const SearchEffort effort = calibration.EffortFor(
        target, options_.forest.metric, neighbor_count, base_.row_count());
    CalibrateBenchResult result = {.neighbor_count = neighbor_count,
                                   .target = target,
                                   .scan_budget = effort.scan_budget,
                                   .rerank_count = effort.rerank_count};
    COPSE_ASSIGN_OR_RETURN(const Outcome outcome,
                           SearchAll({.neighbor_count = neighbor_count,
                                      .recall_target = target,
                                      .calibration = &calibration}));
    result.recall = outcome.recall;
    result.rows_scanned = outcome.rows_scanned;
    result.microseconds = outcome.microseconds;
    COPSE_ASSIGN_OR_RETURN(result.least_rows, LeastRows(neighbor_count, target,
                                                        effort.rerank_count));
    COPSE_ASSIGN_OR_RETURN(
        result.least_rows_more_rerank,
        LeastRows(neighbor_count, target, kRerankFactor * effort.rerank_count));
    return result;
  }

  const CalibrateBenchOptions& options_;
  MemoryVectors base_{1, {}};
  MemoryVectors calibration_{1, {}};
  MemoryVectors held_out_{1, {}};
  MemoryPageStore pages_;
  std::shared_ptr<const Forest> forest_;
  std::vector<std::vector<Neighbor>> truth_;
  CalibrateBenchReport report_;
};

std::string Ratio(double rows, double least_rows) {
  return least_rows < 0 ? "-" : absl::StrFormat("%.2f", rows / least_rows);
}

}  // namespace

absl::StatusOr<CalibrateBenchReport> RunCalibrateBench(
    const CalibrateBenchOptions& options) {
  if (options.calibration_count == 0 || options.held_out_count_max == 0 ||
      options.row_count_max == 0) {
    return absl::InvalidArgumentError(
        "a number of rows or queries is 0, expected at least 1");
  }
  return CalibrateBench(options).Run();
}

std::string ToTable(const CalibrateBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %s; calibrated with %d %s; %d held-out "
      "queries\nbuilt in %.2f s by %d threads; true neighbors of the "
      "calibration %.2f s, calibration %.2f s, %d bytes\n\n"
      "%4s %7s %9s %7s %8s %9s %8s %9s %6s %9s %6s\n",
      report.rows, report.dimension, MetricName(report.forest.metric),
      report.calibration_queries, report.sample_rows ? "rows" : "queries",
      report.held_out_queries, report.build_seconds, report.forest.thread_count,
      report.truth_seconds, report.calibrate_seconds, report.calibration_bytes,
      "k", "target", "budget", "rerank", "recall", "scanned", "us", "least",
      "ratio", "4x rr.", "ratio");
  for (const CalibrateBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table, "%4d %7.3f %9d %7d %8.4f %9.0f %8.0f %9.0f %6s %9.0f %6s\n",
        result.neighbor_count, result.target, result.scan_budget,
        result.rerank_count, result.recall, result.rows_scanned,
        result.microseconds, result.least_rows,
        Ratio(result.rows_scanned, result.least_rows),
        result.least_rows_more_rerank,
        Ratio(result.rows_scanned, result.least_rows_more_rerank));
  }
  return table;
}

std::string ToJson(const CalibrateBenchReport& report) {
  nlohmann::ordered_json json = {
      {"rows", report.rows},
      {"dimension", report.dimension},
      {"metric", std::string(MetricName(report.forest.metric))},
      {"calibration_queries", report.calibration_queries},
      {"calibrated_with", report.sample_rows ? "rows" : "queries"},
      {"held_out_queries", report.held_out_queries},
      {"threads", report.forest.thread_count},
      {"build_seconds", report.build_seconds},
      {"truth_seconds", report.truth_seconds},
      {"calibrate_seconds", report.calibrate_seconds},
      {"calibration_bytes", report.calibration_bytes},
      {"results", nlohmann::ordered_json::array()},
  };
  for (const CalibrateBenchResult& result : report.results) {
    json["results"].push_back({
        {"k", result.neighbor_count},
        {"target", result.target},
        {"scan_budget", result.scan_budget},
        {"rerank_count", result.rerank_count},
        {"recall", result.recall},
        {"rows_scanned", result.rows_scanned},
        {"mean_us", result.microseconds},
        {"least_rows", result.least_rows},
        {"least_rows_more_rerank", result.least_rows_more_rerank},
    });
  }
  return json.dump(2);
}

}  // namespace copse
