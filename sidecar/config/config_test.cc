// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/config/http_secret.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/embedding/embedding_profile.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::vector<std::pair<std::string, std::string>>;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() : folder_(::testing::TempDir() + "/config_test.XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  // Loads a file with `yaml`, which errors call c.yaml here.
  absl::StatusOr<Config> Load(absl::string_view yaml,
                              const Variables& environment = {},
                              const std::vector<RawSetting>& flags = {}) {
    const std::string path = absl::StrCat(folder_, "/c.yaml");
    std::ofstream(path) << yaml;
    absl::StatusOr<Config> config =
        LoadConfig({.file = path, .environment = environment, .flags = flags});
    if (config.ok()) {
      return config;
    }
    return absl::Status(
        config.status().code(),
        absl::StrReplaceAll(config.status().message(), {{path, "c.yaml"}}));
  }

  void ExpectError(absl::string_view yaml, const std::string& message) {
    EXPECT_THAT(Load(yaml),
                StatusIs(absl::StatusCode::kInvalidArgument, message))
        << yaml;
  }

  void ExpectEnvironmentError(const Variables& environment,
                              const std::string& message) {
    EXPECT_THAT(LoadConfig({.environment = environment}),
                StatusIs(absl::StatusCode::kInvalidArgument, message));
  }

  std::string folder_;
};

constexpr absl::string_view kRemoteProfile =
    "  url: http://127.0.0.1:9\n  model: m\n  dimension: 4\n";

TEST_F(ConfigTest, HasDefaultsWithoutAnySource) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Config config, LoadConfig({}));
  EXPECT_EQ(config.grpc_address.ToString(), "127.0.0.1:7373");
  EXPECT_EQ(config.metrics_address->ToString(), "127.0.0.1:7374");
  EXPECT_EQ(config.default_embedding_profile, "builtin");
  EXPECT_TRUE(config.embedding_profiles.empty());
  EXPECT_TRUE(config.sources.empty());
}

TEST_F(ConfigTest, FlagsWinOverTheEnvironmentAndItOverTheFile) {
  const std::string yaml = "forest: {fan_out: 10, tree_count: 2}\ndata: /f\n";
  const Variables environment = {{"COPSE_FOREST_FAN_OUT", "20"},
                                 {"COPSE_FOREST_TREE_COUNT", "3"}};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      Load(yaml, environment, {{"forest.fan_out", "30", "flag"}}));
  EXPECT_EQ(config.forest_fan_out, 30);
  EXPECT_EQ(config.forest_tree_count, 3);
  EXPECT_EQ(config.data, "/f");
  EXPECT_EQ(config.sources.at("forest.fan_out"), "flag");
  EXPECT_EQ(config.sources.at("forest.tree_count"),
            "environment COPSE_FOREST_TREE_COUNT");
  EXPECT_EQ(config.sources.at("data"), absl::StrCat(folder_, "/c.yaml:2"));
}

TEST_F(ConfigTest, ReadsEveryKindOfSetting) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Config config,
                             Load("data: /var/lib/copse\n"
                                  "grpc_address: \"[::1]:0\"\n"
                                  "grpc_allow_unauthenticated: true\n"
                                  "metrics_address: \"\"\n"
                                  "pool_size_bytes: 512MiB\n"
                                  "shutdown_timeout_seconds: 2.5\n"
                                  "log_level: warning\n"
                                  "log_format: json\n"));
  EXPECT_EQ(config.grpc_address.host, "::1");
  EXPECT_TRUE(config.grpc_allow_unauthenticated);
  EXPECT_FALSE(config.metrics_address.has_value());
  EXPECT_EQ(config.pool_size_bytes, 512 << 20);
  EXPECT_EQ(config.shutdown_timeout, absl::Seconds(2.5));
  EXPECT_EQ(config.log_level, LogLevel::kWarning);
  EXPECT_EQ(config.log_format, LogFormat::kJson);
}

