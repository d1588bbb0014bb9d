// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The first half of a push, until it is durable: takes the operations as they
// come and spools them. What fits into one batch is also kept in a session,
// which the job then only has to finish; a larger push is read from its spool
// again.
//
// Nothing is embedded before the push is accepted. Embedding is what takes
// long: a client that had to wait for it would have to stay all along for the
// push to become durable, and what was paid for would be lost with it.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<PushIntake> intake,
//                          PushIntake::Begin(services, runner, options,
//                                            context));
//   COPSE_RETURN_IF_ERROR(intake->Add(UpsertOperation{document}));
//   ...
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, intake->Accept(count));
//
// Invariants:
//
// * The commit is in flight from Begin() on; until the job has ended if there
//   is one, else until this is destroyed, when nothing of the push is left.
// * A push that needs a commit, or moves a branch, of an unfinished job waits
//   for it: it only spools. All else that can be known is an error at once.

#ifndef COPSE_SIDECAR_SERVICE_PUSH_INTAKE_H_
#define COPSE_SIDECAR_SERVICE_PUSH_INTAKE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_intake.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "versioning/commit_builder.h"

namespace copse {

// Thread safety: one thread at a time; different intakes are independent.
class PushIntake final : public JobIntake {
 public:
  // Claims the commit. Fails as PushSession::Begin(), but for a parent that an
  // unfinished job is making. `runner` must outlive this.
  static absl::StatusOr<std::unique_ptr<PushIntake>> Begin(
      const PushServices& services, JobRunner& runner,
      const PushOptions& options, const CallContext& context);

  absl::Status Add(PushOperation operation) override;
  absl::StatusOr<std::shared_ptr<Job>> Accept(
      std::optional<int64_t> operation_count) override;
  const PushProgress& progress() const override { return progress_; }

 private:
  PushIntake(const PushServices& services, JobRunner& runner,
             const PushOptions& options, const CallContext& context,
             std::shared_ptr<CommitClaim> claim, DomainInfo domain);

  const PushServices services_;
  JobRunner& runner_;
  const PushOptions options_;
  const CallContext context_;
  std::shared_ptr<CommitClaim> claim_;
  const DomainInfo domain_;
  const JobId job_id_;
  PushSpoolWriter spool_;
  std::unique_ptr<PushSession> session_;  // Null if it only spools.
  PushProgress progress_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_INTAKE_H_
