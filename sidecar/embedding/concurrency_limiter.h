// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How many requests one provider gets at a time: additive increase,
// multiplicative decrease, as in TCP. It begins with two, adds one after each
// round of successes, and halves when the provider says it has too many.

#ifndef COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_
#define COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one limiter.
class ConcurrencyLimiter {
 public:
  explicit ConcurrencyLimiter(uint32_t limit_max)
      : limit_max_(limit_max), limit_(std::min<uint32_t>(limit_max, 2)) {}

  // Takes a place if there is one; each place taken is given back.
  bool TryTake() {
    MutexLock lock(mutex_);
    if (taken_ >= limit_) {
      return false;
    }
    ++taken_;
    return true;
  }

  void GiveBack() {
    MutexLock lock(mutex_);
    --taken_;
  }

  void OnSuccess() {
    MutexLock lock(mutex_);
    if (++success_count_ >= limit_ && limit_ < limit_max_) {
      ++limit_;
      success_count_ = 0;
    }
  }

  // A request begun at `start` met an overload, seen at `now`. Of the requests
  // that were under way together only the first counts.
  void OnOverload(absl::Time start, absl::Time now) {
    MutexLock lock(mutex_);
    if (start < last_cut_time_) {
      return;
    }
    last_cut_time_ = now;
    limit_ = std::max<uint32_t>(limit_ / 2, 1);
    success_count_ = 0;
  }

  uint32_t limit() const {
    MutexLock lock(mutex_);
    return limit_;
  }

 private:
  const uint32_t limit_max_;
  mutable Mutex mutex_;
  uint32_t limit_ ABSL_GUARDED_BY(mutex_);
  uint32_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t success_count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_cut_time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_
