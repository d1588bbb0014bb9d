// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/domain_manager.h"

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
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

TEST_F(DomainManagerTest, FixesHowTextsAreCut) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainInfo info,
      engine_->domains().Create(
          "boundary", {.default_chunking = Chunking::Mode::kBoundary}, {}));
  const Chunking boundary = {.mode = Chunking::Mode::kBoundary,
                             .chunk_token_count = 512,
                             .overlap_token_count = 64,
                             .tokenizer = "approximate"};
  EXPECT_EQ(info.options.chunking, boundary);
  EXPECT_EQ(info.options.profile_hash,
            HashChunkedProfile(embedder_->profile_hash(), boundary));
  COPSE_ASSERT_OK_AND_ASSIGN(
      info,
      engine_->domains().Create("window",
                                {.chunking = {.mode = Chunking::Mode::kWindow,
                                              .chunk_token_count = 70}},
                                {}));
  EXPECT_EQ(info.options.chunking.overlap_token_count, 10);
  COPSE_ASSERT_OK_AND_ASSIGN(
      info,
      engine_->domains().Create("vectors",
                                {.dimension = 4,
                                 .vectors_only = true,
                                 .default_chunking = Chunking::Mode::kBoundary},
                                {}));
  EXPECT_EQ(info.options.chunking, Chunking());
}

TEST_F(DomainManagerTest, AReembeddingKeepsHowTextsAreCut) {
  using Mode = Chunking::Mode;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DomainInfo info,
      engine_->domains().Create("d",
                                {.chunking = {.mode = Mode::kBoundary,
                                              .chunk_token_count = 100,
                                              .overlap_token_count = 20}},
                                {}));
  const auto plan = [&](const ChunkingSettings& chunking) {
    const absl::StatusOr<DomainOptions> options =
        engine_->domains().PlanReembedding(info.options, {.chunking = chunking},
                                           {});
    EXPECT_THAT(options, IsOk());
    return options.ok() ? std::pair(options->chunking.chunk_token_count,
                                    options->chunking.overlap_token_count)
                        : std::pair(0U, 0U);
  };
  EXPECT_THAT(plan({}), Pair(100, 20));
  EXPECT_THAT(plan({.mode = Mode::kBoundary}), Pair(100, 20));
  EXPECT_THAT(plan({.chunk_token_count = 80}), Pair(80, 20));
  EXPECT_THAT(plan({.chunk_token_count = 79}), Pair(79, 9))
      << "20 are too many";
  EXPECT_THAT(plan({.overlap_token_count = 0}), Pair(100, 0));
  EXPECT_THAT(plan({.mode = Mode::kWindow}), Pair(508, 72));
  EXPECT_THAT(plan({.mode = Mode::kWhole}), Pair(0, 0));
  embedder_->SetTokensPerTextMax(104);
  EXPECT_THAT(plan({}), Pair(100, 20));
  embedder_->SetTokensPerTextMax(103);
  EXPECT_THAT(plan({}), Pair(74, 9));
  EXPECT_THAT(engine_->domains().PlanReembedding(
                  info.options, {.chunking = {.chunk_token_count = -1}}, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
}

TEST_F(DomainManagerTest, RefusesChunksThatCannotBe) {
  const DomainSettings refused[] = {
      {.chunking = {.chunk_token_count = 5}},
      {.chunking = {.overlap_token_count = 0}},
      {.chunking = {.mode = Chunking::Mode::kBoundary,
                    .chunk_token_count = -1}},
      {.chunking = {.mode = Chunking::Mode::kBoundary,
                    .chunk_token_count = 1'000'001}},
      {.chunking = {.mode = Chunking::Mode::kBoundary,
                    .chunk_token_count = 100,
                    .overlap_token_count = 26}},
      {.chunking = {.mode = Chunking::Mode::kWindow,
                    .chunk_token_count = 100,
                    .overlap_token_count = 100}},
      {.dimension = 4,
       .vectors_only = true,
       .chunking = {.mode = Chunking::Mode::kWindow}},
  };
  for (const DomainSettings& settings : refused) {
    EXPECT_THAT(engine_->domains().Create("a/b", settings, {}),
                FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  }
}

TEST_F(DomainManagerTest, ComparesHowTextsAreCut) {
  const DomainSettings made = {
      .chunking = {.mode = Chunking::Mode::kWindow, .chunk_token_count = 70}};
  ASSERT_THAT(engine_->domains().Create("d", made, {}), IsOk());
  EXPECT_THAT(engine_->domains().GetOrCreate("d", made, {}), IsOk());
  EXPECT_THAT(engine_->domains().GetOrCreate("d", {}, {}), IsOk());
  const ChunkingSettings differ[] = {
      {.mode = Chunking::Mode::kBoundary},
      {.mode = Chunking::Mode::kWhole},
      {.mode = Chunking::Mode::kWindow, .chunk_token_count = 71},
      {.mode = Chunking::Mode::kWindow, .overlap_token_count = 9},
  };
  for (const ChunkingSettings& chunking : differ) {
    EXPECT_THAT(engine_->domains().GetOrCreate("d", {.chunking = chunking}, {}),
                FailsWith(absl::StatusCode::kFailedPrecondition,
                          "DOMAIN_SETTINGS_DIFFER"));
  }
}

TEST_F(DomainManagerTest, NamesTheTemplateThatIsWrong) {
  EXPECT_THAT(
      engine_->domains().Create(
          "d", {.templates = {{"Book", "{{x}}"}, {"Film", "a\n{{#b}}"}}}, {}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "TEMPLATE_INVALID"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     HasSubstr("templates['Film']: line 2, column "
                               "1"))));
  EXPECT_THAT(engine_->domains().Create("d", {.templates = {{"", ""}}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates[''] is empty, expected a template")));
  EXPECT_THAT(engine_->domains().Create(
                  "d", {.templates = {{std::string(513, 'T'), "x"}}}, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  DomainSettings many;
  for (size_t i = 0; i <= kTemplateCountMax; ++i) {
    many.templates[std::string(i, 'T')] = "{{x}}";
  }
  EXPECT_THAT(engine_->domains().Create("d", many, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("templates is of 65 types, expected at most 64")));
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(DomainManagerTest, ComparesTemplates) {
  const DomainSettings made = {.templates = {{"Film", "{{title}}"}}};
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo info,
                             engine_->domains().Create("d", made, {}));
  EXPECT_EQ(info.options.templates, made.templates);
  EXPECT_THAT(engine_->domains().GetOrCreate("d", made, {}), IsOk());
  EXPECT_THAT(engine_->domains().GetOrCreate("d", {}, {}), IsOk());
  EXPECT_THAT(engine_->domains().GetOrPlan("d", made), IsOk());
  const std::map<std::string, std::string> differ[] = {
      {{"Film", "{{name}}"}},
      {{"Book", "{{title}}"}},
      {{"Film", "{{title}}"}, {"", "{{name}}"}},
  };
  for (const auto& templates : differ) {
    EXPECT_THAT(
        engine_->domains().GetOrCreate("d", {.templates = templates}, {}),
        FailsWith(absl::StatusCode::kFailedPrecondition,
                  "DOMAIN_SETTINGS_DIFFER"));
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
  const absl::StatusOr<DomainInfo> domain =
      engine_->domains().Create("a/b", {}, {});
  EXPECT_THAT(domain, FailsWith(absl::StatusCode::kUnavailable,
                                "EMBEDDING_PROVIDER_UNAVAILABLE"));
  EXPECT_EQ(domain.status().message(),
            "domain 'a/b' wants one text embedded by profile 'fake', so that a "
            "changed model is noticed later: 503");
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