TEST_F(ConfigTest, AnEmptyFileChangesNothing) {
  EXPECT_THAT(Load(""), IsOk());
  EXPECT_THAT(Load("# Nothing.\n"), IsOk());
}

// ---- Errors ----------------------------------------------------------------

TEST_F(ConfigTest, NamesUnknownKeysAndWhatWasMeant) {
  ExpectError("data: /d\ngrpc_adress: a:1\n",
              "c.yaml:2: unknown key 'grpc_adress', did you mean "
              "'grpc_address'?");
  ExpectError("colour: blue\n", "c.yaml:1: unknown key 'colour'");
  ExpectError("forest:\n  fanout: 3\n",
              "c.yaml:2: unknown key 'forest.fanout', did you mean "
              "'forest.fan_out'?");
  ExpectError("forest.fan_out: 3\n",
              "c.yaml:1: unknown key 'forest.fan_out', expected 'forest:' and "
              "'fan_out:' indented on the line below");
  ExpectError("embedding:\n  modle: x\n",
              "c.yaml:2: unknown key 'embedding.modle', did you mean "
              "'embedding.model'?");
  ExpectError("embedding_profiles:\n- name: a\n- nme: b\n",
              "c.yaml:3: unknown key 'embedding_profiles[1].nme', did you mean "
              "'embedding_profiles[1].name'?\n"
              "c.yaml:3: embedding profile '': name is 0 bytes, expected 1 to "
              "64 of letters, digits, '_', '.' and '-'");
}

TEST_F(ConfigTest, NamesWrongTypes) {
  ExpectError("data: [a, b]\n", "c.yaml:1: data is a list, expected a path");
  ExpectError("data:\n", "c.yaml:1: data is nothing, expected a path");
  ExpectError("log_level: {a: b}\n",
              "c.yaml:1: log_level is a section, expected one of debug, info, "
              "warning, error");
  ExpectError("forest: 3\n",
              "c.yaml:1: forest is a value, expected a section: its settings "
              "indented on the lines below");
  ExpectError("embedding: [a]\n",
              "c.yaml:1: embedding is a list, expected a section: its settings "
              "indented on the lines below");
  ExpectError("embedding_profiles: a\n",
              "c.yaml:1: embedding_profiles is a value, expected a list of "
              "profiles (- name: ...)");
  ExpectError("embedding_profiles:\n  - name: {a: b}\n",
              "c.yaml:2: embedding_profiles[0].name is a section, expected "
              "text\n"
              "c.yaml:2: embedding profile '': name is 0 bytes, expected 1 to "
              "64 of letters, digits, '_', '.' and '-'");
  ExpectError("- data\n",
              "c.yaml:1: the file is no list of settings, expected KEY: VALUE "
              "lines");
  ExpectError("[a]: b\n",
              "c.yaml:1: a key is not text, expected the name of a setting");
}

TEST_F(ConfigTest, NamesValuesOutOfRange) {
  ExpectError("forest:\n  fan_out: 3\n",
              "c.yaml:2: forest.fan_out is '3', expected a number from 4 to "
              "1024");
  ExpectError("pool_size_bytes: 12XB\n",
              "c.yaml:1: pool_size_bytes is '12XB', expected a size from 1MiB "
              "to 1PiB, such as 536870912 or 512MiB");
  ExpectError("grpc_allow_unauthenticated: maybe\n",
              "c.yaml:1: grpc_allow_unauthenticated is 'maybe', expected true "
              "or false");
  ExpectError("grpc_address: 127.0.0.1\n",
              "c.yaml:1: grpc_address is '127.0.0.1', expected HOST:PORT, such "
              "as 127.0.0.1:0: there is no :PORT at its end");
}

TEST_F(ConfigTest, ReportsAllErrorsAtOnceUpToALimit) {
  ExpectError("a: 1\nlog_format: xml\nb: 2\n",
              "c.yaml:1: unknown key 'a'\n"
              "c.yaml:3: unknown key 'b'\n"
              "c.yaml:2: log_format is 'xml', expected one of text, json");
  std::string yaml;
  for (int i = 0; i < 25; ++i) {
    absl::StrAppend(&yaml, "zzzz", i, ": 1\n");
  }
  EXPECT_THAT(Load(yaml), StatusIs(absl::StatusCode::kInvalidArgument,
                                   ::testing::EndsWith("\nand 5 more")));
}

