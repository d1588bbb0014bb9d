// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes into domains with templates, which make texts of documents.

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedding_probe.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/searcher.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "sidecar/service/testing/push_fixture.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A push of films, which a template makes texts of.
class PushSessionTemplatesTest : public PushTest {
 protected:
  static PushOptions FilmOptions(absl::string_view commit,
                                 absl::string_view parent = "") {
    PushOptions options = Options(commit, parent);
    options.create_domain->templates = {{"Film", "{{title}}: {{plot}}"}};
    return options;
  }

  static UpsertOperation Film(absl::string_view id, absl::string_view json) {
    UpsertOperation operation = Upsert(id, json);
    operation.document.type = "Film";
    return operation;
  }

  // Returns a document as it is stored.
  StoredDocument Stored(const std::string& commit, const std::string& id) {
    CommitSelector at;
    at.commit = commit;
    const auto result = engine_->documents().GetDocuments(
        "admin/trees", at, {id}, {.text = true}, {});
    EXPECT_THAT(result, IsOk());
    return result.ok() && !result->documents.empty() ? result->documents[0]
                                                     : StoredDocument();
  }
};

constexpr absl::string_view kAlien =
    R"({"title": "Alien", "plot": "A cat survives.", "year": 1979})";
constexpr absl::string_view kAlienLater =
    R"({"year": 1980, "plot": "A cat survives.", "title": "Alien"})";

TEST_F(PushSessionTemplatesTest, EmbedsAndKeepsWhatTheTemplateMakes) {
  ASSERT_THAT(
      Push(FilmOptions("c1"), {Film("a", kAlien), Upsert("b", "no film")}),
      IsOk());
  EXPECT_THAT(embedder_->texts(),
              ElementsAre(kProbeText, "Alien: A cat survives.", "no film"));
  EXPECT_EQ(TextOf("c1", "a"), "Alien: A cat survives.");
  EXPECT_TRUE(Stored("c1", "a").text_is_rendered);
  EXPECT_FALSE(Stored("c1", "b").text_is_rendered);
}

TEST_F(PushSessionTemplatesTest, ADocumentOfTheSameTextIsUnchanged) {
  ASSERT_THAT(Push(FilmOptions("c1"), {Film("a", kAlien)}), IsOk());
  embedder_->Forget();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(FilmOptions("c2", "c1"), {Film("a", kAlienLater)}));
  EXPECT_EQ(info.replaced_count, 0);
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(PushSessionTemplatesTest, WhatWasReadIsTakenBack) {
  ASSERT_THAT(Push(FilmOptions("c1"), {Film("a", kAlien)}), IsOk());
  const StoredDocument stored = Stored("c1", "a");
  UpsertOperation again = Film("a", *stored.text);
  again.text_is_rendered = stored.text_is_rendered;
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             Push(FilmOptions("c2", "c1"), {again}));
  EXPECT_EQ(info.replaced_count, 0);
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo anew,
                             Push(FilmOptions("c3"), {again}));
  EXPECT_EQ(anew.fingerprint, info.fingerprint);
}

TEST_F(PushSessionTemplatesTest, ADocumentThatIsNoJsonFails) {
  EXPECT_THAT(
      PushError({Upsert("b", "oak"), Film("a", "no JSON")},
                FilmOptions("broken")),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENTS_FAILED"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     HasSubstr("operation 2, document 'a': the text "
                               "goes into no template"))));
  ASSERT_THAT(Push(FilmOptions("c1"), {Film("a", kAlien)}), IsOk());
  PushOptions options = FilmOptions("c2", "c1");
  options.skip_failed_documents = true;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(options, {Film("a", "no JSON"), Film("b", "{\"plot\": 1"),
                     Film("c", kAlien)}));
  EXPECT_THAT(info.skipped_documents,
              ElementsAre(Field(&SkippedDocument::document_id, "a"),
                          Field(&SkippedDocument::document_id, "b")));
  EXPECT_EQ(TextOf("c2", "a"), "Alien: A cat survives.") << "as in the parent";
}

TEST_F(PushSessionTemplatesTest, AReadyVectorWins) {
  UpsertOperation film = Film("a", kAlien);
  film.document.vector = FakeEmbedder::VectorOf("something else");
  ASSERT_THAT(Push(FilmOptions("c1"), {film}), IsOk());
  EXPECT_THAT(embedder_->texts(), ElementsAre(kProbeText));
  EXPECT_EQ(TextOf("c1", "a"), "Alien: A cat survives.");
}

TEST_F(PushSessionTemplatesTest, FindsAndShowsWhatTheTemplateMakes) {
  ASSERT_THAT(Push(FilmOptions("c1"), {Film("a", kAlien)}), IsOk());
  SearchRequest request;
  request.domain = "admin/trees";
  request.query = TextQuery{"cat"};
  request.mode = SearchMode::kText;
  request.at.commit = "c1";
  request.settings.neighbor_count = 10;
  request.settings.with_snippets = true;
  COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse found,
                             engine_->searcher().Search(request, {}));
  ASSERT_THAT(found.neighbors, SizeIs(1));
  ASSERT_TRUE(found.neighbors[0].snippet.has_value());
  EXPECT_EQ(found.neighbors[0].snippet->text, "Alien: A cat survives.");
  request.query = TextQuery{"title"};  // A name of a field is no word of it.
  COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse none,
                             engine_->searcher().Search(request, {}));
  EXPECT_THAT(none.neighbors, IsEmpty());
}

}  // namespace
}  // namespace copse
