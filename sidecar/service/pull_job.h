// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A pull: a commit whose operations copse fetches from the database itself, as
// a job. What comes is spooled until it is whole, and then pushed.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::shared_ptr<Job> job,
//       SubmitPull(services, source, runner, {.push = options}, context));
//
// Invariants:
//
// * The commit is in flight from SubmitPull() on, until the job has ended.
// * Every attempt, also of another process, fetches anew; nothing of an attempt
//   that failed is left.
// * The credentials of a pull are never written. A job that had one and lost it
//   with its process fails with kFailedPrecondition, PULL_AUTHORIZATION_LOST;
//   and one that has failed cannot be resumed.
// * The parent is the previous commit if it is complete when the job runs. If
//   not, all documents are asked for, and the commit has no parent.
// * A database that gives all documents although it was asked for a difference
//   only inserts, and at least one document that the parent has; then what it
//   does not list is deleted.
// * Memory: one batch of a push, one line, and 16 bytes for each document while
//   all operations so far are inserts.
//
// The fields of a request (kPullRequest, version 1):
//
//   push request         bytes  as a push has it (push_spool.h)
//   had authorization    u8     0 or 1

#ifndef COPSE_SIDECAR_SERVICE_PULL_JOB_H_
#define COPSE_SIDECAR_SERVICE_PULL_JOB_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/content_source.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_line.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "versioning/commit_builder.h"
#include "versioning/commit_reader.h"
#include "versioning/job_record.h"

namespace copse {

struct PullOptions {
  // Its parent is the previous commit; empty to fetch all documents.
  PushOptions push;

  // Sent to the content endpoint as `Authorization`; empty for that of the
  // source.
  std::string authorization = {};

  // As in CallContext.
  std::string embedding_api_key = {};
};

// What has come of a commit.
//
// Thread safety: one thread at a time.
class PulledContent {
 public:
  // Notes how many failures of the database at most.
  static constexpr size_t kFailureCountMax = 1000;

  // `base` may be null; all must outlive this.
  PulledContent(JobTable& jobs, const JobId& id, const CommitReader* base)
      : base_(base), spool_(jobs, id) {}

  // Takes the next line. Fails with OPERATION_INVALID for one that a pull
  // cannot have, DISK_FULL, and what reading the base fails with.
  absl::Status Add(PushLine line);
  absl::Status Finish() { return spool_.Finish(); }

  // After Finish(): visits the operations, and then the deletions that a full
  // listing means.
  absl::Status ForEach(
      const JobTable& jobs, const JobId& id,
      const std::function<absl::Status(PushOperation operation)>& visit);

  int64_t operation_count() const { return spool_.operation_count(); }
  int64_t failed_count() const { return failed_count_; }
  const std::vector<JobFailure>& failures() const { return failures_; }
  bool is_full_listing() const { return only_inserts_ && is_in_base_; }

 private:
  using IdHash = std::array<std::byte, 16>;

  static IdHash HashOf(absl::string_view document_id);
  absl::Status NoteInsert(absl::string_view document_id);
  void NoteFailure(std::string message);

  const CommitReader* const base_;  // Not owned.
  PushSpoolWriter spool_;
  int64_t line_count_ = 0;
  int64_t failed_count_ = 0;
  std::vector<JobFailure> failures_;
  bool only_inserts_ = true;
  bool is_in_base_ = false;  // At least one of the documents.
  absl::flat_hash_set<IdHash> inserted_;
};

// Thread safety: one thread at a time.
class PullWork final : public JobWork {
 public:
  // `claim` is of the commit.
  PullWork(const PushServices& services, ContentSourceOptions source,
           std::function<absl::Time()> clock, PullOptions options,
           std::shared_ptr<CommitClaim> claim)
      : services_(services),
        source_(std::move(source)),
        clock_(std::move(clock)),
        options_(std::move(options)),
        claim_(std::move(claim)) {}

  absl::Status Run(Job& job, const CallContext& call) override;

 private:
  absl::Status RunOnce(Job& job, const CallContext& context);
  // Returns the previous commit, or null if there is none.
  absl::StatusOr<std::shared_ptr<const CommitReader>> OpenBase() const;
  absl::Status Fetch(Job& job, const CallContext& context,
                     const std::string& previous_commit,
                     PulledContent& content) const;

  const PushServices services_;
  const ContentSourceOptions source_;
  const std::function<absl::Time()> clock_;
  const PullOptions options_;
  const std::shared_ptr<CommitClaim> claim_;
};

// Thread safety: any number of threads may use one PullJobHandler.
class PullJobHandler final : public JobHandler {
 public:
  PullJobHandler(const PushServices& services, ContentSourceOptions source,
                 std::function<absl::Time()> clock)
      : services_(services),
        source_(std::move(source)),
        clock_(std::move(clock)) {}

  AfterRestart after_restart() const override {
    return AfterRestart::kRunAgain;
  }
  bool makes_commit() const override { return true; }

  // Claims the commit.
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;

  void BeforeResume(const JobRecord& record) override;

  // A pull with an authorization may not: that is lost by then.
  bool may_resume(const JobRecord& record) const override;

 private:
  const PushServices services_;
  const ContentSourceOptions source_;
  const std::function<absl::Time()> clock_;
};

// Makes a pull a job, which is durable when this returns. Fails with
// kFailedPrecondition, CONTENT_ENDPOINT_NOT_SET, without a source, and as
// PushIntake::Begin() and JobRunner::Submit(), but for a parent that is not
// there.
absl::StatusOr<std::shared_ptr<Job>> SubmitPull(
    const PushServices& services, const ContentSourceOptions& source,
    JobRunner& runner, PullOptions options, const CallContext& context);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PULL_JOB_H_
