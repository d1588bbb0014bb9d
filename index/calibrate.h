// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures which search settings reach which recall on a forest.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::vector<CalibrationQuery> queries,
//       FindCalibrationNeighbors(metric, vectors, ordinals, samples, options));
//   COPSE_ASSIGN_OR_RETURN(Calibration calibration,
//                          Calibrate(*forest, vectors, queries, options));
//
// Each query is searched for once with each scan budget of a geometric grid,
// without re-ranking. Where its true neighbors stand among the estimates says
// for every rerank count, and for 1, 10 and 100 neighbors, what a search with
// these settings would have found: leaves are routed, scanned and ranked by the
// code of the search itself. Of all pairs the cheapest for each recall are
// kept.
//
// A sample errs. A setting promises the recall t for which
//
//   mean >= t + max(s / 2, 2.5 s - min(0.01, 1 - t))
//
// where s is the standard error of the mean over the queries: so the true
// recall is below t about every third time, and below t - 0.01 once in 160. A
// query that was not asked, and missed half of 1 neighbor, or 16 % of 10, or 5
// % of 100, is counted in, so that a few hundred queries without a miss do not
// promise 1.

#ifndef COPSE_INDEX_CALIBRATE_H_
#define COPSE_INDEX_CALIBRATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/calibration.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/vector_source.h"

namespace copse {

// The most neighbors of a CalibrationQuery: 100, and those that are as far.
inline constexpr size_t kCalibrationNeighborCountMax = 1024;

struct CalibrationQuery {
  std::vector<float> vector;

  // The row whose vector it is, if it is one of the forest: it finds itself, a
  // query from outside does not, so it is left out.
  std::optional<Ordinal> row;

  // The nearest covered rows, without `row`, ascending by (distance, ordinal):
  // 100, or all if there are fewer, and then those at the distance of the last,
  // up to kCalibrationNeighborCountMax.
  std::vector<Neighbor> neighbors;
};

struct CalibrateOptions {
  uint32_t thread_count = 1;

  // If set, it is called now and then, from any of the threads, and the work
  // ends with the first status that is not OK. Not owned.
  const std::function<absl::Status()>* check = nullptr;
};

// Fills in the neighbors of `queries` among `ordinals`, which is ascending,
// comparing all with all; a row is read once for 16 queries. Fails with
// kInvalidArgument, naming the query, for a vector that CheckVector() refuses,
// and with what `vectors` fails with.
absl::Status FindCalibrationNeighbors(Metric metric,
                                      const VectorSource& vectors,
                                      std::span<const Ordinal> ordinals,
                                      const CalibrateOptions& options,
                                      std::span<CalibrationQuery> queries);

// Returns the calibration of `forest` by `queries`; the same whatever the
// number of threads. Queries with so many neighbors at equal distances that
// they are not all listed are left out where that matters, and if none is left,
// the calibration has no settings there. Fails with kInvalidArgument if the
// forest or `queries` is empty, or a query has too few neighbors, and as
// Forest::Search().
absl::StatusOr<Calibration> Calibrate(const Forest& forest,
                                      const VectorSource& vectors,
                                      std::span<const CalibrationQuery> queries,
                                      const CalibrateOptions& options);

}  // namespace copse

#endif  // COPSE_INDEX_CALIBRATE_H_
