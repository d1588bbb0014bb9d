// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A provider that fails: when the embedder tries again, how long it waits, and
// what it says when it gives up.

#include <algorithm>
#include <cstddef>
#include <latch>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedder.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using ::testing::Values;

using ProviderFailureTest = ScriptedProviderTest;

// ---- What passes ------------------------------------------------------------

class PassingStatusTest : public ScriptedProviderTest,
                          public ::testing::WithParamInterface<int> {};

TEST_P(PassingStatusTest, IsRetriedWithGrowingDelays) {
  Start(ThenRight({Error(GetParam(), "later"), Error(GetParam(), "later"),
                   Error(GetParam(), "later")}));
  ExpectVectors({"oak", "beech"});
  // Chance says one half of 500 ms, of 1 s and of 2 s.
  EXPECT_THAT(world_.sleeps(),
              ElementsAre(absl::Milliseconds(250), absl::Milliseconds(500),
                          absl::Seconds(1)));
  EXPECT_THAT(RequestSizes(), ElementsAre(2, 2, 2, 2));
}

TEST_P(PassingStatusTest, EndsTheCallAfterTheLastAttempt) {
  Start([](const ScriptedRequest& /*request*/) {
    return Error(GetParam(), "the oven is cold");
  });
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kUnavailable,
               Eq(absl::StrFormat("embedding provider %s answered %d: the oven "
                                  "is cold (6 attempts failed; embedding "
                                  "profile 'test')",
                                  server_->url(), GetParam()))));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_UNAVAILABLE");
  EXPECT_EQ(MetadataOf(status, "status"), absl::StrCat(GetParam()));
  EXPECT_EQ(MetadataOf(status, "origin"), server_->url());
  EXPECT_THAT(server_->requests(), SizeIs(6));
  EXPECT_EQ(statistics_.request_count, 6);
  EXPECT_EQ(statistics_.retry_count, 5);
}

INSTANTIATE_TEST_SUITE_P(All, PassingStatusTest,
                         Values(408, 409, 425, 429, 499, 500, 502, 503, 504,
                                520, 529));

TEST_F(ProviderFailureTest, TriesAsOftenAsTheCallSays) {
  Start([](const ScriptedRequest& /*request*/) { return Error(503, "busy"); });
  EmbedContext context;
  context.attempt_count_max = 2;
  EXPECT_THAT(
      EmbedStatus({"oak"}, context),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("2 attempts failed")));
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(ProviderFailureTest, AsksAProviderThatIsDownAboutFewBatches) {
  Start([](const ScriptedRequest& /*request*/) { return Error(500, "down"); });
  options_.batch_text_count_max = 1;
  EXPECT_THAT(EmbedStatus(Texts(100)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(server_->requests(), SizeIs(Le(12)));  // Two batches, six times.
}

TEST_F(ProviderFailureTest, NeverDelaysLongerThanTheSetting) {
  Start([](const ScriptedRequest& /*request*/) { return Error(503, "busy"); });
  options_.attempt_count_max = 12;
  world_.set_random(0.999);
  EXPECT_THAT(EmbedStatus({"oak"}), StatusIs(absl::StatusCode::kUnavailable));
  // Some of them until the next probe.
  EXPECT_THAT(world_.sleeps(), Each(Le(absl::Seconds(30))));
  EXPECT_THAT(server_->requests(), SizeIs(12));
}

TEST_F(ProviderFailureTest, RetriesAModelFaultOnce) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{
        .status = 424,
        .body = R"({"error":"no backend","error_type":"backend"})"};
  });
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("answered 424: no backend (check the "
                                         "setting model of")));
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(ProviderFailureTest, ObeysTheProviderAboutTryingAgain) {
  ScriptedReply no = Error(503, "maintenance");
  no.headers = {{"x-should-retry", "false"}};
  Start([no](const ScriptedRequest& /*request*/) { return no; });
  EXPECT_THAT(EmbedStatus({"oak"}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("answered 503: maintenance (it asks not to be "
                                 "tried again")));
  EXPECT_THAT(server_->requests(), SizeIs(1));

  embedder_.reset();
  ScriptedReply yes = Error(418, "teapot");
  yes.headers = {{"x-should-retry", "true"}};
  Start(ThenRight({yes}));
  ExpectVectors({"oak"});
}

