// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/rate_limiter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/rate_limit_headers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::Le;
using ::testing::Lt;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

// A request of a simulation.
struct Sent {
  absl::Time time;
  int64_t token_count = 0;
};

// Sends documents of `token_count()` tokens, one after the other as soon as
// `limiter` lets them, until `end`.
template <typename TokenCount>
std::vector<Sent> SendUntil(RateLimiter& limiter, absl::Time end,
                            TokenCount token_count) {
  std::vector<Sent> sent;
  absl::Time now = kStart;
  int64_t cost = token_count();
  while (now < end) {
    const absl::Time start_time =
        limiter.StartTime(cost, FlowLane::kDocument, now);
    if (start_time > now) {
      now = start_time;
      continue;
    }
    limiter.Reserve(cost, now);
    limiter.Settle(cost);
    sent.push_back({.time = now, .token_count = cost});
    cost = token_count();
  }
  return sent;
}

// The most requests, or tokens, that any window of `width` saw.
struct Peak {
  int64_t requests = 0;
  int64_t tokens = 0;
};

Peak PeakOf(const std::vector<Sent>& sent, absl::Duration width) {
  Peak peak;
  int64_t tokens = 0;
  size_t begin = 0;
  for (size_t end = 0; end < sent.size(); ++end) {
    tokens += sent[end].token_count;
    while (sent[begin].time <= sent[end].time - width) {
      tokens -= sent[begin++].token_count;
    }
    peak.requests =
        std::max(peak.requests, static_cast<int64_t>(end - begin + 1));
    peak.tokens = std::max(peak.tokens, tokens);
  }
  return peak;
}

RateLimitHeaders RequestHeaders(const RateLimitState& state) {
  RateLimitHeaders headers;
  headers.requests = state;
  return headers;
}

TEST(RateLimiterTest, LimitsNothingWithoutALimit) {
  RateLimiter limiter({}, kStart);
  for (int i = 0; i < 10000; ++i) {
    ASSERT_EQ(limiter.StartTime(1 << 20, FlowLane::kDocument, kStart), kStart);
    limiter.Reserve(1 << 20, kStart);
  }
  EXPECT_EQ(limiter.request_token_count_max(), 0);
}

// The promise of the head of the header, for limits from tiny to huge.
class RateLimiterLimitTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(RateLimiterLimitTest, NoWindowSeesMoreRequestsThanTheProviderAllows) {
  const int64_t limit = GetParam();
  RateLimiter limiter({.requests_per_minute = limit}, kStart);
  const std::vector<Sent> sent =
      SendUntil(limiter, kStart + absl::Minutes(3), [] { return int64_t{1}; });
  EXPECT_LE(PeakOf(sent, absl::Minutes(1)).requests, limit);
  EXPECT_LE(PeakOf(sent, absl::Seconds(10)).requests, (limit + 5) / 6);
  EXPECT_LE(PeakOf(sent, absl::Seconds(1)).requests, (limit + 59) / 60);
  EXPECT_GE(static_cast<int64_t>(sent.size()), limit * 3 * 94 / 100);
}

INSTANTIATE_TEST_SUITE_P(All, RateLimiterLimitTest,
                         ::testing::Values(3, 20, 60, 600, 3500, 60000));

TEST(RateLimiterTest, NoMinuteSeesMoreTokensThanTheProviderAllows) {
  RateLimiter limiter({.tokens_per_minute = 200000}, kStart);
  std::mt19937 random(7);
  std::uniform_int_distribution<int64_t> cost(
      1, limiter.request_token_count_max());
  const std::vector<Sent> sent = SendUntil(limiter, kStart + absl::Minutes(5),
                                           [&] { return cost(random); });
  EXPECT_THAT(PeakOf(sent, absl::Minutes(1)).tokens,
              AllOf(Le(200000), Ge(185000)));
}

TEST(RateLimiterTest, SavesLittleWhileIdle) {
  RateLimiter limiter(
      {.requests_per_minute = 6000, .tokens_per_minute = 600000}, kStart);
  const absl::Time later = kStart + absl::Hours(1);
  int count = 0;
  while (limiter.StartTime(100, FlowLane::kDocument, later) <= later) {
    limiter.Reserve(100, later);
    ++count;
  }
  EXPECT_EQ(count, 6);  // One, and 50 ms of 100 a second.
}

