// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/job.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "versioning/job_record.h"
#include "versioning/store_errors.h"

namespace copse {

JobRecord Job::record() const {
  MutexLock lock(mutex_);
  return record_;
}

JobRecord Job::summary() const {
  MutexLock lock(mutex_);
  JobRecord summary;
  summary.kind = record_.kind;
  summary.state = record_.state;
  summary.domain = record_.domain;
  summary.domain_number = record_.domain_number;
  summary.commit = record_.commit;
  summary.parent_commit = record_.parent_commit;
  summary.branch = record_.branch;
  summary.create_time = record_.create_time;
  summary.start_time = record_.start_time;
  summary.end_time = record_.end_time;
  summary.retry_time = record_.retry_time;
  summary.phase = record_.phase;
  summary.attempt_count = record_.attempt_count;
  summary.progress = record_.progress;
  summary.error = record_.error;
  summary.is_resumable = record_.is_resumable;
  summary.failures = record_.failures;
  return summary;
}

bool Job::has_ended() const {
  MutexLock lock(mutex_);
  return has_ended_;
}

int64_t Job::WaitForChange(int64_t seen, absl::Duration timeout) const {
  MutexLock lock(mutex_);
  if (version_ == seen && !has_ended_) {
    changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(timeout));
  }
  return version_;
}

void Job::Wake() {
  MutexLock lock(mutex_);
  NotifyLocked();
}

void Job::NotifyLocked() {
  ++version_;
  changed_.NotifyAll();
}

void Job::SetProgress(absl::string_view phase, const JobProgress& progress) {
  MutexLock lock(mutex_);
  record_.phase = std::string(phase);
  record_.progress = progress;
  NotifyLocked();
}

void Job::SetOutcome(PushOutcome outcome) {
  MutexLock lock(mutex_);
  outcome_ = std::move(outcome);
}

PushOutcome Job::TakeOutcome() {
  MutexLock lock(mutex_);
  return std::exchange(outcome_, {});
}

StoredJob Job::MakeSucceeded(absl::Time now) {
  MutexLock lock(mutex_);
  return {id_, Succeeded(record_, now)};
}

void Job::Cancel() {
  is_cancelled_.store(true);
  Wake();
}

void Job::End() {
  MutexLock lock(mutex_);
  has_ended_ = true;
  NotifyLocked();
}

JobRecord Succeeded(JobRecord record, absl::Time now) {
  record.state = JobState::kSucceeded;
  record.end_time = now;
  record.retry_time = absl::UnixEpoch();
  record.error = absl::OkStatus();
  // Deletions are done, too.
  record.progress.done_count =
      std::max(record.progress.done_count, record.progress.total_count);
  record.is_resumable = false;
  record.request.clear();
  record.payload.clear();
  record.has_payload_file = false;
  return record;
}

absl::string_view JobKindName(JobKind kind) {
  switch (kind) {
    case JobKind::kPush:
      return "push";
    case JobKind::kFold:
      return "fold";
    case JobKind::kCollect:
      return "collect";
    case JobKind::kBackup:
      return "backup";
    case JobKind::kPull:
      return "pull";
    case JobKind::kWarm:
      return "warm";
    case JobKind::kReembed:
      return "reembed";
  }
  return "unknown";
}

absl::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kWaiting:
      return "waiting";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

absl::Status JobCancelledError(const JobId& id) {
  return WithReason(absl::CancelledError(
                        absl::StrCat("job ", JobIdText(id), " was cancelled")),
                    "JOB_CANCELLED", {{"job", JobIdText(id)}});
}

absl::Status JobNotFoundError(absl::string_view id) {
  const std::string shown = ShownName(id);
  return WithReason(
      absl::NotFoundError(absl::StrFormat("job '%s' does not exist", shown)),
      "JOB_NOT_FOUND", {{"job", shown}});
}

}  // namespace copse
