// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/phases_bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/distance.h"
#include "index/forest.h"
#include "index/search_phase.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"

namespace copse {
namespace {

// By SearchPhase.
constexpr std::array<absl::string_view, kSearchPhaseCount> kPhaseNames = {
    "begin",         "prepare_query",  "estimate_children",
    "list_children", "score_children", "choose_leaves",
    "scan_leaves",   "select_rows",    "compare_rows"};

// Microseconds by phase, and last those that are in none.
using PhaseTimes = std::array<double, kSearchPhaseCount + 1>;

double Sum(const PhaseTimes& times) {
  return std::accumulate(times.begin(), times.end(), 0.0);
}

// Adds up the time by phase.
class PhaseClock {
 public:
  PhaseClock() = default;
  PhaseClock(const PhaseClock&) = delete;
  PhaseClock& operator=(const PhaseClock&) = delete;

  const PhaseObserver& observer() const { return observer_; }

  // What passed since a phase ended is in no phase.
  void EndSearch() { AddTo(kSearchPhaseCount); }

  PhaseTimes Microseconds() const {
    PhaseTimes times;
    std::ranges::transform(spent_, times.begin(), [](Clock::duration spent) {
      return std::chrono::duration<double, std::micro>(spent).count();
    });
    return times;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void AddTo(size_t phase) {
    const Clock::time_point now = Clock::now();
    spent_[phase] += now - std::exchange(last_, now);
  }

  std::array<Clock::duration, kSearchPhaseCount + 1> spent_{};
  Clock::time_point last_ = Clock::now();
  const PhaseObserver observer_ = [this](SearchPhase phase) {
    AddTo(static_cast<size_t>(phase));
  };
};

class PhasesBench {
 public:
  explicit PhasesBench(const PhasesBenchOptions& options) : options_(options) {}

  absl::StatusOr<PhasesBenchReport> Run() {
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(options_.input));
    COPSE_ASSIGN_OR_RETURN(built_,
                           BuildBenchForest(options_.input, data_.base));
    report_.forest = options_.input.forest;
    report_.simd = std::string(SimdLevelName(BestSimdLevel()));
    report_.rows = data_.base.row_count();
    report_.queries = data_.queries.row_count();
    report_.dimension = data_.base.dimension();
    report_.neighbor_count = options_.neighbor_count;
    for (size_t i = 0; i < data_.queries.row_count(); ++i) {
      queries_.push_back(data_.queries.row(static_cast<Ordinal>(i)));
    }
    for (const SearchMode mode : {SearchMode::kSingle, SearchMode::kBatch}) {
      for (const ScanBudget& budget : options_.budgets) {
        COPSE_RETURN_IF_ERROR(Measure(
            {.mode = mode, .scan_budget = budget.RowCount(report_.rows)}));
      }
    }
    return std::move(report_);
  }

 private:
  absl::Status Measure(PhasesBenchResult result) {
    options_.input.progress(
        absl::StrFormat("searching with a budget of %d rows, %s",
                        result.scan_budget, ModeName(result.mode)));
    const SearchOptions options = {.neighbor_count = options_.neighbor_count,
                                   .scan_budget = result.scan_budget,
                                   .rerank_count = options_.rerank_count};
    COPSE_RETURN_IF_ERROR(Run(result.mode, options, 0).status());  // Loads.
    COPSE_ASSIGN_OR_RETURN(const Searches searches,
                           Run(result.mode, options, options_.seconds_min));
    COPSE_ASSIGN_OR_RETURN(const PhaseTimes times,
                           ObserveFastest(result.mode, options));
    const auto count = static_cast<double>(report_.queries);
    result.us = FastestMicroseconds(searches) / count;
    result.observed_us = Sum(times) / count;
    result.rest_us = times.back() / count;
    for (size_t phase = 0; phase < kSearchPhaseCount; ++phase) {
      result.phase_us[phase] = times[phase] / count;
    }
    report_.results.push_back(result);
    return absl::OkStatus();
  }

  absl::StatusOr<Searches> Run(SearchMode mode, const SearchOptions& options,
                               double seconds_min) const {
    return mode == SearchMode::kBatch
               ? RunBatches(*built_.forest, data_, options, seconds_min)
               : RunSearches(
                     *built_.forest, data_, [&](size_t) { return options; },
                     seconds_min);
  }

  // Returns the times of the fastest search for each query, or of the fastest
  // batch, added up.
  double FastestMicroseconds(const Searches& searches) const {
    if (searches.microseconds.empty()) {
      return std::ranges::min(searches.pass_seconds) * 1e6;
    }
    double sum = 0;
    for (size_t i = 0; i < report_.queries; ++i) {
      double fastest = searches.microseconds[i];
      for (size_t at = i; at < searches.microseconds.size();
           at += report_.queries) {
        fastest = std::min(fastest, searches.microseconds[at]);
      }
      sum += fastest;
    }
    return sum;
  }

