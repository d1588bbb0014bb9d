// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks of searches have in common: vectors are read, a forest is
// built in memory, searches are run and timed, and what they found is checked
// and compared with the true neighbors.

#ifndef COPSE_TESTS_BENCH_SEARCH_RUNS_H_
#define COPSE_TESTS_BENCH_SEARCH_RUNS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

#include "index/forest.h"
#include "index/metric.h"
#include "index/vector_source.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"

namespace copse {

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

// What every benchmark of searches is told.
struct BenchInput {
  std::string base_path;
  std::string query_path;

  // Rows of the base file to use, from its first on, at least 1.
  size_t row_count_max = std::numeric_limits<size_t>::max();

  ForestOptions forest;

  // Called with a line before each step that takes long.
  std::function<void(absl::string_view)> progress = [](absl::string_view) {};
};

struct BenchData {
  MemoryVectors base{1, {}};
  MemoryVectors queries{1, {}};
};

// Reads both files, and gives the vectors unit length for cosine; rows of 0 and
// 1 are packed for Hamming, as domains store them. Fails with
// kInvalidArgument if their dimensions differ or row_count_max is 0, and as
// ReadVectorFile() does.
absl::StatusOr<BenchData> ReadBenchData(const BenchInput& input);

// A forest over all rows of a base, with its pages.
struct BenchForest {
  std::unique_ptr<MemoryPageStore> pages;
  std::shared_ptr<const Forest> forest;
  double build_seconds = 0;
};

absl::StatusOr<BenchForest> BuildBenchForest(const BenchInput& input,
                                             const MemoryVectors& base);

// What searches for all queries found, and what they cost.
struct Searches {
  std::vector<std::vector<Neighbor>> found;  // By the first pass, by query.
  std::vector<double> microseconds;  // Of each search of each pass; no batches.
  std::vector<double> pass_seconds;
  SearchWork work;       // Of the first pass.
  double cpu_share = 0;  // Of a core, that the passes had.
};

// Returns the options of a search by the number of its query.
using OptionsByQuery = std::function<SearchOptions(size_t)>;

// Searches for the queries one by one, again and again until the searches have
// taken `seconds_min`. Fails with kInternal if a search returns a wrong
// distance or a row twice: recall counts by these distances.
absl::StatusOr<Searches> RunSearches(const Forest& forest,
                                     const BenchData& data,
                                     const OptionsByQuery& options,
                                     double seconds_min);

// The same with all queries in one call of BatchSearch().
absl::StatusOr<Searches> RunBatches(const Forest& forest, const BenchData& data,
                                    const SearchOptions& options,
                                    double seconds_min);

struct SearchCosts {
  double queries_per_second = 0;  // Of the median pass.
  double p50_us = -1;             // Negative: queries are not timed one by one.
  double p99_us = -1;

  // Means over the queries.
  double rows_scanned = 0;
  double rows_reranked = 0;
  double pages_read = 0;

  // Where it is low the machine was busy, and the times are worth nothing.
  double cpu_share = 0;
};

SearchCosts CostsOf(const Searches& searches);

// Adds the fields of `costs` to `json`; percentiles that were not measured are
// left out.
void AddToJson(const SearchCosts& costs, nlohmann::ordered_json& json);

// Returns a percentile for a table.
std::string PercentileText(double microseconds);

// Returns the share of the true neighbors that were found: among the first k
// found, those whose distance is at most the k-th true distance, over the k
// rows that there are to find.
double Recall(std::span<const std::vector<Neighbor>> truth,
              std::span<const std::vector<Neighbor>> found, size_t k);

namespace internal {

// Returns how many of the first `k` of `found` are at most as far as the last
// of the first `k` of `truth`.
size_t CountHits(std::span<const Neighbor> truth,
                 std::span<const Neighbor> found, size_t k);

// Returns the value that `share` of `values` do not exceed (nearest rank).
// REQUIRES: !values.empty() and 0 < share <= 1
double Percentile(std::vector<double> values, double share);

}  // namespace internal
}  // namespace copse

#endif  // COPSE_TESTS_BENCH_SEARCH_RUNS_H_
