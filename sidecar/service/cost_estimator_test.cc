// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/cost_estimator.h"

#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/caching_embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/token_meter.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/text/token_counter.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/embedding_cache.h"

namespace copse {
namespace {

using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;

class CostEstimatorTest : public EngineTest {
 protected:
  absl::StatusOr<CostEstimate> Estimate(
      const PushOptions& options,
      const std::vector<PushOperation>& operations) {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CostEstimator> estimator,
                           engine_->BeginEstimate(options, {}));
    for (const PushOperation& operation : operations) {
      COPSE_RETURN_IF_ERROR(estimator->Add(operation));
    }
    return estimator->Finish();
  }
};

TEST_F(CostEstimatorTest, CountsWhatDiffersFromTheParent) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "elm")}),
              IsOk());
  embedder_->Forget();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(Options("c2", "c1"),
               {Upsert("a", "oak"), Upsert("b", "yew"), Upsert("c", "yew"),
                Upsert("d", ""), UpsertVector("v", std::vector<float>(32, 1)),
                DeleteOperation{"a"}, DeleteOperation{"x"},
                ErrorOperation{"e", "no e"}}));
  EXPECT_EQ(estimate.operation_count, 8);
  EXPECT_EQ(estimate.unchanged_document_count, 1);
  EXPECT_EQ(estimate.changed_document_count, 3);
  EXPECT_EQ(estimate.deleted_document_count, 1);
  EXPECT_EQ(estimate.failed_document_count, 2);
  EXPECT_EQ(estimate.text_count, 1) << "equal texts are asked for once";
  EXPECT_EQ(estimate.cache_hit_count, 0);
  EXPECT_EQ(estimate.embedding_profile, "fake");
  EXPECT_EQ(estimate.model, "fake-model");
  EXPECT_THAT(estimate.cost, Optional(0.0)) << "it runs inside copse";
  EXPECT_THAT(embedder_->texts(), IsEmpty());
  EXPECT_THAT(store_->GetCommit("admin/trees", "c2"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(CostEstimatorTest, CountsWhatTemplatesMake) {
  const auto film = [](absl::string_view id, absl::string_view json) {
    UpsertOperation operation = Upsert(id, json);
    operation.document.type = "Film";
    return operation;
  };
  PushOptions options = Options("c1");
  options.create_domain->templates = {{"Film", "{{title}}"}};
  ASSERT_THAT(Push(options, {film("a", R"({"title": "Alien"})")}), IsOk());
  options.commit.commit = "c2";
  options.commit.parent_commit = "c1";
  UpsertOperation rendered = film("d", "Dune");
  rendered.text_is_rendered = true;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(options, {film("a", R"({"title": "Alien", "year": 1979})"),
                         film("b", "no JSON"), film("c", "{}"), rendered,
                         film("e", R"({"title": "Dune"})")}));
  EXPECT_EQ(estimate.unchanged_document_count, 1);
  EXPECT_EQ(estimate.failed_document_count, 2);
  EXPECT_EQ(estimate.changed_document_count, 2);
  EXPECT_EQ(estimate.text_count, 1) << "equal texts are asked for once";
}

TEST_F(CostEstimatorTest, PaysOnlyForWhatTheCacheLacks) {
  embedder_->SetPrice(2.0);
  const std::string text(1'000'000, 'x');
  const EmbeddingCache::Entry entry = {
      MakeEmbeddingKey(embedder_->profile_hash(), EmbeddingRole::kDocument,
                       "oak"),
      std::vector<float>(FakeEmbedder::kDimension, 1)};
  ASSERT_THAT(store_->embedding_cache().Put({&entry, 1}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(Options("c1"), {Upsert("a", "oak"), Upsert("b", text)}));
  EXPECT_EQ(estimate.text_count, 2);
  EXPECT_EQ(estimate.cache_hit_count, 1);
  const double token_count =
      EstimateTokenCount(text) * TokenMeter().typical_ratio();
  EXPECT_EQ(estimate.token_count, std::llround(token_count));
  EXPECT_THAT(estimate.cost, Optional(DoubleNear(2 * token_count / 1e6, 1e-9)));
}

TEST_F(CostEstimatorTest, AgreesWithWhatThePushAsksFor) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "elm")}),
              IsOk());
  embedder_->Forget();
  embedder_->FailText(" \n\t", absl::InvalidArgumentError("nothing to embed"));
  PushOptions options = Options("c2", "c1");
  options.skip_failed_documents = true;
  const std::vector<PushOperation> operations = {
      Upsert("a", "oak"),   Upsert("b", "yew"),   Upsert("c", "yew"),
      Upsert("d", "a fir"), Upsert("e", " \n\t"), ErrorOperation{"f", "no f"}};
  COPSE_ASSERT_OK_AND_ASSIGN(const CostEstimate estimate,
                             Estimate(options, operations));
  EXPECT_EQ(estimate.unchanged_document_count, 1);
  EXPECT_EQ(estimate.changed_document_count, 3);
  EXPECT_EQ(estimate.failed_document_count, 2);
  EXPECT_EQ(estimate.text_count, 2);

  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, Push(options, operations));
  EXPECT_THAT(info.skipped_documents, SizeIs(2));
  EXPECT_THAT(embedder_->texts(), IsSupersetOf({"yew", "a fir"}));
  EXPECT_THAT(embedder_->texts(), Not(Contains("oak")));
}

