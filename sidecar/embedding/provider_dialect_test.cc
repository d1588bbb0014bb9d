// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Each dialect against a server that knows what its provider documents: what is
// asked, byte for byte as far as JSON has bytes, and what an answer means.

#include "sidecar/embedding/provider_dialect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/provider_error.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

using nlohmann::json;

// ---- Requests and replies ---------------------------------------------------

struct DialectCase {
  std::string name;
  EmbeddingDialect dialect;

  // What is configured as URL, after the origin, and what is asked for.
  std::string url_path;
  std::string path;

  // The header with the key, and what stands before the key.
  std::string key_header = "authorization";
  std::string key_prefix = "Bearer ";

  // For the texts "oak" and "beech \"1\"" as documents of the model "mini",
  // with the prefix "d: ", 4 dimensions asked for if there is a field for them,
  // and base64 if there is that.
  std::string body;

  // With @0 and @1 for the vectors of the texts as numbers, &0 and &1 as
  // base64.
  std::string reply;
  std::vector<std::pair<std::string, std::string>> reply_headers = {};
  int64_t token_count = 0;
};

constexpr absl::string_view kTexts[] = {"oak", "beech \"1\""};

constexpr char kOpenAiReply[] =
    R"({"object":"list","data":[{"index":1,"embedding":"&1"},)"
    R"({"index":0,"embedding":"&0"}],)"
    R"("usage":{"prompt_tokens":8,"total_tokens":9}})";

std::vector<DialectCase> DialectCases() {
  const std::string openai_body =
      R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
      R"("encoding_format":"base64","dimensions":4})";
  return {
      {.name = "OpenAi",
       .dialect = EmbeddingDialect::kOpenAi,
       .url_path = "/v1",
       .path = "/v1/embeddings",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "AzureV1",
       .dialect = EmbeddingDialect::kAzure,
       .url_path = "",
       .path = "/openai/v1/embeddings",
       .key_header = "api-key",
       .key_prefix = "",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "AzureDeployment",
       .dialect = EmbeddingDialect::kAzure,
       .url_path = "/openai/deployments/d",
       .path = "/openai/deployments/d/embeddings?api-version=2024-10-21",
       .key_header = "api-key",
       .key_prefix = "",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "AzureOtherVersion",
       .dialect = EmbeddingDialect::kAzure,
       .url_path = "/openai/deployments/d/embeddings?api-version=2025-01-01",
       .path = "/openai/deployments/d/embeddings?api-version=2025-01-01",
       .key_header = "api-key",
       .key_prefix = "",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "Mistral",
       .dialect = EmbeddingDialect::kMistral,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("encoding_format":"base64","output_dimension":4,)"
               R"("output_dtype":"float"})",
       .reply = R"({"id":"x","data":[{"embedding":"&0"},{"embedding":"&1"}],)"
                R"("usage":{"prompt_tokens":8}})",
       .token_count = 8},
      {.name = "Vllm",
       .dialect = EmbeddingDialect::kVllm,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("encoding_format":"base64","dimensions":4,)"
               R"("endianness":"little"})",
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "LlamaCpp",
       .dialect = EmbeddingDialect::kLlamaCpp,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("encoding_format":"base64"})",
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "LmStudio",
       .dialect = EmbeddingDialect::kLmStudio,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("encoding_format":"float"})",
       .reply = R"({"data":[{"index":0,"embedding":@0},)"
                R"({"index":1,"embedding":@1}]})"},
      {.name = "LocalAi",
       .dialect = EmbeddingDialect::kLocalAi,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "TeiV1",
       .dialect = EmbeddingDialect::kTeiV1,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = openai_body,
       .reply = kOpenAiReply,
       .token_count = 9},
      {.name = "Tei",
       .dialect = EmbeddingDialect::kTei,
       .url_path = "/",
       .path = "/embed",
       .body = R"({"inputs":["d: oak","d: beech \"1\""],"normalize":true,)"
               R"("truncate":false,"dimensions":4})",
       .reply = "[@0,@1]",
       .reply_headers = {{"x-compute-tokens", "7"}},
       .token_count = 7},
      {.name = "Ollama",
       .dialect = EmbeddingDialect::kOllama,
       .url_path = "",
       .path = "/api/embed",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("truncate":false,"dimensions":4})",
       .reply = R"({"model":"mini","embeddings":[@0,@1],)"
                R"("prompt_eval_count":6})",
       .token_count = 6},
      {.name = "Cohere",
       .dialect = EmbeddingDialect::kCohere,
       .url_path = "",
       .path = "/v2/embed",
       .body = R"({"model":"mini","input_type":"search_document",)"
               R"("texts":["d: oak","d: beech \"1\""],)"
               R"("embedding_types":["float"],"output_dimension":4,)"
               R"("truncate":"NONE"})",
       .reply = R"({"id":"x","embeddings":{"float":[@0,@1]},)"
                R"("meta":{"billed_units":{"input_tokens":5}}})",
       .token_count = 5},
      {.name = "Voyage",
       .dialect = EmbeddingDialect::kVoyage,
       .url_path = "/v1",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","input":["d: oak","d: beech \"1\""],)"
               R"("input_type":"document","truncation":false,)"
               R"("output_dimension":4,"output_dtype":"float",)"
               R"("encoding_format":"base64"})",
       .reply = R"({"data":[{"index":1,"embedding":"&1"},)"
                R"({"index":0,"embedding":"&0"}],"usage":{"total_tokens":4}})",
       .token_count = 4},
      {.name = "Jina",
       .dialect = EmbeddingDialect::kJina,
       .url_path = "",
       .path = "/v1/embeddings",
       .body = R"({"model":"mini","task":"retrieval.passage",)"
               R"("input":["d: oak","d: beech \"1\""],"truncate":false,)"
               R"("dimensions":4,"embedding_type":"base64"})",
       .reply = R"({"data":[{"embedding":"&0"},{"embedding":"&1"}],)"
                R"("usage":{"total_tokens":3}})",
       .token_count = 3},
      {.name = "Gemini",
       .dialect = EmbeddingDialect::kGemini,
       .url_path = "",
       .path = "/v1beta/models/mini:batchEmbedContents",
       .key_header = "x-goog-api-key",
       .key_prefix = "",
       .body = R"({"requests":[{"model":"models/mini",)"
               R"("content":{"parts":[{"text":"d: oak"}]},)"
               R"("taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":4},)"
               R"({"model":"models/mini",)"
               R"("content":{"parts":[{"text":"d: beech \"1\""}]},)"
               R"("taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":4}]})",
       .reply = R"({"embeddings":[{"values":@0},{"values":@1}]})"},
  };
}

