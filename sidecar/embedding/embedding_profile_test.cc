// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedding_profile.h"

#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/sha.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

EmbeddingProfileOptions MiniLm() {
  EmbeddingProfileOptions options;
  options.name = "minilm";
  options.dialect = EmbeddingDialect::kOpenAi;
  options.url = "https://embed.example.com/v1";
  options.model = "all-MiniLM-L6-v2";
  options.dimension = 384;
  return options;
}

EmbeddingProfileOptions Builtin() {
  EmbeddingProfileOptions options;
  options.name = "builtin";
  return options;
}

std::string Hex(const ProfileHash& hash) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(hash.data()), hash.size()));
}

ProfileHash HashOf(const EmbeddingProfileOptions& options) {
  return HashProfile(ResolveProfile(options).value());
}

TEST(EmbeddingProfileTest, AcceptsTheFormsOfAUrl) {
  const std::pair<absl::string_view, absl::string_view> cases[] = {
      {"http://localhost:8080", "http://localhost:8080/v1/embeddings"},
      {"http://localhost:8080/", "http://localhost:8080/v1/embeddings"},
      {"http://localhost:8080/v1", "http://localhost:8080/v1/embeddings"},
      {"http://localhost:8080/v1/", "http://localhost:8080/v1/embeddings"},
      {"http://localhost:8080/v1/embeddings",
       "http://localhost:8080/v1/embeddings"},
      {"http://localhost:8080/v1/embeddings/",
       "http://localhost:8080/v1/embeddings"},
      {"http://127.3.2.1/api", "http://127.3.2.1:80/api/embeddings"},
      {"http://[::1]:9", "http://[::1]:9/v1/embeddings"},
      {"HTTPS://API.Example.com/V1",
       "https://api.example.com:443/V1/embeddings"},
      {"https://x.openai.azure.com/openai/deployments/d/embeddings"
       "?api-version=2024-10-21",
       "https://x.openai.azure.com:443/openai/deployments/d/embeddings"
       "?api-version=2024-10-21"},
  };
  for (const auto& [url, endpoint] : cases) {
    EmbeddingProfileOptions options = MiniLm();
    options.url = std::string(url);
    COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions profile,
                               ResolveProfile(options));
    EXPECT_EQ(profile.url, endpoint);
    // Resolving again changes nothing.
    EXPECT_THAT(ResolveProfile(profile).value().url, Eq(endpoint));
    EXPECT_EQ(HashOf(profile), HashProfile(profile));
  }
}

TEST(EmbeddingProfileTest, FillsInDefaults) {
  COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions builtin,
                             ResolveProfile(Builtin()));
  EXPECT_EQ(builtin.dimension, 384);
  EXPECT_EQ(builtin.model, "lexical-hash-1");
  EXPECT_EQ(builtin.vector_space, "builtin");

  COPSE_ASSERT_OK_AND_ASSIGN(EmbeddingProfileOptions remote,
                             ResolveProfile(MiniLm()));
  EXPECT_EQ(remote.vector_space, "https://embed.example.com:443");
  EXPECT_EQ(remote.request_timeout, absl::Minutes(2));
  EXPECT_EQ(PrefixOf(remote, EmbeddingRole::kQuery), "");

  EmbeddingProfileOptions local = MiniLm();
  local.url = "http://localhost:11434";
  EXPECT_EQ(ResolveProfile(local).value().request_timeout, absl::Minutes(10));
}

TEST(EmbeddingProfileTest, KnowsThePrefixesOfTheNomicFamily) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "Nomic-Embed-text:latest";
  COPSE_ASSERT_OK_AND_ASSIGN(EmbeddingProfileOptions profile,
                             ResolveProfile(options));
  EXPECT_EQ(PrefixOf(profile, EmbeddingRole::kDocument), "search_document: ");
  EXPECT_EQ(PrefixOf(profile, EmbeddingRole::kQuery), "search_query: ");
  EXPECT_EQ(PrefixOf(profile, EmbeddingRole::kClustering), "clustering: ");
  EXPECT_EQ(PrefixOf(profile, EmbeddingRole::kClassification),
            "classification: ");
  options.query_prefix = "";  // The server adds it.
  EXPECT_EQ(PrefixOf(ResolveProfile(options).value(), EmbeddingRole::kQuery),
            "");
}

