// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fold_calibration.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/calibrate.h"
#include "index/calibration.h"
#include "index/forest.h"
#include "index/split_mix.h"
#include "index/stored_vector.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/forest_record.h"
#include "versioning/query_sample.h"
#include "versioning/row_set.h"

namespace copse {
namespace {

// With fewer queries rows are taken instead.
constexpr size_t kSampleCountMin = 100;

constexpr size_t kQueryCountMin = 64;
constexpr size_t kQueryCountMax = 256;

// Rows find more than questions do anyway, so fewer of them do.
constexpr size_t kRowQueryCountMax = 128;

// Distances that are computed for one calibration: 256 queries among a million
// rows, some 7 s of one thread at 384 components.
constexpr int64_t kDistanceCountMax = int64_t{1} << 28;

// A calibration serves until one in so many rows or queries has changed.
constexpr int64_t kChangeDivisor = 5;

// Equal rows and queries give equal calibrations, in every store.
constexpr uint64_t kSeed = 0x63616c6962;

// Whether the calibration of `base` still serves.
bool Serves(const ForestRecord& base, int64_t changed_row_count,
            const QuerySampleRecord& sample) {
  const auto sample_count = static_cast<int64_t>(sample.query_count());
  const int64_t new_query_count =
      sample.accepted_count - base.accepted_query_count;
  const bool queries_serve =
      sample_count < static_cast<int64_t>(kSampleCountMin) ||
      new_query_count < sample_count / kChangeDivisor;
  return base.calibration.has_value() && queries_serve &&
         changed_row_count <
             static_cast<int64_t>(base.calibration->row_count()) /
                 kChangeDivisor;
}

absl::StatusOr<std::vector<CalibrationQuery>> ChooseQueries(
    const Domain& domain, const QuerySampleRecord& sample,
    std::span<const Ordinal> rows) {
  internal::SplitMix random(kSeed);
  std::vector<CalibrationQuery> queries(
      CalibrationQueryCount(static_cast<int64_t>(rows.size())));
  if (sample.query_count() < kSampleCountMin) {
    queries.resize(std::min(queries.size(), kRowQueryCountMax));
    for (CalibrationQuery& query : queries) {
      query.row = rows[random.Below(rows.size())];
      COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                             domain.vectors().Read(*query.row));
      query.vector = vector.ToFloats();
    }
    return queries;
  }
  queries.resize(std::min(queries.size(), sample.query_count()));
  // Every place of the sample is as good, so those from a random one on.
  const size_t first = random.Below(sample.query_count());
  for (size_t i = 0; i < queries.size(); ++i) {
    const std::span<const float> vector =
        sample.query((first + i) % sample.query_count());
    queries[i].vector.assign(vector.begin(), vector.end());
  }
  return queries;
}

absl::StatusOr<Calibration> CalibrateForest(const Domain& domain,
                                            const QuerySampleRecord& sample,
                                            const RowSet& live,
                                            const ForestRecord& record) {
  const std::vector<Ordinal> rows = live.ToVector();
  const CalibrateOptions options = {.thread_count =
                                        domain.context().options.thread_count};
  COPSE_ASSIGN_OR_RETURN(std::vector<CalibrationQuery> queries,
                         ChooseQueries(domain, sample, rows));
  COPSE_RETURN_IF_ERROR(FindCalibrationNeighbors(
      domain.metric(), domain.vectors(), rows, options, queries));
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                         Forest::Open(record.root_page, domain.pages()));
  COPSE_ASSIGN_OR_RETURN(
      Calibration calibration,
      Calibrate(*forest, domain.vectors(), queries, options));
  return queries.front().row.has_value()
             ? calibration.RaisedToQuestions(domain.metric())
             : std::move(calibration);
}

}  // namespace

absl::Status CalibrateFold(Domain& domain, const DomainForest* base,
                           int64_t change_count, const RowSet& live,
                           ForestRecord& record) {
  if (live.empty()) {
    return absl::OkStatus();
  }
  const QuerySampleRecord sample = domain.query_sample().ToRecord();
  if (base != nullptr) {
    const int64_t changed_row_count =
        base->record().changed_row_count + change_count;
    if (Serves(base->record(), changed_row_count, sample)) {
      record.calibration = base->record().calibration;
      record.changed_row_count = changed_row_count;
      record.accepted_query_count = base->record().accepted_query_count;
      return absl::OkStatus();
    }
  }
  absl::StatusOr<Calibration> calibration =
      CalibrateForest(domain, sample, live, record);
  if (absl::IsDataLoss(calibration.status())) {
    return absl::OkStatus();
  }
  COPSE_RETURN_IF_ERROR(calibration.status());
  record.calibration = *std::move(calibration);
  record.changed_row_count = 0;
  record.accepted_query_count = sample.accepted_count;
  return absl::OkStatus();
}

size_t CalibrationQueryCount(int64_t row_count) {
  return std::clamp(
      static_cast<size_t>(kDistanceCountMax / std::max<int64_t>(1, row_count)),
      kQueryCountMin, kQueryCountMax);
}

}  // namespace copse
