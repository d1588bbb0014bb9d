// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/worker_crew.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <system_error>

#include "absl/status/status.h"

#include "index/util/check.h"
#include "index/util/mutex.h"

namespace copse::internal {

WorkerCrew::WorkerCrew(uint32_t thread_count) {
  COPSE_CHECK(thread_count > 0);
  threads_.reserve(thread_count - 1);
  for (uint32_t i = 1; i < thread_count; ++i) {
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      break;  // A smaller crew does the same work.
    }
  }
}

WorkerCrew::~WorkerCrew() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
  // The threads are joined by their own destructors, which run after the lock
  // is released.
}

void WorkerCrew::Work() {
  uint64_t runs_seen = 0;
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!stopping_ && run_count_ == runs_seen) {
        changed_.Wait(mutex_);
      }
      if (stopping_) {
        return;
      }
      runs_seen = run_count_;
    }
    RunTasks();
    MutexLock lock(mutex_);
    --busy_count_;
    if (busy_count_ == 0) {
      changed_.NotifyAll();
    }
  }
}

void WorkerCrew::RunTasks() {
  while (true) {
    const size_t index = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (index >= task_count_) {
      return;
    }
    (*task_)(index);
  }
}

void WorkerCrew::Run(size_t task_count,
                     const std::function<void(size_t)>& task) {
  if (threads_.empty() || task_count < 2) {
    for (size_t i = 0; i < task_count; ++i) {
      task(i);
    }
    return;
  }
  task_ = &task;
  task_count_ = task_count;
  next_task_.store(0, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    ++run_count_;
    busy_count_ = threads_.size();
    changed_.NotifyAll();
  }
  RunTasks();
  MutexLock lock(mutex_);
  while (busy_count_ > 0) {
    changed_.Wait(mutex_);
  }
}

absl::Status WorkerCrew::RunChecked(
    size_t task_count, const std::function<absl::Status(size_t)>& task) {
  Mutex mutex;
  absl::Status failure;
  size_t failed_index = std::numeric_limits<size_t>::max();
  std::atomic<bool> failed{false};
  Run(task_count, [&](size_t index) {
    if (failed.load(std::memory_order_relaxed)) {
      return;
    }
    absl::Status status = task(index);
    if (!status.ok()) {
      failed.store(true, std::memory_order_relaxed);
      MutexLock lock(mutex);
      if (index < failed_index) {
        failed_index = index;
        failure = std::move(status);
      }
    }
  });
  return failure;
}

}  // namespace copse::internal