// The layout is written out here, so that it cannot change unseen.
TEST(EmbeddingProfileTest, HashesTheLayoutOfVersion1) {
  const auto field = [](absl::string_view text) {
    return absl::StrCat(std::string(1, static_cast<char>(text.size())),
                        std::string(3, '\0'), text);
  };
  const auto number = [&](char low, char high) {
    return field(std::string({low, high, '\0', '\0'}));
  };
  const std::string layout =
      absl::StrCat("copse embedding profile 1", field("openai"),
                   field("all-MiniLM-L6-v2"), field(""), number('\x80', '\x01'),
                   field(""), field(""), field(""), field(""), number(1, 0),
                   number(1, 0), field("https://embed.example.com:443"));
  ProfileHash expected;
  SHA256(reinterpret_cast<const unsigned char*>(layout.data()), layout.size(),
         reinterpret_cast<unsigned char*>(expected.data()));
  EXPECT_EQ(HashOf(MiniLm()), expected);
  EXPECT_EQ(Hex(HashOf(Builtin())),
            "b981bcc50961360fa0aaad78492089d898f13e38aa6529ef36be64f6ae493ef1");
}

// Profiles of builds that knew no models but nomic's keep their vectors.
TEST(EmbeddingProfileTest, NeverChangesTheHashOfAnOpenAiProfile) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "intfloat/e5-base-v2";
  options.dimension = 768;
  EXPECT_EQ(Hex(HashOf(options)),
            "46791ab44338ebb12bcaf9a7d5995daa3caa8bf815a3095573e7bd0362fd7b96");
  options.dimension = 0;  // Known of the model.
  EXPECT_EQ(Hex(HashOf(options)),
            "46791ab44338ebb12bcaf9a7d5995daa3caa8bf815a3095573e7bd0362fd7b96");
  options.model = "nomic-embed-text";
  EXPECT_EQ(Hex(HashOf(options)),
            "58fd0d3153da1ae6fc7f38322407457b5f040204f8e6c4185901165552977b8f");
}

TEST(EmbeddingProfileTest, HashesTheDialect) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "intfloat/e5-base-v2";
  options.dimension = 768;
  options.dialect = EmbeddingDialect::kTei;
  EXPECT_EQ(Hex(HashOf(options)),
            "bd6bc45f9ec284c47d3ef67e0bc11dd9fb9c08eb031e1f59b59fc21f69625b6f");
}

// ---- Known models -----------------------------------------------------------

TEST(EmbeddingProfileTest, FillsInWhatIsKnownOfTheModel) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "text-embedding-3-small";
  options.dimension = 0;
  COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions profile,
                             ResolveProfile(options));
  EXPECT_EQ(profile.dimension, 1536U);
  EXPECT_EQ(profile.tokens_per_text_max, 8191U);
  EXPECT_EQ(profile.batch_token_count_max, 300000);
  EXPECT_EQ(profile.price_per_million_tokens, 0.02);
  EXPECT_EQ(profile.send_dimensions, false);
}

TEST(EmbeddingProfileTest, LetsSettingsWinOverWhatIsKnown) {
  EmbeddingProfileOptions options = MiniLm();
  options.dialect = EmbeddingDialect::kVllm;
  options.model = "BAAI/bge-small-en-v1.5";
  options.dimension = 512;
  options.tokens_per_text_max = 100U;
  options.batch_token_count_max = 1000;
  options.price_per_million_tokens = 0.5;
  options.query_prefix = "find: ";
  COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions profile,
                             ResolveProfile(options));
  EXPECT_EQ(profile.dimension, 512U);
  EXPECT_EQ(profile.tokens_per_text_max, 100U);
  EXPECT_EQ(profile.batch_token_count_max, 1000);
  EXPECT_EQ(profile.price_per_million_tokens, 0.5);
  EXPECT_EQ(profile.query_prefix, "find: ");
  EXPECT_EQ(profile.send_dimensions, false);
}

