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

#include "sidecar/service/backup_keeper.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/garbage_keeper.h"
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

// Notes a fold that the store has done, as a job that has ended.
void AddFoldJob(JobRunner& runner, const FoldReport& report);

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
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_MAINTENANCE_JOBS_H_
