// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/flow_control.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::Le;

using Kind = FlowDecision::Kind;

constexpr FlowRequest kDocument = {.lane = FlowLane::kDocument,
                                   .token_count = 100};
constexpr FlowRequest kRetry = {
    .lane = FlowLane::kDocument, .token_count = 100, .is_retry = true};
constexpr FlowRequest kQuery = {.lane = FlowLane::kQuery, .token_count = 10};

class FlowControlTest : public ::testing::Test {
 protected:
  void Start(const FlowOptions& options) {
    caller_.reset();
    flow_ = std::make_unique<FlowControl>(options, now_, [] { return 0.5; });
    caller_ = std::make_unique<FlowControl::Caller>(*flow_);
  }

  FlowDecision Try(const FlowRequest& request = kDocument) {
    return flow_->TryStart(*caller_, request, now_);
  }

  // One request that ends as `outcome` after a second.
  void Send(const FlowOutcome& outcome,
            const FlowRequest& request = kDocument) {
    const FlowDecision decision = Try(request);
    ASSERT_EQ(decision.kind, Kind::kStart);
    now_ += absl::Seconds(1);
    flow_->Finish(decision.ticket, outcome, now_);
  }
  void Fail(int count) {
    for (int i = 0; i < count; ++i) {
      Send({.result = FlowResult::kFailure, .words = "the oven is cold"});
    }
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::unique_ptr<FlowControl> flow_;
  std::unique_ptr<FlowControl::Caller> caller_;
};

TEST_F(FlowControlTest, LetsAsManyRequestsGoAsThereArePlaces) {
  Start({.concurrency_max = 1});
  const FlowDecision first = Try();
  ASSERT_EQ(first.kind, Kind::kStart);
  const FlowDecision second = Try();
  EXPECT_EQ(second.kind, Kind::kWait);
  EXPECT_EQ(second.wait, FlowWait::kPlace);
  EXPECT_THAT(second.time, Gt(now_));
  flow_->Finish(first.ticket, {}, now_);
  EXPECT_EQ(Try().kind, Kind::kStart);
}

TEST_F(FlowControlTest, QueriesHavePlacesOfTheirOwn) {
  Start({.concurrency_max = 1});
  ASSERT_EQ(Try().kind, Kind::kStart);
  EXPECT_EQ(Try(kQuery).kind, Kind::kStart);
}

TEST_F(FlowControlTest, TwoCallersKeepToOneLimit) {
  Start({.concurrency_max = 64, .limits = {.requests_per_minute = 600}});
  FlowControl::Caller other(*flow_);
  const absl::Time end = now_ + absl::Minutes(1);
  int counts[2] = {};
  while (now_ < end) {
    FlowControl::Caller* const callers[] = {caller_.get(), &other};
    for (int i = 0; i < 2; ++i) {
      const FlowDecision decision =
          flow_->TryStart(*callers[i], kDocument, now_);
      if (decision.kind == Kind::kStart) {
        ++counts[i];
        flow_->Finish(decision.ticket, {}, now_);
      }
    }
    now_ += absl::Milliseconds(5);
  }
  EXPECT_THAT(counts[0] + counts[1], Le(600));
  EXPECT_THAT(counts[0] + counts[1], Gt(560));
  EXPECT_THAT(std::abs(counts[0] - counts[1]), Le(4));
}

// Two callers for one place, of which the first always asks first.
TEST_F(FlowControlTest, NobodyGetsFarAheadOfWhoWaits) {
  Start({.concurrency_max = 1});
  FlowControl::Caller other(*flow_);
  int counts[2] = {};
  for (int i = 0; i < 1000; ++i) {
    FlowControl::Caller* const callers[] = {caller_.get(), &other};
    for (int c = 0; c < 2; ++c) {
      const FlowDecision decision =
          flow_->TryStart(*callers[c], kDocument, now_);
      if (decision.kind == Kind::kStart) {
        ++counts[c];
        ASSERT_EQ(flow_->TryStart(*callers[1 - c], kDocument, now_).kind,
                  Kind::kWait);
        flow_->Finish(decision.ticket, {}, now_);
      }
    }
    now_ += absl::Milliseconds(1);
  }
  EXPECT_THAT(std::abs(counts[0] - counts[1]), Le(4));
}

TEST_F(FlowControlTest, WhoDoesNotWaitHoldsNobodyUp) {
  Start({.concurrency_max = 1});
  FlowControl::Caller other(*flow_);
  const FlowDecision first = Try();
  ASSERT_EQ(flow_->TryStart(other, kDocument, now_).kind, Kind::kWait);
  flow_->Finish(first.ticket, {}, now_);
  for (int i = 0; i < 3; ++i) {
    Send({});
  }
  FlowControl::Caller third(*flow_);
  now_ -= absl::Seconds(3);  // `other` has just asked.
  EXPECT_EQ(Try().wait, FlowWait::kTurn);
  flow_->StopWaiting(other);
  EXPECT_EQ(Try().kind, Kind::kStart);
}

TEST_F(FlowControlTest, WhoHasGoneHoldsNobodyUp) {
  Start({.concurrency_max = 1});
  auto other = std::make_unique<FlowControl::Caller>(*flow_);
  const FlowDecision first = Try();
  ASSERT_EQ(flow_->TryStart(*other, kDocument, now_).kind, Kind::kWait);
  other.reset();
  flow_->Finish(first.ticket, {}, now_);
  for (int i = 0; i < 20; ++i) {
    Send({});
  }
}

TEST_F(FlowControlTest, LearnsHowFarEstimatesAreOff) {
  Start({.limits = {.tokens_per_minute = 60000}});
  EXPECT_EQ(flow_->request_token_count_max(), 2000);
  for (int i = 0; i < 20; ++i) {
    Send({.token_count = 50});
  }
  EXPECT_EQ(flow_->request_token_count_max(), 4000);
  const FlowDecision decision = Try();
  ASSERT_EQ(decision.kind, Kind::kStart);
  EXPECT_EQ(decision.ticket.estimated_token_count, 100);
  EXPECT_EQ(decision.ticket.reserved_token_count, 50);
}

TEST_F(FlowControlTest, BelievesNoAbsurdCount) {
  Start({.limits = {.tokens_per_minute = 60000}});
  Send({.token_count = int64_t{1} << 60});
  EXPECT_EQ(flow_->request_token_count_max(), 2000 / 16);
}

TEST_F(FlowControlTest, PausesDocumentsAsLongAsTheProviderAsks) {
  Start({});
  Send({.result = FlowResult::kSlowDown, .pause = absl::Seconds(7)});
  const FlowDecision decision = Try();
  EXPECT_EQ(decision.wait, FlowWait::kPause);
  EXPECT_EQ(decision.time, now_ + absl::Seconds(7));
  EXPECT_EQ(Try(kQuery).kind, Kind::kStart);
  now_ += absl::Seconds(7);
  EXPECT_EQ(Try().kind, Kind::kStart);
}

TEST_F(FlowControlTest, OpensForAPauseThatIsTooLongToHoldACallerUp) {
  Start({});
  Send({.result = FlowResult::kSlowDown,
        .words = "come back later",
        .pause = absl::Minutes(30)});
  const FlowDecision decision = Try();
  EXPECT_EQ(decision.kind, Kind::kOpen);
  EXPECT_EQ(decision.time, now_ + absl::Minutes(30));
  EXPECT_EQ(Try(kQuery).kind, Kind::kOpen);
  EXPECT_EQ(flow_->snapshot(now_).last_words, "come back later");
  Start({});
  Send({.result = FlowResult::kSlowDown, .pause = absl::Hours(1000)});
  EXPECT_EQ(Try().time, now_ + absl::Hours(1));
}

TEST_F(FlowControlTest, HalvesThePlacesWhenThereAreTooManyRequests) {
  Start({.concurrency_max = 8});
  std::vector<FlowTicket> tickets = {Try().ticket, Try().ticket};
  EXPECT_EQ(flow_->place_count_max(FlowLane::kDocument), 2);
  flow_->Finish(tickets[0], {.result = FlowResult::kSlowDown}, now_);
  EXPECT_EQ(flow_->place_count_max(FlowLane::kDocument), 1);
  flow_->Finish(tickets[1], {.result = FlowResult::kFailure}, now_);
  EXPECT_EQ(flow_->place_count_max(FlowLane::kDocument), 1);
}

TEST_F(FlowControlTest, OpensForBothLanesAfterFiveFailures) {
  Start({});
  Fail(5);
  const FlowDecision decision = Try();
  EXPECT_EQ(decision.kind, Kind::kOpen);
  EXPECT_EQ(decision.time, now_ + absl::Seconds(7.5));
  EXPECT_EQ(Try(kQuery).kind, Kind::kOpen);
  EXPECT_EQ(flow_->snapshot(now_).breaker, CircuitBreaker::State::kOpen);
  EXPECT_EQ(flow_->snapshot(now_).last_words, "the oven is cold");
}

TEST_F(FlowControlTest, BeingToldToSlowDownOpensNothing) {
  Start({});
  for (int i = 0; i < 50; ++i) {
    Send({.result = FlowResult::kSlowDown});
  }
}

TEST_F(FlowControlTest, OneProbeGoesAndTheOthersWaitForIt) {
  Start({});
  Fail(5);
  now_ = Try().time;
  const FlowDecision probe = Try();
  ASSERT_EQ(probe.kind, Kind::kStart);
  EXPECT_TRUE(probe.ticket.is_probe);
  EXPECT_EQ(Try().wait, FlowWait::kProbe);
  EXPECT_EQ(Try(kQuery).kind, Kind::kOpen) << "a person does not wait";
  flow_->Finish(probe.ticket, {}, now_);
  const FlowDecision next = Try();
  ASSERT_EQ(next.kind, Kind::kStart);
  EXPECT_FALSE(next.ticket.is_probe);
}

TEST_F(FlowControlTest, AnAbandonedProbeMakesRoomForAnother) {
  Start({});
  Fail(5);
  now_ = Try().time;
  const FlowDecision probe = Try(kQuery);
  ASSERT_TRUE(probe.ticket.is_probe);
  flow_->Finish(probe.ticket, {.result = FlowResult::kAbandoned}, now_);
  EXPECT_TRUE(Try().ticket.is_probe);
}

TEST_F(FlowControlTest, ARefusalOpensUntilThereIsANewKey) {
  Start({});
  Send({.result = FlowResult::kRefusal, .words = "incorrect API key"});
  EXPECT_EQ(Try().kind, Kind::kOpen);
  EXPECT_TRUE(flow_->snapshot(now_).is_refused);
  EXPECT_EQ(Try().time, now_ + absl::Minutes(10));
  flow_->OnNewKey();
  EXPECT_EQ(Try().kind, Kind::kStart);
}

TEST_F(FlowControlTest, EndsAllThatTheProviderMadeWaitFor) {
  Start({});
  Send({.result = FlowResult::kSlowDown, .pause = absl::Seconds(90)});
  ASSERT_EQ(Try().wait, FlowWait::kPause);
  flow_->EndPause(now_);
  FlowOutcome spent;
  spent.headers.requests = {
      .limit = {}, .remaining = 0, .reset = absl::Hours(8)};
  Send(spent);
  ASSERT_EQ(Try().wait, FlowWait::kRate);
  flow_->EndPause(now_);
  Send({.result = FlowResult::kSlowDown, .pause = absl::Hours(1)});
  ASSERT_EQ(Try().kind, Kind::kOpen);
  flow_->EndPause(now_);
  // The probe hears the same again.
  const FlowDecision probe = Try();
  ASSERT_EQ(probe.kind, Kind::kStart);
  EXPECT_TRUE(probe.ticket.is_probe);
  flow_->EndPause(now_);
  EXPECT_EQ(Try().wait, FlowWait::kProbe);
  flow_->Finish(probe.ticket,
                {.result = FlowResult::kSlowDown, .pause = absl::Hours(1)},
                now_);
  const FlowDecision again = Try();
  EXPECT_EQ(again.kind, Kind::kOpen);
  EXPECT_EQ(again.time, now_ + absl::Hours(1));
}

TEST_F(FlowControlTest, HoldsRetriesBackWhenThereWereTooMany) {
  Start({});
  for (int i = 0; i < 10; ++i) {
    Send({}, kRetry);
  }
  const FlowDecision decision = Try(kRetry);
  EXPECT_EQ(decision.wait, FlowWait::kRetryBudget);
  EXPECT_EQ(decision.time, now_ + absl::Seconds(50));
  EXPECT_EQ(Try().kind, Kind::kStart) << "it is no retry";
}

TEST_F(FlowControlTest, NamesWhatIsWaitedFor) {
  std::vector<absl::string_view> names;
  for (const FlowWait wait :
       {FlowWait::kPlace, FlowWait::kTurn, FlowWait::kRate, FlowWait::kPause,
        FlowWait::kRetryBudget, FlowWait::kProbe}) {
    names.push_back(FlowWaitName(wait));
  }
  EXPECT_THAT(names, ElementsAre("place", "turn", "rate", "pause",
                                 "retry_budget", "probe"));
}

TEST_F(FlowControlTest, KnowsTheLimitsThatHeadersTell) {
  Start({});
  RateLimitHeaders headers;
  headers.requests.limit = 600;
  Send({.headers = headers});
  EXPECT_EQ(flow_->snapshot(now_).limits.requests_per_minute, 600);
  EXPECT_EQ(flow_->snapshot(now_).document_count, 0);
}

}  // namespace
}  // namespace copse
