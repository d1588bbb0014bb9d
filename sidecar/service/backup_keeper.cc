// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/backup_keeper.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "versioning/backup.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);

}  // namespace

absl::Status BackupKeeper::CheckFolder() const {
  if (!folder_.empty()) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(
          "the server has no folder for backups: set 'backup_folder' in its "
          "configuration, and restart it"),
      "SETTING_MISSING", {{"setting", "backup_folder"}});
}

absl::StatusOr<BackupInfo> BackupKeeper::Create(
    int64_t kept_count, const CallContext& call,
    const ProgressCallback& on_progress) {
  COPSE_RETURN_IF_ERROR(CheckFolder());
  std::optional<BackupPhase> last_phase;
  absl::Time last_time;
  const auto tell = [&](const BackupProgress& progress) -> absl::Status {
    COPSE_RETURN_IF_ERROR(call.Check());
    const absl::Time now = absl::Now();
    if (progress.phase == last_phase && now < last_time + kProgressInterval) {
      return absl::OkStatus();
    }
    last_phase = progress.phase;
    last_time = now;
    return on_progress(progress);
  };
  const absl::Time start = absl::Now();
  absl::StatusOr<BackupInfo> backup = store_.CreateBackup(
      {.folder = folder_, .kept_count = kept_count, .on_progress = tell});
  MutexLock lock(mutex_);
  ++totals_.backup_count;
  if (backup.ok()) {
    totals_.last = *backup;
    totals_.last_duration = absl::Now() - start;
  } else {
    ++totals_.failure_count;
  }
  return backup;
}

absl::StatusOr<std::vector<BackupInfo>> BackupKeeper::List() const {
  COPSE_RETURN_IF_ERROR(CheckFolder());
  return ListBackups(folder_);
}

BackupTotals BackupKeeper::totals() const {
  MutexLock lock(mutex_);
  return totals_;
}

}  // namespace copse