// ---- How long it waits ------------------------------------------------------

struct WaitCase {
  std::string name;
  std::vector<std::pair<std::string, std::string>> headers;
  absl::Duration wait;  // Half of a tenth is added.
  std::string message = "slow down";
};

class RetryAfterTest : public ScriptedProviderTest,
                       public ::testing::WithParamInterface<WaitCase> {};

TEST_P(RetryAfterTest, IsWaitedFor) {
  for (const int code : {429, 503}) {
    ScriptedReply reply = Error(code, GetParam().message);
    reply.headers = GetParam().headers;
    embedder_.reset();
    Start(ThenRight({reply}));
    const absl::Time start = world_.now();
    ExpectVectors({"oak"});
    EXPECT_EQ(world_.now() - start, GetParam().wait * 1.05);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RetryAfterTest,
    Values(WaitCase{"Seconds", {{"Retry-After", "7"}}, absl::Seconds(7)},
           WaitCase{"Fraction", {{"retry-after", "1.5"}}, absl::Seconds(1.5)},
           WaitCase{"DateAgainstOurClock",
                    {{"Retry-After", "Sun, 01 Mar 2099 00:00:00 GMT"},
                     {"Date", "Sat, 28 Feb 2099 23:59:50 GMT"}},
                    absl::Seconds(10)},
           WaitCase{"PastDate",
                    {{"Retry-After", "Sun, 01 Mar 2020 12:00:09 GMT"}},
                    absl::ZeroDuration()},
           WaitCase{"Zero", {{"Retry-After", "0"}}, absl::ZeroDuration()},
           WaitCase{"Negative", {{"Retry-After", "-5"}}, absl::ZeroDuration()},
           WaitCase{"Milliseconds",
                    {{"retry-after-ms", "20"}},
                    absl::Milliseconds(20)},
           WaitCase{"MillisecondsBeforeSeconds",
                    {{"Retry-After", "9"}, {"retry-after-ms", "20.5"}},
                    absl::Microseconds(20500)},
           WaitCase{"NotANumber",
                    {{"Retry-After", "NaN"}},
                    absl::Milliseconds(250) / 1.05},
           WaitCase{"Infinite",
                    {{"Retry-After", "inf"}},
                    absl::Milliseconds(250) / 1.05},
           WaitCase{"Nonsense",
                    {{"Retry-After", "soon"}},
                    absl::Milliseconds(250) / 1.05},
           WaitCase{"InTheMessage",
                    {},
                    absl::Milliseconds(1200),
                    "Rate limit reached. Please try again in 1.2s. See docs."},
           WaitCase{"InTheMessageOfAzure",
                    {},
                    absl::Seconds(12),
                    "Please retry after 12 seconds."},
           WaitCase{"ResetOfAnEmptyBucket",
                    {{"x-ratelimit-remaining-tokens", "0"},
                     {"x-ratelimit-reset-tokens", "1m30s"},
                     {"x-ratelimit-remaining-requests", "5"},
                     {"x-ratelimit-reset-requests", "2m"}},
                    absl::Seconds(90)}),
    [](const auto& test) { return test.param.name; });

TEST_F(ProviderFailureTest, ReadsADateWithOurClockWhereTheReplyHasNone) {
  const absl::Time when = world_.now() + absl::Seconds(9);
  ScriptedReply reply = Error(429, "slow down");
  reply.headers = {
      {"Retry-After", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", when,
                                       absl::UTCTimeZone())}};
  Start(ThenRight({reply}));
  ExpectVectors({"oak"});
  EXPECT_THAT(world_.sleeps(), ElementsAre(absl::Seconds(9.45)));
}

TEST_F(ProviderFailureTest, DoesNotBelieveNowTwice) {
  ScriptedReply reply = Error(429, "slow down");
  reply.headers = {{"Retry-After", "0"}};
  Start(ThenRight({reply, reply}));
  ExpectVectors({"oak"});
  EXPECT_EQ(world_.now() - world_.StartTime(), absl::Milliseconds(500));
}

