// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a backup holds up while it copies: the two things that take vectors away
// from a segment file. Collections wait before they rewrite a segment, and the
// removal of a deleted domain is left to the end of the backup. Nobody else
// notices it.
//
//   COPSE_RETURN_IF_ERROR(gate.BeginBackup());
//   COPSE_RETURN_IF_ERROR(gate.WaitForRewrites(check));
//   ... copy ...
//   for (const uint32_t domain_number : gate.EndBackup()) { ... remove it ... }

#ifndef COPSE_VERSIONING_BACKUP_GATE_H_
#define COPSE_VERSIONING_BACKUP_GATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one BackupGate.
class BackupGate {
 public:
  using Check = std::function<absl::Status()>;

  // Begins a backup: no rewrite begins any more. Fails with kAborted,
  // BACKUP_IN_FLIGHT, if there is one already.
  absl::Status BeginBackup() ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits for the rewrites that had begun before. Fails with what `check`,
  // which is asked meanwhile and may be null, fails with. REQUIRES: a backup
  // was begun.
  absl::Status WaitForRewrites(const Check& check) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends it, and returns the domains whose removal was put off.
  std::vector<uint32_t> EndBackup() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns whether a backup runs, which removes the domain when it ends. The
  // caller removes it otherwise.
  bool PutOffRemoval(uint32_t domain_number) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the domains whose removal was put off so far.
  std::vector<uint32_t> PutOffDomains() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs `rewrite` when no backup runs. Fails with what `check` fails with,
  // which is asked while it waits, and what `rewrite` fails with.
  absl::Status Rewrite(const Check& check,
                       const std::function<absl::Status()>& rewrite)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool is_backing_up_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t rewrite_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<uint32_t> put_off_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_BACKUP_GATE_H_
