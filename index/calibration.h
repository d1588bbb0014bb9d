// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Recall as a parameter: which scan budget and rerank count a search needs to
// find a wanted share of the true nearest rows. Measured on the forest itself
// (calibrate.h) for 1, 10 and 100 neighbors, kept beside it, and looked up by
// each search that has a recall_target.
//
//   COPSE_ASSIGN_OR_RETURN(Calibration calibration,
//                          Calibration::Parse(page_bytes));
//   forest->Search(vectors, query,
//                  {.recall_target = 0.95, .calibration = &calibration});
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET   SIZE  FIELD
//       16      2  layout, 1
//       18      2  reserved, zero
//       20      4  row count of the forest, at least 1
//       24      4  query count, at least 1
//       28     12  number of settings for 1, 10 and 100 neighbors, each n at
//                  most kSettingCountMax
//       40     24  reserved, zero
//       64         for 1, then 10, then 100 neighbors:
//            4*n     recalls, fp32, in (0, 1), strictly ascending
//            4*n     scan budgets, 1 to the row count
//            4*n     rerank counts, 1 to the row count

#ifndef COPSE_INDEX_CALIBRATION_H_
#define COPSE_INDEX_CALIBRATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"

namespace copse {

// A setting of a search and the recall that it promises.
struct CalibratedSetting {
  float recall = 0;
  uint32_t scan_budget = 0;
  uint32_t rerank_count = 0;

  friend bool operator==(const CalibratedSetting&,
                         const CalibratedSetting&) = default;
};

// What a search is to do. See SearchOptions.
struct SearchEffort {
  size_t scan_budget = 0;
  size_t rerank_count = 0;

  friend bool operator==(const SearchEffort&, const SearchEffort&) = default;
};

// Thread safety: immutable; any number of threads may use one Calibration.
class Calibration {
 public:
  // The numbers of neighbors that there are settings for.
  static constexpr std::array<uint32_t, 3> kNeighborCounts = {1, 10, 100};
  static constexpr size_t kSettingCountMax = 128;
  using Settings =
      std::array<std::vector<CalibratedSetting>, kNeighborCounts.size()>;

  // A calibration of a forest of `row_count` rows by `query_count` queries.
  // REQUIRES: what the layout above says of the fields.
  Calibration(uint32_t row_count, uint32_t query_count, Settings settings);

  // Checks `bytes`, one whole page, and copies what it holds. Fails with
  // kDataLoss, and with kUnimplemented for a newer layout.
  static absl::StatusOr<Calibration> Parse(std::span<const std::byte> bytes);

  // Returns the page. Parse() of it gives an equal calibration.
  std::vector<std::byte> Encode() const;

  uint32_t row_count() const { return row_count_; }
  uint32_t query_count() const { return query_count_; }

  // Cheapest settings for kNeighborCounts[index] neighbors, ascending by
  // recall; empty if none could be measured. Looking at all rows, which is
  // exact, is not among them.
  std::span<const CalibratedSetting> settings(size_t index) const {
    return settings_[index];
  }

  // Returns the effort with which a search for `neighbor_count` neighbors among
  // `row_count` rows reaches `recall_target` on average:
  //
  // * The first setting that promises the target. Above the last one, r, both
  //   numbers grow with the square of (1 - r) / (1 - recall_target): measured,
  //   half the misses cost about twice the budget.
  // * Between 1, 10 and 100 neighbors, numbers on the straight line between the
  //   logarithms; the rerank count, about a + b * k, lies below it.
  // * Above 100 neighbors, both numbers for 100 times neighbors / 100.
  // * If the forest has got more rows since, the budget grows in proportion.
  // * 1 means all rows.
  //
  // REQUIRES: 0 < recall_target <= 1, neighbor_count > 0
  SearchEffort EffortFor(double recall_target, Metric metric,
                         size_t neighbor_count, size_t row_count) const;

  // Returns it with no setting below what questions to sentence embeddings
  // need: half the budget of BuiltInEffort(), and its rerank count. For
  // calibrations by rows, which find their own near-duplicates and may promise
  // far more than questions get.
  Calibration RaisedToQuestions(Metric metric) const;

  friend bool operator==(const Calibration&, const Calibration&) = default;

 private:
  SearchEffort EffortAt(size_t index, double recall_target,
                        Metric metric) const;

  uint32_t row_count_;
  uint32_t query_count_;
  Settings settings_;
};

// The same without a calibration, for sentence embeddings, whose misses halve
// when the budget doubles: the default budget, which there has a recall of
// about .97, is taken to have one of .95, and a budget that is f times the
// default to miss 1/f as much; the same with the default rerank count, but that
// is not made smaller.
//
// REQUIRES: as Calibration::EffortFor()
SearchEffort BuiltInEffort(double recall_target, Metric metric,
                           size_t neighbor_count, size_t row_count);

// Calls the one or, if `calibration` is null, the other.
SearchEffort EffortFor(const Calibration* calibration, double recall_target,
                       Metric metric, size_t neighbor_count, size_t row_count);

// What a search does if nothing else is asked for. About .97 recall on MiniLM
// embeddings: 10 % of 100,000 rows give .976 of the nearest 10. More rows need
// a smaller share, and more neighbors a larger one.
SearchEffort DefaultEffort(Metric metric, size_t neighbor_count,
                           size_t row_count);

// Returns what a search with a filter does for a recall target, of which
// `effort` is meant for one without: at least the default. A filter may pass
// rows that are all far from the query, where the nearest leaves say little. On
// 20,000 clustered rows of which a filter passed 29 %, by cluster, searches for
// .95 found .77 by `effort` alone.
SearchEffort FilteredEffort(const SearchEffort& effort, Metric metric,
                            size_t neighbor_count, size_t row_count);

// Returns kInvalidArgument unless `recall_target` is in (0, 1], or 0: not set.
absl::Status CheckRecallTarget(double recall_target);

}  // namespace copse

#endif  // COPSE_INDEX_CALIBRATION_H_