TEST_F(ProviderFailureTest, DoesNotHoldTheCallerUpForMinutes) {
  ScriptedReply reply = Error(429, "come back tomorrow");
  reply.headers = {{"Retry-After", "121"}};
  Start([reply](const ScriptedRequest& /*request*/) { return reply; });
  const absl::Status status = EmbedStatus({"oak"});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("answered 429: come back tomorrow (it "
                                         "asks to wait 2m1s, expected at most "
                                         "2m")));
  EXPECT_THAT(world_.sleeps(), IsEmpty());
}

TEST_F(ProviderFailureTest, DoesNotWaitBeyondTheDeadline) {
  ScriptedReply reply = Error(429, "slow down");
  reply.headers = {{"Retry-After", "60"}};
  Start([reply](const ScriptedRequest& /*request*/) { return reply; });
  EmbedContext context;
  context.deadline = world_.now() + absl::Seconds(30);
  const absl::Status status = EmbedStatus({"oak"}, context);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("the deadline leaves no time to try again")));
  EXPECT_THAT(world_.sleeps(), IsEmpty());
}

TEST_F(ProviderFailureTest, EndsWithTheDeadline) {
  Start(RightReply);
  EmbedContext context;
  context.deadline = world_.now();
  const absl::Status status = EmbedStatus({"oak"}, context);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_DEADLINE_EXCEEDED");
  EXPECT_THAT(server_->requests(), IsEmpty());
}

TEST_F(ProviderFailureTest, KeepsTheOtherDocumentsWaitingToo) {
  ScriptedReply reply = Error(429, "slow down");
  reply.headers = {{"Retry-After", "10"}};
  Start(ThenRight({reply}));
  options_.concurrency_max = 1;
  options_.batch_text_count_max = 1;
  ExpectVectors({"oak", "beech"});
  // One pause for both batches, not one request into the overload.
  EXPECT_THAT(world_.sleeps(), SizeIs(Le(2)));
  EXPECT_EQ(world_.now() - world_.StartTime(), absl::Seconds(10.5));
}

// ---- What does not pass -----------------------------------------------------

struct RefusalCase {
  std::string name;
  int status;
  std::string body;
  std::string setting;
  std::string message;
};

class RefusalTest : public ScriptedProviderTest,
                    public ::testing::WithParamInterface<RefusalCase> {};

TEST_P(RefusalTest, EndsTheCallAtOnceAndNamesTheSetting) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.status = GetParam().status, .body = GetParam().body};
  });
  const absl::Status status = EmbedStatus({"oak", "beech"});
  const bool is_unpaid = GetParam().status == 402 || GetParam().status == 429;
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               Eq(absl::StrFormat(
                   "embedding provider %s answered %d%s (check %sthe setting "
                   "%s of embedding profile 'test')",
                   server_->url(), GetParam().status, GetParam().message,
                   is_unpaid ? "credit and limits of the account, or " : "",
                   GetParam().setting))));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_REFUSED");
  EXPECT_EQ(MetadataOf(status, "setting"), GetParam().setting);
  EXPECT_EQ(MetadataOf(status, "status"), absl::StrCat(GetParam().status));
  EXPECT_THAT(server_->requests(), SizeIs(1));
  EXPECT_THAT(world_.sleeps(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusalTest,
    Values(RefusalCase{"WrongKey", 401,
                       R"({"error":{"message":"incorrect API key provided"}})",
                       "api_key_env", ": incorrect API key provided"},
           RefusalCase{"EmptyBody", 401, "", "api_key_env", ""},
           RefusalCase{"Region", 403, R"({"error":{"message":"region"}})",
                       "api_key_env", ": region"},
           RefusalCase{"Unpaid", 402, R"({"message":"pay","id":"7"})",
                       "api_key_env", ": pay"},
           RefusalCase{"BlockedToken", 498, R"({"message":"blocked"})",
                       "api_key_env", ": blocked"},
           RefusalCase{"WrongPath", 404, "Not Found", "url", ": Not Found"},
           RefusalCase{"UnknownModel", 404,
                       R"({"error":{"message":"The model mini does not exist",)"
                       R"("code":"model_not_found"}})",
                       "model", ": The model mini does not exist"},
           RefusalCase{"NoQuota", 429,
                       R"({"error":{"message":"You exceeded your quota",)"
                       R"("type":"insufficient_quota","code":null}})",
                       "api_key_env", ": You exceeded your quota"},
           RefusalCase{"SpendLimit", 429,
                       R"({"error":{"message":"limit",)"
                       R"("code":"organization_spend_limit_exceeded"}})",
                       "api_key_env", ": limit"},
           RefusalCase{"UnknownField", 400,
                       R"({"object":"error","message":"bad field","code":1})",
                       "url", ": bad field"},
           RefusalCase{"Detail", 422,
                       R"({"detail":[{"loc":["body","model"],)"
                       R"("msg":"model is required","type":"missing"}]})",
                       "model", ": model is required"},
           RefusalCase{"DetailText", 400, R"({"detail":"go away"})", "url",
                       ": go away"},
           RefusalCase{"MediaType", 415, "what?", "url", ": what?"},
           RefusalCase{"NotBuiltIn", 501,
                       R"({"error":{"message":"start with )"
                       R"(--embeddings"}})",
                       "url", ": start with --embeddings"},
           RefusalCase{"Dimensions", 400,
                       R"({"error":{"message":"dimensions is not supported"}})",
                       "dimension", ": dimensions is not supported"},
           RefusalCase{"HtmlPage", 403, "<html>no</html>", "api_key_env", ""}),
    [](const auto& test) { return test.param.name; });