TEST(RateLimiterTest, NamesTheTimeAtWhichARequestMayGo) {
  RateLimiter limiter({.requests_per_minute = 60}, kStart);
  limiter.Reserve(1, kStart);
  const absl::Time next = limiter.StartTime(1, FlowLane::kDocument, kStart);
  EXPECT_THAT(absl::ToDoubleSeconds(next - kStart),
              AllOf(Ge(1.0), Lt(1.01)));  // 50 ms were saved, 95 % count.
  EXPECT_EQ(limiter.StartTime(1, FlowLane::kDocument, next), next);
}

TEST(RateLimiterTest, CorrectsAnEstimateByWhatTheProviderCounted) {
  RateLimiter limiter({.tokens_per_minute = 60000}, kStart);
  limiter.Reserve(500, kStart);
  limiter.Settle(500);
  limiter.Correct(500, 2950, kStart);  // 950 more than the 2,000 saved.
  EXPECT_THAT(absl::ToDoubleSeconds(
                  limiter.StartTime(1, FlowLane::kDocument, kStart) - kStart),
              AllOf(Gt(1.0), Lt(1.01)));
  RateLimiter other({.tokens_per_minute = 60000}, kStart);
  other.Reserve(2000, kStart);
  EXPECT_GT(other.StartTime(1000, FlowLane::kDocument, kStart), kStart);
  other.Settle(2000);
  other.Correct(2000, 1000, kStart);
  EXPECT_EQ(other.StartTime(1000, FlowLane::kDocument, kStart), kStart);
}

TEST(RateLimiterTest, ATextLongerThanCanBeSavedGoesOnCredit) {
  RateLimiter limiter({.tokens_per_minute = 6000}, kStart);
  EXPECT_EQ(limiter.request_token_count_max(), 200);
  EXPECT_EQ(limiter.StartTime(8000, FlowLane::kDocument, kStart), kStart);
  limiter.Reserve(8000, kStart);
  EXPECT_GT(limiter.StartTime(1, FlowLane::kDocument, kStart),
            kStart + absl::Minutes(1));
}

TEST(RateLimiterTest, DocumentsDoNotHoldQueriesUp) {
  RateLimiter limiter({.requests_per_minute = 600, .tokens_per_minute = 200000},
                      kStart);
  absl::Time now = kStart;
  for (int i = 0; i < 500; ++i) {
    const int64_t cost = limiter.request_token_count_max();
    now = std::max(now, limiter.StartTime(cost, FlowLane::kDocument, now));
    limiter.Reserve(cost, now);
    ASSERT_EQ(limiter.StartTime(30, FlowLane::kQuery, now), now);
    if (i % 10 == 0) {
      limiter.Reserve(30, now);  // The documents pay it back.
    }
  }
}

TEST(RateLimiterTest, QueriesKeepToTheLimit) {
  RateLimiter limiter({.requests_per_minute = 60}, kStart);
  absl::Time now = kStart;
  std::vector<Sent> sent;
  while (now < kStart + absl::Minutes(2)) {
    now = std::max(now, limiter.StartTime(10, FlowLane::kQuery, now));
    limiter.Reserve(10, now);
    sent.push_back({.time = now, .token_count = 10});
  }
  EXPECT_LE(PeakOf(sent, absl::Minutes(1)).requests, 60);
}

TEST(RateLimiterTest, TakesTheLimitsOfHeaders) {
  RateLimiter limiter({.requests_per_minute = 0, .tokens_per_minute = 1000},
                      kStart);
  RateLimitHeaders headers;
  headers.requests.limit = 600;
  headers.tokens.limit = 200000;  // More than the operator wants.
  limiter.Learn(headers, kStart);
  EXPECT_EQ(limiter.limits().requests_per_minute, 600);
  EXPECT_EQ(limiter.limits().tokens_per_minute, 1000);
  headers.tokens.limit = 500;
  limiter.Learn(headers, kStart);
  EXPECT_EQ(limiter.limits().tokens_per_minute, 500);
  limiter.Learn(RateLimitHeaders(), kStart);
  EXPECT_EQ(limiter.limits().requests_per_minute, 600);
}

