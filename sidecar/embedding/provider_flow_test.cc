// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the calls of one embedder owe each other: limits that they keep to
// together, and a provider that is left alone by all of them.

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <latch>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/provider_embedder.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ProviderFlowTest : public ScriptedProviderTest {
 protected:
  absl::Duration SleepSum() const {
    const std::vector<absl::Duration> sleeps = world_.sleeps();
    return std::accumulate(sleeps.begin(), sleeps.end(), absl::ZeroDuration());
  }

  // Makes the breaker open, by a provider that fails.
  void FailUntilOpen() {
    EmbedContext context;
    context.attempt_count_max = 1;
    for (int i = 0; i < 5; ++i) {
      ASSERT_THAT(EmbedStatus({"oak"}, context), Not(IsOk()));
    }
    ASSERT_TRUE(world_.is_open());
  }
};

ScriptedHttpServer::Handler AlwaysDown() {
  return [](const ScriptedRequest& /*request*/) {
    return Error(500, "the oven is cold");
  };
}

TEST_F(ProviderFlowTest, KeepsToTheRequestsOfAMinute) {
  Start(ThenRight({}));
  options_.requests_per_minute = 60;
  options_.batch_text_count_max = 1;
  ExpectVectors(Texts(31));
  // One is there at the start and 0.05 are saved, the others come at 0.95/s.
  EXPECT_THAT(absl::ToDoubleSeconds(SleepSum()), AllOf(Ge(31.5), Le(31.6)));
  EXPECT_THAT(world_.events(), Contains(StartsWith("wait test rate")));
}

TEST_F(ProviderFlowTest, MakesRequestsSmallEnoughForTheTokensOfAMinute) {
  Start(ThenRight({}));
  options_.tokens_per_minute = 300;                     // Ten in two seconds.
  ExpectVectors(std::vector<std::string>(20, "four"));  // Two tokens each.
  EXPECT_THAT(RequestSizes(), Each(Le(5)));
}

TEST_F(ProviderFlowTest, PaysWhatTheProviderCounts) {
  // Three tokens for each text, as the scripted provider has it.
  Start(ThenRight({}));
  options_.tokens_per_minute = 60;
  options_.batch_text_count_max = 1;
  ExpectVectors(std::vector<std::string>(11, "a"));  // Estimated as one.
  EXPECT_THAT(absl::ToDoubleSeconds(SleepSum()), AllOf(Ge(30.0), Le(34.0)));
}

TEST_F(ProviderFlowTest, TakesTheLimitsFromHeaders) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.headers = {{"x-ratelimit-limit-requests", "60"},
                     {"x-ratelimit-remaining-requests", "30"},
                     {"x-ratelimit-reset-requests", "30s"}};
    return reply;
  });
  options_.batch_text_count_max = 1;
  options_.concurrency_max = 1;
  ExpectVectors(Texts(11));
  EXPECT_THAT(absl::ToDoubleSeconds(SleepSum()), AllOf(Ge(8.0), Le(11.0)))
      << "nobody waits for the reset while something remains";
}

TEST_F(ProviderFlowTest, WaitsForTheResetWhenNothingRemains) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.headers = {{"x-ratelimit-remaining-tokens", "0"},
                     {"x-ratelimit-reset-tokens", "17s"}};
    return reply;
  });
  options_.batch_text_count_max = 1;
  options_.concurrency_max = 1;
  ExpectVectors(Texts(3));
  EXPECT_THAT(world_.sleeps(),
              ElementsAre(absl::Seconds(17), absl::Seconds(17)));
}

TEST_F(ProviderFlowTest, EndsACallThatWouldHaveToWaitForMinutes) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.headers = {{"x-ratelimit-remaining-requests", "0"},
                     {"x-ratelimit-reset-requests", "8h"}};
    return reply;
  });
  ExpectVectors({"oak"});
  const absl::Status status = EmbedStatus({"beech"});
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       Eq(absl::StrCat(
                           "embedding provider ", server_->url(),
                           " cannot be asked before 2026-03-01T20:00:00Z "
                           "(waiting for rate; embedding profile 'test')"))));
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T20:00:00Z");
  EXPECT_THAT(world_.sleeps(), SizeIs(0));
}

