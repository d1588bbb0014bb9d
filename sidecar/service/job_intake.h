// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What takes operations as they come and makes a job of them.

#ifndef COPSE_SIDECAR_SERVICE_JOB_INTAKE_H_
#define COPSE_SIDECAR_SERVICE_JOB_INTAKE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/service/job.h"
#include "sidecar/service/push_operation.h"

namespace copse {

// Thread safety: one thread at a time; different intakes are independent.
class JobIntake {
 public:
  // Drops what was taken, unless Accept() was called.
  virtual ~JobIntake() = default;

  // Takes the next operation. Fails as PushSession::Add(); all is then over.
  virtual absl::Status Add(PushOperation operation) = 0;

  // Makes it a job, which is durable when this returns; it goes on by itself,
  // and this is over. Fails with OPERATION_COUNT_DIFFERS, DISK_FULL, and the
  // errors of JobRunner::Submit().
  virtual absl::StatusOr<std::shared_ptr<Job>> Accept(
      std::optional<int64_t> operation_count) = 0;

  virtual const PushProgress& progress() const = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_JOB_INTAKE_H_
