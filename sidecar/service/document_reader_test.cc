// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/document_reader.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DocumentReaderTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    UpsertOperation oak = Upsert("a", "oak");
    oak.document.attributes["height"] = 12.5;
    ASSERT_THAT(Push(Options("c1"), {oak, Upsert("b", "beech")}), IsOk());
    ASSERT_THAT(Push(Options("c2", "c1"), {Upsert("a", "larch")}), IsOk());
    embedder_->Forget();
  }

  static CommitSelector At(absl::string_view commit) {
    CommitSelector selector;
    selector.commit = std::string(commit);
    return selector;
  }
};

TEST_F(DocumentReaderTest, GetsDocumentsInTheOrderAskedAndNamesTheMissing) {
  COPSE_ASSERT_OK_AND_ASSIGN(GetDocumentsResult result,
                             engine_->documents().GetDocuments(
                                 "admin/trees", At("c1"),
                                 {"b", "x", "a", "a", ""}, {.text = true}, {}));
  ASSERT_THAT(result.documents, SizeIs(3));
  EXPECT_EQ(result.documents[0].text, "beech");
  EXPECT_EQ(result.documents[1].text, "oak");
  EXPECT_EQ(result.documents[2].id, "a");
  EXPECT_THAT(result.documents[1].attributes, IsEmpty());
  EXPECT_THAT(result.missing_document_ids, ElementsAre("x", ""));
  EXPECT_EQ(result.answered_by.commit, "c1");
}

TEST_F(DocumentReaderTest, RefusesNoneAndTooManyIds) {
  EXPECT_THAT(
      engine_->documents().GetDocuments("admin/trees", At("c1"), {}, {}, {}),
      FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  EXPECT_THAT(
      engine_->documents().GetDocuments(
          "admin/trees", At("c1"),
          std::vector<std::string>(kDocumentIdCountMax + 1, "a"), {}, {}),
      FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
}

TEST_F(DocumentReaderTest, RefusesAResponseThatIsTooLarge) {
  ASSERT_THAT(
      Push(Options("c3", "c2"), {Upsert("long", std::string(1 << 20, 'x'))}),
      IsOk());
  EXPECT_THAT(
      engine_->documents().GetDocuments("admin/trees", At("c3"),
                                        std::vector<std::string>(64, "long"),
                                        {.text = true}, {}),
      FailsWith(absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE"));
}

TEST_F(DocumentReaderTest, ComparesDocumentsAlsoAcrossCommits) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CompareResult same, engine_->documents().CompareDocuments(
                              "admin/trees", At("c1"), "b", "b", At("c2"), {}));
  EXPECT_NEAR(same.distance, 0, 1e-6);
  EXPECT_EQ(same.target_answered_by.commit, "c2");
  COPSE_ASSERT_OK_AND_ASSIGN(
      CompareResult changed,
      engine_->documents().CompareDocuments("admin/trees", At("c1"), "a", "a",
                                            At("c2"), {}));
  EXPECT_GT(changed.distance, 0.5);
  EXPECT_NEAR(*changed.similarity, 1 - changed.distance / 2, 1e-6);
}

TEST_F(DocumentReaderTest, NamesTheDocumentThatCannotBeCompared) {
  EXPECT_THAT(engine_->documents().CompareDocuments("admin/trees", At("c1"),
                                                    "a", "x", std::nullopt, {}),
              FailsWith(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND"));
}

TEST_F(DocumentReaderTest, ComparesTextsAsDocuments) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CompareResult result,
      engine_->documents().CompareTexts("admin/trees", "oak", "oak", {}));
  EXPECT_NEAR(result.distance, 0, 1e-6);
  EXPECT_THAT(embedder_->roles(),
              ElementsAre(EmbeddingRole::kDocument, EmbeddingRole::kDocument));
  EXPECT_THAT(
      engine_->documents().CompareTexts("admin/trees", "oak", " ", {}),
      FailsWith(absl::StatusCode::kInvalidArgument, "EMBEDDING_TEXT_EMPTY"));
  EXPECT_THAT(engine_->documents().CompareTexts("nowhere", "oak", "elm", {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(DocumentReaderTest, StopsAnExportWhenTheCallerHasGone) {
  int visited_count = 0;
  CallContext context;
  context.interruption = [&visited_count] {
    return visited_count > 0 ? CallCancelledError() : absl::OkStatus();
  };
  EXPECT_THAT(engine_->documents().ExportDocuments(
                  "admin/trees", At("c1"), {}, context,
                  [](const AnsweringCommit&) { return absl::OkStatus(); },
                  [&visited_count](const StoredDocument&) {
                    ++visited_count;
                    return absl::OkStatus();
                  }),
              FailsWith(absl::StatusCode::kCancelled, "CANCELLED"));
  EXPECT_EQ(visited_count, 1);
}

}  // namespace
}  // namespace copse
