// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How many requests one provider gets at a time: additive increase,
// multiplicative decrease, as in TCP (RFC 5681). It begins with two and, as TCP
// does, adds one for each success until the provider says for the first time
// that it has too many: so two become 16 within three round trips, where adding
// one a round trip would take 14. From then on it adds one for each round of
// successes, and halves at each overload.
//
// It grows to at most twice the places that were ever taken together: successes
// of a caller that uses one place say nothing about three.

#ifndef COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_
#define COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace copse {

// Thread safety: none; FlowControl holds a lock.
class ConcurrencyLimiter {
 public:
  explicit ConcurrencyLimiter(uint32_t limit_max)
      : limit_max_(limit_max), limit_(std::min<uint32_t>(limit_max, 2)) {}

  bool has_place() const { return taken_ < limit_; }

  // Each place taken is given back. REQUIRES: has_place().
  void Take() {
    ++taken_;
    taken_max_ = std::max(taken_max_, taken_);
  }

  void GiveBack() { --taken_; }

  void OnSuccess() {
    if (limit_ >= std::min(limit_max_, 2 * taken_max_)) {
      return;
    }
    if (++success_count_ >= (was_cut_ ? limit_ : 1)) {
      ++limit_;
      success_count_ = 0;
    }
  }

  // A request begun at `start` met an overload, seen at `now`. Of the requests
  // that were under way together only the first counts.
  void OnOverload(absl::Time start, absl::Time now) {
    if (start < last_cut_time_) {
      return;
    }
    last_cut_time_ = now;
    limit_ = std::max<uint32_t>(limit_ / 2, 1);
    success_count_ = 0;
    taken_max_ = 0;
    was_cut_ = true;
  }

  uint32_t limit() const { return limit_; }
  uint32_t taken() const { return taken_; }

 private:
  const uint32_t limit_max_;
  uint32_t limit_;
  uint32_t taken_ = 0;
  uint32_t success_count_ = 0;
  uint32_t taken_max_ = 0;  // Since the last cut.
  bool was_cut_ = false;
  absl::Time last_cut_time_ = absl::InfinitePast();
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_CONCURRENCY_LIMITER_H_
