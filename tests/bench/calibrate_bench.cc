// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/calibrate_bench.h"

#include <algorithm>
#include <cstddef>
#include <span>
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
#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

constexpr size_t kTruthCountMin = 100;

// So many times the chosen rerank count stand for any number, which would make
// each search take as long as an exact one.
constexpr size_t kRerankFactor = 4;

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
    COPSE_RETURN_IF_ERROR(Read());
    COPSE_RETURN_IF_ERROR(Build());
    COPSE_ASSIGN_OR_RETURN(const Calibration calibration, Calibrate());
    report_.calibration_bytes = calibration.Encode().size();
    options_.input.progress(
        "finding the true neighbors of the held-out queries");
    truth_ = ExactTruth(
        options_.input.forest.metric, base_, held_out_,
        std::max(kTruthCountMin, std::ranges::max(options_.neighbor_counts)),
        options_.input.forest.thread_count);
    for (const size_t neighbor_count : options_.neighbor_counts) {
      for (const double target : options_.targets) {
        options_.input.progress(
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
  absl::Status Read() {
    COPSE_ASSIGN_OR_RETURN(BenchData data, ReadBenchData(options_.input));
    internal::SplitMix random(options_.query_seed);
    if (options_.query_row_count > 0) {
      COPSE_ASSIGN_OR_RETURN(data, TakeRowsOut(data.base, random));
    }
    std::vector<Ordinal> order = data.queries.ordinals();
    if (options_.query_seed != 0) {
      Shuffle(order, random);
    }
    const size_t calibrating =
        options_.sample_rows ? 0 : options_.calibration_count;
    if (order.size() <= options_.held_out_offset ||
        order.size() - options_.held_out_offset <= calibrating) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "there are %d queries, expected more than %d that calibrate and %d "
          "that are left out",
          order.size(), calibrating, options_.held_out_offset));
    }
    const auto all = std::span<const Ordinal>(order);
    const auto held_out = all.subspan(calibrating + options_.held_out_offset);
    base_ = std::move(data.base);
    calibration_ = Select(data.queries, all.first(calibrating));
    held_out_ = Select(
        data.queries,
        held_out.first(std::min(held_out.size(), options_.held_out_count_max)));
    return absl::OkStatus();
  }

  // Returns `rows` without some, and these as queries.
  absl::StatusOr<BenchData> TakeRowsOut(const MemoryVectors& rows,
                                        internal::SplitMix& random) const {
    if (rows.row_count() <= options_.query_row_count) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%d rows are to be queries, expected less than %d",
                          options_.query_row_count, rows.row_count()));
    }
    std::vector<Ordinal> order = rows.ordinals();
    Shuffle(order, random);
    const auto all = std::span<const Ordinal>(order);
    return BenchData{
        .base = Select(rows, all.subspan(options_.query_row_count)),
        .queries = Select(rows, all.first(options_.query_row_count))};
  }

  static void Shuffle(std::vector<Ordinal>& order, internal::SplitMix& random) {
    for (size_t i = 0; i < order.size(); ++i) {
      std::swap(order[i], order[i + random.Below(order.size() - i)]);
    }
  }

  static MemoryVectors Select(const MemoryVectors& vectors,
                              std::span<const Ordinal> rows) {
    MemoryVectors selected(vectors.dimension(), {});
    for (const Ordinal row : rows) {
      selected.Append(vectors.row(row));
    }
    return selected;
  }

  absl::Status Build() {
    COPSE_ASSIGN_OR_RETURN(built_, BuildBenchForest(options_.input, base_));
    report_.build_seconds = built_.build_seconds;
    report_.forest = options_.input.forest;
    report_.rows = base_.row_count();
    report_.dimension = base_.dimension();
    report_.held_out_queries = held_out_.row_count();
    report_.held_out_offset = options_.held_out_offset;
    report_.query_row_count = options_.query_row_count;
    report_.query_seed = options_.query_seed;
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
    options_.input.progress("calibrating");
    std::vector<CalibrationQuery> queries = CalibrationQueries();
    const CalibrateOptions options = {.thread_count =
                                          options_.input.forest.thread_count};
    const Stopwatch truth_stopwatch;
    COPSE_RETURN_IF_ERROR(FindCalibrationNeighbors(options_.input.forest.metric,
                                                   base_, base_.ordinals(),
                                                   options, queries));
    report_.truth_seconds = truth_stopwatch.Seconds();
    const Stopwatch calibrate_stopwatch;
    absl::StatusOr<Calibration> calibration =
        copse::Calibrate(*built_.forest, base_, queries, options);
    report_.calibrate_seconds = calibrate_stopwatch.Seconds();
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
      const Stopwatch stopwatch;
      COPSE_ASSIGN_OR_RETURN(
          const std::vector<Neighbor> found,
          built_.forest->Search(base_, query, options, &work));
      seconds += stopwatch.Seconds();
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
    const SearchEffort effort =
        calibration.EffortFor(target, options_.input.forest.metric,
                              neighbor_count, base_.row_count());
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
  BenchForest built_;
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
      options.input.row_count_max == 0) {
    return absl::InvalidArgumentError(
        "a number of rows or queries is 0, expected at least 1");
  }
  return CalibrateBench(options).Run();
}

std::string ToTable(const CalibrateBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %s; calibrated with %d %s; %d held-out "
      "%s, seed %d, offset %d\nbuilt in %.2f s by %d threads; true neighbors "
      "of the "
      "calibration %.2f s, calibration %.2f s, %d bytes\n\n"
      "%4s %7s %9s %7s %8s %9s %8s %9s %6s %9s %6s\n",
      report.rows, report.dimension, MetricName(report.forest.metric),
      report.calibration_queries, report.sample_rows ? "rows" : "queries",
      report.held_out_queries,
      report.query_row_count > 0 ? "rows as queries" : "queries",
      report.query_seed, report.held_out_offset, report.build_seconds,
      report.forest.thread_count, report.truth_seconds,
      report.calibrate_seconds, report.calibration_bytes, "k", "target",
      "budget", "rerank", "recall", "scanned", "us", "least", "ratio", "4x rr.",
      "ratio");
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
      {"held_out_offset", report.held_out_offset},
      {"query_rows", report.query_row_count},
      {"query_seed", report.query_seed},
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
