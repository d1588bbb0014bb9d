// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/executor.h"

#include <cstddef>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "index/util/mutex.h"

namespace copse {

Executor::~Executor() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.NotifyAll();
}  // Joins the threads.

bool Executor::TryRun(std::function<void()> task) {
  MutexLock lock(mutex_);
  const size_t startable_count = options_.thread_count_max - threads_.size();
  if (stopping_ || tasks_.size() >= idle_count_ + startable_count +
                                        options_.waiting_count_max) {
    return false;
  }
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_count_ && startable_count > 0) {
    threads_.emplace_back([this] { RunTasks(); });
    // Until it has its first task the new thread is one that is free.
    ++idle_count_;
  }
  changed_.NotifyOne();
  return true;
}

void Executor::RunTasks() {
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) {
        changed_.Wait(mutex_);
      }
      if (tasks_.empty()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
      --idle_count_;
    }
    task();
    task = nullptr;
    MutexLock lock(mutex_);
    ++idle_count_;
  }
}

}  // namespace copse