TEST(EmbeddingProfileTest, AsksForShortVectorsOfModelsThatMakeThem) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "text-embedding-3-large";
  options.dimension = 256;
  EXPECT_EQ(ResolveProfile(options)->send_dimensions, true);
  options.send_dimensions = false;
  EXPECT_EQ(ResolveProfile(options)->send_dimensions, false);
  options.send_dimensions.reset();
  options.dialect = EmbeddingDialect::kLlamaCpp;  // Cannot be asked.
  EXPECT_EQ(ResolveProfile(options)->send_dimensions, false);
}

TEST(EmbeddingProfileTest, KnowsNothingOfOtherModels) {
  EmbeddingProfileOptions options = MiniLm();
  options.model = "own";
  COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingProfileOptions profile,
                             ResolveProfile(options));
  EXPECT_FALSE(profile.tokens_per_text_max.has_value());
  EXPECT_FALSE(profile.batch_token_count_max.has_value());
  EXPECT_FALSE(profile.price_per_million_tokens.has_value());
}

TEST(EmbeddingProfileTest, HashesWhatChangesAVectorAndNothingElse) {
  using Change = std::function<void(EmbeddingProfileOptions&)>;
  const Change stale[] = {
      [](auto& options) { options.model = "other"; },
      [](auto& options) { options.revision = "2"; },
      [](auto& options) { options.dimension = 256; },
      [](auto& options) { options.document_prefix = "d: "; },
      [](auto& options) { options.query_prefix = "q: "; },
      [](auto& options) { options.clustering_prefix = "c: "; },
      [](auto& options) { options.classification_prefix = "c: "; },
      [](auto& options) { options.normalize = false; },
      [](auto& options) { options.url = "https://elsewhere.example.com"; },
      [](auto& options) { options.vector_space = "mine"; },
  };
  for (const Change& change : stale) {
    EmbeddingProfileOptions options = MiniLm();
    change(options);
    EXPECT_NE(HashOf(options), HashOf(MiniLm()));
  }
  const Change fresh[] = {
      [](auto& options) { options.name = "other"; },
      [](auto& options) { options.url += "/embeddings"; },
      [](auto& options) { options.send_dimensions = true; },
      [](auto& options) { options.request_base64 = false; },
      [](auto& options) { options.api_key_env = "OTHER"; },
      [](auto& options) { options.batch_text_count_max = 7; },
      [](auto& options) { options.concurrency_max = 7; },
      [](auto& options) { options.attempt_count_max = 7; },
      [](auto& options) { options.requests_per_minute = 7; },
      [](auto& options) { options.tokens_per_minute = 7; },
      [](auto& options) { options.breaker_delay = absl::Seconds(7); },
      [](auto& options) { options.breaker_delay_max = absl::Seconds(70); },
      [](auto& options) { options.refusal_delay = absl::Seconds(7); },
      [](auto& options) { options.query_prefix = ""; },
      [](auto& options) { options.tokens_per_text_max = 7U; },
      [](auto& options) { options.batch_token_count_max = 7; },
      [](auto& options) { options.price_per_million_tokens = 7.0; },
      [](auto& options) { options.request_timeout = absl::Seconds(7); },
  };
  for (const Change& change : fresh) {
    EmbeddingProfileOptions options = MiniLm();
    change(options);
    EXPECT_EQ(HashOf(options), HashOf(MiniLm()));
  }
}

