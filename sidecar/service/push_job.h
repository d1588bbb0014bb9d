// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A push as a job: from the session that has taken all its operations, or from
// what its record and spool hold of them.

#ifndef COPSE_SIDECAR_SERVICE_PUSH_JOB_H_
#define COPSE_SIDECAR_SERVICE_PUSH_JOB_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "versioning/commit_builder.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {

// Returns the name of a phase, such as "embedding", and the phase of a name.
absl::string_view PushPhaseName(PushPhase phase);
std::optional<PushPhase> ParsePushPhase(absl::string_view name);

// Returns what tells `job` of the progress of a session that makes its commit
// of `total_count` operations. `failed_count`: documents that failed before.
PushSession::ProgressCallback ReportTo(Job& job, int64_t total_count,
                                       int64_t failed_count = 0);

// Completes the commit of a session that has all operations, and tells `job`
// the outcome. `failures`: of documents that failed before.
absl::Status FinishAsJob(PushSession& session, Job& job,
                         const std::function<absl::Time()>& clock,
                         const std::vector<JobFailure>& failures = {});

// Returns failures as a record keeps them, as many as it does, after `kept`.
std::vector<JobFailure> ToJobFailures(
    std::vector<JobFailure> kept, const std::vector<DocumentFailure>& failures);

// Returns OK if the domain of `record` is the one that it was of, or what that
// was replaced by: of the same name there may be another by now.
absl::Status CheckSameDomain(Store& store, const JobRecord& record);

// Has the provider of the domain of `record` asked again at the next call,
// whatever pause it has asked for: somebody resumes the job.
void EndEmbeddingPause(const PushServices& services, const JobRecord& record);

// Thread safety: one thread at a time.
class PushWork final : public JobWork {
 public:
  // `claim` is of the commit. `session`, if not null, has taken all operations;
  // it is used for the first attempt.
  PushWork(const PushServices& services, std::function<absl::Time()> clock,
           PushOptions options, std::shared_ptr<CommitClaim> claim,
           std::unique_ptr<PushSession> session);

  absl::Status Run(Job& job, const CallContext& context) override;
  void Shelve() override { session_ = nullptr; }

 private:
  absl::Status RunOnce(Job& job, const CallContext& context);
  // Makes the session anew of what the record of the job holds.
  absl::Status Replay(Job& job, const CallContext& context);

  const PushServices services_;
  const std::function<absl::Time()> clock_;
  const PushOptions options_;
  const std::shared_ptr<CommitClaim> claim_;
  std::unique_ptr<PushSession> session_;
};

// Thread safety: any number of threads may use one PushJobHandler.
class PushJobHandler final : public JobHandler {
 public:
  PushJobHandler(const PushServices& services,
                 std::function<absl::Time()> clock)
      : services_(services), clock_(std::move(clock)) {}

  AfterRestart after_restart() const override {
    return AfterRestart::kRunAgain;
  }
  bool makes_commit() const override { return true; }

  // Claims the commit.
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;
  void BeforeResume(const JobRecord& record) override {
    EndEmbeddingPause(services_, record);
  }
  void Discard(const JobId& id) override;

 private:
  const PushServices services_;
  const std::function<absl::Time()> clock_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_JOB_H_
