// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Collections of garbage and backups as jobs: while a call does one, and when
// the runner does it again, without a call. Folds, which the store does by
// itself, are jobs to look at only.
//
// The fields of the request of a collection (kCollectRequest, version 1):
//
//   has retention      u8     0 or 1
//   keep last count    u32
//   keep younger than  u64    seconds, at most kRetentionSecondsMax
//   branch count       u32    at most kRetainedBranchCountMax
//     branch           text   of each
//
// Of a backup (kBackupRequest, version 1):
//
//   kept count         u64

#ifndef COPSE_SIDECAR_SERVICE_MAINTENANCE_JOBS_H_
#define COPSE_SIDECAR_SERVICE_MAINTENANCE_JOBS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "sidecar/service/backup_keeper.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {

// Does GarbageKeeper::Collect() as a job, which a crash does not end. A dry run
// is none: nobody needs to know of it.
absl::Status CollectGarbageAsJob(JobRunner& runner, GarbageKeeper& keeper,
                                 const GarbageRequest& request,
                                 const CallContext& call,
                                 const GarbageListener& listener);

// Does BackupKeeper::Create() as a job, which a crash fails: it may be resumed.
absl::StatusOr<BackupInfo> CreateBackupAsJob(
    JobRunner& runner, BackupKeeper& keeper, int64_t kept_count,
    const CallContext& call, const BackupKeeper::ProgressCallback& on_progress);

// Shows what the store folds in the background as jobs, one at a time. Knows no
// runner at first, and forgets what it is told until then.
//
// Thread safety: any number of threads may use one FoldJobs.
class FoldJobs {
 public:
  // `runner` must outlive this, or Stop().
  void Start(JobRunner& runner) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets the runner, which ends; the next one forgets the fold that runs.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  void Begin(const FoldReport& report) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const FoldReport& report) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  JobRunner* runner_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::shared_ptr<Job> job_ ABSL_GUARDED_BY(mutex_);  // Of the running fold.
};

// Thread safety: any number of threads may use one CollectJobHandler.
class CollectJobHandler final : public JobHandler {
 public:
  explicit CollectJobHandler(GarbageKeeper& keeper) : keeper_(keeper) {}

  AfterRestart after_restart() const override {
    return AfterRestart::kRunAgain;
  }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;

 private:
  GarbageKeeper& keeper_;
};

// Thread safety: any number of threads may use one BackupJobHandler.
class BackupJobHandler final : public JobHandler {
 public:
  explicit BackupJobHandler(BackupKeeper& keeper) : keeper_(keeper) {}

  AfterRestart after_restart() const override { return AfterRestart::kFail; }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;

 private:
  BackupKeeper& keeper_;
};

// Thread safety: any number of threads may use one FoldJobHandler.
class FoldJobHandler final : public JobHandler {
 public:
  // A commit asks for its fold again when it is opened.
  AfterRestart after_restart() const override { return AfterRestart::kForget; }
  bool may_resume(const JobRecord& /*record*/) const override { return false; }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_MAINTENANCE_JOBS_H_