TEST_F(ProviderFlowTest, NamesTheTimeOfALongRetryAfterToAllCalls) {
  Start(ThenRight({{.status = 429,
                    .headers = {{"Retry-After", "1800"}},
                    .body = "quota of the hour"}}));
  absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("to wait 30m, expected at most 2m")));
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T12:30:00Z");
  status = EmbedStatus({"beech"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("quota of the hour (not asked again "
                                         "before 2026-03-01T12:30:00Z")));
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T12:30:00Z");
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

TEST_F(ProviderFlowTest, AsksAtOnceWhenThePauseIsEnded) {
  const ScriptedReply wait = {.status = 429,
                              .headers = {{"Retry-After", "1800"}},
                              .body = "quota of the hour"};
  Start(ThenRight({wait, wait}));
  EXPECT_THAT(EmbedStatus({"oak"}), StatusIs(absl::StatusCode::kUnavailable));
  embedder().EndPause();
  absl::Status status = EmbedStatus({"oak", "beech"});
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T12:30:00Z");
  EXPECT_THAT(EmbedStatus({"oak"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(RequestSizes(), ElementsAre(1, 1)) << "one text, once";
  embedder().EndPause();
  ExpectVectors({"oak", "beech"});
}

TEST_F(ProviderFlowTest, LeavesAProviderAloneThatFails) {
  Start(AlwaysDown());
  FailUntilOpen();
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kUnavailable,
               Eq(absl::StrCat("embedding provider ", server_->url(),
                               " answered 500: the oven is cold (not asked "
                               "again before 2026-03-01T12:00:08Z; embedding "
                               "profile 'test')"))));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_UNAVAILABLE");
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T12:00:08Z");
  EXPECT_THAT(Embed({"oak"}, {}, EmbeddingRole::kQuery),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(server_->requests(), SizeIs(5));
  EXPECT_THAT(world_.sleeps(), SizeIs(0));
}

TEST_F(ProviderFlowTest, AsksAgainWithOneText) {
  Start(ThenRight(std::vector<ScriptedReply>(5, Error(500, "down"))));
  FailUntilOpen();
  world_.environment().sleep(absl::Seconds(8), nullptr);
  ExpectVectors({"oak", "beech", "elm"});
  EXPECT_THAT(RequestSizes(), ElementsAre(1, 1, 1, 1, 1, 1, 2));
  EXPECT_FALSE(world_.is_open());
}

TEST_F(ProviderFlowTest, ACallThatHasBegunWaitsForTheProbe) {
  Start(ThenRight(std::vector<ScriptedReply>(5, Error(500, "down"))));
  ExpectVectors({"oak", "beech", "elm"});
  EXPECT_THAT(RequestSizes(), ElementsAre(3, 3, 3, 3, 3, 1, 2));
}

TEST_F(ProviderFlowTest, ARefusalIsNotRepeatedForTenMinutes) {
  Start([](const ScriptedRequest& /*request*/) {
    return Error(401, "incorrect API key");
  });
  const absl::Status first = EmbedStatus({"oak"});
  ASSERT_THAT(first, StatusIs(absl::StatusCode::kFailedPrecondition));
  const absl::Status status = EmbedStatus({"beech"});
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               Eq(absl::StrCat(first.message(),
                               "; not asked again before 2026-03-01T12:10:00Z "
                               "or a restart"))));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_REFUSED");
  EXPECT_EQ(MetadataOf(status, "setting"), "api_key_env");
  EXPECT_EQ(MetadataOf(status, "status"), "401");
  EXPECT_EQ(MetadataOf(status, "retry_time"), "2026-03-01T12:10:00Z");
  EXPECT_THAT(server_->requests(), SizeIs(1));
  world_.environment().sleep(absl::Minutes(10), nullptr);
  EXPECT_THAT(EmbedStatus({"elm", "ash"}), StatusIs(first.code()));
  EXPECT_THAT(RequestSizes(), ElementsAre(1, 1)) << "one text is enough";
}

