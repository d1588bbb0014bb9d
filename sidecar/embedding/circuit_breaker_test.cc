// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/circuit_breaker.h"

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using State = CircuitBreaker::State;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  // Requests that take a second, one after the other.
  void Fail(int count) {
    for (int i = 0; i < count; ++i) {
      const absl::Time start = now_;
      now_ += absl::Seconds(1);
      breaker_.OnFailure(/*is_probe=*/false, "busy", start, now_, 0.5);
    }
  }
  void Succeed(int count) {
    for (int i = 0; i < count; ++i) {
      breaker_.OnSuccess(/*is_probe=*/false, now_);
    }
  }
  void FailProbe(double random) {
    ASSERT_EQ(breaker_.state(now_), State::kHalfOpen);
    breaker_.BeginProbe();
    breaker_.OnFailure(/*is_probe=*/true, "still busy", now_, now_, random);
  }
  State state() const { return breaker_.state(now_); }
  absl::Duration delay() const { return breaker_.next_try_time() - now_; }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  CircuitBreaker breaker_{CircuitBreakerOptions()};
};

TEST_F(CircuitBreakerTest, OpensAfterFiveFailuresInARow) {
  Fail(4);
  Succeed(1);
  Fail(4);
  EXPECT_EQ(state(), State::kClosed);
  Fail(1);
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_.last_words(), "busy");
  EXPECT_EQ(delay(), absl::Seconds(7.5));
}

TEST_F(CircuitBreakerTest, AProbeThatIsAllowedGoesAtOnce) {
  breaker_.AllowProbe(now_);
  EXPECT_EQ(state(), State::kClosed) << "nothing is to be probed";
  breaker_.OnLongPause("quota of the day", now_ + absl::Hours(1));
  ASSERT_EQ(state(), State::kOpen);
  breaker_.AllowProbe(now_);
  FailProbe(0.5);
  EXPECT_EQ(state(), State::kOpen);
  breaker_.AllowProbe(now_);
  breaker_.BeginProbe();
  breaker_.OnSuccess(/*is_probe=*/true, now_);
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, TakesWhatFailsTogetherForOneFailure) {
  for (int i = 0; i < 19; ++i) {
    breaker_.OnFailure(false, "reset", now_, now_ + absl::Seconds(1), 0.5);
  }
  EXPECT_EQ(state(), State::kClosed);
  breaker_.OnFailure(false, "reset", now_, now_ + absl::Seconds(1), 0.5);
  EXPECT_EQ(state(), State::kOpen) << "20 of 20 are more than half";
}

TEST_F(CircuitBreakerTest, OpensWhenMoreThanHalfFail) {
  for (int i = 0; i < 12; ++i) {
    Succeed(1);
    Fail(1);
  }
  EXPECT_EQ(state(), State::kClosed) << "12 of 24";
  Fail(1);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, ForgetsAfterHalfAMinute) {
  for (int i = 0; i < 9; ++i) {
    Fail(1);
    Succeed(1);
  }
  now_ += absl::Seconds(31);
  for (int i = 0; i < 3; ++i) {
    Fail(1);
    Succeed(1);
  }
  Fail(3);
  EXPECT_EQ(state(), State::kClosed) << "6 of 9 are too few to tell";
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAndClosesAfterItsSuccess) {
  Fail(5);
  now_ = breaker_.next_try_time();
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_.is_probing());
  breaker_.BeginProbe();
  EXPECT_TRUE(breaker_.is_probing());
  breaker_.OnSuccess(/*is_probe=*/true, now_);
  EXPECT_EQ(state(), State::kClosed);
  Fail(4);
  EXPECT_EQ(state(), State::kClosed) << "it begins to count anew";
}

TEST_F(CircuitBreakerTest, WaitsLongerAfterEachProbeThatFails) {
  Fail(5);
  for (const int seconds : {20, 40, 60, 60, 60}) {
    now_ = breaker_.next_try_time();
    FailProbe(0.999999);
    EXPECT_LT(delay(), absl::Seconds(seconds));
    EXPECT_GT(delay(), absl::Seconds(seconds - 1));
  }
  now_ = breaker_.next_try_time();
  FailProbe(0.0);
  EXPECT_EQ(delay(), absl::Seconds(5));
  EXPECT_EQ(breaker_.last_words(), "still busy");
}

TEST_F(CircuitBreakerTest, AProbeThatNobodyWaitsForMakesRoomForAnother) {
  Fail(5);
  now_ = breaker_.next_try_time();
  breaker_.BeginProbe();
  breaker_.AbandonProbe();
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_.is_probing());
}

TEST_F(CircuitBreakerTest, ARefusalOpensItForTenMinutes) {
  breaker_.OnRefusal(false, "incorrect API key", now_);
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_TRUE(breaker_.is_refused());
  EXPECT_EQ(delay(), absl::Minutes(10));
  EXPECT_EQ(breaker_.last_words(), "incorrect API key");
  now_ += absl::Minutes(10);
  breaker_.BeginProbe();
  breaker_.OnRefusal(/*is_probe=*/true, "incorrect API key", now_);
  EXPECT_EQ(delay(), absl::Minutes(10));
  EXPECT_FALSE(breaker_.is_probing());
}

TEST_F(CircuitBreakerTest, LeavesAProviderAloneThatAsksForIt) {
  breaker_.OnLongPause("quota used up", now_ + absl::Minutes(30));
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_FALSE(breaker_.is_refused());
  EXPECT_EQ(delay(), absl::Minutes(30));
  breaker_.OnLongPause("of another request", now_ + absl::Minutes(3));
  EXPECT_EQ(delay(), absl::Minutes(30));
  EXPECT_EQ(breaker_.last_words(), "quota used up");
}

TEST_F(CircuitBreakerTest, ANewKeyClosesIt) {
  breaker_.OnRefusal(false, "incorrect API key", now_);
  breaker_.Reset();
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_FALSE(breaker_.is_refused());
}

TEST_F(CircuitBreakerTest, WhatBeganBeforeChangesNothingWhileItIsOpen) {
  Fail(5);
  const absl::Time next_try_time = breaker_.next_try_time();
  Succeed(1);
  breaker_.OnFailure(false, "late", now_, now_, 0.9);
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_.next_try_time(), next_try_time);
  EXPECT_EQ(breaker_.last_words(), "busy");
}

}  // namespace
}  // namespace copse
