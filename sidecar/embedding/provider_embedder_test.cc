// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a provider may do, and what becomes of it. The provider is a server on
// the loopback address; the clock is not real, so nothing waits.

#include "sidecar/embedding/provider_embedder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sidecar/embedding/embedder.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;
using ::testing::Pointwise;
using ::testing::SizeIs;

using ProviderEmbedderTest = ScriptedProviderTest;

// ---- Requests ---------------------------------------------------------------

TEST_F(ProviderEmbedderTest, SendsWhatTheApiAsksFor) {
  Start(RightReply);
  ExpectVectors({"oak \"tree\"\n\x01", "beech \\ \xC3\xA9"});
  const std::vector<ScriptedRequest> requests = server_->requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].path, "/v1/embeddings");
  EXPECT_THAT(
      requests[0].headers,
      AllOf(Contains(Pair("authorization", absl::StrCat("Bearer ", kKey))),
            Contains(Pair("content-type", "application/json")),
            Contains(Pair("accept", "application/json")),
            Not(Contains(Pair("expect", ::testing::_)))));
  EXPECT_EQ(
      nlohmann::json::parse(requests[0].body),
      nlohmann::json({{"model", "mini"},
                      {"input", {"oak \"tree\"\n\x01", "beech \\ \xC3\xA9"}},
                      {"encoding_format", "base64"}}));
}

TEST_F(ProviderEmbedderTest, SendsNoKeyWhenNoneIsConfigured) {
  Start(RightReply);
  options_.api_key_env.clear();
  ExpectVectors({"oak"});
  EXPECT_THAT(server_->requests()[0].headers,
              Not(Contains(Pair("authorization", ::testing::_))));
}

TEST_F(ProviderEmbedderTest, SendsDimensionsOnlyWhenAsked) {
  Start(RightReply);
  options_.send_dimensions = true;
  ExpectVectors({"oak"});
  EXPECT_EQ(nlohmann::json::parse(server_->requests()[0].body)["dimensions"],
            kDimension);
}

TEST_F(ProviderEmbedderTest, UnderstandsArraysWhereBase64WasAskedFor) {
  Start([](const ScriptedRequest& request) {
    return Ok(VectorsFor(InputOf(request), /*is_base64=*/false));
  });
  ExpectVectors({"oak", "beech"});
}

TEST_F(ProviderEmbedderTest, AsksForNumbersOfServersWithoutBase64) {
  Start([](const ScriptedRequest& request) {
    const nlohmann::json body = nlohmann::json::parse(request.body);
    return body["encoding_format"] == "base64"
               ? Error(400, "encoding_format 'base64' is not supported")
               : RightReply(request);
  });
  ExpectVectors({"oak"});
  ExpectVectors({"beech"});
  EXPECT_THAT(server_->requests(), SizeIs(3));
}

TEST_F(ProviderEmbedderTest, PutsThePrefixOfTheRoleBeforeEachText) {
  Start(RightReply);
  options_.model = "nomic-embed-text-v1.5";
  COPSE_ASSERT_OK_AND_ASSIGN(const auto documents, Embed({"oak"}));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto queries,
                             Embed({"oak"}, {}, EmbeddingRole::kQuery));
  const std::vector<ScriptedRequest> requests = server_->requests();
  EXPECT_THAT(InputOf(requests[0]), ElementsAre("search_document: oak"));
  EXPECT_THAT(InputOf(requests[1]), ElementsAre("search_query: oak"));
}

TEST_F(ProviderEmbedderTest, MakesBatchesByNumber) {
  Start(RightReply);
  options_.batch_text_count_max = 4;
  ExpectVectors(Texts(10));
  std::vector<size_t> sizes = RequestSizes();
  std::ranges::sort(sizes);
  EXPECT_THAT(sizes, ElementsAre(2, 4, 4));
}

TEST_F(ProviderEmbedderTest, MakesBatchesBySize) {
  Start(RightReply);
  options_.batch_size_bytes_max = 1024;
  ExpectVectors({std::string(600, 'a'), std::string(500, 'b'),
                 std::string(400, 'c'), std::string(5000, 'd')});
  std::vector<size_t> sizes = RequestSizes();
  std::ranges::sort(sizes);
  EXPECT_THAT(sizes, ElementsAre(1, 1, 2));
}

TEST_F(ProviderEmbedderTest, MakesBatchesByTokens) {
  Start(RightReply);
  options_.batch_token_count_max = 1000;  // Filled to 800; a text is 270.
  ExpectVectors(std::vector<std::string>(5, std::string(600, 'a')));
  std::vector<size_t> sizes = RequestSizes();
  std::ranges::sort(sizes);
  EXPECT_THAT(sizes, ElementsAre(1, 2, 2));
}

