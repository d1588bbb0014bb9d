// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A crew of threads that runs many small tasks, again and again, for as long
// as a build takes. Which thread runs a task is left to chance, so a task
// writes only what belongs to its index; then the outcome does not depend on
// the number of threads.
//
//   WorkerCrew crew(options.thread_count);
//   crew.Run(block_count, [&](size_t block) { ... });
//   COPSE_RETURN_IF_ERROR(crew.RunChecked(block_count, [&](size_t block) {
//     return ReadBlock(block);
//   }));

#ifndef COPSE_INDEX_WORKER_CREW_H_
#define COPSE_INDEX_WORKER_CREW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "index/util/mutex.h"

namespace copse::internal {

// Thread safety: one thread at a time calls Run() and RunChecked(), and no
// task calls them.
class WorkerCrew {
 public:
  // A crew of `thread_count` threads with the calling one, or of fewer if the
  // system gives no more. REQUIRES: thread_count > 0
  explicit WorkerCrew(uint32_t thread_count);
  ~WorkerCrew();
  WorkerCrew(const WorkerCrew&) = delete;
  WorkerCrew& operator=(const WorkerCrew&) = delete;

  uint32_t thread_count() const {
    return static_cast<uint32_t>(threads_.size()) + 1;
  }

  // Calls task(i) once for each i below `task_count`, the calling thread
  // helping, and returns when all have ended.
  void Run(size_t task_count, const std::function<void(size_t)>& task);

  // The same for tasks that can fail: returns the failure with the lowest
  // index of those that ran, and starts no task after it.
  absl::Status RunChecked(size_t task_count,
                          const std::function<absl::Status(size_t)>& task);

 private:
  void Work();
  void RunTasks();

  // Of the current call of Run(); set before the threads are woken.
  const std::function<void(size_t)>* task_ = nullptr;  // Not owned.
  size_t task_count_ = 0;
  std::atomic<size_t> next_task_{0};

  Mutex mutex_;
  CondVar changed_;
  uint64_t run_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t busy_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::jthread> threads_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_WORKER_CREW_H_