std::string NameOf(const ::testing::TestParamInfo<DialectCase>& test) {
  return test.param.name;
}

class DialectTest : public ScriptedProviderTest,
                    public ::testing::WithParamInterface<DialectCase> {
 protected:
  // Starts a server that answers `reply` to what is posted, and chooses the
  // dialect.
  void StartWith(ScriptedReply reply) {
    Start([reply = std::move(reply)](const ScriptedRequest& request) {
      return request.method == "GET" ? ScriptedReply{.status = 404} : reply;
    });
    options_.dialect = GetParam().dialect;
    options_.url = server_->url(GetParam().url_path);
    options_.document_prefix = "d: ";
    options_.send_dimensions = DialectOf(options_.dialect).has_dimensions;
  }

  // The reply of the case, with vectors.
  static ScriptedReply RightReplyOfCase() {
    std::string body = GetParam().reply;
    for (size_t i = 0; i < 2; ++i) {
      const std::vector<float> vector = RawVector(kTexts[i]);
      Replace(absl::StrCat("@", i), json(vector).dump(), body);
      Replace(absl::StrCat("&", i), Base64Of(vector), body);
    }
    return {.headers = GetParam().reply_headers, .body = body};
  }

  // What was posted.
  std::vector<ScriptedRequest> Posts() const {
    std::vector<ScriptedRequest> posts = server_->requests();
    std::erase_if(posts, [](const ScriptedRequest& request) {
      return request.method == "GET";
    });
    return posts;
  }

  static void Replace(const std::string& from, const std::string& to,
                      std::string& text) {
    if (const size_t at = text.find(from); at != std::string::npos) {
      text.replace(at, from.size(), to);
    }
  }

  std::vector<std::string> TextsOfCase() const {
    return {std::string(kTexts[0]), std::string(kTexts[1])};
  }
};

