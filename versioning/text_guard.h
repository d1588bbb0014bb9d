// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Texts are stored by content, so a push may write a text again whose last row
// garbage collection has found dead. This keeps the two apart: while a
// collection runs, the hashes that are written are noted before the write, and
// a text is deleted only if its hash was not noted.
//
//   const TextGuard::Write write = guard.BeginWrite(hashes);
//   COPSE_RETURN_IF_ERROR(database.Write(batch, Durability::kUnsynced));
//
//   guard.StartCollection();
//   ... find the texts of all rows ...
//   COPSE_RETURN_IF_ERROR(guard.Sweep([&](const auto& noted) { ... }));
//   guard.EndCollection();
//
// A push waits for the write of one small batch at most.

#ifndef COPSE_VERSIONING_TEXT_GUARD_H_
#define COPSE_VERSIONING_TEXT_GUARD_H_

#include <cstdint>
#include <functional>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"

#include "index/util/mutex.h"
#include "versioning/document.h"

namespace copse {

// Thread safety: any number of threads may write at once; one collects.
class TextGuard {
 public:
  using Hashes = absl::flat_hash_set<ContentHash>;

  // A write of texts that lasts.
  class Write {
   public:
    explicit Write(TextGuard* guard) : guard_(guard) {}
    ~Write();
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

   private:
    TextGuard* guard_;  // Null if the write was noted.
  };

  // Announces the write of the texts with `hashes`, and of the rows that have
  // them.
  Write BeginWrite(std::span<const ContentHash> hashes)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Notes writes from now on, and waits for those that were not noted: their
  // rows can be read when it returns.
  void StartCollection() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndCollection() ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `sweep` with the hashes that must be kept, and lets no write of texts
  // begin until it returns.
  absl::Status Sweep(
      const std::function<absl::Status(const Hashes& noted)>& sweep)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  CondVar ended_;
  bool is_collecting_ ABSL_GUARDED_BY(mutex_) = false;
  Hashes noted_ ABSL_GUARDED_BY(mutex_);
  int64_t unnoted_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_TEXT_GUARD_H_
