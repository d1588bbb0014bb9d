// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/search_runs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <memory>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "index/distance.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/bench/vector_file.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

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

absl::Status CheckAllFound(Metric metric, const BenchData& data,
                           std::span<const std::vector<Neighbor>> found) {
  for (size_t i = 0; i < found.size(); ++i) {
    const absl::Status status = CheckFound(
        QueryDistance(metric, data.queries.row(static_cast<Ordinal>(i))),
        data.base, found[i]);
    if (!status.ok()) {
      return AnnotateStatus(status, absl::StrFormat("query %d", i));
    }
  }
  return absl::OkStatus();
}

// One pass over all queries; `searches` has the times, `found` and `work` the
// results.
absl::Status RunPass(const Forest& forest, const BenchData& data,
                     const OptionsByQuery& options_of, Searches& searches,
                     std::vector<std::vector<Neighbor>>& found,
                     SearchWork& work) {
  double seconds = 0;
  found.clear();
  for (size_t i = 0; i < data.queries.row_count(); ++i) {
    const auto query = data.queries.row(static_cast<Ordinal>(i));
    const SearchOptions options = options_of(i);
    const Stopwatch stopwatch;
    absl::StatusOr<std::vector<Neighbor>> neighbors =
        forest.Search(data.base, query, options, &work);
    const double taken = stopwatch.Seconds();
    seconds += taken;
    searches.microseconds.push_back(taken * 1e6);
    if (!neighbors.ok()) {
      return AnnotateStatus(neighbors.status(), absl::StrFormat("query %d", i));
    }
    found.push_back(*std::move(neighbors));
  }
  searches.pass_seconds.push_back(seconds);
  return absl::OkStatus();
}

// Measures how much of a core the process has.
class CpuShare {
 public:
  double Value() const {
    const double cpu_seconds =
        static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC;
    return cpu_seconds / std::max(stopwatch_.Seconds(), 1e-9);
  }

 private:
  Stopwatch stopwatch_;
  std::clock_t start_ = std::clock();
};

double Sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

absl::StatusOr<BenchData> ReadBenchData(const BenchInput& input) {
  if (input.row_count_max < 1) {
    return absl::InvalidArgumentError("limit is 0, expected at least 1");
  }
  input.progress("reading the vectors");
  COPSE_ASSIGN_OR_RETURN(VectorMatrix base,
                         ReadVectorFile(input.base_path, input.row_count_max));
  COPSE_ASSIGN_OR_RETURN(VectorMatrix queries,
                         ReadVectorFile(input.query_path));
  if (base.dimension != queries.dimension) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: dimension is %d, expected %d as in %s", input.query_path,
        queries.dimension, base.dimension, input.base_path));
  }
  BenchData data = {
      .base = MemoryVectors(base.dimension, std::move(base.components)),
      .queries =
          MemoryVectors(queries.dimension, std::move(queries.components))};
  if (input.forest.metric == Metric::kCosine) {
    data.base.Normalize();
    data.queries.Normalize();
  } else if (input.forest.metric == Metric::kHamming) {
    data.base.ToBits();  // Other numbers than 0 and 1 stay what they are.
  }
  return data;
}

absl::StatusOr<BenchForest> BuildBenchForest(const BenchInput& input,
                                             const MemoryVectors& base) {
  input.progress(
      absl::StrFormat("building the forest over %d rows", base.row_count()));
  BenchForest built;
  built.pages = std::make_unique<MemoryPageStore>();
  const Stopwatch stopwatch;
  COPSE_ASSIGN_OR_RETURN(
      const PageId root,
      BuildForest(input.forest, base, base.ordinals(), *built.pages));
  built.build_seconds = stopwatch.Seconds();
  COPSE_ASSIGN_OR_RETURN(built.forest, Forest::Open(root, *built.pages));
  return built;
}

absl::StatusOr<Searches> RunSearches(const Forest& forest,
                                     const BenchData& data,
                                     const OptionsByQuery& options,
                                     double seconds_min) {
  const CpuShare cpu_share;
  Searches searches;
  COPSE_RETURN_IF_ERROR(
      RunPass(forest, data, options, searches, searches.found, searches.work));
  COPSE_RETURN_IF_ERROR(
      CheckAllFound(forest.options().metric, data, searches.found));
  std::vector<std::vector<Neighbor>> again;
  SearchWork work;
  while (Sum(searches.pass_seconds) < seconds_min) {
    COPSE_RETURN_IF_ERROR(
        RunPass(forest, data, options, searches, again, work));
  }
  searches.cpu_share = cpu_share.Value();
  return searches;
}

absl::StatusOr<Searches> RunBatches(const Forest& forest, const BenchData& data,
                                    const SearchOptions& options,
                                    double seconds_min) {
  std::vector<std::span<const float>> queries;
  for (size_t i = 0; i < data.queries.row_count(); ++i) {
    queries.push_back(data.queries.row(static_cast<Ordinal>(i)));
  }
  const CpuShare cpu_share;
  Searches searches;
  do {
    SearchWork work;
    const Stopwatch stopwatch;
    COPSE_ASSIGN_OR_RETURN(
        std::vector<std::vector<Neighbor>> found,
        forest.BatchSearch(data.base, queries, options, &work));
    searches.pass_seconds.push_back(stopwatch.Seconds());
    if (searches.found.empty()) {
      searches.found = std::move(found);
      searches.work = work;
    }
  } while (Sum(searches.pass_seconds) < seconds_min);
  searches.cpu_share = cpu_share.Value();
  COPSE_RETURN_IF_ERROR(
      CheckAllFound(forest.options().metric, data, searches.found));
  return searches;
}

SearchCosts CostsOf(const Searches& searches) {
  const auto count = static_cast<double>(searches.found.size());
  SearchCosts costs = {
      .queries_per_second =
          count / internal::Percentile(searches.pass_seconds, 0.5),
      .rows_scanned = static_cast<double>(searches.work.rows_scanned) / count,
      .rows_reranked = static_cast<double>(searches.work.rows_reranked) / count,
      .pages_read = static_cast<double>(searches.work.pages_read) / count,
      .cpu_share = searches.cpu_share};
  if (!searches.microseconds.empty()) {
    costs.p50_us = internal::Percentile(searches.microseconds, 0.50);
    costs.p99_us = internal::Percentile(searches.microseconds, 0.99);
  }
  return costs;
}

void AddToJson(const SearchCosts& costs, nlohmann::ordered_json& json) {
  json["queries_per_second"] = costs.queries_per_second;
  if (costs.p50_us >= 0) {
    json["p50_us"] = costs.p50_us;
    json["p99_us"] = costs.p99_us;
  }
  json["rows_scanned"] = costs.rows_scanned;
  json["rows_reranked"] = costs.rows_reranked;
  json["pages_read"] = costs.pages_read;
  json["cpu_share"] = costs.cpu_share;
}

std::string PercentileText(double microseconds) {
  return microseconds < 0 ? "-" : absl::StrFormat("%.1f", microseconds);
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
