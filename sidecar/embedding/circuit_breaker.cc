// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/circuit_breaker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"

namespace copse {
namespace {

constexpr uint32_t kFailureCountMax = 5;

constexpr absl::Duration kWindow = absl::Seconds(30);
constexpr size_t kWindowCountMin = 20;

// With more requests than this in a window, the newest tell enough.
constexpr size_t kWindowCountMax = 4096;

}  // namespace

CircuitBreaker::State CircuitBreaker::state(absl::Time now) const {
  if (!is_open_) {
    return State::kClosed;
  }
  return now < next_try_time_ ? State::kOpen : State::kHalfOpen;
}

void CircuitBreaker::OnSuccess(bool is_probe, absl::Time now) {
  if (is_open_ && !is_probe) {
    return;  // Begun before; what is known since then is worse.
  }
  if (is_probe) {
    Reset();
  }
  failure_count_ = 0;
  Note(/*is_failure=*/false, now);
}

void CircuitBreaker::OnFailure(bool is_probe, absl::string_view words,
                               absl::Time start, absl::Time now,
                               double random) {
  if (is_open_ && !is_probe) {
    return;
  }
  last_words_ = std::string(words);
  if (is_probe) {
    Open(now, random);
    return;
  }
  Note(/*is_failure=*/true, now);
  if (start >= last_failure_time_) {
    ++failure_count_;
    last_failure_time_ = now;
  }
  if (failure_count_ >= kFailureCountMax || MostFail()) {
    Open(now, random);
  }
}

void CircuitBreaker::OnRefusal(bool is_probe, absl::string_view words,
                               absl::Time now) {
  if (is_open_ && !is_probe && is_refused_) {
    return;  // One of several that were under way together.
  }
  last_words_ = std::string(words);
  is_open_ = true;
  is_refused_ = true;
  is_probing_ = false;
  next_try_time_ = now + options_.refusal_delay;
}

void CircuitBreaker::OnLongPause(absl::string_view words, absl::Time until) {
  if (is_open_ && !is_probing_ && next_try_time_ >= until) {
    return;
  }
  last_words_ = std::string(words);
  is_open_ = true;
  is_probing_ = false;
  next_try_time_ = until;
}

void CircuitBreaker::AllowProbe(absl::Time now) {
  next_try_time_ = std::min(next_try_time_, now);
}

void CircuitBreaker::Reset() {
  is_open_ = false;
  is_probing_ = false;
  is_refused_ = false;
  failure_count_ = 0;
  open_count_ = 0;
  last_failure_time_ = absl::InfinitePast();
  outcomes_.clear();
  recent_failure_count_ = 0;
  last_words_.clear();
}

void CircuitBreaker::Note(bool is_failure, absl::Time now) {
  outcomes_.push_back({.time = now, .is_failure = is_failure});
  recent_failure_count_ += is_failure ? 1 : 0;
  while (outcomes_.front().time <= now - kWindow ||
         outcomes_.size() > kWindowCountMax) {
    recent_failure_count_ -= outcomes_.front().is_failure ? 1 : 0;
    outcomes_.pop_front();
  }
}

bool CircuitBreaker::MostFail() const {
  return outcomes_.size() >= kWindowCountMin &&
         2 * recent_failure_count_ > static_cast<int64_t>(outcomes_.size());
}

void CircuitBreaker::Open(absl::Time now, double random) {
  COPSE_DCHECK(random >= 0.0 && random < 1.0);
  is_open_ = true;
  is_probing_ = false;
  is_refused_ = false;
  open_count_ = std::min(open_count_ + 1, 20U);
  const absl::Duration longest = std::min(
      options_.delay_max, options_.delay_min * (int64_t{1} << open_count_));
  const absl::Duration range =
      std::max(longest - options_.delay_min, absl::ZeroDuration());
  next_try_time_ = now + options_.delay_min + range * random;
}

}  // namespace copse
