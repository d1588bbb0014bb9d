// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs folds beside the pushes, one after the other, on a thread of its own,
// so that no push pays for one.
//
//   FoldWorker worker(store_options);
//   worker.Request(domain, "main", "9f31c07a");
//   ...
//   worker.Stop();
//
// A request is a hint, and may be lost: with the process, when too many wait,
// or when a newer commit of its branch takes its place. Whether a fold is due
// is decided when its turn comes, and a commit for which one is due asks again
// when it is opened.

#ifndef COPSE_VERSIONING_FOLD_WORKER_H_
#define COPSE_VERSIONING_FOLD_WORKER_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "versioning/store.h"

namespace copse {

class Domain;

// Thread safety: any number of threads may use one FoldWorker; one calls
// Stop().
class FoldWorker {
 public:
  explicit FoldWorker(const StoreOptions& options)
      : is_enabled_(options.fold_mode == StoreOptions::FoldMode::kInBackground),
        on_fold_begin_(options.on_fold_begin),
        on_fold_(options.on_fold) {}

  // REQUIRES: Stop() was called, or Request() never.
  ~FoldWorker() = default;

  FoldWorker(const FoldWorker&) = delete;
  FoldWorker& operator=(const FoldWorker&) = delete;

  // Asks for a fold of `commit`, in the place of an earlier request for the
  // same `branch`, if it has one. Does nothing once stopped, or if commits fold
  // themselves.
  void Request(const std::shared_ptr<Domain>& domain, absl::string_view branch,
               absl::string_view commit) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns when no fold runs or waits.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets what waits, ends the fold that runs and joins the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  FoldStatistics statistics() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Beyond it the oldest request is dropped.
  static constexpr size_t kWaitingCountMax = 1024;

  struct Task {
    std::shared_ptr<Domain> domain;
    std::string branch;
    std::string commit;
  };

  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunTask(const Task& task) ABSL_LOCKS_EXCLUDED(mutex_);
  // Counts a fold that began, and tells of its end.
  void End(const FoldReport& report) ABSL_LOCKS_EXCLUDED(mutex_);

  const bool is_enabled_;
  const std::function<void(const FoldReport&)> on_fold_begin_;
  const std::function<void(const FoldReport&)> on_fold_;

  // Read by the fold that runs.
  std::atomic<bool> stopping_ = false;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  FoldStatistics statistics_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_ ABSL_GUARDED_BY(mutex_);  // Starts when first needed.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_FOLD_WORKER_H_