TEST_P(DialectTest, AsksAsTheProviderDocumentsAndReadsItsVectors) {
  StartWith(RightReplyOfCase());
  ExpectVectors(TextsOfCase());
  const std::vector<ScriptedRequest> requests = Posts();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].path, GetParam().path);
  EXPECT_THAT(requests[0].headers,
              Contains(Pair(GetParam().key_header,
                            absl::StrCat(GetParam().key_prefix, kKey))));
  EXPECT_THAT(requests[0].headers,
              Contains(Pair("content-type", "application/json")));
  EXPECT_EQ(json::parse(requests[0].body), json::parse(GetParam().body));
  EXPECT_EQ(statistics_.token_count, GetParam().token_count);
}

TEST_P(DialectTest, SendsTheKeyInOneHeaderOnly) {
  StartWith(RightReplyOfCase());
  ExpectVectors(TextsOfCase());
  const std::vector<ScriptedRequest> requests = Posts();
  EXPECT_THAT(requests[0].path, Not(HasSubstr(std::string(kKey))));
  EXPECT_THAT(requests[0].body, Not(HasSubstr(std::string(kKey))));
  for (const auto& [name, value] : requests[0].headers) {
    if (name != GetParam().key_header) {
      EXPECT_THAT(value, Not(HasSubstr(std::string(kKey)))) << name;
    }
  }
}

TEST_P(DialectTest, NeverShowsTheKeyThatAnErrorRepeats) {
  StartWith({.status = 403,
             .body = absl::StrCat(R"({"error":{"message":"bad key )", kKey,
                                  R"(","code":"x"}})")});
  const absl::Status status = EmbedStatus(TextsOfCase());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("bad key [redacted]")));
  EXPECT_THAT(status.ToString(), Not(HasSubstr(std::string(kKey))));
  EXPECT_THAT(world_.events(), Each(Not(HasSubstr(std::string(kKey)))));
}

TEST_P(DialectTest, RefusesFewerVectorsThanTexts) {
  StartWith(RightReplyOfCase());
  std::vector<std::string> texts = TextsOfCase();
  texts.emplace_back("fir");
  EXPECT_THAT(EmbedStatus(texts), StatusIs(absl::StatusCode::kUnavailable,
                                           HasSubstr("2 vectors for ")));
}

TEST_P(DialectTest, AsksAgainWhenSuccessBringsAnError) {
  StartWith({.body = R"({"error":"Unexpected endpoint or method"})"});
  EXPECT_THAT(EmbedStatus(TextsOfCase()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("no vectors but: Unexpected endpoint")));
  EXPECT_THAT(Posts(), SizeIs(6));
}

INSTANTIATE_TEST_SUITE_P(All, DialectTest, ::testing::ValuesIn(DialectCases()),
                         NameOf);

TEST(ProviderDialectTest, EveryDialectHasATest) {
  std::set<EmbeddingDialect> tested;
  for (const DialectCase& test : DialectCases()) {
    tested.insert(test.dialect);
  }
  EXPECT_EQ(tested.size(), ProviderDialects().size());
}

// ---- Roles ------------------------------------------------------------------

// The body for the text "oak" in `role`.
json BodyOf(EmbeddingDialect dialect, const std::string& model,
            EmbeddingRole role) {
  EmbeddingProfileOptions options;
  options.name = "test";
  options.dialect = dialect;
  options.url = "https://embed.example.com";
  options.model = model;
  options.dimension = kDimension;
  const EmbeddingProfileOptions profile = ResolveProfile(options).value();
  const absl::string_view texts[] = {"oak"};
  return json::parse(DialectOf(dialect).write_body(
      {.profile = profile, .role = role, .texts = texts}));
}

// What stands in `field` for documents, queries, clustering and classification.
std::vector<std::string> WordsOf(EmbeddingDialect dialect,
                                 const std::string& model,
                                 const std::string& field) {
  std::vector<std::string> words;
  for (const EmbeddingRole role :
       {EmbeddingRole::kDocument, EmbeddingRole::kQuery,
        EmbeddingRole::kClustering, EmbeddingRole::kClassification}) {
    const json body = BodyOf(dialect, model, role);
    words.push_back((body.contains("requests") ? body["requests"][0] : body)
                        .value(field, "none"));
  }
  return words;
}

