// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/duplicates_bench.h"

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

#include "index/pair_join.h"
#include "index/row_bitmap.h"
#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"

namespace copse {
namespace {

class DuplicatesBench {
 public:
  explicit DuplicatesBench(const DuplicatesBenchOptions& options)
      : options_(options) {}

  absl::StatusOr<DuplicatesBenchReport> Run() {
    BenchInput input = options_.input;
    input.query_path = input.base_path;
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(input));
    COPSE_ASSIGN_OR_RETURN(built_, BuildBenchForest(input, data_.base));
    report_.forest = input.forest;
    report_.rows = data_.base.row_count();
    report_.dimension = data_.base.dimension();
    report_.join_thread_count = options_.join_thread_count;
    report_.build_seconds = built_.build_seconds;
    ChooseChanged();
    COPSE_RETURN_IF_ERROR(FindTruth());
    for (const double distance : options_.distances) {
      options_.input.progress(absl::StrFormat("join: distance %g", distance));
      COPSE_RETURN_IF_ERROR(Measure(distance, nullptr));
      COPSE_RETURN_IF_ERROR(Measure(distance, &changed_));
    }
    return std::move(report_);
  }

 private:
  void ChooseChanged() {
    internal::SplitMix random(options_.changed_seed);
    const size_t count =
        std::min(options_.changed_count, data_.base.row_count());
    while (static_cast<size_t>(changed_.row_count()) < count) {
      changed_.Add(static_cast<Ordinal>(random.Below(data_.base.row_count())));
    }
  }

  // Returns the pairs, each once.
  absl::StatusOr<std::vector<RowPair>> Join(const PairJoinOptions& options,
                                            const RowBitmap* changed,
                                            PairJoinWork* work) const {
    std::vector<RowPair> pairs;
    COPSE_RETURN_IF_ERROR(JoinPairs(
        options_.input.forest.metric, data_.base,
        {.forest = built_.forest.get(), .changed = changed}, options,
        [&pairs](std::span<const RowPair> some) {
          pairs.insert(pairs.end(), some.begin(), some.end());
          return absl::OkStatus();
        },
        work));
    std::ranges::sort(pairs);
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    return pairs;
  }

  absl::Status FindTruth() {
    options_.input.progress("comparing all rows with all");
    const Stopwatch watch;
    const auto farthest = static_cast<float>(*std::max_element(
        options_.distances.begin(), options_.distances.end()));
    COPSE_ASSIGN_OR_RETURN(
        truth_, Join({.distance_max = farthest,
                      .exact = true,
                      .thread_count = options_.input.forest.thread_count},
                     nullptr, nullptr));
    report_.truth_seconds = watch.Seconds();
    return absl::OkStatus();
  }

  absl::Status Measure(double distance, const RowBitmap* changed) {
    const auto distance_max = static_cast<float>(distance);
    std::vector<RowPair> truth;
    std::copy_if(truth_.begin(), truth_.end(), std::back_inserter(truth),
                 [&](const RowPair& pair) {
                   return pair.distance <= distance_max &&
                          (changed == nullptr ||
                           changed->Contains(pair.first) ||
                           changed->Contains(pair.second));
                 });
    DuplicatesBenchResult result = {
        .distance = distance,
        .changed_count =
            changed == nullptr ? 0 : static_cast<size_t>(changed->row_count()),
        .pairs = truth.size()};
    std::vector<RowPair> found;
    for (size_t run = 0; run < options_.run_count; ++run) {
      PairJoinWork work;
      const Stopwatch watch;
      COPSE_ASSIGN_OR_RETURN(found,
                             Join({.distance_max = distance_max,
                                   .thread_count = options_.join_thread_count},
                                  changed, &work));
      const double seconds = watch.Seconds();
      if (run == 0 || seconds < result.seconds) {
        result.seconds = seconds;
      }
      result.work = work;
    }
    if (!std::ranges::includes(truth, found)) {
      return absl::InternalError("a join returned a pair that is not one");
    }
    result.recall = truth.empty() ? 1
                                  : static_cast<double>(found.size()) /
                                        static_cast<double>(truth.size());
    report_.results.push_back(result);
    return absl::OkStatus();
  }

  const DuplicatesBenchOptions& options_;
  BenchData data_;
  BenchForest built_;
  RowBitmap changed_;
  std::vector<RowPair> truth_;
  DuplicatesBenchReport report_;
};

}  // namespace

absl::StatusOr<DuplicatesBenchReport> RunDuplicatesBench(
    const DuplicatesBenchOptions& options) {
  if (options.distances.empty() || options.run_count == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%d distances and %d runs, expected at least 1 of each",
                        options.distances.size(), options.run_count));
  }
  return DuplicatesBench(options).Run();
}

std::string ToTable(const DuplicatesBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d rows of %d components, %s; build %.2f s, all with all %.2f s, joins "
      "in %d threads\n\n%9s %8s %10s %8s %9s %9s %10s %10s\n",
      report.rows, report.dimension, MetricName(report.forest.metric),
      report.build_seconds, report.truth_seconds, report.join_thread_count,
      "distance", "changed", "pairs", "recall", "ms", "leaves", "scanned",
      "compared");
  for (const DuplicatesBenchResult& result : report.results) {
    absl::StrAppendFormat(
        &table, "%9g %8s %10d %8.4f %9.1f %9d %10d %10d\n", result.distance,
        result.changed_count == 0 ? "all"
                                  : absl::StrFormat("%d", result.changed_count),
        result.pairs, result.recall, result.seconds * 1e3,
        result.work.leaf_count, result.work.rows_scanned,
        result.work.rows_compared);
  }
  return table;
}

std::string ToJson(const DuplicatesBenchReport& report) {
  nlohmann::ordered_json json = {
      {"rows", report.rows},
      {"dimension", report.dimension},
      {"metric", std::string(MetricName(report.forest.metric))},
      {"join_threads", report.join_thread_count},
      {"build_seconds", report.build_seconds},
      {"truth_seconds", report.truth_seconds},
      {"results", nlohmann::ordered_json::array()},
  };
  for (const DuplicatesBenchResult& result : report.results) {
    json["results"].push_back({{"distance", result.distance},
                               {"changed", result.changed_count},
                               {"pairs", result.pairs},
                               {"recall", result.recall},
                               {"seconds", result.seconds},
                               {"leaves", result.work.leaf_count},
                               {"rows_scanned", result.work.rows_scanned},
                               {"rows_compared", result.work.rows_compared}});
  }
  return json.dump(2);
}

}  // namespace copse
