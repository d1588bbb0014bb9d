// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What became of pushes, by the IDs that clients were given.
//
//   const std::string id = tasks.Add();
//   tasks.SetPercentage(id, 0.4);
//   tasks.Complete(id, {.indexed_document_count = 3});
//
// Invariants:
//
// * A final state never changes, and a task is never final before its commit
//   is indexed or free.
// * Tasks that run are never dropped; of the others at most
//   kFinishedCountMax are kept, and kFinishedSizeBytesMax of what they say, the
//   oldest going first.

#ifndef COPSE_SIDECAR_HTTP_TASK_TABLE_H_
#define COPSE_SIDECAR_HTTP_TASK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"

namespace copse {

struct TaskState {
  enum class Kind { kPending, kComplete, kFailed };

  Kind kind = Kind::kPending;
  double percentage = 0;  // From 0 to 1.
  int64_t indexed_document_count = 0;
  std::string skipped_json = "[]";  // The array of skipped documents.
  std::string error = {};           // Of one that failed.
};

// Thread safety: any number of threads may use one TaskTable.
class TaskTable {
 public:
  static constexpr size_t kFinishedCountMax = 10'000;
  static constexpr size_t kFinishedSizeBytesMax = size_t{256} << 20;

  // Returns the ID of a new pending task: "task-" and 32 hexadecimal digits
  // that nobody can guess.
  std::string Add() ABSL_LOCKS_EXCLUDED(mutex_);

  void SetPercentage(absl::string_view id, double percentage)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Complete(absl::string_view id, int64_t indexed_document_count,
                std::string skipped_json) ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(absl::string_view id, absl::string_view error)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::optional<TaskState> Find(absl::string_view id)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Finish(absl::string_view id, TaskState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  absl::flat_hash_map<std::string, TaskState> tasks_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> finished_ ABSL_GUARDED_BY(mutex_);  // Oldest first.
  size_t finished_size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_TASK_TABLE_H_