TEST_F(CostEstimatorTest, FollowsWhatTheProviderCounted) {
  embedder_->SetDocumentPrefix("tree: ");
  embedder_->SetTypicalTokenRatio(2);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(Options("c1"), {Upsert("a", "oak"), Upsert("b", "elm")}));
  // 18 bytes of 0.45 tokens.
  EXPECT_EQ(estimate.token_count, 16);
}

// A token for each letter.
class LetterCounter final : public TokenCounter {
  absl::Status VisitTokens(absl::string_view text,
                           Visitor visit) const override {
    for (size_t i = 0; i < text.size(); ++i) {
      visit({i, i + 1});
    }
    return absl::OkStatus();
  }
};

TEST_F(CostEstimatorTest, CountsWithTheTokenizerOfTheModel) {
  embedder_->SetDocumentPrefix("tree: ");
  EngineOptions options;
  options.find_embedder = FindOnly(embedder_);
  options.file_tokenizers["fake"] = {"file:letters",
                                     std::make_shared<const LetterCounter>()};
  engine_ = std::make_unique<Engine>(*store_, std::move(options));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(Options("c1"), {Upsert("a", "oak"), Upsert("b", "a fir")}));
  EXPECT_EQ(estimate.token_count, 6 + 3 + 6 + 5);
}

TEST_F(CostEstimatorTest, AsksTheProviderNothingAfterAChangeOfTheProfile) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak")}), IsOk());
  EngineOptions options;
  const auto changed = std::make_shared<FakeEmbedder>("fake", 2);
  options.find_embedder = FindOnly(changed);
  engine_ = std::make_unique<Engine>(*store_, std::move(options));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CostEstimate estimate,
      Estimate(Options("c2", "c1"), {Upsert("a", "oak"), Upsert("b", "oak")}));
  EXPECT_EQ(estimate.unchanged_document_count, 1);
  EXPECT_EQ(estimate.text_count, 1);
  EXPECT_EQ(estimate.cache_hit_count, 0) << "it is cached of another profile";
  EXPECT_THAT(changed->texts(), IsEmpty());
}

TEST(PriceOfTest, IsUnknownForAModelThatSaysNone) {
  EmbeddingProfileOptions profile;
  EXPECT_EQ(PriceOf(profile), 0.0);
  profile.dialect = EmbeddingDialect::kOpenAi;
  EXPECT_EQ(PriceOf(profile), std::nullopt);
  profile.price_per_million_tokens = 0.02;
  EXPECT_EQ(PriceOf(profile), 0.02);
}

TEST_F(CostEstimatorTest, MakesNoDomain) {
  ASSERT_THAT(Estimate(Options("c1"), {Upsert("a", "oak")}), IsOk());
  EXPECT_THAT(store_->GetDomain("admin/trees"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(CostEstimatorTest, RefusesWhatAPushRefuses) {
  PushOptions options = Options("c1");
  EXPECT_THAT(
      Estimate(options, {UpsertVector("v", {1.0F})}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  ASSERT_THAT(engine_->domains().Create("admin/trees", {}, {}), IsOk());
  EXPECT_THAT(Estimate(Options("c2", "c1"), {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
  options.create_domain->dimension = 7;
  EXPECT_THAT(Estimate(options, {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "DOMAIN_SETTINGS_DIFFER"));
}

}  // namespace
}  // namespace copse