TEST_F(ProviderEmbedderTest, FillsRequestsByTheCountsOfTheProvider) {
  Start(RightReply);
  options_.batch_token_count_max = 100;
  ExpectVectors({"x"});  // Estimated at 0.45 tokens, and it is 3.
  ExpectVectors(std::vector<std::string>(60, "x"));
  std::vector<size_t> sizes = RequestSizes();
  std::ranges::sort(sizes);
  EXPECT_THAT(sizes, ElementsAre(1, 8, 26, 26));
}

TEST_F(ProviderEmbedderTest, SendsATextThatIsProbablyTooLongAlone) {
  Start([](const ScriptedRequest& request) {
    for (const std::string& text : InputOf(request)) {
      if (text.size() > 500) {
        return Error(400, "maximum context length is 100 tokens");
      }
    }
    return RightReply(request);
  });
  options_.tokens_per_text_max = 100U;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto outcomes,
      Embed({"oak", std::string(1000, 'a'), "fir", "elm"}));
  EXPECT_THAT(outcomes[0], IsOk());
  EXPECT_EQ(ReasonName(outcomes[1].status()), "EMBEDDING_TEXT_REFUSED");
  EXPECT_THAT(outcomes[2], IsOk());
  EXPECT_THAT(outcomes[3], IsOk());
  EXPECT_THAT(server_->requests(), SizeIs(3));  // Nothing had to be halved.
}

TEST_F(ProviderEmbedderTest, HasSeveralRequestsInFlight) {
  auto latch = std::make_shared<std::latch>(2);
  auto count = std::make_shared<int>(0);
  Start([latch, count](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    if (++*count <= 2) {
      reply.latch = latch;  // Neither is answered before both have come.
    }
    return reply;
  });
  options_.batch_text_count_max = 1;
  ExpectVectors(Texts(6));
}

TEST_F(ProviderEmbedderTest, ReusesItsConnections) {
  Start(RightReply);
  for (int i = 0; i < 5; ++i) {
    ExpectVectors({"oak"});
  }
  EXPECT_EQ(server_->connection_count(), 1);
}

TEST_F(ProviderEmbedderTest, CountsWhatACallCost) {
  Start(ThenRight({Error(503, "busy")}));
  int64_t progress = 0;
  std::vector<size_t> told;
  EmbedContext context;
  context.progress = [&](int64_t done_count) {
    EXPECT_GE(done_count, progress);
    progress = done_count;
  };
  context.on_vector = [&](size_t index, std::span<const float> vector) {
    EXPECT_THAT(vector, SizeIs(kDimension));
    told.push_back(index);
  };
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes,
                             Embed({"oak", " ", "beech"}, context));
  EXPECT_EQ(statistics_.request_count, 2);
  EXPECT_EQ(statistics_.retry_count, 1);
  EXPECT_EQ(statistics_.token_count, 6);
  EXPECT_EQ(progress, 3);
  EXPECT_THAT(told, ElementsAre(0, 2));
  EXPECT_THAT(world_.events(),
              ElementsAre("retry test 250ms",
                          "request test 503 attempt 1 texts 2 tokens 0 failure "
                          "busy",
                          "request test 200 attempt 2 texts 2 tokens 6"));
}

TEST_F(ProviderEmbedderTest, TellsTheObserverTheRequestIdOfTheProvider) {
  Start([](const ScriptedRequest& request) {
    ScriptedReply reply = RightReply(request);
    reply.headers = {{"X-Request-ID", "req-7"}};
    return reply;
  });
  ExpectVectors({"oak"});
  EXPECT_THAT(world_.events(),
              ElementsAre("request test 200 attempt 1 texts 1 tokens 3 id "
                          "req-7"));
}

TEST_F(ProviderEmbedderTest, NeverSendsEmptyOrInvalidTexts) {
  Start(RightReply);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes,
                             Embed({"", " \n\t\xE3\x80\x80", "oak",
                                    "be\xFF"
                                    "ech"}));
  EXPECT_THAT(outcomes[0], StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("text of 0 bytes is empty")));
  EXPECT_EQ(ReasonName(outcomes[0].status()), "EMBEDDING_TEXT_EMPTY");
  EXPECT_EQ(ReasonName(outcomes[1].status()), "EMBEDDING_TEXT_EMPTY");
  EXPECT_THAT(outcomes[2], IsOk());
  EXPECT_THAT(outcomes[3],
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("text is not UTF-8 at byte 2, expected valid "
                          "UTF-8")));
  EXPECT_EQ(ReasonName(outcomes[3].status()), "EMBEDDING_TEXT_INVALID");
  EXPECT_THAT(RequestSizes(), ElementsAre(1));
}

