// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A re-embedding: makes all vectors of a domain anew with another embedding
// profile, as a job, while the domain goes on, and then puts them in the place
// of the old ones (versioning/domain_replacement.h).
//
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Job> job,
//                          SubmitReembedding(services, runner, options,
//                                            context));
//
// Invariants:
//
// * Each commit is built as a push would build it, of the texts that are
//   stored; what its parents have costs nothing, and no text is paid for twice.
// * The job looks for what was pushed and deleted meanwhile, in rounds, and
//   switches when a round found everything there. From the fourth round on the
//   pushes that would complete wait while a round lasts, kHoldTimeMax at most:
//   then they go on, and there is another round.
// * A push that was accepted before the switch and completes after it is made
//   anew from its spool, with the new profile.
// * A job that is interrupted goes on with what is built. One that was
//   cancelled, or fails for good, leaves nothing.
//
// The request of the job is the record of the domain that is made
// (versioning/domain_record.h), with number 0.

#ifndef COPSE_SIDECAR_SERVICE_REEMBED_JOB_H_
#define COPSE_SIDECAR_SERVICE_REEMBED_JOB_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_session.h"
#include "versioning/commit.h"
#include "versioning/domain_replacement.h"
#include "versioning/job_record.h"
#include "versioning/job_table.h"

namespace copse {

// How long pushes wait for a round at most.
inline constexpr absl::Duration kHoldTimeMax = absl::Seconds(10);

// Begins a re-embedding. `runner` must outlive it. Fails with
//
//   kNotFound            DOMAIN_NOT_FOUND;
//   kFailedPrecondition  DOMAIN_WITHOUT_PROFILE, if its documents have vectors
//                        of their own; NOTHING_TO_REEMBED, if the vectors would
//                        be the same;
//   kAborted             REEMBEDDING_IN_FLIGHT;
//
// and the errors of DomainManager::PlanReembedding() and JobRunner::Submit().
absl::StatusOr<std::shared_ptr<Job>> SubmitReembedding(
    const PushServices& services, JobRunner& runner,
    const ReembedSettings& settings, const CallContext& context);

// Thread safety: one thread at a time.
class ReembedWork final : public JobWork {
 public:
  // `options` are of the domain that is made.
  ReembedWork(const PushServices& services, std::function<absl::Time()> clock,
              DomainOptions options)
      : services_(services),
        clock_(std::move(clock)),
        options_(std::move(options)) {}

  absl::Status Run(Job& job, const CallContext& context) override;

 private:
  // One run of the job.
  class Attempt;

  // All but the removal of the old vectors.
  absl::Status Replace(Job& job, const CallContext& context);

  const PushServices services_;
  const std::function<absl::Time()> clock_;
  const DomainOptions options_;
};

// Thread safety: any number of threads may use one ReembedJobHandler.
class ReembedJobHandler final : public JobHandler {
 public:
  ReembedJobHandler(const PushServices& services,
                    std::function<absl::Time()> clock)
      : services_(services), clock_(std::move(clock)) {}

  AfterRestart after_restart() const override {
    return AfterRestart::kRunAgain;
  }
  bool writes_end() const override { return true; }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;
  void BeforeResume(const JobRecord& record) override;
  void Discard(const JobId& id) override;
  void DiscardLeftovers(JobTable& table) override;

 private:
  const PushServices services_;
  const std::function<absl::Time()> clock_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_REEMBED_JOB_H_