TEST_F(ConfigTest, NamesWhatIsNotYaml) {
  ExpectError("data: /d\nforest: {fan_out: 3\n",
              "c.yaml:3: not valid YAML: end of map flow not found");
  ExpectError("data: /d\ndata: /e\n",
              "c.yaml:2: key 'data' is there already, at c.yaml:1");
  ExpectError("data: /d\n---\ndata: /e\n",
              "c.yaml:3: the file holds more than one document, expected one");
  EXPECT_THAT(Load(std::string(100'000, '[')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not valid YAML")));
}

TEST_F(ConfigTest, NamesTheFileThatCannotBeRead) {
  EXPECT_THAT(LoadConfig({.file = "/nowhere/c.yaml"}),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("cannot open '/nowhere/c.yaml'")));
  EXPECT_THAT(LoadConfig({.file = folder_}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       absl::StrCat("'", folder_,
                                    "' is a folder or a device, expected a "
                                    "file")));
  EXPECT_THAT(Load(std::string((1 << 20) + 1, '#')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "'c.yaml' is longer than 1048576 bytes, the most "
                       "allowed"));
}

// ---- The environment -------------------------------------------------------

TEST_F(ConfigTest, NamesUnknownVariables) {
  ExpectEnvironmentError({{"COPSE_POOL_SIZE", "1"}, {"HOME", "/"}},
                         "environment COPSE_POOL_SIZE: unknown variable, did "
                         "you mean 'COPSE_POOL_SIZE_BYTES'?");
  ExpectEnvironmentError({{"COPSE_LOG_LEVEL", ""}},
                         "environment COPSE_LOG_LEVEL: log_level is empty, "
                         "expected one of debug, info, warning, error");
}

TEST_F(ConfigTest, PassesOverVariablesOfOthers) {
  EXPECT_THAT(
      LoadConfig({.environment = {{"COPSE_SERVER", "localhost:7373"},
                                  {"COPSE_CONFIG", "x"},
                                  {"COPSE_PORT", "tcp://10.0.0.1:7373"},
                                  {"COPSE_PORT_7373_TCP_ADDR", "10.0.0.1"},
                                  {"COPSE_SERVICE_HOST", "10.0.0.1"},
                                  {"VECTORLINK_PORT", "7372"}}}),
      IsOk());
}

TEST_F(ConfigTest, OneVariableOfVectorLinkBringsItsDefaults) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      LoadConfig({.environment = {{"VECTORLINK_DIM", "512"}}}));
  ASSERT_EQ(config.embedding_profiles.size(), 1);
  const EmbeddingProfileOptions& profile = config.embedding_profiles[0];
  EXPECT_EQ(profile.name, "default");
  EXPECT_EQ(config.default_embedding_profile, "default");
  EXPECT_EQ(profile.dialect, EmbeddingDialect::kOpenAi);
  EXPECT_EQ(profile.url, "http://localhost:11434/v1/embeddings");
  EXPECT_EQ(profile.model, "nomic-embed-text-v2-moe");
  EXPECT_EQ(profile.dimension, 512);
  EXPECT_EQ(profile.batch_text_count_max, 32);
  EXPECT_EQ(config.sources.at("embedding.model"), "default of VectorLink");
  EXPECT_EQ(config.sources.at("embedding.dimension"),
            "environment VECTORLINK_DIM");
}

TEST_F(ConfigTest, VariablesOfVectorLinksPortBringNoDefaults) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      LoadConfig({.environment = {{"VECTORLINK_PORT", "8080"},
                                  {"VECTORLINK_DATA_DIR", "/data"},
                                  {"VECTORLINK_ADMIN_USER", "anna"},
                                  {"VECTORLINK_ADMIN_SECRET", "hidden"},
                                  {"VECTORLINK_SEARCH_READY", "false"}}}));
  EXPECT_EQ(config.http_address->ToString(), "localhost:8080");
  EXPECT_EQ(config.data, "/data");
  EXPECT_EQ(config.http_admin_user, "anna");
  EXPECT_EQ(config.http_admin_secret_env, "VECTORLINK_ADMIN_SECRET");
  EXPECT_FALSE(config.search_ready);
  EXPECT_EQ(config.default_embedding_profile, "builtin");
  EXPECT_THAT(PrintConfig(config), Not(HasSubstr("hidden")));
}

