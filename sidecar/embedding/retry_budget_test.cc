// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/retry_budget.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

// Retries as often as `budget` allows and returns how often that was.
int RetryWhileAllowed(RetryBudget& budget, absl::Time now) {
  int count = 0;
  while (budget.StartTime(now) <= now) {
    budget.OnRetry(now);
    ++count;
  }
  return count;
}

TEST(RetryBudgetTest, AllowsOneRetryForFiveFirstAttemptsAndTenMore) {
  RetryBudget budget;
  EXPECT_EQ(RetryWhileAllowed(budget, kStart), 10);
  for (int i = 0; i < 100; ++i) {
    budget.OnFirstAttempt(kStart);
  }
  EXPECT_EQ(RetryWhileAllowed(budget, kStart + absl::Seconds(59)), 20);
}

TEST(RetryBudgetTest, NamesTheTimeAtWhichOldRetriesAreForgotten) {
  RetryBudget budget;
  budget.OnRetry(kStart);
  EXPECT_EQ(RetryWhileAllowed(budget, kStart + absl::Seconds(30)), 9);
  const absl::Time next = budget.StartTime(kStart + absl::Seconds(31));
  EXPECT_EQ(next, kStart + absl::Minutes(1));
  EXPECT_EQ(RetryWhileAllowed(budget, next), 1);
  EXPECT_EQ(budget.StartTime(next), kStart + absl::Seconds(90));
}

TEST(RetryBudgetTest, ForgetsFirstAttempts) {
  RetryBudget budget;
  for (int i = 0; i < 1000; ++i) {
    budget.OnFirstAttempt(kStart);
  }
  EXPECT_EQ(RetryWhileAllowed(budget, kStart + absl::Minutes(1)), 10);
}

TEST(RetryBudgetTest, BearsAClockThatGoesBack) {
  RetryBudget budget;
  RetryWhileAllowed(budget, kStart);
  EXPECT_EQ(RetryWhileAllowed(budget, kStart - absl::Hours(1)), 10);
}

}  // namespace
}  // namespace copse