TEST(RateLimiterTest, SpendsNoMoreThanRemains) {
  RateLimiter limiter({.requests_per_minute = 60}, kStart);
  const absl::Time now = kStart + absl::Seconds(30);
  limiter.Reserve(1, now);  // One is under way, which is not counted yet.
  limiter.Learn(
      RequestHeaders({.limit = 60, .remaining = 1, .reset = absl::Seconds(59)}),
      now);
  const absl::Time next = limiter.StartTime(1, FlowLane::kDocument, now);
  EXPECT_THAT(absl::ToDoubleSeconds(next - now), AllOf(Gt(1.05), Lt(1.06)))
      << "the reset is no time to wait for while something remains";
}

TEST(RateLimiterTest, WaitsForTheResetWhenNothingRemains) {
  RateLimiter limiter({}, kStart);
  limiter.Learn(RequestHeaders({.remaining = 0, .reset = absl::Seconds(17)}),
                kStart);
  for (const FlowLane lane : {FlowLane::kDocument, FlowLane::kQuery}) {
    EXPECT_EQ(limiter.StartTime(1, lane, kStart), kStart + absl::Seconds(17));
  }
  limiter.Learn(RequestHeaders({.remaining = 0, .reset = absl::Hours(99)}),
                kStart);
  EXPECT_EQ(limiter.StartTime(1, FlowLane::kDocument, kStart),
            kStart + absl::Hours(24));
}

TEST(RateLimiterTest, BearsAClockThatGoesBack) {
  RateLimiter limiter({.requests_per_minute = 60}, kStart);
  limiter.Reserve(1, kStart);
  const absl::Time before = kStart - absl::Hours(1);
  const absl::Time next = limiter.StartTime(1, FlowLane::kDocument, before);
  EXPECT_THAT(absl::ToDoubleSeconds(next - before), AllOf(Ge(1.0), Lt(1.01)));
}

HttpReply ReplyWith(
    const std::map<std::string, std::string, std::less<>>& headers) {
  HttpReply reply;
  reply.headers = headers;
  return reply;
}

TEST(RateLimitHeadersTest, ReadsWhatOpenAiAndAzureSend) {
  const RateLimitHeaders openai = ReadRateLimitHeaders(
      ReplyWith({{"x-ratelimit-limit-requests", "3000"},
                 {"x-ratelimit-limit-tokens", "1000000"},
                 {"x-ratelimit-remaining-requests", "2999"},
                 {"x-ratelimit-remaining-tokens", "0"},
                 {"x-ratelimit-reset-requests", "20ms"},
                 {"x-ratelimit-reset-tokens", "1m30.5s"}}));
  EXPECT_EQ(openai.requests.limit, 3000);
  EXPECT_EQ(openai.requests.remaining, 2999);
  EXPECT_EQ(openai.requests.reset, absl::Milliseconds(20));
  EXPECT_EQ(openai.tokens.limit, 1000000);
  EXPECT_EQ(openai.tokens.remaining, 0);
  EXPECT_EQ(openai.tokens.reset, absl::Seconds(90.5));
  const RateLimitHeaders azure =
      ReadRateLimitHeaders(ReplyWith({{"x-ratelimit-reset-requests", "10"}}));
  EXPECT_EQ(azure.requests.reset, absl::Seconds(10));
  EXPECT_EQ(azure.requests.limit, std::nullopt);
}

TEST(RateLimitHeadersTest, TakesNothingForUnknown) {
  for (const char* value : {"", "0", "-1", "many", "nan"}) {
    const RateLimitHeaders headers =
        ReadRateLimitHeaders(ReplyWith({{"x-ratelimit-limit-tokens", value},
                                        {"x-ratelimit-reset-tokens", value}}));
    EXPECT_EQ(headers.tokens.limit, std::nullopt) << value;
    EXPECT_EQ(headers.tokens.reset, std::nullopt) << value;
  }
  EXPECT_EQ(
      ReadRateLimitHeaders(ReplyWith({{"x-ratelimit-remaining-tokens", "-5"}}))
          .tokens.remaining,
      std::nullopt);
}

}  // namespace
}  // namespace copse