TEST_F(ConfigTest, GuardsTheHttpPortWithMoreThanTheDefaultSecret) {
  const std::string open = "data: /d\nhttp_address: 0.0.0.0:7372\n";
  COPSE_ASSERT_OK_AND_ASSIGN(Config config, Load(open));
  EXPECT_THAT(
      CheckServable(config),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("/c.yaml:2: http_address is 0.0.0.0:7372, "),
                     HasSubstr("allow_default_secret: true"))));
  for (const char* more :
       {"allow_default_secret: true\n", "http_admin_secret_env: SECRET\n",
        "http_admin_secret_file: /secret\n"}) {
    COPSE_ASSERT_OK_AND_ASSIGN(config, Load(open + more));
    EXPECT_THAT(CheckServable(config), IsOk()) << more;
  }
  COPSE_ASSERT_OK_AND_ASSIGN(config,
                             Load(open + "http_admin_secret_env: SECRET\n"));
  EXPECT_THAT(CheckHttpSecret(config, "root"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("/c.yaml:2: http_address is 0.0.0.0:7372, ")));
  EXPECT_THAT(CheckHttpSecret(config, "rooted"), IsOk());
  config.allow_default_secret = true;
  EXPECT_THAT(CheckHttpSecret(config, "root"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(config,
                             Load("data: /d\nhttp_tls_key_file: /key\n"));
  EXPECT_THAT(CheckServable(config),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected both or none")));
}

TEST_F(ConfigTest, TakesTheContentEndpointOfTerminusDb) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      LoadConfig({.environment = {
                      {"TERMINUSDB_CONTENT_ENDPOINT", "http://db:6363/api"},
                      {"TERMINUSDB_USER_FORWARD_HEADER", "X-User-Forward"},
                      {"COPSE_USER_FORWARD_HEADER", "X-User"}}}));
  EXPECT_EQ(config.content_endpoint, "http://db:6363/api");
  EXPECT_EQ(config.user_forward_header, "X-User");
  EXPECT_TRUE(config.embedding_profiles.empty());
}

TEST_F(ConfigTest, OwnVariablesWinOverThoseOfVectorLink) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      Load("embedding:\n  model: file-model\n  dimension: 9\n",
           {{"COPSE_EMBEDDING_URL", "http://127.0.0.1:1"},
            {"VECTORLINK_EMBED_URL", "http://ollama:11434"},
            {"VECTORLINK_EMBED_PROVIDER", "generic_http"},
            {"VECTORLINK_TOKENIZER_PATH", "/models/tokenizer.json.bz2"},
            {"VECTORLINK_DIM", "512"}}));
  ASSERT_EQ(config.embedding_profiles.size(), 1);
  EXPECT_EQ(config.embedding_profiles[0].url,
            "http://127.0.0.1:1/v1/embeddings");
  EXPECT_EQ(config.embedding_profiles[0].model, "file-model");
  EXPECT_EQ(config.embedding_profiles[0].dimension, 512);
}

TEST_F(ConfigTest, NamesTheVariableOfVectorLinkThatIsWrong) {
  ExpectEnvironmentError({{"VECTORLINK_EMBED_PROVIDER", "bedrock"}},
                         "environment VECTORLINK_EMBED_PROVIDER: "
                         "embedding.dialect is 'bedrock', expected one of "
                         "builtin, openai, azure, mistral, vllm, llama.cpp, "
                         "lmstudio, localai, tei-v1, tei, ollama, cohere, "
                         "voyage, jina, gemini");
}

