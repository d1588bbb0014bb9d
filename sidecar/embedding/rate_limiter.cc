// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/rate_limiter.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

#include "sidecar/embedding/rate_limit_headers.h"
#include "sidecar/embedding/retry_delay.h"

namespace copse {
namespace {

constexpr double kUsableShare = 0.95;

// What may be saved, as a share of a minute's limit.
constexpr double kSavedRequestShare = 0.05 / 60.0;
constexpr double kSavedTokenShare = 2.0 / 60.0;

// What a query may take in advance.
constexpr double kBorrowedShare = 0.015;

}  // namespace

RateLimiter::Bucket::Bucket(int64_t configured, double saved_share,
                            double saved_min, absl::Time now)
    : configured_(configured),
      saved_share_(saved_share),
      saved_min_(saved_min),
      limit_(configured),
      fill_time_(now) {
  level_ = saved_max();
}

double RateLimiter::Bucket::saved_max() const {
  return saved_min_ + saved_share_ * static_cast<double>(limit_);
}

double RateLimiter::Bucket::rate() const {
  return static_cast<double>(limit_) * (kUsableShare / 60.0);
}

// Adds to what is saved, as far as there is room; never takes away.
void RateLimiter::Bucket::Add(double amount) {
  level_ = std::max(level_, std::min(level_ + amount, saved_max()));
}

void RateLimiter::Bucket::Fill(absl::Time now) {
  if (now > fill_time_) {  // Clocks go back, too.
    Add(absl::ToDoubleSeconds(now - fill_time_) * rate());
  }
  fill_time_ = now;
}

absl::Time RateLimiter::Bucket::StartTime(double cost, FlowLane lane,
                                          absl::Time now) {
  const absl::Time earliest = std::max(now, blocked_until_);
  if (limit_ == 0) {
    return earliest;
  }
  Fill(now);
  double needed = std::min(cost, saved_max());
  if (lane == FlowLane::kQuery) {
    needed -= kBorrowedShare * static_cast<double>(limit_);
  }
  if (level_ >= needed) {
    return earliest;
  }
  // A nanosecond more, since rounding must not make a caller come in vain.
  return std::max(earliest, now + absl::Seconds((needed - level_) / rate()) +
                                absl::Nanoseconds(1));
}

void RateLimiter::Bucket::Take(double cost, absl::Time now) {
  Fill(now);
  in_flight_ += cost;
  if (limit_ != 0) {
    level_ -= cost;
  }
}

void RateLimiter::Bucket::Settle(double reserved) {
  in_flight_ = std::max(0.0, in_flight_ - reserved);
}

void RateLimiter::Bucket::Correct(double reserved, double cost,
                                  absl::Time now) {
  if (limit_ == 0) {
    return;
  }
  Fill(now);
  if (reserved > cost) {
    Add(reserved - cost);
  } else {
    level_ -= cost - reserved;
  }
}

void RateLimiter::Bucket::Learn(const RateLimitState& state, absl::Time now) {
  Fill(now);
  if (state.limit.has_value()) {
    const bool is_first = limit_ == 0;
    limit_ =
        configured_ == 0 ? *state.limit : std::min(configured_, *state.limit);
    level_ = is_first ? saved_max() - in_flight_ : level_;
  }
  if (!state.remaining.has_value()) {
    return;
  }
  // What is under way the provider may not have counted yet.
  if (limit_ != 0) {
    level_ =
        std::min(level_, static_cast<double>(*state.remaining) - in_flight_);
  }
  if (*state.remaining == 0 && state.reset.has_value()) {
    blocked_until_ = std::max(blocked_until_,
                              now + std::min(*state.reset, kBelievedDelayMax));
  }
}

RateLimiter::RateLimiter(const RateLimits& configured, absl::Time now)
    : requests_(configured.requests_per_minute, kSavedRequestShare, 1.0, now),
      tokens_(configured.tokens_per_minute, kSavedTokenShare, 0.0, now) {}

absl::Time RateLimiter::StartTime(int64_t token_count, FlowLane lane,
                                  absl::Time now) {
  return std::max(
      requests_.StartTime(1.0, lane, now),
      tokens_.StartTime(static_cast<double>(token_count), lane, now));
}

void RateLimiter::Reserve(int64_t token_count, absl::Time now) {
  requests_.Take(1.0, now);
  tokens_.Take(static_cast<double>(token_count), now);
}

void RateLimiter::Settle(int64_t reserved_token_count) {
  requests_.Settle(1.0);
  tokens_.Settle(static_cast<double>(reserved_token_count));
}

void RateLimiter::Correct(int64_t reserved_token_count, int64_t token_count,
                          absl::Time now) {
  tokens_.Correct(static_cast<double>(reserved_token_count),
                  static_cast<double>(token_count), now);
}

void RateLimiter::Learn(const RateLimitHeaders& headers, absl::Time now) {
  requests_.Learn(headers.requests, now);
  tokens_.Learn(headers.tokens, now);
}

void RateLimiter::ForgetResets() {
  requests_.ForgetReset();
  tokens_.ForgetReset();
}

RateLimits RateLimiter::limits() const {
  return {.requests_per_minute = requests_.limit(),
          .tokens_per_minute = tokens_.limit()};
}

int64_t RateLimiter::request_token_count_max() const {
  return static_cast<int64_t>(tokens_.saved_max());
}

}  // namespace copse