TEST(EmbeddingProfileTest, KeepsTheSpaceWhenTheUrlChangesAndItIsNamed) {
  EmbeddingProfileOptions here = MiniLm();
  here.vector_space = "minilm";
  EmbeddingProfileOptions there = here;
  there.url = "https://elsewhere.example.com";
  EXPECT_EQ(HashOf(here), HashOf(there));
}

struct WrongSetting {
  std::string name;
  std::function<void(EmbeddingProfileOptions&)> spoil;
  std::string setting;
  std::string message;
  bool is_builtin = false;
};

class WrongSettingTest : public ::testing::TestWithParam<WrongSetting> {};

TEST_P(WrongSettingTest, IsNamed) {
  EmbeddingProfileOptions options =
      GetParam().is_builtin ? Builtin() : MiniLm();
  GetParam().spoil(options);
  const absl::Status status = ResolveProfile(options).status();
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(absl::StrCat("embedding profile '", options.name,
                                      "': ", GetParam().setting, " ",
                                      GetParam().message))));
  EXPECT_THAT(status.ToString(), Not(HasSubstr("sk-")));
  ASSERT_TRUE(ReasonOf(status).has_value());
  EXPECT_EQ(ReasonOf(status)->reason, "EMBEDDING_PROFILE_INVALID");
  EXPECT_EQ(ReasonOf(status)->metadata[1],
            std::make_pair(std::string("setting"), GetParam().setting));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongSettingTest,
    ::testing::Values(
        WrongSetting{"NoUrl", [](auto& o) { o.url = ""; }, "url",
                     "is empty, expected one such as https://"},
        WrongSetting{"NoUrlAtAll", [](auto& o) { o.url = "http://"; }, "url",
                     "is not a URL"},
        WrongSetting{"Scheme", [](auto& o) { o.url = "ftp://x/"; }, "url",
                     "has the scheme 'ftp', expected http or https"},
        WrongSetting{"User", [](auto& o) { o.url = "https://me:pw@x/"; }, "url",
                     "contains a user name or password"},
        WrongSetting{"Fragment", [](auto& o) { o.url = "https://x/#y"; }, "url",
                     "contains a fragment"},
        WrongSetting{"PlainHttp", [](auto& o) { o.url = "http://example.com"; },
                     "url",
                     "sends texts and key to http://example.com:80 without "
                     "encryption, expected https, or allow_http: true"},
        WrongSetting{"PlainHttpThatLooksLocal",
                     [](auto& o) { o.url = "http://127.0.0.1.example.com"; },
                     "url", "sends texts and key to"},
        WrongSetting{"NoModel", [](auto& o) { o.model = ""; }, "model",
                     "is empty"},
        WrongSetting{"NoDimension",
                     [](auto& o) {
                       o.model = "own";
                       o.dimension = 0;
                     },
                     "dimension",
                     "is not set, and nothing is known of the model 'own': "
                     "expected the components of its vectors, 1 to 4096"},
        WrongSetting{"DimensionTooLarge", [](auto& o) { o.dimension = 4097; },
                     "dimension", "is 4097, expected 1 to 4096"},
        WrongSetting{"TwoKeys",
                     [](auto& o) {
                       o.api_key_env = "A";
                       o.api_key_file = "b";
                     },
                     "api_key_file", "is set beside api_key_env"},
        // What may be the key itself is not repeated.
        WrongSetting{"KeyForItsName",
                     [](auto& o) { o.api_key_env = "sk-proj-x1"; },
                     "api_key_env",
                     "is not the name of an environment variable, which has "
                     "letters, digits and '_'; it is not the key itself"},
        WrongSetting{"KeyNameWithDigit",
                     [](auto& o) { o.api_key_env = "1KEY"; }, "api_key_env",
                     "is not the name of an environment variable"},
        WrongSetting{"BatchCount", [](auto& o) { o.batch_text_count_max = 0; },
                     "batch_text_count_max", "is 0, expected 1 to 2048"},
        WrongSetting{"BatchTokens",
                     [](auto& o) { o.batch_token_count_max = 0; },
                     "batch_token_count_max", "is 0, expected 1 to 10000000"},
        WrongSetting{"TextTokens", [](auto& o) { o.tokens_per_text_max = 0U; },
                     "tokens_per_text_max", "is 0, expected 1 to 1000000"},
        WrongSetting{"Price",
                     [](auto& o) { o.price_per_million_tokens = -1.0; },
                     "price_per_million_tokens", "is -1, expected 0 to 1000"},
        WrongSetting{"PriceNotANumber",
                     [](auto& o) { o.price_per_million_tokens = NAN; },
                     "price_per_million_tokens", "is nan, expected 0 to 1000"},
        WrongSetting{"DimensionsForLlamaCpp",
                     [](auto& o) {
                       o.dialect = EmbeddingDialect::kLlamaCpp;
                       o.send_dimensions = true;
                     },
                     "send_dimensions",
                     "is true, but the dialect 'llama.cpp' cannot say it"},
        WrongSetting{"DimensionThatTheModelDoesNotMake",
                     [](auto& o) {
                       o.model = "voyage-3.5";
                       o.dimension = 300;
                       o.send_dimensions = true;
                     },
                     "dimension",
                     "is 300, which the model voyage-3.5 does not make, "
                     "expected 256, 512, 2048 or 1024"},
        WrongSetting{"BatchSize", [](auto& o) { o.batch_size_bytes_max = 1; },
                     "batch_size_bytes_max", "is 1, expected 1024 to"},
        WrongSetting{"Concurrency", [](auto& o) { o.concurrency_max = 65; },
                     "concurrency_max", "is 65, expected 1 to 64"},
        WrongSetting{"Requests", [](auto& o) { o.requests_per_minute = -1; },
                     "requests_per_minute", "is -1, expected 0 to 1000000000"},
        WrongSetting{
            "Tokens", [](auto& o) { o.tokens_per_minute = 1'000'000'001; },
            "tokens_per_minute", "is 1000000001, expected 0 to 1000000000"},
        WrongSetting{"BreakerDelay",
                     [](auto& o) { o.breaker_delay = absl::ZeroDuration(); },
                     "breaker_delay", "is 0, expected 1ms to 1h"},
        WrongSetting{"BreakerDelayMax",
                     [](auto& o) { o.breaker_delay_max = absl::Seconds(1); },
                     "breaker_delay_max", "is 1s, expected 5s to 1h"},
        WrongSetting{"RefusalDelay",
                     [](auto& o) { o.refusal_delay = absl::Hours(25); },
                     "refusal_delay", "is 25h, expected 1ms to 24h"},
        WrongSetting{"Attempts", [](auto& o) { o.attempt_count_max = 21; },
                     "attempt_count_max", "is 21, expected 1 to 20"},
        WrongSetting{"Backoff",
                     [](auto& o) { o.backoff_max = absl::Milliseconds(1); },
                     "backoff_max", "is 1ms, expected 500ms to 10m"},
        WrongSetting{"ConnectTimeout",
                     [](auto& o) { o.connect_timeout = absl::ZeroDuration(); },
                     "connect_timeout", "is 0, expected 1ms to 5m"},
        WrongSetting{"RequestTimeout",
                     [](auto& o) { o.request_timeout = absl::Hours(2); },
                     "request_timeout", "is 2h, expected 1ms to 1h"},
        WrongSetting{"LongPrefix",
                     [](auto& o) { o.query_prefix = std::string(2049, 'x'); },
                     "query_prefix", "is 2049 bytes, expected at most 2048"},
        WrongSetting{"PrefixNotUtf8", [](auto& o) { o.query_prefix = "\xFF"; },
                     "query_prefix", "is not UTF-8"},
        WrongSetting{"NulInFile",
                     [](auto& o) { o.ca_file = std::string("a\0b", 3); },
                     "ca_file", "contains a NUL"},
        WrongSetting{
            "UrlForBuiltin", [](auto& o) { o.url = "http://x"; }, "url",
            "is set, but the dialect 'builtin' has no use for it", true},
        WrongSetting{"PrefixForBuiltin", [](auto& o) { o.query_prefix = "q"; },
                     "query_prefix", "is set, but", true},
        WrongSetting{"UnscaledBuiltin", [](auto& o) { o.normalize = false; },
                     "normalize", "is false", true},
        WrongSetting{"SmallBuiltin", [](auto& o) { o.dimension = 64; },
                     "dimension", "is 64, expected 256 to 4096", true}),
    [](const auto& test) { return test.param.name; });

