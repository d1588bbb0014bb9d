// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Pair;

using StoreDocumentsTest = StoreTest;

TEST_F(StoreDocumentsTest, GivesBackWhatWasStored) {
  const Document document = {.id = std::string("a\0\n", 3),
                             .type = "Book",
                             .attributes = {{"year", int64_t{1984}},
                                            {"score", 2.5},
                                            {"title", "x"},
                                            {"read", true}},
                             .text = "some text",
                             .vector = std::vector<float>{3, 0, 0, 4}};
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder, test_->BeginCommit(Options("c1")));
  const EmbeddedDocument embedded = {&document, *document.vector};
  ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  ASSERT_THAT(builder->Commit({}), IsOk());
  builder.reset();
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::optional<StoredDocument> found,
      reader->GetDocument(document.id, {.text = true, .vector = true}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, document.id);
  EXPECT_EQ(found->type, "Book");
  EXPECT_EQ(found->attributes, document.attributes);
  EXPECT_EQ(found->text, "some text");
  EXPECT_EQ(found->content_hash, HashContent(document));
  // Of unit length.
  ASSERT_EQ(found->chunks.size(), 1);
  EXPECT_THAT(found->chunks[0].vector, ElementsAre(0.6F, 0, 0, 0.8F));
  EXPECT_EQ(found->chunks[0].place, ChunkPlace());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto plain,
                             reader->GetDocument(document.id, {}));
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->text, std::nullopt);
  EXPECT_THAT(plain->chunks, IsEmpty());
  EXPECT_THAT(reader->GetDocument("a", {}), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(reader->GetDocument("", {}), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(reader->info().commit, "c1");
  EXPECT_EQ(reader->domain_options().dimension, 4);
}

TEST_F(StoreDocumentsTest, RefusesVectorsThatDoNotFit) {
  const auto upsert = [&](const std::string& domain,
                          const std::vector<float>& vector) -> absl::Status {
    CommitOptions options = Options("c1");
    options.domain = domain;
    COPSE_ASSIGN_OR_RETURN(const auto builder, test_->BeginCommit(options));
    const Document document = MakeDocument({"bad", 1});
    const EmbeddedDocument embedded = {&document, vector};
    absl::Status status = builder->Upsert({&embedded, 1});
    // Unusable from then on.
    EXPECT_EQ(builder->Commit({}).status(), status);
    return status;
  };
  EXPECT_THAT(
      upsert("d", {1, 2}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("document 'bad': vector has 2 components, "
                        "expected 4"))));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      upsert("d", {1, nan, 2, 3}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  const absl::Status zero = upsert("d", {0, 0, 0, 0});
  EXPECT_THAT(zero,
              FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_ZERO"));
  EXPECT_THAT(zero, StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("document 'bad': vector is zero, expected one "
                                "with a direction in a cosine domain")));
  EXPECT_THAT(ReasonOf(zero)->metadata,
              ElementsAre(Pair("document_id", "bad")));
  test_.CreateDomain("h", Metric::kHamming);
  EXPECT_THAT(
      upsert("h", {0, 1, 0.5, 1}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_BINARY"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("document 'bad': component 2 of the vector is "
                        "0.5, expected 0 or 1 in a Hamming domain"))));
  test_.CreateDomain("e", Metric::kEuclidean);
  EXPECT_THAT(test_.Push({.domain = "e", .commit = "zero"}, {}), IsOk());
}

TEST_F(StoreDocumentsTest, RefusesDocumentsThatAreNone) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  EXPECT_THAT(builder->Delete(""), FailsWith(absl::StatusCode::kInvalidArgument,
                                             "DOCUMENT_ID_INVALID"));
  EXPECT_THAT(
      builder->TryUpsertUnchanged(MakeDocument({"\xff", 1})),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENT_ID_INVALID"));
  // Neither is the end of the push.
  EXPECT_THAT(builder->Commit({}), IsOk());
}

}  // namespace
}  // namespace copse
