// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/backup_gate.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// How often who waits asks whether it shall stop.
constexpr std::chrono::milliseconds kCheckInterval(100);

absl::Status Ask(const BackupGate::Check& check) {
  return check == nullptr ? absl::OkStatus() : check();
}

}  // namespace

absl::Status BackupGate::BeginBackup() {
  MutexLock lock(mutex_);
  if (is_backing_up_) {
    return BackupInFlightError();
  }
  is_backing_up_ = true;
  return absl::OkStatus();
}

absl::Status BackupGate::WaitForRewrites(const Check& check) {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (rewrite_count_ > 0) {
        changed_.WaitFor(mutex_, kCheckInterval);
      }
      if (rewrite_count_ == 0) {
        return absl::OkStatus();
      }
    }
    COPSE_RETURN_IF_ERROR(Ask(check));
  }
}

std::vector<uint32_t> BackupGate::EndBackup() {
  MutexLock lock(mutex_);
  is_backing_up_ = false;
  changed_.NotifyAll();
  return std::exchange(put_off_, {});
}

bool BackupGate::PutOffRemoval(uint32_t domain_number) {
  MutexLock lock(mutex_);
  if (is_backing_up_) {
    put_off_.push_back(domain_number);
  }
  return is_backing_up_;
}

std::vector<uint32_t> BackupGate::PutOffDomains() const {
  MutexLock lock(mutex_);
  return put_off_;
}

absl::Status BackupGate::Rewrite(const Check& check,
                                 const std::function<absl::Status()>& rewrite) {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (is_backing_up_) {
        changed_.WaitFor(mutex_, kCheckInterval);
      }
      if (!is_backing_up_) {
        ++rewrite_count_;
        break;
      }
    }
    COPSE_RETURN_IF_ERROR(Ask(check));
  }
  absl::Status status = rewrite();
  MutexLock lock(mutex_);
  --rewrite_count_;
  changed_.NotifyAll();
  return status;
}

}  // namespace copse