TEST(ProviderDialectTest, TellsTheProviderTheRole) {
  EXPECT_THAT(WordsOf(EmbeddingDialect::kCohere, "m", "input_type"),
              ElementsAre("search_document", "search_query", "clustering",
                          "classification"));
  EXPECT_THAT(WordsOf(EmbeddingDialect::kVoyage, "m", "input_type"),
              ElementsAre("document", "query", "none", "none"));
  EXPECT_THAT(WordsOf(EmbeddingDialect::kJina, "jina-embeddings-v3", "task"),
              ElementsAre("retrieval.passage", "retrieval.query", "separation",
                          "classification"));
  EXPECT_THAT(WordsOf(EmbeddingDialect::kJina, "jina-embeddings-v4", "task"),
              ElementsAre("retrieval.passage", "retrieval.query",
                          "text-matching", "text-matching"));
  EXPECT_THAT(
      WordsOf(EmbeddingDialect::kJina, "jina-embeddings-v2-base-en", "task"),
      Each("none"));
  EXPECT_THAT(
      WordsOf(EmbeddingDialect::kGemini, "gemini-embedding-001", "taskType"),
      ElementsAre("RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY", "CLUSTERING",
                  "CLASSIFICATION"));
}

TEST(ProviderDialectTest, PutsTheRoleBeforeTheTextWhereTheModelWantsIt) {
  EXPECT_THAT(
      WordsOf(EmbeddingDialect::kGemini, "gemini-embedding-2", "taskType"),
      Each("none"));
  EXPECT_EQ(BodyOf(EmbeddingDialect::kGemini, "gemini-embedding-2",
                   EmbeddingRole::kQuery)["requests"][0]["content"]["parts"][0],
            json({{"text", "task: search result | query: oak"}}));
  EXPECT_EQ(BodyOf(EmbeddingDialect::kTei, "intfloat/multilingual-e5-small",
                   EmbeddingRole::kDocument)["inputs"],
            json({"passage: oak"}));
}

TEST(ProviderDialectTest, SendsNoDimensionUnlessTold) {
  for (const ProviderDialect* const dialect : ProviderDialects()) {
    EXPECT_THAT(BodyOf(dialect->id, "m", EmbeddingRole::kDocument).dump(),
                Not(HasSubstr("imension")))
        << dialect->name;
  }
}

// ---- URLs -------------------------------------------------------------------

TEST(ProviderDialectTest, FindsTheEndpointInEveryFormOfAUrl) {
  const std::pair<EmbeddingDialect, std::pair<std::string, std::string>>
      cases[] = {
          {EmbeddingDialect::kAzure,
           {"https://x.example.com/openai",
            "https://x.example.com:443/openai/v1/embeddings"}},
          {EmbeddingDialect::kAzure,
           {"https://x.example.com/openai/v1/",
            "https://x.example.com:443/openai/v1/embeddings"}},
          {EmbeddingDialect::kMistral,
           {"", "https://api.mistral.ai:443/v1/embeddings"}},
          {EmbeddingDialect::kCohere,
           {"", "https://api.cohere.com:443/v2/embed"}},
          {EmbeddingDialect::kCohere,
           {"https://x.example.com/v2/embed",
            "https://x.example.com:443/v2/embed"}},
          {EmbeddingDialect::kVoyage,
           {"https://ai.mongodb.com/v1",
            "https://ai.mongodb.com:443/v1/embeddings"}},
          {EmbeddingDialect::kGemini,
           {"",
            "https://generativelanguage.googleapis.com:443/v1beta/models/"
            "a%2Fb:batchEmbedContents"}},
          {EmbeddingDialect::kTei,
           {"http://localhost:3000", "http://localhost:3000/embed"}},
          {EmbeddingDialect::kTei,
           {"http://localhost:3000/tei/", "http://localhost:3000/tei/embed"}},
          {EmbeddingDialect::kOllama, {"", "http://127.0.0.1:11434/api/embed"}},
      };
  for (const auto& [dialect, urls] : cases) {
    EmbeddingProfileOptions options;
    options.name = "test";
    options.dialect = dialect;
    options.url = urls.first;
    options.model = "models/a/b";
    options.dimension = kDimension;
    COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions profile,
                               ResolveProfile(options));
    EXPECT_EQ(profile.url, urls.second);
    EXPECT_EQ(ResolveProfile(profile).value().url, urls.second);
  }
}