// ---- Embedding profiles ----------------------------------------------------

TEST_F(ConfigTest, TheSectionEmbeddingIsTheDefaultProfile) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      Load(absl::StrCat("embedding:\n", kRemoteProfile,
                        "  query_prefix: \"q: \"\n"
                        "  backoff_base_seconds: 0.1\n"
                        "embedding_profiles:\n"
                        "- name: words\n  dimension: 256\n")));
  ASSERT_EQ(config.embedding_profiles.size(), 2);
  EXPECT_EQ(config.default_embedding_profile, "default");
  EXPECT_EQ(config.embedding_profiles[0].query_prefix, "q: ");
  EXPECT_EQ(config.embedding_profiles[0].backoff_base, absl::Milliseconds(100));
  EXPECT_EQ(config.embedding_profiles[1].name, "words");
  EXPECT_EQ(config.embedding_profiles[1].dialect, EmbeddingDialect::kBuiltin);
  EXPECT_THAT(config.profile_keys,
              ElementsAre("embedding", "embedding_profiles[0]"));
}

TEST_F(ConfigTest, TheFirstProfileOfTheListIsTheDefaultIfThereIsNoOther) {
  const std::string list =
      "embedding_profiles:\n- name: a\n- name: b\n  dimension: 300\n";
  COPSE_ASSERT_OK_AND_ASSIGN(Config config, Load(list));
  EXPECT_EQ(config.default_embedding_profile, "a");
  COPSE_ASSERT_OK_AND_ASSIGN(
      config, Load(absl::StrCat(list, "default_embedding_profile: builtin\n")));
  EXPECT_EQ(config.default_embedding_profile, "builtin");
  ExpectError(absl::StrCat(list, "default_embedding_profile: c\n"),
              "c.yaml:5: default_embedding_profile is 'c', expected one of a, "
              "b, builtin");
}

TEST_F(ConfigTest, NamesTheLineOfAWrongProfile) {
  ExpectError(
      "embedding:\n  url: http://127.0.0.1:9\n  model: m\n",
      "c.yaml:2: embedding profile 'default': dimension is not set, and "
      "nothing is known of the model 'm': expected the components of its "
      "vectors, 1 to 4096");
  ExpectError(absl::StrCat("embedding:\n", kRemoteProfile,
                           "  api_key_env: A\n  api_key_file: /b\n"),
              "c.yaml:6: embedding profile 'default': api_key_file is set "
              "beside api_key_env, expected one of the two");
  ExpectError("embedding:\n  backoff_base_seconds: 0\n",
              "c.yaml:2: embedding profile 'default': backoff_base is 0, "
              "expected 1ms to 1m");
  ExpectError("embedding_profiles:\n- name: a\n- name: a\n",
              "c.yaml:3: embedding_profiles[1].name is 'a', which another "
              "profile has, expected a name of its own");
}

TEST_F(ConfigTest, RefusesAKeyInTheConfiguration) {
  EXPECT_THAT(
      Load("embedding:\n  api_key: sk-secret\n"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "c.yaml:2: key 'embedding.api_key' would put a secret into the "
               "configuration: name an environment variable (api_key_env) or a "
               "file (api_key_file) that holds it"));
}

// ---- Serving ---------------------------------------------------------------

TEST_F(ConfigTest, RefusesAnOpenGrpcAddressUnlessAllowed) {
  COPSE_ASSERT_OK_AND_ASSIGN(Config config,
                             Load("data: /d\ngrpc_address: 0.0.0.0:7373\n"));
  EXPECT_THAT(
      CheckServable(config),
      StatusIs(absl::StatusCode::kInvalidArgument,
               absl::StrCat(folder_,
                            "/c.yaml:2: grpc_address is 0.0.0.0:7373, which "
                            "other machines can reach, and gRPC has no "
                            "authentication yet; expected a loopback address "
                            "such as 127.0.0.1:7373, or "
                            "grpc_allow_unauthenticated: true")));
  config.grpc_allow_unauthenticated = true;
  EXPECT_THAT(CheckServable(config), IsOk());
  config.data = "";
  EXPECT_THAT(CheckServable(config),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("data is not set")));
}

