// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs; convert_common.h says how conversions are named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_JOB_H_
#define COPSE_SIDECAR_GRPC_CONVERT_JOB_H_

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "copse/v1/job_service.pb.h"
#include "versioning/job_record.h"
#include "versioning/job_table.h"

namespace copse {

// The most failures that a message of a job names.
inline constexpr size_t kJobFailureCountMax = 1000;

absl::StatusOr<ListJobsOptions> ToListJobsOptions(
    const v1::ListJobsRequest& message);
// `now` is for rates.
void Fill(const JobId& id, const JobRecord& record, size_t failure_count_max,
          absl::Time now, v1::Job& message);
// Sets the cost of what `message` says at `price` for a million tokens.
void FillCost(std::optional<double> price, v1::Job& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_JOB_H_
