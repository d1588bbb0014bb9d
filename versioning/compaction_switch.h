// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Turns off RocksDB's own compactions of the tables in which one has met
// damage. RocksDB would try again every second, for ever, and in the end refuse
// all writes, since the new files of the table are never merged. A table that
// is turned off takes writes; it is only read more slowly.
//
//   CompactionSwitch compactions([&](size_t table, bool is_off) { ... });
//   compactions.TurnOff(table);  // From a listener: returns at once.

#ifndef COPSE_VERSIONING_COMPACTION_SWITCH_H_
#define COPSE_VERSIONING_COMPACTION_SWITCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one CompactionSwitch.
class CompactionSwitch {
 public:
  static constexpr size_t kTableCountMax = 32;

  // `set` is called on a thread of its own, since RocksDB's listeners must not
  // wait for the writes that a change of options waits for.
  explicit CompactionSwitch(std::function<void(size_t table, bool is_off)> set);
  ~CompactionSwitch();
  CompactionSwitch(const CompactionSwitch&) = delete;
  CompactionSwitch& operator=(const CompactionSwitch&) = delete;

  // REQUIRES: table < kTableCountMax
  void TurnOff(size_t table) ABSL_LOCKS_EXCLUDED(mutex_);
  void TurnOn(size_t table) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many tables are turned off by now.
  int64_t off_count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Flags = std::array<bool, kTableCountMax>;

  void Want(size_t table, bool is_off) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<void(size_t table, bool is_off)> set_;
  mutable Mutex mutex_;
  CondVar changed_;
  Flags wanted_off_ ABSL_GUARDED_BY(mutex_) = {};
  Flags is_off_ ABSL_GUARDED_BY(mutex_) = {};
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMPACTION_SWITCH_H_