// ---- Errors -----------------------------------------------------------------

struct ErrorCase {
  std::string name;
  EmbeddingDialect dialect;
  int status;
  std::string body;
  ErrorAction action;
  std::string setting = "";  // For kRefused.
};

class DialectErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(DialectErrorTest, IsJudgedAsTheProviderMeansIt) {
  HttpReply reply;
  reply.status = GetParam().status;
  const ErrorVerdict verdict =
      JudgeError(DialectOf(GetParam().dialect).errors, reply,
                 ParseErrorBody(GetParam().body));
  EXPECT_EQ(verdict.action, GetParam().action);
  if (verdict.action == ErrorAction::kRefused) {
    EXPECT_EQ(verdict.setting, GetParam().setting);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DialectErrorTest,
    ::testing::Values(
        ErrorCase{
            "AzureWait", EmbeddingDialect::kAzure, 429,
            R"({"error":{"code":"429","message":"retry after 8 seconds"}})",
            ErrorAction::kRetry},
        ErrorCase{"AzureFilter", EmbeddingDialect::kAzure, 400,
                  R"({"error":{"code":"content_filter","message":"m"}})",
                  ErrorAction::kIsolate},
        ErrorCase{"AzureDeployment", EmbeddingDialect::kAzure, 404,
                  R"({"error":{"code":"DeploymentNotFound","message":"m"}})",
                  ErrorAction::kRefused, "model"},
        ErrorCase{"MistralTooMany", EmbeddingDialect::kMistral, 400,
                  R"({"object":"error","message":"Too many tokens in batch",)"
                  R"("type":"invalid_request_error","code":"3210"})",
                  ErrorAction::kSplit},
        ErrorCase{"MistralField", EmbeddingDialect::kMistral, 422,
                  R"({"object":"error","message":"extra field","code":null})",
                  ErrorAction::kRefused, "url"},
        ErrorCase{
            "VllmLong", EmbeddingDialect::kVllm, 400,
            R"({"object":"error","message":"This model's maximum context )"
            R"(length is 512 tokens","code":400})",
            ErrorAction::kIsolate},
        ErrorCase{"LlamaCppLong", EmbeddingDialect::kLlamaCpp, 500,
                  R"({"error":{"code":500,"message":"input is too large to )"
                  R"(process. increase the physical batch size"}})",
                  ErrorAction::kIsolate},
        ErrorCase{"LlamaCppLoading", EmbeddingDialect::kLlamaCpp, 503,
                  R"({"error":{"code":503,"message":"Loading model"}})",
                  ErrorAction::kRetry},
        ErrorCase{
            "LlamaCppWithoutEmbeddings", EmbeddingDialect::kLlamaCpp, 501,
            R"({"error":{"code":501,"message":"start with --embeddings"}})",
            ErrorAction::kRefused, "url"},
        ErrorCase{"TeiMany", EmbeddingDialect::kTei, 422,
                  R"({"error":"batch size 33 > maximum allowed batch size 32",)"
                  R"("error_type":"Validation"})",
                  ErrorAction::kSplit},
        ErrorCase{"TeiBody", EmbeddingDialect::kTei, 413,
                  "length limit exceeded", ErrorAction::kSplit},
        ErrorCase{"TeiLong", EmbeddingDialect::kTei, 422,
                  R"({"error":"`inputs` must have less than 512 tokens. )"
                  R"(Given: 600","error_type":"Validation"})",
                  ErrorAction::kIsolate},
        ErrorCase{
            "TeiOverloaded", EmbeddingDialect::kTei, 429,
            R"({"error":"Model is overloaded","error_type":"Overloaded"})",
            ErrorAction::kRetry},
        ErrorCase{"TeiBackend", EmbeddingDialect::kTei, 424,
                  R"({"error":"m","error_type":"Backend"})",
                  ErrorAction::kRetryOnce},
        ErrorCase{"TeiKey", EmbeddingDialect::kTei, 401, "",
                  ErrorAction::kRefused, "api_key_env"},
        ErrorCase{
            "TeiV1Flat", EmbeddingDialect::kTeiV1, 422,
            R"({"message":"batch size 33 > maximum allowed batch size 32",)"
            R"("code":422,"type":"Validation"})",
            ErrorAction::kSplit},
        ErrorCase{"OllamaLong", EmbeddingDialect::kOllama, 400,
                  R"({"error":"the input length exceeds the context length"})",
                  ErrorAction::kIsolate},
        ErrorCase{"OllamaNan", EmbeddingDialect::kOllama, 500,
                  R"({"error":"json: unsupported value: NaN"})",
                  ErrorAction::kIsolate},
        ErrorCase{
            "OllamaNoModel", EmbeddingDialect::kOllama, 404,
            R"({"error":"model \"mini\" not found, try pulling it first"})",
            ErrorAction::kRefused, "model"},
        ErrorCase{"CohereMany", EmbeddingDialect::kCohere, 400,
                  R"({"message":"invalid request: total number of texts must )"
                  R"(be at most 96"})",
                  ErrorAction::kSplit},
        ErrorCase{"CohereLong", EmbeddingDialect::kCohere, 400,
                  R"({"message":"too many tokens: 600 tokens"})",
                  ErrorAction::kIsolate},
        ErrorCase{"CohereUnpaid", EmbeddingDialect::kCohere, 402,
                  R"({"message":"billing"})", ErrorAction::kRefused,
                  "api_key_env"},
        ErrorCase{"CohereBlocked", EmbeddingDialect::kCohere, 498,
                  R"({"message":"blocked"})", ErrorAction::kRefused,
                  "api_key_env"},
        ErrorCase{"CohereCancelled", EmbeddingDialect::kCohere, 499,
                  R"({"message":"cancelled"})", ErrorAction::kRetry},
        ErrorCase{
            "VoyageMany", EmbeddingDialect::kVoyage, 400,
            R"({"detail":"Request to model failed. The max allowed tokens )"
            R"(per submitted batch is 120000."})",
            ErrorAction::kSplit},
        ErrorCase{"VoyageRate", EmbeddingDialect::kVoyage, 429,
                  R"({"detail":"slow down"})", ErrorAction::kRetry},
        ErrorCase{"VoyageBusy", EmbeddingDialect::kVoyage, 503,
                  "upstream connect error", ErrorAction::kRetry},
        ErrorCase{"JinaKey", EmbeddingDialect::kJina, 401,
                  R"({"detail":"Unauthorized"})", ErrorAction::kRefused,
                  "api_key_env"},
        ErrorCase{"JinaBalance", EmbeddingDialect::kJina, 402,
                  R"({"error":{"message":"Insufficient balance"}})",
                  ErrorAction::kRefused, "api_key_env"},
        ErrorCase{"JinaText", EmbeddingDialect::kJina, 422,
                  R"({"detail":[{"loc":["body","input",1],"msg":"invalid"}]})",
                  ErrorAction::kIsolate},
        ErrorCase{
            "GeminiMany", EmbeddingDialect::kGemini, 400,
            R"({"error":{"code":400,"message":"* BatchEmbedContentsRequest)"
            R"(.requests: at most 100 requests can be in one batch",)"
            R"("status":"INVALID_ARGUMENT"}})",
            ErrorAction::kSplit},
        ErrorCase{"GeminiKey", EmbeddingDialect::kGemini, 400,
                  R"({"error":{"code":400,"message":"API key not valid.",)"
                  R"("status":"INVALID_ARGUMENT"}})",
                  ErrorAction::kRefused, "api_key_env"},
        ErrorCase{"GeminiQuota", EmbeddingDialect::kGemini, 429,
                  R"({"error":{"code":429,"message":"quota",)"
                  R"("status":"RESOURCE_EXHAUSTED",)"
                  R"("details":[{"retryDelay":"34s"}]}})",
                  ErrorAction::kRetry},
        ErrorCase{"GeminiRegion", EmbeddingDialect::kGemini, 400,
                  R"({"error":{"code":400,"message":"User location is not )"
                  R"(supported","status":"FAILED_PRECONDITION"}})",
                  ErrorAction::kRefused, "url"}),
    [](const auto& test) { return test.param.name; });

