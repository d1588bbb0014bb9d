// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Makes and lists the backups in the folder that the daemon was given, tells
// what one is at, and remembers the last one for the metrics.

#ifndef COPSE_SIDECAR_SERVICE_BACKUP_KEEPER_H_
#define COPSE_SIDECAR_SERVICE_BACKUP_KEEPER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/service/call_context.h"
#include "versioning/store.h"

namespace copse {

// Since the start.
struct BackupTotals {
  int64_t backup_count = 0;
  int64_t failure_count = 0;  // Of these.
  BackupInfo last;            // That succeeded; its id is 0 if there is none.
  absl::Duration last_duration = absl::ZeroDuration();
};

// Thread safety: any number of threads may use one BackupKeeper.
class BackupKeeper {
 public:
  // When a phase begins, and about every second; what it returns ends the
  // backup.
  using ProgressCallback = std::function<absl::Status(const BackupProgress&)>;

  // `store` must outlive this. An empty `folder`: there are no backups.
  BackupKeeper(Store& store, std::string folder)
      : store_(store), folder_(std::move(folder)) {}

  // Fails as Store::CreateBackup(), with kFailedPrecondition, SETTING_MISSING,
  // without a folder, and with why `call` should end.
  absl::StatusOr<BackupInfo> Create(int64_t kept_count, const CallContext& call,
                                    const ProgressCallback& on_progress)
      ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::vector<BackupInfo>> List() const;

  BackupTotals totals() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns SETTING_MISSING without a folder.
  absl::Status CheckFolder() const;

 private:
  Store& store_;
  const std::string folder_;
  mutable Mutex mutex_;
  BackupTotals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_BACKUP_KEEPER_H_