// ---- Printing --------------------------------------------------------------

TEST_F(ConfigTest, PrintsWhatTakesEffectAndWhereItIsFrom) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      LoadConfig({.environment = {{"COPSE_POOL_SIZE_BYTES", "1000000000"}},
                  .flags = {{"data", "/a b", "flag --data"}}}));
  EXPECT_THAT(PrintConfig(config),
              HasSubstr("data: \"/a b\"                                      "
                        "  # flag --data\n"));
  EXPECT_THAT(PrintConfig(config),
              HasSubstr("\npool_size_bytes: 1000000000                       "
                        "  # environment COPSE_POOL_SIZE_BYTES\n"));
  EXPECT_THAT(PrintConfig(config),
              HasSubstr("\nforest:\n  leaf_row_count: 64                     "
                        "           # default\n"));
}

TEST_F(ConfigTest, WhatIsPrintedGivesTheSameConfiguration) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Config config,
      Load(absl::StrCat(
          "data: \"/a: #b\\n\\\"\\u00e4\"\nmetrics_address: \"\"\n"
          "grpc_address: \"[::1]:0\"\n"
          "embedding:\n",
          kRemoteProfile, "  document_prefix: \"- \\t\"\n",
          "embedding_profiles:\n- name: words\n- name: x\n  url: "
          "https://e.example/v2?api-version=1\n  model: m\n  dimension: 3\n"
          "  api_key_env: KEY\n")));
  COPSE_ASSERT_OK_AND_ASSIGN(const Config again, Load(PrintConfig(config)));
  // All but the sources, which are the lines of the printed file now.
  const auto values_of = [](const Config& printed) {
    std::vector<std::string> values;
    for (const absl::string_view line :
         absl::StrSplit(PrintConfig(printed), '\n')) {
      values.emplace_back(line.substr(0, line.rfind("  # ")));
    }
    return values;
  };
  EXPECT_EQ(values_of(config), values_of(again));
  EXPECT_EQ(again.data, config.data);
  EXPECT_EQ(HashProfile(again.embedding_profiles[2]),
            HashProfile(config.embedding_profiles[2]));
}

// ---- The sample ------------------------------------------------------------

std::string ReadSampleFile() {
  std::ifstream file(COPSE_SOURCE_DIR "/deploy/copsed.yaml");
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

TEST_F(ConfigTest, TheSampleFileFollowsTheTable) {
  EXPECT_EQ(ReadSampleFile(), SampleConfig())
      << "write it anew: copsed --print-sample-config > deploy/copsed.yaml";
}

TEST_F(ConfigTest, TheSampleParsesAsItIsAndWithEverythingSwitchedOn) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Config config, Load(ReadSampleFile()));
  EXPECT_EQ(config.data, "/var/lib/copse");
  EXPECT_EQ(config.sources.size(), 1);
  std::string all;
  for (const absl::string_view line : absl::StrSplit(ReadSampleFile(), '\n')) {
    const size_t hash = line.find_first_not_of(' ');
    const bool is_hidden =
        hash + 1 < line.size() && line[hash] == '#' && line[hash + 1] != ' ';
    absl::StrAppend(&all, line.substr(0, hash),
                    is_hidden                         ? line.substr(hash + 1)
                    : hash == absl::string_view::npos ? ""
                                                      : line.substr(hash),
                    "\n");
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const Config full, Load(all));
  for (const std::string& key : FlatKeys()) {
    EXPECT_TRUE(full.sources.contains(key)) << key;
  }
  EXPECT_EQ(full.embedding_profiles.size(), 3);
}

}  // namespace
}  // namespace copse
