// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Replaces the calls by which a program changes files, its own and those of
// RocksDB alike, so that one of them fails or is the last one:
//
//   FaultyDisk disk({.folder = "/data", .kind = FaultKind::kKill,
//                    .call_number = 17}, record);
//   ... the 17th call that changes something in /data ends the process ...
//
// The calls are write, pwrite, ftruncate, fallocate, fsync, fdatasync, rename,
// link, unlink, mkdir, rmdir, and open where it creates. Linking this file into
// a program replaces them; without a FaultyDisk they do what they always do.

#ifndef COPSE_TESTS_TORTURE_FAULTY_DISK_H_
#define COPSE_TESTS_TORTURE_FAULTY_DISK_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "tests/torture/unsynced_data.h"

namespace copse {

enum class FaultKind : uint8_t {
  kNone,
  kIoError,     // The call fails with EIO.
  kNoSpace,     // Calls that take space fail with ENOSPC.
  kShortWrite,  // Writes write half of what they are given.
  kKill,        // The process ends before the call.
  kTornWrite,   // The process ends after half of a write.
};
inline constexpr int kFaultKindCount = 6;

enum class DiskCall : uint8_t { kWrite, kResize, kSync, kName };
inline constexpr int kDiskCallCount = 4;

absl::string_view FaultKindName(FaultKind kind);
absl::string_view DiskCallName(DiskCall call);

struct FaultPlan {
  // No link leads to it, and it ends in no slash.
  std::string folder = {};
  FaultKind kind = FaultKind::kNone;

  // Which call is hit, from 1; 0 for none.
  int64_t call_number = 0;

  // Whether later calls are hit, too, until Repair(). Space does not come back
  // by itself.
  bool is_lasting = false;

  // Whether the process takes back what is not synced when it ends by Die(). A
  // folder beside `folder`, whose name ends in ".graves", is for that.
  bool loses_power = false;
  uint64_t seed = 0;
};

// What others may know of a disk, in memory that they share.
struct FaultRecord {
  std::atomic<int64_t> call_count = 0;
  std::atomic<int64_t> hit_count = 0;
  std::atomic<DiskCall> call = DiskCall::kWrite;  // The first that was hit.
};

// The exit code of a process that ended by Die().
inline constexpr int kDiedExitCode = 41;

// Thread safety: any number of threads. There is one at a time.
class FaultyDisk {
 public:
  // `record` is not owned.
  FaultyDisk(const FaultPlan& plan, FaultRecord* record);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // From now on no call is hit.
  void Repair() { is_repaired_.store(true); }
  bool is_repaired() const { return is_repaired_.load(); }

  // Ends the process as kill -9, or a power cut, does.
  [[noreturn]] void Die() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class DiskCalls;
  enum class Fate { kProceed, kFail, kShorten, kDie };

  bool Owns(absl::string_view path) const;
  bool Owns(int file) const;

  // Decides what becomes of a call. `takes_space`: kNoSpace can hit it.
  Fate Decide(DiskCall call, bool takes_space)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Decides, and returns whether the call fails, with errno set.
  bool Fails(DiskCall call, bool takes_space)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[noreturn]] void DieLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const FaultPlan plan_;
  FaultRecord* const record_;  // Not owned.
  std::atomic<bool> is_repaired_ = false;
  Mutex mutex_;
  UnsyncedData unsynced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_FAULTY_DISK_H_
