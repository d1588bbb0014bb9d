// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs tasks on a bounded number of threads and refuses what it cannot take,
// so that a flood of calls becomes errors and not memory.
//
//   Executor executor({.thread_count_max = 8, .waiting_count_max = 1000});
//   if (!executor.TryRun([] { ... })) {
//     return OverloadedError();
//   }

#ifndef COPSE_SIDECAR_UTIL_EXECUTOR_H_
#define COPSE_SIDECAR_UTIL_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one Executor.
class Executor {
 public:
  struct Options {
    // At least 1. Threads start when they are first needed, and stay.
    size_t thread_count_max = 1;

    // Tasks that may wait for a thread; 0 refuses a task unless a thread is
    // free.
    size_t waiting_count_max = 0;
  };

  explicit Executor(const Options& options) : options_(options) {}

  // Runs what was accepted, then joins the threads.
  ~Executor();

  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Returns false, without effect, if no thread is free and too many tasks
  // wait. Tasks start in the order in which they were accepted.
  bool TryRun(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void RunTasks() ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  size_t idle_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_EXECUTOR_H_
