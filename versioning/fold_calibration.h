// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// When the forest of a fold is calibrated, and with which queries: see
// index/calibration.h for what a calibration is.
//
//   COPSE_RETURN_IF_ERROR(
//       CalibrateFold(domain, base, change_count, live, record));
//
// The calibration of the forest that was edited goes on serving until a fifth
// of the rows or of the sampled queries has changed. A new one takes the
// domain's sample of queries, or rows while there are fewer than 100 of these;
// what rows promise is raised to what questions need.
// Comparing them with all rows is most of its cost, so the number of queries
// goes down as rows go up.

#ifndef COPSE_VERSIONING_FOLD_CALIBRATION_H_
#define COPSE_VERSIONING_FOLD_CALIBRATION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/forest_record.h"
#include "versioning/row_set.h"

namespace copse {

// Sets the calibration of `record`, the forest over `live` whose root page is
// written; `base`, which may be null, is what it was edited from, with
// `change_count` rows inserted and deleted. A forest whose rows cannot be read
// intact stays without a calibration: they were not needed until now.
absl::Status CalibrateFold(Domain& domain, const DomainForest* base,
                           int64_t change_count, const RowSet& live,
                           ForestRecord& record);

// Returns with how many queries a forest of `row_count` rows is calibrated.
size_t CalibrationQueryCount(int64_t row_count);

}  // namespace copse

#endif  // COPSE_VERSIONING_FOLD_CALIBRATION_H_