TEST_F(ProviderEmbedderTest, AsksNothingForNoTexts) {
  Start(RightReply);
  EXPECT_THAT(Embed({}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

TEST_F(ProviderEmbedderTest, LeavesTheLengthOfVectorsAloneWhenTold) {
  Start(RightReply);
  options_.normalize = false;
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed({"oak"}));
  EXPECT_THAT(*outcomes[0], Pointwise(Eq(), RawVector("oak")));
}

// ---- Replies that look right and are not ------------------------------------

TEST_F(ProviderEmbedderTest, PairsVectorsWithTextsByIndex) {
  Start([](const ScriptedRequest& request) {
    nlohmann::json answer = RightAnswer(request);
    std::reverse(answer["data"].begin(), answer["data"].end());
    return Ok(answer);
  });
  ExpectVectors({"a", "bb", "ccc"});
}

TEST_F(ProviderEmbedderTest, TakesTheOrderOfTheTextsWhereNoIndexIsGiven) {
  Start([](const ScriptedRequest& request) {
    nlohmann::json answer = RightAnswer(request);
    for (nlohmann::json& item : answer["data"]) {
      item.erase("index");
    }
    return Ok(answer);
  });
  ExpectVectors({"a", "bb", "ccc"});
}

TEST_F(ProviderEmbedderTest, TakesAnyIndexForASingleText) {
  Start([](const ScriptedRequest& request) {
    nlohmann::json answer = RightAnswer(request);
    answer["data"][0]["index"] = 7;
    return Ok(answer);
  });
  ExpectVectors({"oak"});
}

// A reply to three texts that is wrong once is asked for again; wrong twice, it
// ends the call with a message that contains `message`.
struct WrongReply {
  std::string name;
  std::function<void(nlohmann::json& answer)> spoil;
  std::string message;
};

class WrongReplyTest : public ScriptedProviderTest,
                       public ::testing::WithParamInterface<WrongReply> {};

TEST_P(WrongReplyTest, IsAskedForAgain) {
  Start([spoiled = false](const ScriptedRequest& request) mutable {
    nlohmann::json answer = RightAnswer(request);
    if (!std::exchange(spoiled, true)) {
      GetParam().spoil(answer);
    }
    return Ok(answer);
  });
  ExpectVectors({"a", "bb", "ccc"});
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_P(WrongReplyTest, EndsTheCallWhenItComesAgain) {
  Start([](const ScriptedRequest& request) {
    nlohmann::json answer = RightAnswer(request);
    GetParam().spoil(answer);
    return Ok(answer);
  });
  const absl::Status status = EmbedStatus({"a", "bb", "ccc"});
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(server_->url() + " answered 200: "),
                             HasSubstr(GetParam().message))));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROVIDER_UNAVAILABLE");
  EXPECT_EQ(MetadataOf(status, "status"), "200");
  EXPECT_EQ(MetadataOf(status, "profile"), "test");
  EXPECT_THAT(server_->requests(), SizeIs(Le(6)));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongReplyTest,
    ::testing::Values(
        WrongReply{"TooFewVectors",
                   [](nlohmann::json& answer) { answer["data"].erase(0); },
                   " vectors for "},
        WrongReply{"TooManyVectors",
                   [](nlohmann::json& answer) {
                     answer["data"].push_back(answer["data"][0]);
                   },
                   " vectors for "},
        WrongReply{
            "AnIndexTwice",
            [](nlohmann::json& answer) { answer["data"][0]["index"] = 1; },
            "the index 1 twice"},
        WrongReply{
            "AnIndexOutOfRange",
            [](nlohmann::json& answer) { answer["data"][2]["index"] = 3; },
            "an index of 3, expected 0 to 2"},
        WrongReply{
            "ANegativeIndex",
            [](nlohmann::json& answer) { answer["data"][2]["index"] = -1; },
            "an index of -1, expected 0 to 2"},
        WrongReply{
            "AnIndexMissing",
            [](nlohmann::json& answer) { answer["data"][1].erase("index"); },
            "1 of 3 vectors without an index"},
        WrongReply{"NoData",
                   [](nlohmann::json& answer) {
                     answer["data"] = nlohmann::json::array();
                   },
                   "JSON without vectors"},
        WrongReply{"AnErrorWithStatus200",
                   [](nlohmann::json& answer) {
                     answer = {{"error", "Unexpected endpoint or method"}};
                   },
                   "no vectors but: Unexpected endpoint or method"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ProviderEmbedderTest, RetriesWhatIsNotJson) {
  Start(ThenRight({{.body = "<html>gateway</html>"}, {.body = ""}}));
  ExpectVectors({"oak"});
  EXPECT_THAT(server_->requests(), SizeIs(3));
}

TEST_F(ProviderEmbedderTest, RefusesVectorsOfAnotherDimension) {
  for (const auto& vector :
       {std::vector<float>{1, 2, 3}, std::vector<float>{1, 2, 3, 4, 5},
        std::vector<float>{}}) {
    for (const bool is_base64 : {false, true}) {
      embedder_.reset();
      Start([&](const ScriptedRequest& request) {
        nlohmann::json answer = RightAnswer(request);
        if (is_base64) {
          answer["data"][1]["embedding"] = Base64Of(vector);
        } else {
          answer["data"][1]["embedding"] = vector;
        }
        return Ok(answer);
      });
      const absl::Status status = EmbedStatus({"oak", "beech"});
      EXPECT_THAT(
          status,
          StatusIs(absl::StatusCode::kFailedPrecondition,
                   Eq(absl::StrFormat(
                       "embedding provider %s answered 200: a vector of %d "
                       "dimensions, expected 4 (check the setting dimension of "
                       "embedding profile 'test')",
                       server_->url(), vector.size()))));
      EXPECT_EQ(ReasonName(status), "EMBEDDING_DIMENSION_MISMATCH");
      EXPECT_EQ(MetadataOf(status, "found"), absl::StrCat(vector.size()));
      EXPECT_THAT(server_->requests(), SizeIs(1));
    }
  }
}

// A vector that no one can use costs its own text only.
struct UselessVector {
  std::string name;
  std::string json;  // In the place of the vector.
  std::string message;
};

class UselessVectorTest : public ScriptedProviderTest,
                          public ::testing::WithParamInterface<UselessVector> {
 protected:
  static ScriptedReply Spoiled(const ScriptedRequest& request,
                               absl::string_view text) {
    nlohmann::json answer = RightAnswer(request);
    const std::vector<std::string> input = InputOf(request);
    for (size_t i = 0; i < input.size(); ++i) {
      if (input[i] == text) {
        answer["data"][i]["embedding"] = "HERE";
      }
    }
    ScriptedReply reply = Ok(answer);
    const size_t at = reply.body.find("\"HERE\"");
    if (at != std::string::npos) {
      reply.body.replace(at, 6, GetParam().json);
    }
    return reply;
  }
};

TEST_P(UselessVectorTest, IsAskedForOnceAgainAlone) {
  Start([spoiled = false](const ScriptedRequest& request) mutable {
    return std::exchange(spoiled, true) ? RightReply(request)
                                        : Spoiled(request, "bb");
  });
  ExpectVectors({"a", "bb", "ccc"});
  EXPECT_THAT(RequestSizes(), ElementsAre(3, 1));
}

TEST_P(UselessVectorTest, RefusesOneTextAndKeepsTheOthers) {
  Start([](const ScriptedRequest& request) { return Spoiled(request, "bb"); });
  COPSE_ASSERT_OK_AND_ASSIGN(const auto outcomes, Embed({"a", "bb", "ccc"}));
  EXPECT_THAT(outcomes[0], IsOk());
  EXPECT_THAT(outcomes[1], StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr(GetParam().message)));
  EXPECT_EQ(ReasonName(outcomes[1].status()), "EMBEDDING_TEXT_REFUSED");
  EXPECT_THAT(outcomes[2], IsOk());
  EXPECT_THAT(RequestSizes(), ElementsAre(3, 1));
}

INSTANTIATE_TEST_SUITE_P(
    All, UselessVectorTest,
    ::testing::Values(
        UselessVector{"Null", "[1, null, 2, 3]", "component 1 is not a number"},
        UselessVector{"NaN", "[1, NaN, 2, 3]", "component 1 is not a number"},
        UselessVector{"Infinity", "[1, 2, -Infinity, 3]",
                      "component 2 is not a number"},
        UselessVector{"TooLargeForAFloat", "[1, 2, 1e39, 3]",
                      "component 2 is not finite"},
        UselessVector{"TooLargeForADouble", "[1, 2, 1e999, 3]",
                      "component 2 is not a number"},
        UselessVector{"AString", "[1, \"2\", 3, 4]",
                      "component 1 is not a number"},
        UselessVector{"AllZero", "[0, 0, 0, 0]", "its length is 0"},
        UselessVector{"NearlyZero", "[1e-8, 0, 0, 0]", "its length is 1e-08"},
        UselessVector{"Base64OfNaN", "\"AACAPwAAwH8AAAAAAAAAAA==\"",
                      "component 1 is not finite"},
        UselessVector{"NotBase64", "\"!!\"", "it is a string, but not base64"},
        UselessVector{"ANumber", "17", "neither an array nor base64"},
        UselessVector{"NullForAll", "null", "neither an array nor base64"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace copse