TEST(EmbeddingProfileTest, RefusesNamesThatCannotBePrinted) {
  for (const absl::string_view name : {"", "a b", "a\nb", "\xC3\xA9"}) {
    EmbeddingProfileOptions options = MiniLm();
    options.name = std::string(name);
    EXPECT_THAT(ResolveProfile(options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 1 to 64 of letters")));
  }
}

TEST(EmbeddingProfileTest, ParsesDialects) {
  EXPECT_THAT(ParseEmbeddingDialect("openai"),
              IsOkAndHolds(EmbeddingDialect::kOpenAi));
  EXPECT_THAT(ParseEmbeddingDialect("builtin"),
              IsOkAndHolds(EmbeddingDialect::kBuiltin));
  EXPECT_THAT(
      ParseEmbeddingDialect("OpenAI"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               Eq("dialect is 'OpenAI', expected one of builtin, openai, "
                  "azure, mistral, vllm, llama.cpp, lmstudio, localai, "
                  "tei-v1, tei, ollama, cohere, voyage, jina, gemini")));
}

TEST(EmbeddingProfileTest, IsHonestAboutTheBuiltinEmbedder) {
  EXPECT_EQ(DescribeProfile(ResolveProfile(Builtin()).value()),
            "builtin lexical embedder, 384 dimensions: finds shared words, not "
            "meaning");
  EXPECT_EQ(DescribeProfile(ResolveProfile(MiniLm()).value()),
            "all-MiniLM-L6-v2 at https://embed.example.com:443, 384 "
            "dimensions");
}

TEST(EmbeddingProfileTest, NamesTheOriginOfAUrl) {
  EXPECT_THAT(OriginOf("https://API.example.com/v1?key=secret"),
              IsOkAndHolds("https://api.example.com:443"));
}

TEST(HashChunkedProfileTest, IsThatOfTheProfileForWholeDocuments) {
  ProfileHash profile_hash;
  profile_hash.fill(std::byte{7});
  EXPECT_EQ(HashChunkedProfile(profile_hash, {}), profile_hash);
}

TEST(HashChunkedProfileTest, DependsOnHowTextsAreCut) {
  ProfileHash profile_hash;
  profile_hash.fill(std::byte{7});
  const Chunking chunking = {.mode = Chunking::Mode::kBoundary,
                             .chunk_token_count = 512,
                             .overlap_token_count = 64,
                             .tokenizer = "approximate"};
  const ProfileHash hash = HashChunkedProfile(profile_hash, chunking);
  EXPECT_EQ(absl::BytesToHexString(absl::string_view(
                reinterpret_cast<const char*>(hash.data()), hash.size())),
            "5e699224509a581e0ba4acc0ffea6660ebde81011aed702cd6e5bb8409c77635");
  Chunking other = chunking;
  other.mode = Chunking::Mode::kWindow;
  EXPECT_NE(HashChunkedProfile(profile_hash, other), hash);
  other = chunking;
  other.chunk_token_count = 511;
  EXPECT_NE(HashChunkedProfile(profile_hash, other), hash);
  other = chunking;
  other.overlap_token_count = 63;
  EXPECT_NE(HashChunkedProfile(profile_hash, other), hash);
  other = chunking;
  other.tokenizer = "another";
  EXPECT_NE(HashChunkedProfile(profile_hash, other), hash);
}

}  // namespace
}  // namespace copse
