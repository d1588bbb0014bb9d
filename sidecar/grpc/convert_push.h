// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes and pulls: what they make, their operations, and what a push says as
// it goes; convert_common.h says how conversions are named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_PUSH_H_
#define COPSE_SIDECAR_GRPC_CONVERT_PUSH_H_

#include "absl/status/statusor.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/push_operation.h"

namespace copse {

absl::StatusOr<PushOptions> ToPushOptions(
    const v1::PushCommitRequest::Header& message);
absl::StatusOr<PullOptions> ToPullOptions(v1::PullCommitRequest message);

// Fails with OPERATION_INVALID if the operation is not set, or an attribute of
// its document.
absl::StatusOr<PushOperation> ToPushOperation(v1::Operation&& message);

void Fill(const PushProgress& progress,
          v1::PushCommitResponse::Progress& message);
void Fill(const CostEstimate& estimate,
          v1::PushCommitResponse::Estimate& message);
void Fill(const DocumentFailure& failure, v1::DocumentFailure& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_PUSH_H_