TEST_F(ProviderFailureTest, KeepsWhatIsOnItsWayWhenTheCallEnds) {
  auto latch = std::make_shared<std::latch>(2);
  Start([&](const ScriptedRequest& request) {
    if (InputOf(request).front() == "poison") {
      return Error(429, "no money", "insufficient_quota");
    }
    ScriptedReply reply = RightReply(request);
    reply.latch = latch;
    return reply;
  });
  options_.batch_text_count_max = 1;
  std::vector<size_t> kept;
  EmbedContext context;
  context.on_vector = [&](size_t index, std::span<const float> /*vector*/) {
    kept.push_back(index);
  };
  // The vector of the oak comes after the refusal was read.
  bool is_released = false;
  context.cancelled = [&] {
    if (!is_released && !world_.events().empty()) {
      latch->count_down();
      is_released = true;
    }
    return false;
  };
  EXPECT_THAT(EmbedStatus({"oak", "poison", "beech"}, context),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("answered 429: no money")));
  EXPECT_THAT(kept, ElementsAre(0));
  EXPECT_THAT(server_->requests(), SizeIs(2));  // Nothing is begun any more.
  if (!is_released) {
    latch->count_down();
  }
}

TEST_F(ProviderFailureTest, DoesNotFollowRedirects) {
  ScriptedHttpServer elsewhere(RightReply);
  for (const int code : {301, 302, 303, 307, 308}) {
    embedder_.reset();
    Start([&](const ScriptedRequest& /*request*/) {
      return ScriptedReply{
          .status = code,
          .headers = {{"Location", elsewhere.url("/v1/embeddings")}}};
    });
    const absl::Status status = EmbedStatus({"oak"});
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr(absl::StrCat("answered ", code))));
    EXPECT_EQ(MetadataOf(status, "setting"), "url");
  }
  EXPECT_THAT(elsewhere.requests(), IsEmpty());
  EXPECT_EQ(elsewhere.connection_count(), 0);
}

// ---- Too large, and texts to blame ------------------------------------------

struct BlameCase {
  std::string name;
  int status;
  std::string body;
};

std::vector<BlameCase> TooLargeCases() {
  return {
      {"OpenAi", 400,
       R"({"error":{"message":"too much","code":"max_tokens_per_request"}})"},
      {"Mistral", 400,
       R"({"object":"error","message":"Too many inputs","code":"3210"})"},
      {"MistralNumber", 400, R"({"message":"split it","code":3210})"},
      {"Cohere", 400,
       R"({"message":"total number of texts must be at most 96"})"},
      {"Voyage", 400,
       R"({"detail":"max allowed tokens per submitted batch is 120000"})"},
      {"Gemini", 400,
       R"({"error":{"message":"at most 100 requests can be in one batch"}})"},
      {"Tei", 422,
       R"({"error":"batch size 9 > maximum allowed batch size 4",)"
       R"("error_type":"Validation"})"},
      {"BodyLimit", 413, "length limit exceeded"},
      {"Replay", 400,
       R"({"error":{"message":"at most 4 inputs per request"}})"},
  };
}

