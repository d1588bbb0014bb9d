// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedder_registry.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sidecar/embedding/embedding_probe.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/scripted_provider.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(EmbedderRegistryTest, HasTheBuiltinProfileWithoutAnySetting) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto registry, EmbedderRegistry::Create({}));
  EXPECT_EQ(registry->default_profile(), "builtin");
  COPSE_ASSERT_OK_AND_ASSIGN(const auto embedder, registry->Get(""));
  EXPECT_EQ(embedder->name(), "builtin");
  EXPECT_EQ(embedder->dimension(), 384);
  EXPECT_EQ(embedder->profile_hash(), HashProfile(embedder->profile()));
}

EmbedderRegistryOptions TwoProfiles() {
  EmbedderRegistryOptions options;
  EmbeddingProfileOptions remote;
  remote.name = "remote";
  remote.dialect = EmbeddingDialect::kOpenAi;
  remote.url = "http://localhost:1";
  remote.model = "mini";
  remote.dimension = kDimension;
  EmbeddingProfileOptions large;
  large.name = "large";
  large.dimension = 768;
  options.profiles = {remote, large};
  return options;
}

TEST(EmbedderRegistryTest, TakesTheFirstProfileAsDefault) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto registry,
                             EmbedderRegistry::Create(TwoProfiles()));
  EXPECT_EQ(registry->default_profile(), "remote");
  EXPECT_THAT(registry->names(), ElementsAre("builtin", "large", "remote"));
  EXPECT_EQ(registry->Get("large").value()->dimension(), 768);
}

TEST(EmbedderRegistryTest, TakesTheDefaultThatIsNamed) {
  EmbedderRegistryOptions options = TwoProfiles();
  options.default_profile = "large";
  COPSE_ASSERT_OK_AND_ASSIGN(const auto registry,
                             EmbedderRegistry::Create(options));
  EXPECT_EQ(registry->Get("").value()->name(), "large");
}

TEST(EmbedderRegistryTest, NamesTheProfilesThatExist) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto registry,
                             EmbedderRegistry::Create(TwoProfiles()));
  const absl::Status status = registry->Get("small").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       Eq("embedding profile 'small' is not configured, "
                          "expected one of 'builtin', 'large', 'remote'")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROFILE_NOT_FOUND");

  EmbedderRegistryOptions options = TwoProfiles();
  options.default_profile = "small";
  EXPECT_THAT(EmbedderRegistry::Create(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("'small' is not configured")));
}

TEST(EmbedderRegistryTest, RefusesANameTwice) {
  EmbedderRegistryOptions options = TwoProfiles();
  options.profiles[1].name = "remote";
  const absl::Status status = EmbedderRegistry::Create(options).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               Eq("embedding profile 'remote': name is used "
                                  "twice, expected each once")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROFILE_INVALID");
}

TEST(EmbedderRegistryTest, PassesOnWhatIsWrongWithAProfile) {
  EmbedderRegistryOptions options = TwoProfiles();
  options.profiles[0].ca_file = "/nonexistent/ca.pem";
  EXPECT_THAT(EmbedderRegistry::Create(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       Eq("embedding profile 'remote': ca_file is "
                          "'/nonexistent/ca.pem', which cannot be read: No "
                          "such file or directory")));
}

// ---- The probe --------------------------------------------------------------

// A provider whose vectors are all the same.
ScriptedHttpServer::Handler Constant(const std::vector<float>& vector) {
  return [vector](const ScriptedRequest& request) {
    nlohmann::json answer = RightAnswer(request);
    for (nlohmann::json& item : answer["data"]) {
      item["embedding"] = vector;
    }
    return Ok(answer);
  };
}

using EmbeddingProbeTest = ScriptedProviderTest;

TEST_F(EmbeddingProbeTest, AsksNothingWhenTheHashesAreEqual) {
  Start(RightReply);
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<float> probe,
                             ProbeVector(embedder(), {}));
  EXPECT_THAT(CheckProfile(embedder(), embedder().profile_hash(), probe, {}),
              IsOk());
  EXPECT_THAT(server_->requests(), SizeIs(1));
  EXPECT_THAT(InputOf(server_->requests()[0]),
              ElementsAre(std::string(kProbeText)));
}

TEST_F(EmbeddingProbeTest, AcceptsAModelThatMoved) {
  Start(Constant({1.0F, 2.0F, 3.0F, 4.0F}));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<float> probe,
                             ProbeVector(embedder(), {}));
  const ProfileHash hash = embedder().profile_hash();
  embedder_.reset();
  Start(Constant({1.01F, 2.0F, 3.01F, 4.0F}));  // Another port.
  ASSERT_NE(embedder().profile_hash(), hash);
  EXPECT_THAT(CheckProfile(embedder(), hash, probe, {}), IsOk());
}

TEST_F(EmbeddingProbeTest, RefusesAnotherModel) {
  Start(Constant({1.0F, 2.0F, 3.0F, 3.5F}));
  const std::vector<float> probe = {1.0F, 2.0F, 3.0F, 4.0F};
  const absl::Status status = CheckProfile(embedder(), {}, probe, {});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("a probe text has a cosine of 0.99")));
  EXPECT_EQ(ReasonName(status), "EMBEDDING_PROFILE_CHANGED");
}

TEST_F(EmbeddingProbeTest, RefusesWithoutAskingWhatCannotMatch) {
  Start(RightReply);
  EXPECT_THAT(CheckProfile(embedder(), {}, {}, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no probe is stored")));
  const std::vector<float> probe = {1.0F, 2.0F};
  EXPECT_THAT(CheckProfile(embedder(), {}, probe, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("it has 4 dimensions and the domain has 2")));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

TEST_F(EmbeddingProbeTest, PassesOnThatTheProviderIsDown) {
  Start([](const ScriptedRequest& /*request*/) { return Error(503, "down"); });
  const std::vector<float> probe = {1.0F, 2.0F, 3.0F, 4.0F};
  EXPECT_THAT(CheckProfile(embedder(), {}, probe, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("503")));
}

TEST(IsSameSpaceTest, AllowsNoZeroVector) {
  const std::vector<float> zero = {0.0F, 0.0F};
  const std::vector<float> unit = {1.0F, 0.0F};
  EXPECT_FALSE(IsSameSpace(zero, zero));
  EXPECT_FALSE(IsSameSpace(zero, unit));
  EXPECT_TRUE(IsSameSpace(unit, unit));
  EXPECT_FALSE(IsSameSpace({}, {}));
}

}  // namespace
}  // namespace copse