TEST_F(ProviderFlowTest, ANewKeyInTheFileEndsARefusal) {
  Start([](const ScriptedRequest& request) {
    return request.headers.at("authorization") == "Bearer new-key"
               ? RightReply(request)
               : Error(401, "incorrect API key");
  });
  const std::string path = absl::StrCat(::testing::TempDir(), "/flow_key");
  std::ofstream(path) << "old-key";
  options_.api_key_env = "";
  options_.api_key_file = path;
  EXPECT_THAT(EmbedStatus({"oak"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  std::ofstream(path) << "new-key";
  ExpectVectors({"oak", "beech"});
}

// Each of the two requests that are in flight hears that the old key is wrong.
TEST_F(ProviderFlowTest, ANewKeyServesAllThatWereSentWithTheOldOne) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/rotated_key");
  std::ofstream(path) << "old-key";
  const auto latch = std::make_shared<std::latch>(2);
  Start([&](const ScriptedRequest& request) {
    if (request.headers.at("authorization") == "Bearer new-key") {
      return RightReply(request);
    }
    std::ofstream(path) << "new-key";
    ScriptedReply refusal = Error(401, "incorrect API key");
    refusal.latch = latch;
    return refusal;
  });
  options_.api_key_env = "";
  options_.api_key_file = path;
  options_.batch_text_count_max = 1;
  ExpectVectors({"oak", "beech", "elm"});
  EXPECT_THAT(server_->requests(), SizeIs(5));
}

TEST_F(ProviderFlowTest, WhatIsWrongWithOneRequestConcernsNoOther) {
  Start(ThenRight({Error(400, "unknown field"), Error(404, "no such model")}));
  EXPECT_THAT(EmbedStatus({"oak"}), Not(IsOk()));
  EXPECT_THAT(EmbedStatus({"oak"}), Not(IsOk()));
  ExpectVectors({"oak"});
}

TEST_F(ProviderFlowTest, BoundsTheRetriesOfAllCallsTogether) {
  // Each first attempt meets a rate limit, which is no failure to open for.
  Start([next = 0](const ScriptedRequest& request) mutable {
    return next++ % 2 == 0 ? Error(429, "slow down") : RightReply(request);
  });
  const absl::Time start = world_.now();
  for (int i = 0; i < 30; ++i) {
    ExpectVectors({absl::StrCat("text ", i)});
  }
  // 30 retries, where a minute has room for 10 and a fifth of the first
  // attempts.
  EXPECT_GE(world_.now() - start, absl::Minutes(1));
  EXPECT_THAT(world_.events(), Contains(StartsWith("wait test retry_budget")));
}

TEST_F(ProviderFlowTest, AQueryDoesNotWaitForTheRetriesOfOthers) {
  Start([next = 0](const ScriptedRequest& request) mutable {
    return next++ % 2 == 0 ? Error(429, "slow down") : RightReply(request);
  });
  for (int i = 0; i < 12; ++i) {
    ExpectVectors({absl::StrCat("text ", i)});
  }
  EXPECT_THAT(Embed({"oak"}, {}, EmbeddingRole::kQuery),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("waiting for retry_budget")));
}

TEST_F(ProviderFlowTest, SendsLessAtOnceToAProviderThatIsSlow) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.is_hanging = InputOf(request).size() > 4;
    return reply;
  });
  options_.request_timeout = absl::Milliseconds(200);
  options_.concurrency_max = 1;
  ExpectVectors(Texts(8));
  ExpectVectors(Texts(8));
  EXPECT_THAT(RequestSizes(), ElementsAre(8, 4, 4, 4, 4));
}

// Real time, and two threads.
TEST_F(ProviderFlowTest, TwoCallsShareOneBudget) {
  Start(ThenRight({}));
  options_.requests_per_minute = 6000;
  options_.batch_text_count_max = 1;
  options_.concurrency_max = 8;
  EmbedderEnvironment environment;
  environment.environment_variable = [](const std::string& /*name*/) {
    return std::string(kKey);
  };
  embedder_ = MakeProviderEmbedder(options_, environment).value();
  const absl::Time start = absl::Now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([this] {
        const std::vector<std::string> texts = Texts(50);
        const std::vector<absl::string_view> views(texts.begin(), texts.end());
        EXPECT_THAT(embedder_->Embed(views, EmbeddingRole::kDocument, {}),
                    IsOk());
      });
    }
  }
  // 99 of them at 95 a second, less what is saved.
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(950));
  EXPECT_THAT(server_->requests(), SizeIs(100));
}

}  // namespace
}  // namespace copse