class TooLargeTest : public ScriptedProviderTest,
                     public ::testing::WithParamInterface<BlameCase> {};

TEST_P(TooLargeTest, IsHalvedWithoutDelayAndRemembered) {
  Start([](const ScriptedRequest& request) {
    return InputOf(request).size() > 4
               ? ScriptedReply{.status = GetParam().status,
                               .body = GetParam().body}
               : RightReply(request);
  });
  options_.concurrency_max = 1;
  ExpectVectors(Texts(16));
  EXPECT_THAT(world_.sleeps(), IsEmpty());
  EXPECT_THAT(server_->requests(), SizeIs(Le(10)));

  // The next call keeps to the limit from the start.
  const size_t before = server_->requests().size();
  ExpectVectors(std::vector<std::string>(16, "same size"));
  const std::vector<size_t> sizes = RequestSizes();
  EXPECT_THAT(std::vector<size_t>(
                  sizes.begin() + static_cast<ptrdiff_t>(before), sizes.end()),
              Each(Le(4)));
}

TEST_P(TooLargeTest, RefusesATextThatIsTooLargeAlone) {
  Start([](const ScriptedRequest& /*request*/) {
    return ScriptedReply{.status = GetParam().status, .body = GetParam().body};
  });
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed({"oak"}));
  EXPECT_THAT(outcomes[0],
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat(server_->url(), " answered ",
                                              GetParam().status))));
  EXPECT_EQ(ReasonName(outcomes[0].status()), "EMBEDDING_TEXT_REFUSED");
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(All, TooLargeTest,
                         ::testing::ValuesIn(TooLargeCases()),
                         [](const auto& test) { return test.param.name; });

std::vector<BlameCase> BadTextCases() {
  return {
      {"OpenAi", 400,
       R"({"error":{"message":"This model's maximum context length is 8192 )"
       R"(tokens","type":"invalid_request_error","code":null}})"},
      {"Cohere", 400, R"({"message":"too many tokens: 9 > 8"})"},
      {"Tei", 422, R"({"error":"`inputs` must have less than 512 tokens"})"},
      {"Ollama", 400,
       R"({"error":"the input length exceeds the context length"})"},
      {"OllamaNaN", 400, R"({"error":"embedding contains NaN or Inf values"})"},
      {"OllamaOldNaN", 500, R"({"error":"json: unsupported value: NaN"})"},
      {"LlamaCpp", 500,
       R"({"error":{"message":"input is too large to process. increase the )"
       R"(physical batch size","code":500}})"},
      {"LlamaCppContext", 400,
       R"({"error":{"message":"n","type":"exceed_context_size_error"}})"},
      {"AzureFilter", 400,
       R"({"error":{"message":"n","code":"content_filter"}})"},
      {"Param", 400,
       R"({"error":{"message":"invalid","param":"input[2]","code":null}})"},
      {"Detail", 422, R"({"detail":[{"loc":["body","input",2],"msg":"bad"}]})"},
  };
}

class BadTextTest : public ScriptedProviderTest,
                    public ::testing::WithParamInterface<BlameCase> {};

TEST_P(BadTextTest, IsIsolatedAndTheOthersAreKept) {
  Start([](const ScriptedRequest& request) {
    const std::vector<std::string> input = InputOf(request);
    return std::ranges::count(input, "poison") != 0
               ? ScriptedReply{.status = GetParam().status,
                               .body = GetParam().body}
               : RightReply(request);
  });
  std::vector<std::string> texts = Texts(31);
  texts.insert(texts.begin() + 13, "poison");
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed(texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i == 13) {
      EXPECT_THAT(outcomes[i], StatusIs(absl::StatusCode::kInvalidArgument));
      EXPECT_EQ(ReasonName(outcomes[i].status()), "EMBEDDING_TEXT_REFUSED");
    } else {
      EXPECT_THAT(outcomes[i], IsOk()) << i;
    }
  }
  EXPECT_THAT(server_->requests(), SizeIs(1 + 2 * 5));  // 2 log2(32) more.
  EXPECT_THAT(world_.sleeps(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, BadTextTest, ::testing::ValuesIn(BadTextCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace copse
