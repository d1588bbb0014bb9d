// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The pushes that are accepted: one at a time for each branch, in the order in
// which they came, and each commit once.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<PushQueue::Place> place,
//                          queue.Enter({"admin/books", "main", "c7"},
//                          timeout));
//   ... it is the turn of this push, until the place goes.

#ifndef COPSE_SIDECAR_HTTP_PUSH_QUEUE_H_
#define COPSE_SIDECAR_HTTP_PUSH_QUEUE_H_

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"

namespace copse {

struct PushTarget {
  std::string domain;
  std::string branch;
  std::string commit;
};

// Thread safety: any number of threads may use one PushQueue.
class PushQueue {
 public:
  // Holds the commit, and the turn on the branch. Must not outlive the queue.
  class Place {
   public:
    ~Place() { queue_.Leave(*this); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    const PushTarget& target() const { return target_; }

    // OK, or kAborted, PUSH_CANCELLED, after Cancel(), or kUnavailable,
    // SHUTTING_DOWN.
    absl::Status Check() const { return queue_.CheckPlace(*this); }

   private:
    friend class PushQueue;

    Place(PushQueue& queue, PushTarget target)
        : queue_(queue), target_(std::move(target)) {}

    PushQueue& queue_;
    const PushTarget target_;
    bool cancelled_ = false;  // Guarded by the mutex of the queue.
  };

  // Waits for the turn. Fails with kAborted, COMMIT_IN_FLIGHT, at once if
  // another place has the commit; kUnavailable, BRANCH_BUSY, after `timeout`;
  // and what Place::Check() returns.
  absl::StatusOr<std::unique_ptr<Place>> Enter(PushTarget target,
                                               absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether a place has the commit.
  bool Contains(absl::string_view domain, absl::string_view commit) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Has Check() of all places of `domain`, and of `branch` unless it is empty,
  // end them.
  void Cancel(absl::string_view domain, absl::string_view branch)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Has Check() end all places, now and later.
  void ShutDown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Leave(const Place& place) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckPlace(const Place& place) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckLocked(const Place& place) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsFirst(const Place& place) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  // In the order of arrival; as few as there are threads for pushes.
  std::list<Place*> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PUSH_QUEUE_H_
