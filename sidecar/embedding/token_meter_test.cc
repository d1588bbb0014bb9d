// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/token_meter.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/batch_fill.h"

namespace copse {
namespace {

using ::testing::DoubleEq;

TEST(EstimateTokenCountTest, CountsBytesOfAsciiAndOthers) {
  EXPECT_THAT(EstimateTokenCount(""), DoubleEq(0.0));
  EXPECT_THAT(EstimateTokenCount("oak "), DoubleEq(1.8));
  EXPECT_THAT(EstimateTokenCount("\xE6\xA8\xAB"), DoubleEq(2.25));
}

TEST(TokenMeterTest, BeginsCarefully) {
  const TokenMeter meter;
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(1.0));
  EXPECT_THAT(meter.typical_ratio(), DoubleEq(0.4));
}

TEST(TokenMeterTest, LearnsFromTheCountsOfTheProvider) {
  TokenMeter meter;
  for (int i = 0; i < 9; ++i) {
    meter.Observe(50, 100.0);
  }
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(1.0));  // Never below.
  EXPECT_THAT(meter.typical_ratio(), DoubleEq(0.5));
  meter.Observe(150, 100.0);
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(1.5));
  EXPECT_THAT(meter.typical_ratio(), DoubleEq(0.5));
}

TEST(TokenMeterTest, ForgetsWhatIsLongAgo) {
  TokenMeter meter;
  meter.Observe(400, 100.0);
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(4.0));
  for (int i = 0; i < 128; ++i) {
    meter.Observe(120, 100.0);
  }
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(1.2));
}

TEST(TokenMeterTest, DoesNotBelieveImpossibleCounts) {
  TokenMeter meter;
  meter.Observe(0, 100.0);
  meter.Observe(-5, 100.0);
  meter.Observe(5, 0.0);
  EXPECT_THAT(meter.typical_ratio(), DoubleEq(0.4));
  meter.Observe(INT64_MAX, 1.0);
  EXPECT_THAT(meter.upper_ratio(), DoubleEq(10.0));
}

// ---- BatchFill --------------------------------------------------------------

TEST(BatchFillTest, KeepsToEachLimit) {
  const BatchLimits limits = {
      .text_count_max = 3, .size_bytes_max = 100, .token_count_max = 10.0};
  BatchFill by_count(limits);
  EXPECT_TRUE(by_count.TryAdd({.size_bytes = 1, .token_count = 1.0}));
  EXPECT_TRUE(by_count.TryAdd({.size_bytes = 1, .token_count = 1.0}));
  EXPECT_TRUE(by_count.TryAdd({.size_bytes = 1, .token_count = 1.0}));
  EXPECT_FALSE(by_count.TryAdd({.size_bytes = 1, .token_count = 1.0}));

  BatchFill by_size(limits);
  EXPECT_TRUE(by_size.TryAdd({.size_bytes = 60, .token_count = 1.0}));
  EXPECT_FALSE(by_size.TryAdd({.size_bytes = 41, .token_count = 1.0}));
  EXPECT_TRUE(by_size.TryAdd({.size_bytes = 40, .token_count = 1.0}));

  BatchFill by_tokens(limits);
  EXPECT_TRUE(by_tokens.TryAdd({.size_bytes = 1, .token_count = 6.0}));
  EXPECT_FALSE(by_tokens.TryAdd({.size_bytes = 1, .token_count = 4.5}));
  EXPECT_TRUE(by_tokens.TryAdd({.size_bytes = 1, .token_count = 4.0}));
}

TEST(BatchFillTest, TakesAFirstTextOfAnySize) {
  BatchFill fill(
      {.text_count_max = 3, .size_bytes_max = 10, .token_count_max = 1.0});
  EXPECT_TRUE(fill.TryAdd({.size_bytes = 1000, .token_count = 1000.0}));
  EXPECT_FALSE(fill.TryAdd({.size_bytes = 1, .token_count = 0.1}));
}

TEST(BatchFillTest, LeavesATextThatIsTooLongAlone) {
  const BatchLimits limits = {
      .text_count_max = 3, .size_bytes_max = 1000, .tokens_per_text_max = 5.0};
  BatchFill before(limits);
  EXPECT_TRUE(before.TryAdd({.size_bytes = 1, .token_count = 1.0}));
  EXPECT_FALSE(before.TryAdd({.size_bytes = 1, .token_count = 6.0}));
  BatchFill after(limits);
  EXPECT_TRUE(after.TryAdd({.size_bytes = 1, .token_count = 6.0}));
  EXPECT_FALSE(after.TryAdd({.size_bytes = 1, .token_count = 1.0}));
}

}  // namespace
}  // namespace copse
