// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/concurrency_limiter.h"

#include <cstdint>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

const absl::Time kStart = absl::UnixEpoch();

// One round trip: takes all places, and every request succeeds.
void SucceedAtAll(ConcurrencyLimiter& limiter) {
  uint32_t count = 0;
  while (limiter.has_place()) {
    limiter.Take();
    ++count;
  }
  for (uint32_t i = 0; i < count; ++i) {
    limiter.GiveBack();
    limiter.OnSuccess();
  }
}

TEST(ConcurrencyLimiterTest, DoublesEachRoundTripUntilTheFirstOverload) {
  ConcurrencyLimiter limiter(20);
  for (const uint32_t limit : {2U, 4U, 8U, 16U, 20U, 20U}) {
    EXPECT_EQ(limiter.limit(), limit);
    SucceedAtAll(limiter);
  }
}

TEST(ConcurrencyLimiterTest, GrowsByOneEachRoundTripAfterAnOverload) {
  ConcurrencyLimiter limiter(64);
  for (int i = 0; i < 4; ++i) {
    SucceedAtAll(limiter);
  }
  limiter.OnOverload(kStart, kStart + absl::Seconds(1));
  for (const uint32_t limit : {16U, 17U, 18U, 19U}) {
    EXPECT_EQ(limiter.limit(), limit);
    SucceedAtAll(limiter);
  }
}

TEST(ConcurrencyLimiterTest, HalvesOnceForWhatWasUnderWayTogether) {
  ConcurrencyLimiter limiter(8);
  for (int i = 0; i < 3; ++i) {
    SucceedAtAll(limiter);
  }
  limiter.OnOverload(kStart, kStart + absl::Seconds(1));
  EXPECT_EQ(limiter.limit(), 4);
  // It was under way when the first one met the overload.
  limiter.OnOverload(kStart, kStart + absl::Seconds(2));
  EXPECT_EQ(limiter.limit(), 4);
  for (int second = 1; second < 5; ++second) {
    limiter.OnOverload(kStart + absl::Seconds(second),
                       kStart + absl::Seconds(second + 1));
  }
  EXPECT_EQ(limiter.limit(), 1);
}

TEST(ConcurrencyLimiterTest, DoesNotGrowWhereNobodyNeedsIt) {
  ConcurrencyLimiter limiter(32);
  for (int i = 0; i < 100; ++i) {
    limiter.Take();
    limiter.GiveBack();
    limiter.OnSuccess();
  }
  EXPECT_EQ(limiter.limit(), 2);
}

TEST(ConcurrencyLimiterTest, GivesNoMorePlacesThanItHas) {
  ConcurrencyLimiter limiter(1);
  ASSERT_TRUE(limiter.has_place());
  limiter.Take();
  EXPECT_FALSE(limiter.has_place());
  limiter.GiveBack();
  EXPECT_TRUE(limiter.has_place());
}

TEST(ConcurrencyLimiterTest, GivesNothingOutWhileMoreIsTakenThanAllowed) {
  ConcurrencyLimiter limiter(2);
  limiter.Take();
  limiter.Take();
  limiter.OnOverload(kStart, kStart + absl::Seconds(1));
  limiter.GiveBack();
  EXPECT_FALSE(limiter.has_place());
  limiter.GiveBack();
  EXPECT_TRUE(limiter.has_place());
}

}  // namespace
}  // namespace copse
