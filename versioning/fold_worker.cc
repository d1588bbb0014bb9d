// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fold_worker.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "versioning/domain.h"
#include "versioning/fold.h"
#include "versioning/store.h"

namespace copse {

void FoldWorker::Request(const std::shared_ptr<Domain>& domain,
                         absl::string_view branch, absl::string_view commit) {
  // Declared first: a domain may go with its last task, outside the lock.
  Task dropped;
  MutexLock lock(mutex_);
  if (!is_enabled_ || stopping_.load()) {
    return;
  }
  const auto earlier = std::ranges::find_if(tasks_, [&](const Task& task) {
    return task.domain == domain &&
           (task.commit == commit ||
            (!branch.empty() && task.branch == branch));
  });
  if (earlier != tasks_.end()) {
    earlier->branch = std::string(branch);
    earlier->commit = std::string(commit);
    return;
  }
  if (tasks_.size() == kWaitingCountMax) {
    dropped = std::move(tasks_.front());
    tasks_.pop_front();
  }
  tasks_.push_back({domain, std::string(branch), std::string(commit)});
  if (!thread_.joinable()) {
    thread_ = std::jthread([this] { Work(); });
  }
  changed_.NotifyAll();
}

void FoldWorker::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (running_ || !tasks_.empty()) {
    changed_.Wait(mutex_);
  }
}

void FoldWorker::Stop() {
  std::deque<Task> dropped;
  std::jthread thread;
  {
    MutexLock lock(mutex_);
    stopping_.store(true);
    dropped.swap(tasks_);
    thread.swap(thread_);
    changed_.NotifyAll();
  }
  if (thread.joinable()) {
    thread.join();
  }
}

FoldStatistics FoldWorker::statistics() const {
  MutexLock lock(mutex_);
  FoldStatistics statistics = statistics_;
  statistics.waiting_count = static_cast<int64_t>(tasks_.size());
  statistics.running_count = running_ ? 1 : 0;
  return statistics;
}

void FoldWorker::Work() {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      running_ = false;
      changed_.NotifyAll();
      while (tasks_.empty() && !stopping_.load()) {
        changed_.Wait(mutex_);
      }
      if (stopping_.load()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
      running_ = true;
    }
    RunTask(task);
  }
}

void FoldWorker::RunTask(const Task& task) {
  std::optional<FoldReport> begun;
  const absl::StatusOr<std::optional<FoldReport>> report = FoldCommit(
      *task.domain, task.commit, stopping_, [&](const FoldReport& beginning) {
        begun = beginning;
        if (on_fold_begin_ != nullptr) {
          on_fold_begin_(beginning);
        }
      });
  if (report.ok()) {
    if (report->has_value()) {  // Else another commit's forest serves.
      End(**report);
    }
    return;
  }
  const bool is_dropped = stopping_.load() || task.domain->is_deleted() ||
                          task.domain->is_replaced();
  if (is_dropped && !begun.has_value()) {
    return;
  }
  FoldReport failed = begun.value_or(
      FoldReport{.domain = task.domain->name(), .commit = task.commit});
  failed.status = is_dropped ? absl::CancelledError("the fold is not needed")
                             : report.status();
  End(failed);
}

void FoldWorker::End(const FoldReport& report) {
  if (!absl::IsCancelled(report.status)) {
    MutexLock lock(mutex_);
    (report.status.ok() ? statistics_.done_count : statistics_.failed_count) +=
        1;
  }
  if (on_fold_ != nullptr) {
    on_fold_(report);
  }
}

}  // namespace copse
