// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A job that has not ended, or has just ended: what it is at, for those who
// watch it, and whether it should go on, for the one who does it.
//
//   int64_t seen = -1;
//   while (!job->has_ended()) {
//     seen = job->WaitForChange(seen, absl::Seconds(1));
//     Show(job->record());
//   }

#ifndef COPSE_SIDECAR_SERVICE_JOB_H_
#define COPSE_SIDECAR_SERVICE_JOB_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/service/push_operation.h"
#include "versioning/commit.h"
#include "versioning/job_record.h"

namespace copse {

// What a push has made, for the caller who waits for it.
struct PushOutcome {
  std::optional<CommitInfo> commit;  // Unset: it failed.
  std::vector<DocumentFailure> failures;
};

// Thread safety: any number of threads may use one Job.
class Job {
 public:
  Job(const JobId& id, JobRecord record)
      : id_(id), record_(std::move(record)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  const JobId& id() const { return id_; }

  // Returns the record as it is now.
  JobRecord record() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The same without what it was asked for and came with it.
  JobRecord summary() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the record is final, and nobody works on the job any more.
  bool has_ended() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until something has changed since WaitForChange() returned `seen`
  // (-1: never), somebody called Wake(), or `timeout` has passed. Returns what
  // to give to the next call.
  int64_t WaitForChange(int64_t seen, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes all that wait return, so that they can look at something else.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For the one who does it ----

  bool is_cancelled() const { return is_cancelled_.load(); }
  void SetProgress(absl::string_view phase, const JobProgress& progress)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SetOutcome(PushOutcome outcome) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the record that says that the job has succeeded, which the caller
  // is about to write. It counts from Update() on.
  StoredJob MakeSucceeded(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes the outcome, once.
  PushOutcome TakeOutcome() ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For the runner ----

  void Cancel();

  // Calls `change` with the record.
  template <typename Change>
  void Update(Change change) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    change(record_);
    NotifyLocked();
  }

  // Says that nobody works on it any more.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void NotifyLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const JobId id_;
  std::atomic<bool> is_cancelled_ = false;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  JobRecord record_ ABSL_GUARDED_BY(mutex_);
  PushOutcome outcome_ ABSL_GUARDED_BY(mutex_);
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Returns the record that says that `record` has succeeded at `now`.
JobRecord Succeeded(JobRecord record, absl::Time now);

// Returns the name of a kind or state, such as "push" and "running".
absl::string_view JobKindName(JobKind kind);
absl::string_view JobStateName(JobState state);

// The error of a job that was cancelled: kCancelled, JOB_CANCELLED.
absl::Status JobCancelledError(const JobId& id);

// The error of an ID that names no job: kNotFound, JOB_NOT_FOUND.
absl::Status JobNotFoundError(absl::string_view id);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_JOB_H_
