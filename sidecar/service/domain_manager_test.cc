// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/domain_manager.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class DomainManagerTest : public EngineTest {};

TEST_F(DomainManagerTest, FillsInTheDefaults) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainInfo info,
                             engine_->domains().Create("a/b", {}, {}));
  EXPECT_EQ(info.options.metric, Metric::kCosine);
  EXPECT_EQ(info.options.dimension, FakeEmbedder::kDimension);
  EXPECT_EQ(info.options.embedding_profile, "fake");
  EXPECT_EQ(info.options.profile_hash, embedder_->profile_hash());
  EXPECT_THAT(info.options.probe_vector, SizeIs(FakeEmbedder::kDimension));
}

TEST_F(DomainManagerTest, AsksNoEmbedderForADomainOfVectors) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainInfo info,
      engine_->domains().Create(
          "a/b",
          {.metric = Metric::kHamming, .dimension = 7, .vectors_only = true},
          {}));
  EXPECT_EQ(info.options.embedding_profile, "");
  EXPECT_EQ(info.options.dimension, 7);
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(DomainManagerTest, RefusesSettingsOutOfRange) {
  const DomainSettings refused[] = {
      {.dimension = -1},
      {.dimension = 4097},
      {.dimension = 0, .vectors_only = true},
      {.dimension = 3, .embedding_profile = "fake", .vectors_only = true},
      {.metric = Metric::kHamming},
      {.description = std::string(4097, 'x')},
  };
  for (const DomainSettings& settings : refused) {
    EXPECT_THAT(engine_->domains().Create("a/b", settings, {}),
                FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  }
}

TEST_F(DomainManagerTest, RefusesNamesOutsideTheRules) {
  for (const std::string& name :
       {std::string(), std::string("a\nb"), std::string(513, 'x'),
        std::string("\xff"), std::string("a\0b", 3)}) {
    EXPECT_THAT(engine_->domains().Create(name, {}, {}),
                FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  }
}

TEST_F(DomainManagerTest, RefusesAProfileThatDoesNotFit) {
  EXPECT_THAT(
      engine_->domains().Create("a/b", {.embedding_profile = "none"}, {}),
      FailsWith(absl::StatusCode::kFailedPrecondition,
                "EMBEDDING_PROFILE_NOT_FOUND"));
  EXPECT_THAT(engine_->domains().Create("a/b", {.dimension = 33}, {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "EMBEDDING_DIMENSION_MISMATCH"));
}

TEST_F(DomainManagerTest, CreatesADomainOnce) {
  ASSERT_THAT(engine_->domains().Create("a/b", {}, {}), IsOk());
  embedder_->Forget();
  EXPECT_THAT(engine_->domains().Create("a/b", {}, {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "DOMAIN_EXISTS"));
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(DomainManagerTest, CreatesNothingWhileTheProviderIsDown) {
  embedder_->OnEmbed([](const EmbedContext&) {
    return WithReason(absl::UnavailableError("503"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE");
  });
  EXPECT_THAT(engine_->domains().Create("a/b", {}, {}),
              FailsWith(absl::StatusCode::kUnavailable,
                        "EMBEDDING_PROVIDER_UNAVAILABLE"));
  EXPECT_THAT(store_->GetDomain("a/b"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(DomainManagerTest, ComparesWhatIsGivenWithADomainThatExists) {
  ASSERT_THAT(engine_->domains().GetOrCreate("a/b", {}, {}), IsOk());
  EXPECT_THAT(engine_->domains().GetOrCreate("a/b", {}, {}), IsOk());
  const auto differs = FailsWith(absl::StatusCode::kFailedPrecondition,
                                 "DOMAIN_SETTINGS_DIFFER");
  EXPECT_THAT(engine_->domains().GetOrCreate(
                  "a/b", {.metric = Metric::kDotProduct}, {}),
              differs);
  EXPECT_THAT(engine_->domains().GetOrCreate("a/b", {.dimension = 31}, {}),
              differs);
  EXPECT_THAT(engine_->domains().GetOrCreate("a/b", {.vectors_only = true}, {}),
              differs);
  EXPECT_THAT(
      engine_->domains().GetOrCreate("a/b", {.embedding_profile = "x"}, {}),
      differs);
}

TEST_F(DomainManagerTest, ReplacesTheDescription) {
  ASSERT_THAT(engine_->domains().Create("a/b", {.description = "old"}, {}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(DomainInfo info,
                             engine_->domains().UpdateDescription("a/b", ""));
  EXPECT_EQ(info.options.description, "");
  EXPECT_THAT(engine_->domains().UpdateDescription("a/c", "new"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(
      engine_->domains().UpdateDescription("a/b", std::string(4097, 'x')),
      FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
}

}  // namespace
}  // namespace copse
