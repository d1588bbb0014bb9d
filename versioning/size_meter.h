// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures what the commits of a domain take (size_report.h says what counts).
//
//   COPSE_ASSIGN_OR_RETURN(SizeReport report,
//                          MeasureDomainSizes(domain, check));
//
// Reads each row, text, page and live set record of the domain once, and walks
// over the commits from live set to live set, where one commit costs what it
// changed. Takes up to 40 bytes of memory for each row, text and page, and about
// 200 for each commit. Reads what was there when it began; pushes and
// collections go on meanwhile.

#ifndef COPSE_VERSIONING_SIZE_METER_H_
#define COPSE_VERSIONING_SIZE_METER_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/domain.h"
#include "versioning/size_report.h"

namespace copse {

// `check`, if set, is asked now and then; a status of it that is not OK ends
// this. Fails with kDataLoss, DATA_DAMAGED, if something that a commit reaches
// is missing or damaged.
absl::StatusOr<SizeReport> MeasureDomainSizes(
    Domain& domain, const std::function<absl::Status()>& check);

}  // namespace copse

#endif  // COPSE_VERSIONING_SIZE_METER_H_