  // The same by phase.
  absl::StatusOr<PhaseTimes> ObserveFastest(
      SearchMode mode, const SearchOptions& options) const {
    const Stopwatch stopwatch;
    std::vector<PhaseTimes> fastest;
    COPSE_RETURN_IF_ERROR(ObservePass(mode, options, fastest));
    while (stopwatch.Seconds() < options_.seconds_min) {
      std::vector<PhaseTimes> pass;
      COPSE_RETURN_IF_ERROR(ObservePass(mode, options, pass));
      for (size_t i = 0; i < pass.size(); ++i) {
        if (Sum(pass[i]) < Sum(fastest[i])) {
          fastest[i] = pass[i];
        }
      }
    }
    PhaseTimes sum{};
    for (const PhaseTimes& times : fastest) {
      std::ranges::transform(sum, times, sum.begin(), std::plus<>());
    }
    return sum;
  }

  // Appends the times of each search, or those of one batch, to `pass`.
  absl::Status ObservePass(SearchMode mode, SearchOptions options,
                           std::vector<PhaseTimes>& pass) const {
    const size_t search_count =
        mode == SearchMode::kBatch ? 1 : queries_.size();
    for (size_t i = 0; i < search_count; ++i) {
      PhaseClock clock;
      options.phase_observer = &clock.observer();
      COPSE_RETURN_IF_ERROR(
          mode == SearchMode::kBatch
              ? built_.forest->BatchSearch(data_.base, queries_, options)
                    .status()
              : built_.forest->Search(data_.base, queries_[i], options)
                    .status());
      clock.EndSearch();
      pass.push_back(clock.Microseconds());
    }
    return absl::OkStatus();
  }

  const PhasesBenchOptions& options_;
  BenchData data_;
  BenchForest built_;
  std::vector<std::span<const float>> queries_;
  PhasesBenchReport report_;
};

// A line of the table: microseconds of each result, and shares of all.
void AppendLine(absl::string_view name, const PhasesBenchReport& report,
                const std::function<double(const PhasesBenchResult&)>& value,
                std::string& table) {
  absl::StrAppendFormat(&table, "%-17s", name);
  for (const PhasesBenchResult& result : report.results) {
    absl::StrAppendFormat(&table, " %8.2f %4.1f%%", value(result),
                          100 * value(result) / result.observed_us);
  }
  table += '\n';
}

}  // namespace

absl::StatusOr<PhasesBenchReport> RunPhasesBench(
    const PhasesBenchOptions& options) {
  if (options.budgets.empty() || options.neighbor_count < 1) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%d budgets and k of %d, expected at least 1 of each",
                        options.budgets.size(), options.neighbor_count));
  }
  return PhasesBench(options).Run();
}

std::string ToTable(const PhasesBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %d queries, %s, %s, k = %d; microseconds a "
      "query\n\n%-17s",
      report.rows, report.dimension, report.queries,
      MetricName(report.forest.metric), report.simd, report.neighbor_count,
      "phase");
  for (const PhasesBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table, " %14s",
        absl::StrFormat("%s %d", ModeName(result.mode), result.scan_budget));
  }
  table += '\n';
  for (size_t phase = 0; phase < kSearchPhaseCount; ++phase) {
    AppendLine(
        kPhaseNames[phase], report,
        [phase](const PhasesBenchResult& result) {
          return result.phase_us[phase];
        },
        table);
  }
  AppendLine(
      "rest", report,
      [](const PhasesBenchResult& result) { return result.rest_us; }, table);
  AppendLine(
      "all", report,
      [](const PhasesBenchResult& result) { return result.observed_us; },
      table);
  AppendLine(
      "without observer", report,
      [](const PhasesBenchResult& result) { return result.us; }, table);
  return table;
}

std::string ToJson(const PhasesBenchReport& report) {
  nlohmann::ordered_json json = {
      {"rows", report.rows},
      {"dimension", report.dimension},
      {"queries", report.queries},
      {"metric", std::string(MetricName(report.forest.metric))},
      {"simd", report.simd},
      {"k", report.neighbor_count},
      {"results", nlohmann::ordered_json::array()},
  };
  for (const PhasesBenchResult& result : report.results) {
    nlohmann::ordered_json phases;
    for (size_t phase = 0; phase < kSearchPhaseCount; ++phase) {
      phases[std::string(kPhaseNames[phase])] = result.phase_us[phase];
    }
    phases["rest"] = result.rest_us;
    json["results"].push_back({
        {"mode", std::string(ModeName(result.mode))},
        {"scan_budget", result.scan_budget},
        {"phases_us", std::move(phases)},
        {"observed_us", result.observed_us},
        {"us", result.us},
    });
  }
  return json.dump(2);
}

}  // namespace copse