// ---- Limits -----------------------------------------------------------------

TEST(ProviderDialectTest, KeepsToTheNumberOfTextsThatTheProviderTakes) {
  const std::pair<EmbeddingDialect, uint32_t> cases[] = {
      {EmbeddingDialect::kOpenAi, 256}, {EmbeddingDialect::kCohere, 96},
      {EmbeddingDialect::kGemini, 100}, {EmbeddingDialect::kTei, 256},
      {EmbeddingDialect::kTeiV1, 32},   {EmbeddingDialect::kVoyage, 256}};
  for (const auto& [dialect, count] : cases) {
    EmbeddingProfileOptions options;
    options.name = "test";
    options.dialect = dialect;
    options.url = "https://embed.example.com";
    options.model = "m";
    options.dimension = kDimension;
    EXPECT_EQ(ResolveProfile(options)->batch_text_count_max, count);
    options.batch_text_count_max = 7U;
    EXPECT_EQ(ResolveProfile(options)->batch_text_count_max, 7U);
  }
}

// ---- What text-embeddings-inference says of itself --------------------------

class TeiInfoTest : public ScriptedProviderTest {
 protected:
  // Starts a server that answers `info` to GET /info.
  void StartTei(const ScriptedReply& info) {
    Start([info](const ScriptedRequest& request) {
      if (request.method == "GET") {
        return info;
      }
      json vectors = json::array();
      for (const std::string& text : InputsOf(request)) {
        vectors.push_back(RawVector(text));
      }
      return Ok(vectors);
    });
    options_.dialect = EmbeddingDialect::kTei;
    options_.url = server_->url("/tei");
  }

  static std::vector<std::string> InputsOf(const ScriptedRequest& request) {
    return json::parse(request.body)
        .at("inputs")
        .get<std::vector<std::string>>();
  }

  std::vector<size_t> PostSizes() const {
    std::vector<size_t> sizes;
    for (const ScriptedRequest& request : server_->requests()) {
      if (request.method == "POST") {
        sizes.push_back(InputsOf(request).size());
      }
    }
    std::ranges::sort(sizes);
    return sizes;
  }
};

TEST_F(TeiInfoTest, TakesItsLimitsOnce) {
  StartTei({.body =
                R"({"model_id":"m","max_client_batch_size":48,)"
                R"("max_input_length":100,"max_concurrent_requests":512})"});
  ExpectVectors(Texts(100));
  EXPECT_THAT(PostSizes(), ElementsAre(4, 48, 48));
  const ScriptedRequest info = server_->requests()[0];
  EXPECT_EQ(info.method, "GET");
  EXPECT_EQ(info.path, "/tei/info");
  EXPECT_EQ(info.body, "");
  EXPECT_THAT(info.headers,
              Contains(Pair("authorization", absl::StrCat("Bearer ", kKey))));
  ExpectVectors({"oak", std::string(1000, 'a'), "fir"});  // The second alone.
  EXPECT_THAT(server_->requests(), SizeIs(1 + 3 + 3));
}

TEST_F(TeiInfoTest, LeavesRoomForAllRequestsInFlight) {
  StartTei({.body = R"({"max_client_batch_size":32,)"
                    R"("max_concurrent_requests":40})"});
  options_.concurrency_max = 4;
  ExpectVectors(Texts(20));
  EXPECT_THAT(PostSizes(), ElementsAre(10, 10));
}

TEST_F(TeiInfoTest, KeepsToASmallerSetting) {
  StartTei({.body = R"({"max_client_batch_size":64})"});
  options_.batch_text_count_max = 8;
  ExpectVectors(Texts(16));
  EXPECT_THAT(PostSizes(), ElementsAre(8, 8));
}

TEST_F(TeiInfoTest, GoesOnWithTheUsualLimitsWithoutAnAnswer) {
  for (const ScriptedReply& info :
       {ScriptedReply{.status = 404}, ScriptedReply{.body = "nonsense"},
        ScriptedReply{.body = R"({"max_client_batch_size":-1})"},
        ScriptedReply{.is_silent = true}}) {
    embedder_.reset();
    StartTei(info);
    ExpectVectors(Texts(40));
    EXPECT_THAT(PostSizes(), ElementsAre(8, 32));
  }
}

TEST_F(TeiInfoTest, AsksAServerThatDoesNotAnswerThreeTimes) {
  StartTei({.is_silent = true});
  for (int i = 0; i < 5; ++i) {
    ExpectVectors({"oak"});
  }
  EXPECT_THAT(PostSizes(), SizeIs(5));
  EXPECT_THAT(server_->requests(), SizeIs(5 + 3));
}

}  // namespace
}  // namespace copse
