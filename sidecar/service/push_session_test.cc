// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_session.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_probe.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/searcher.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class PushSessionTest : public EngineTest {
 protected:
  std::unique_ptr<PushSession> Begin(const PushOptions& options) {
    auto session = engine_->BeginPush(options, {});
    EXPECT_THAT(session, IsOk());
    return *std::move(session);
  }

  // Adds as many operations as fill two batches; returns the first error.
  absl::Status AddTwoBatches(PushSession& session) {
    absl::Status status;
    for (size_t i = 0;
         status.ok() && i < 2 * PushSession::kBatchDocumentCountMax; ++i) {
      status = session.Add(Upsert(absl::StrCat("id", i), "oak"));
    }
    return status;
  }

  // Returns what the operations, pushed as a new commit, fail with; shows that
  // nothing is left of the push.
  absl::Status PushError(std::vector<PushOperation> operations,
                         const PushOptions& options = Options("broken")) {
    absl::Status status = Push(options, std::move(operations)).status();
    EXPECT_THAT(store_->GetCommit("admin/trees", "broken"),
                FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
    const auto statistics = store_->GetStatistics();
    EXPECT_THAT(statistics, IsOk());
    EXPECT_EQ(statistics->in_flight_count, 0);
    return status;
  }

  // Returns the text of a document that a commit holds.
  std::string TextOf(const std::string& commit, const std::string& id) {
    CommitSelector at;
    at.commit = commit;
    const auto result = engine_->documents().GetDocuments(
        "admin/trees", at, {id}, {.text = true}, {});
    EXPECT_THAT(result, IsOk());
    if (!result.ok() || result->documents.empty()) {
      return "";
    }
    return result->documents[0].text.value_or("");
  }

  static std::optional<std::string> MetadataOf(const absl::Status& status,
                                               const std::string& name) {
    const std::optional<ErrorReason> reason = ReasonOf(status);
    if (reason.has_value()) {
      for (const auto& [key, value] : reason->metadata) {
        if (key == name) {
          return value;
        }
      }
    }
    return std::nullopt;
  }
};

TEST_F(PushSessionTest, MakesACommitOfItsOperations) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech")}));
  EXPECT_EQ(info.document_count, 2);
  EXPECT_EQ(info.inserted_count, 2);
  EXPECT_EQ(info.token_count, 2);
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a", "b"));
  EXPECT_THAT(embedder_->roles(), Each(EmbeddingRole::kDocument));
}

// A push of films, which a template makes texts of.
class RenderedPushTest : public PushSessionTest {
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

TEST_F(RenderedPushTest, EmbedsAndKeepsWhatTheTemplateMakes) {
  ASSERT_THAT(
      Push(FilmOptions("c1"), {Film("a", kAlien), Upsert("b", "no film")}),
      IsOk());
  EXPECT_THAT(embedder_->texts(),
              ElementsAre(kProbeText, "Alien: A cat survives.", "no film"));
  EXPECT_EQ(TextOf("c1", "a"), "Alien: A cat survives.");
  EXPECT_TRUE(Stored("c1", "a").text_is_rendered);
  EXPECT_FALSE(Stored("c1", "b").text_is_rendered);
}

TEST_F(RenderedPushTest, ADocumentOfTheSameTextIsUnchanged) {
  ASSERT_THAT(Push(FilmOptions("c1"), {Film("a", kAlien)}), IsOk());
  embedder_->Forget();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(FilmOptions("c2", "c1"), {Film("a", kAlienLater)}));
  EXPECT_EQ(info.replaced_count, 0);
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

TEST_F(RenderedPushTest, WhatWasReadIsTakenBack) {
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

TEST_F(RenderedPushTest, ADocumentThatIsNoJsonFails) {
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

TEST_F(RenderedPushTest, AReadyVectorWins) {
  UpsertOperation film = Film("a", kAlien);
  film.document.vector = FakeEmbedder::VectorOf("something else");
  ASSERT_THAT(Push(FilmOptions("c1"), {film}), IsOk());
  EXPECT_THAT(embedder_->texts(), ElementsAre(kProbeText));
  EXPECT_EQ(TextOf("c1", "a"), "Alien: A cat survives.");
}

TEST_F(RenderedPushTest, FindsAndShowsWhatTheTemplateMakes) {
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

TEST_F(PushSessionTest, MakesACommitOfNoOperations) {
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo first, Push(Options("c1"), {}));
  EXPECT_EQ(first.document_count, 0);
  ASSERT_THAT(Push(Options("c2", "c1"), {Upsert("a", "oak")}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo third, Push(Options("c3", "c2"), {}));
  EXPECT_EQ(third.document_count, 1);
}

TEST_F(PushSessionTest, DoesNotEmbedWhatTheParentHas) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech")}),
              IsOk());
  embedder_->Forget();
  std::unique_ptr<PushSession> session = Begin(Options("c2", "c1"));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "birch")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info, session->Finish());
  EXPECT_THAT(embedder_->texts(), ElementsAre("birch"));
  EXPECT_EQ(session->progress().unchanged_document_count, 1);
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.inserted_count, 0);
}

TEST_F(PushSessionTest, TakesTheLastOperationOnADocument) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("kept", "oak"), Upsert("gone", "elm"),
                                   Upsert("back", "ash")}),
              IsOk());
  ASSERT_THAT(
      Push(
          Options("c2", "c1"),
          {Upsert("kept", "beech"), Upsert("kept", "oak"),    // As before.
           DeleteOperation{"gone"}, Upsert("gone", "birch"),  // Replaced.
           Upsert("gone", "pine"), Upsert("new", "fir"), DeleteOperation{"new"},
           DeleteOperation{"back"}, Upsert("back", "ash")}),
      IsOk());
  EXPECT_THAT(IdsOf("c2"), ElementsAre("back", "gone", "kept"));
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             store_->GetCommit("admin/trees", "c2"));
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.inserted_count, 0);
  EXPECT_EQ(info.deleted_count, 0);
  EXPECT_EQ(info.unknown_delete_count, 0);
  EXPECT_EQ(TextOf("c2", "gone"), "pine");
}

TEST_F(PushSessionTest, TakesTheLastOperationAcrossBatches) {
  const auto count =
      static_cast<int64_t>(PushSession::kBatchDocumentCountMax) + 10;
  std::vector<PushOperation> operations;
  for (int64_t i = 0; i < count; ++i) {
    operations.push_back(Upsert(absl::StrCat("id", i), "oak"));
  }
  operations.push_back(Upsert("id0", "beech"));
  operations.push_back(DeleteOperation{"id1"});
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             Push(Options("c1"), std::move(operations)));
  EXPECT_EQ(info.document_count, count - 1);
  EXPECT_EQ(info.unknown_delete_count, 0);
  EXPECT_EQ(TextOf("c1", "id0"), "beech");
}

TEST_F(PushSessionTest, EmbedsTheNextBatchWhileOneIsUnderWay) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  std::latch both_began(2);
  embedder_->OnEmbed([&both_began](const EmbedContext& /*context*/) {
    both_began.arrive_and_wait();
    return absl::OkStatus();
  });
  ASSERT_THAT(AddTwoBatches(*session), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, session->Finish());
  EXPECT_EQ(info.document_count, 2 * PushSession::kBatchDocumentCountMax);
}

TEST_F(PushSessionTest, EndsTheOtherBatchesWhenOneFails) {
  std::unique_ptr<PushSession> session = Begin(Options("broken"));
  std::latch both_began(2);
  std::atomic<int> count = 0;
  embedder_->OnEmbed([&](const EmbedContext& context) -> absl::Status {
    const bool is_first = count++ == 0;
    both_began.arrive_and_wait();
    if (is_first) {
      return absl::UnavailableError("the provider is down");
    }
    while (!context.cancelled()) {
      std::this_thread::yield();
    }
    return absl::CancelledError("cancelled");
  });
  absl::Status status = AddTwoBatches(*session);
  if (status.ok()) {
    status = session->Finish().status();
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("the provider is down")));
}

TEST_F(PushSessionTest, CountsDeletesOfUnknownIds) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(Options("c1"), {DeleteOperation{"nobody"}, Upsert("a", "oak")}));
  EXPECT_EQ(info.unknown_delete_count, 1);
  EXPECT_EQ(info.document_count, 1);
}

TEST_F(PushSessionTest, TakesIdsOfAnyCharacter) {
  const std::string id("a\0b\n\xf0\x9f\x8c\xb3", 8);
  ASSERT_THAT(Push(Options("c1"), {Upsert(id, "oak")}), IsOk());
  EXPECT_THAT(IdsOf("c1"), ElementsAre(id));
}

TEST_F(PushSessionTest, TakesReadyVectorsWithoutAnEmbedder) {
  PushOptions options = Options("c1");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 3;
  options.create_domain->metric = Metric::kEuclidean;
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             Push(options, {UpsertVector("a", {1, 2, 3})}));
  EXPECT_EQ(info.document_count, 1);
  EXPECT_THAT(embedder_->texts(), IsEmpty());
}

// ---- Failed documents ------------------------------------------------------

TEST_F(PushSessionTest, FailsWithEveryFailedDocument) {
  embedder_->FailText("too long", absl::InvalidArgumentError("8193 tokens"));
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(Upsert("a", "")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "too long")), IsOk());
  EXPECT_THAT(session->Add(Upsert("c", "fine")), IsOk());
  EXPECT_THAT(session->Add(ErrorOperation{"d", "template broke"}), IsOk());
  UpsertOperation nothing = Upsert("e", "");
  nothing.document.text = std::nullopt;
  EXPECT_THAT(session->Add(nothing), IsOk());
  const absl::Status status = session->Finish().status();
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DOCUMENTS_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("4 documents failed"));
  const std::vector<DocumentFailure> failures = session->failures();
  ASSERT_THAT(failures, SizeIs(4));
  EXPECT_EQ(failures[0].document_id, "a");
  EXPECT_EQ(failures[0].message, "the document has no text and no vector");
  EXPECT_EQ(failures[1].document_id, "b");
  EXPECT_EQ(failures[1].operation_number, 2);
  EXPECT_EQ(failures[1].message, "8193 tokens");
  EXPECT_EQ(failures[2].message, "template broke");
  EXPECT_EQ(failures[3].operation_number, 5);
  EXPECT_THAT(store_->GetCommit("admin/trees", "c1"),
              StatusIs(absl::StatusCode::kNotFound));
  // The commit is free again.
  EXPECT_THAT(Push(Options("c1"), {Upsert("c", "fine")}), IsOk());
}

TEST_F(PushSessionTest, KeepsTheParentsVersionOfAFailedDocumentIfToldSo) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech"),
                                   Upsert("c", "elm")}),
              IsOk());
  embedder_->FailText("too long", absl::InvalidArgumentError("8193 tokens"));
  PushOptions options = Options("c2", "c1");
  options.skip_failed_documents = true;
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(options, {ErrorOperation{"b", "broke"}, Upsert("a", "too long"),
                     Upsert("c", ""), Upsert("d", "too long")}));
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(info.replaced_count, 0);
  ASSERT_THAT(info.skipped_documents, SizeIs(4));
  EXPECT_EQ(info.skipped_documents[0].document_id, "a");
  EXPECT_EQ(info.skipped_documents[0].message, "8193 tokens");
  EXPECT_EQ(info.skipped_documents[1].document_id, "b");
  EXPECT_EQ(info.skipped_documents[3].document_id, "d");
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo stored,
                             store_->GetCommit("admin/trees", "c2"));
  EXPECT_THAT(stored.skipped_documents, SizeIs(4));
}

TEST_F(PushSessionTest, ForgetsAFailureWhenALaterOperationSucceeds) {
  ASSERT_THAT(
      Push(Options("c1"), {Upsert("a", ""), Upsert("a", "oak"),
                           ErrorOperation{"b", "broke"}, DeleteOperation{"b"}}),
      IsOk());
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PushSessionTest, AFailureTakesBackWhatTheSamePushSaidBefore) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak")}), IsOk());
  PushOptions options = Options("c2", "c1");
  options.skip_failed_documents = true;
  ASSERT_THAT(Push(options, {DeleteOperation{"a"}, ErrorOperation{"a", "x"}}),
              IsOk());
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a"));
}

TEST_F(PushSessionTest, CutsLongFailureMessages) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(ErrorOperation{"a", std::string(100'000, 'x')}),
              IsOk());
  EXPECT_EQ(session->failures()[0].message.size(),
            PushSession::kFailureMessageSizeBytesMax);
}

TEST_F(PushSessionTest, RefusesMoreFailuresThanItCanList) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  const std::string message(PushSession::kFailureMessageSizeBytesMax, 'x');
  absl::Status status;
  int64_t number = 0;
  while (status.ok() && number < 100'000) {
    status = session->Add(ErrorOperation{absl::StrCat(number++), message});
  }
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kResourceExhausted,
                                "TOO_MANY_FAILURES"));
}

// ---- Malformed operations --------------------------------------------------

TEST_F(PushSessionTest, NamesTheOperationThatIsMalformed) {
  const absl::Status status =
      PushError({Upsert("a", "oak"), Upsert(std::string(4097, 'x'), "elm")});
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DOCUMENT_ID_INVALID"));
  EXPECT_THAT(status.message(), HasSubstr("operation 2: "));
  EXPECT_EQ(MetadataOf(status, "operation"), "2");
}

TEST_F(PushSessionTest, RefusesIdsOutsideTheRulesInEveryOperation) {
  const auto invalid =
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENT_ID_INVALID");
  EXPECT_THAT(PushError({Upsert("", "oak")}), invalid);
  EXPECT_THAT(PushError({Upsert("\xff", "oak")}), invalid);
  EXPECT_THAT(PushError({DeleteOperation{""}}), invalid);
  EXPECT_THAT(PushError({ErrorOperation{"\xc0\x80", "x"}}), invalid);
}

TEST_F(PushSessionTest, RefusesVectorsThatTheDomainCannotTake) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  std::vector<float> vector(FakeEmbedder::kDimension, 1.0F);
  absl::Status status = PushError({UpsertVector("a", {1, 2, 3})});
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DIMENSION_MISMATCH"));
  EXPECT_EQ(MetadataOf(status, "found"), "3");
  EXPECT_EQ(MetadataOf(status, "wanted"), "32");
  EXPECT_THAT(status.message(),
              HasSubstr("operation 1: document 'a': vector has 3 components, "
                        "expected 32"));
  vector[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      PushError({UpsertVector("a", vector)}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  vector[5] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      PushError({UpsertVector("a", vector)}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  EXPECT_THAT(PushError({UpsertVector("a", std::vector<float>(32, 0.0F))}),
              FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_ZERO"));
}

TEST_F(PushSessionTest, TakesAZeroVectorWhereTheMetricAllowsIt) {
  PushOptions options = Options("c1");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  options.create_domain->metric = Metric::kEuclidean;
  EXPECT_THAT(Push(options, {UpsertVector("a", {0, 0})}), IsOk());
}

TEST_F(PushSessionTest, RefusesNumbersOtherThan0And1InAHammingDomain) {
  PushOptions options = Options("broken");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  options.create_domain->metric = Metric::kHamming;
  EXPECT_THAT(
      PushError({UpsertVector("a", {0, 0.5})}, options),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_BINARY"));
}

TEST_F(PushSessionTest, RefusesATextInADomainWithoutEmbedder) {
  PushOptions options = Options("broken");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  const absl::Status status = PushError({Upsert("a", "oak")}, options);
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kFailedPrecondition,
                                "EMBEDDING_PROFILE_NOT_FOUND"));
  EXPECT_EQ(MetadataOf(status, "setting"), "embedding_profile");
}

TEST_F(PushSessionTest, ReturnsItsErrorAgainForEveryLaterCall) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  const absl::Status status = session->Add(DeleteOperation{""});
  EXPECT_EQ(session->Add(Upsert("a", "oak")), status);
  EXPECT_EQ(session->Finish().status(), status);
}

TEST_F(PushSessionTest, RefusesAnotherNumberOfOperationsThanAnnounced) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Finish(2), FailsWith(absl::StatusCode::kInvalidArgument,
                                            "OPERATION_COUNT_DIFFERS"));
}

// ---- The end of a push -----------------------------------------------------

TEST_F(PushSessionTest, AnAbortDropsThePush) {
  const absl::Status status = PushError(
      {Upsert("a", "oak"), AbortOperation{"rolled back"}}, Options("broken"));
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kCancelled, "PUSH_ABORTED"));
  EXPECT_THAT(status.message(), HasSubstr("rolled back"));
}

TEST_F(PushSessionTest, ACommitIsInFlightUntilItsSessionEnds) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  session = nullptr;
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}), IsOk());
}

TEST_F(PushSessionTest, AnErrorFreesTheCommitAtOnce) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_FALSE(session->Add(DeleteOperation{""}).ok());
  EXPECT_THAT(engine_->BeginPush(Options("c1"), {}), IsOk());
}

TEST_F(PushSessionTest, RefusesACommitThatIsComplete) {
  ASSERT_THAT(Push(Options("c1"), {}), IsOk());
  EXPECT_THAT(Push(Options("c1"), {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(PushSessionTest, RefusesAnUnknownParent) {
  EXPECT_THAT(PushError({}, Options("broken", "nowhere")),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(PushSessionTest, RefusesAnUnknownDomainUnlessItMayCreateIt) {
  PushOptions options = Options("c1");
  options.create_domain = std::nullopt;
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(PushSessionTest, CreatesNoDomainForACommitThatCannotBe) {
  PushOptions options = Options("a\nb");
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(store_->GetDomain("admin/trees"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(PushSessionTest, RefusesADomainThatIsNotAsCreateDomainWants) {
  ASSERT_THAT(Push(Options("c1"), {}), IsOk());
  PushOptions options = Options("c2", "c1");
  options.create_domain->metric = Metric::kEuclidean;
  const absl::Status status = Push(options, {}).status();
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kFailedPrecondition,
                                "DOMAIN_SETTINGS_DIFFER"));
  EXPECT_EQ(MetadataOf(status, "field"), "metric");
  options.create_domain->metric = Metric::kCosine;
  EXPECT_THAT(Push(options, {}), IsOk());
}

TEST_F(PushSessionTest, RefusesABranchThatHasMoved) {
  PushOptions first = Options("c1");
  first.commit.branch = "main";
  first.commit.expected_branch_commit = "";
  ASSERT_THAT(Push(first, {}), IsOk());
  PushOptions second = Options("c2", "c1");
  second.commit.branch = "main";
  second.commit.expected_branch_commit = "c0";
  EXPECT_THAT(Push(second, {}),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  second.commit.expected_branch_commit = "c1";
  EXPECT_THAT(Push(second, {}), IsOk());
}

TEST_F(PushSessionTest, RefusesAnExpectedBranchCommitWithoutABranch) {
  PushOptions options = Options("c1");
  options.commit.expected_branch_commit = "c0";
  EXPECT_THAT(Push(options, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
}

TEST_F(PushSessionTest, FailsWithWhatTheProviderSays) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  embedder_->OnEmbed([](const EmbedContext&) {
    return WithReason(absl::UnavailableError("embedding profile 'fake': 503"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE", {{"status", "503"}});
  });
  PushOptions options = Options("broken");
  options.skip_failed_documents = true;  // Does not help here.
  const absl::Status status = PushError({Upsert("a", "oak")}, options);
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable,
                                "EMBEDDING_PROVIDER_UNAVAILABLE"));
  EXPECT_EQ(MetadataOf(status, "status"), "503");
}

TEST_F(PushSessionTest, EndsWhenTheCallerHasGone) {
  std::atomic<bool> gone = false;
  CallContext context;
  context.interruption = [&gone] {
    return gone ? CallCancelledError() : absl::OkStatus();
  };
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushSession> session,
                             engine_->BeginPush(Options("c1"), context));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  embedder_->OnEmbed([&gone](const EmbedContext& embed_context) {
    gone = true;
    EXPECT_TRUE(embed_context.cancelled());
    return absl::CancelledError("embedding was cancelled");
  });
  EXPECT_THAT(session->Finish(),
              FailsWith(absl::StatusCode::kCancelled, "CANCELLED"));
  EXPECT_THAT(store_->GetCommit("admin/trees", "c1"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PushSessionTest, EndsAtItsDeadline) {
  CallContext context;
  context.deadline = absl::InfinitePast();
  EXPECT_THAT(
      engine_->BeginPush(Options("c1"), context),
      FailsWith(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"));
}

TEST_F(PushSessionTest, ReportsProgressOfEveryPhase) {
  std::vector<PushProgress> reports;
  COPSE_ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<PushSession> session,
      engine_->BeginPush(Options("c1"), {},
                         [&reports](const PushProgress& progress) {
                           reports.push_back(progress);
                         }));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "elm")), IsOk());
  ASSERT_THAT(session->Finish(), IsOk());
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.front().phase, PushPhase::kEmbedding);
  EXPECT_EQ(reports.back().phase, PushPhase::kPublishing);
  EXPECT_THAT(reports.back(),
              AllOf(Field(&PushProgress::operation_count, 2),
                    Field(&PushProgress::embedded_document_count, 2),
                    Field(&PushProgress::token_count, 2)));
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_GE(reports[i].phase, reports[i - 1].phase);
    EXPECT_GE(reports[i].embedded_document_count,
              reports[i - 1].embedded_document_count);
  }
}

TEST_F(PushSessionTest, StoresClusteringVectorsFromTheFirstPushThatWantsThem) {
  embedder_->SetDialect(EmbeddingDialect::kOpenAi);
  PushOptions options = Options("c1");
  ASSERT_THAT(Push(options, {Upsert("a", "oak")}), IsOk());
  EXPECT_FALSE(store_->GetDomain("admin/trees")->options.stores_clustering);
  // What is refused changes nothing.
  options.store_clustering = true;
  EXPECT_THAT(engine_->BeginPush(options, {}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  EXPECT_FALSE(store_->GetDomain("admin/trees")->options.stores_clustering);
  embedder_->Forget();
  options = Options("c2", "c1");
  options.store_clustering = true;
  ASSERT_THAT(Push(options, {Upsert("b", "beech")}), IsOk());
  EXPECT_THAT(embedder_->roles(),
              UnorderedElementsAre(EmbeddingRole::kDocument,
                                   EmbeddingRole::kClustering));
  // And those after it, which need not say so again.
  ASSERT_THAT(Push(Options("c3", "c2"), {Upsert("c", "elm")}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                             store_->OpenCommit("admin/trees", "c3"));
  const ReadMask mask = {.clustering_vector = true};
  EXPECT_THAT((*reader->GetDocument("a", mask))->clustering_vector, IsEmpty());
  EXPECT_EQ((*reader->GetDocument("b", mask))->clustering_vector,
            FakeEmbedder::VectorOf("beech"));
  EXPECT_EQ((*reader->GetDocument("c", mask))->clustering_vector,
            FakeEmbedder::VectorOf("elm"));
  EXPECT_THAT((*reader->GetDocument("c", {}))->clustering_vector, IsEmpty());
}

TEST_F(PushSessionTest, BuiltinVectorsServeForClusteringToo) {
  embedder_->SetDialect(EmbeddingDialect::kBuiltin);
  PushOptions options = Options("c1");
  options.store_clustering = true;
  ASSERT_THAT(Push(options, {Upsert("a", "oak")}), IsOk());
  EXPECT_THAT(embedder_->roles(), Each(EmbeddingRole::kDocument));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                             store_->OpenCommit("admin/trees", "c1"));
  EXPECT_EQ((*reader->GetDocument("a", {.clustering_vector = true}))
                ->clustering_vector,
            FakeEmbedder::VectorOf("oak"));
}

TEST_F(PushSessionTest, KeepsWhatTheDatabaseSaysOfTheCommit) {
  PushOptions options = Options("c1");
  options.commit.commit_time = absl::FromUnixSeconds(1'000'000'000);
  options.commit.author = "Ada";
  options.commit.message = "first\nline";
  ASSERT_THAT(Push(options, {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo info,
                             store_->GetCommit("admin/trees", "c1"));
  EXPECT_EQ(info.commit_time, absl::FromUnixSeconds(1'000'000'000));
  EXPECT_EQ(info.author, "Ada");
  EXPECT_EQ(info.message, "first\nline");
}

// ---- Chunks ----------------------------------------------------------------

// Pushes into domains that cut texts at boundaries, every eight tokens. Words
// of at most four characters are one.
class ChunkedPushTest : public PushSessionTest {
 protected:
  static constexpr absl::string_view kOaks = "oak elm box yew ash fir fig.";
  static constexpr absl::string_view kBays = "bay nut oil gum sap bud pod.";
  static constexpr absl::string_view kLong =
      "oak elm box yew ash fir fig.\n\nbay nut oil gum sap bud pod.\n\nyew elm";

  static PushOptions Chunked(absl::string_view commit,
                             absl::string_view parent = "") {
    PushOptions options = Options(commit, parent);
    options.create_domain->chunking = {.mode = Chunking::Mode::kBoundary,
                                       .chunk_token_count = 8,
                                       .overlap_token_count = 0};
    return options;
  }

  // Returns the texts of the chunks that a commit holds of a document.
  std::vector<std::string> ChunksOf(const std::string& commit,
                                    const std::string& id) {
    CommitSelector at;
    at.commit = commit;
    const auto result = engine_->documents().GetDocuments(
        "admin/trees", at, {id}, {.text = true, .chunks = true}, {});
    EXPECT_THAT(result, IsOk());
    std::vector<std::string> chunks;
    if (!result.ok() || result->documents.empty()) {
      return chunks;
    }
    const StoredDocument& document = result->documents[0];
    for (const StoredChunk& chunk : document.chunks) {
      chunks.push_back(document.chunk_count == 1
                           ? *document.text
                           : document.text->substr(chunk.place.first_byte,
                                                   chunk.place.size_bytes));
    }
    return chunks;
  }
};

TEST_F(ChunkedPushTest, EmbedsEachChunkOfALongText) {
  PushProgress last;
  COPSE_ASSERT_OK_AND_ASSIGN(
      auto session,
      engine_->BeginPush(Chunked("c1"), {},
                         [&last](const PushProgress& now) { last = now; }));
  ASSERT_THAT(session->Add(Upsert("long", kLong)), IsOk());
  ASSERT_THAT(session->Add(Upsert("short", "  box ")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, session->Finish());
  EXPECT_EQ(info.document_count, 2);
  EXPECT_EQ(info.vector_count, 4);
  EXPECT_EQ(last.embedded_document_count, 2);
  EXPECT_THAT(ChunksOf("c1", "long"),
              ElementsAre(std::string(kOaks), std::string(kBays), "yew elm"));
  // A text of one chunk is embedded as it is.
  EXPECT_THAT(embedder_->texts(),
              UnorderedElementsAre(std::string(kProbeText), std::string(kOaks),
                                   std::string(kBays), "yew elm", "  box "));
  // What the parent has is not cut again.
  embedder_->Forget();
  ASSERT_THAT(
      Push(Chunked("c2", "c1"), {Upsert("long", kLong), Upsert("x", "elm")}),
      IsOk());
  EXPECT_THAT(embedder_->texts(), ElementsAre("elm"));
  ASSERT_THAT(Push(Chunked("c3", "c2"), {Upsert("long", "oak")}), IsOk());
  EXPECT_THAT(ChunksOf("c3", "long"), ElementsAre("oak"));
}

TEST_F(ChunkedPushTest, CutsNeitherVectorsNorTextsOfWholeDomains) {
  UpsertOperation ready = Upsert("ready", kLong);
  ready.document.vector = FakeEmbedder::VectorOf("oak");
  ASSERT_THAT(Push(Chunked("c1"), {ready}), IsOk());
  EXPECT_THAT(ChunksOf("c1", "ready"), ElementsAre(std::string(kLong)));
  PushOptions whole = Options("w1");
  whole.commit.domain = "admin/whole";
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             Push(whole, {Upsert("long", kLong)}));
  EXPECT_EQ(info.vector_count, 1);
}

TEST_F(ChunkedPushTest, HalvesWhatTheProviderRefuses) {
  ASSERT_THAT(Push(Chunked("c0"), {}), IsOk());
  embedder_->RefuseLongerTexts(5);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(Chunked("c1"), {Upsert("a", "oak elm ash"), Upsert("b", "fig")}));
  EXPECT_EQ(info.vector_count, 4);
  EXPECT_THAT(ChunksOf("c1", "a"), ElementsAre("oak", " elm", " ash"));
}

TEST_F(ChunkedPushTest, HalvesSomeOfManyChunks) {
  ASSERT_THAT(Push(Chunked("c0"), {}), IsOk());
  embedder_->RefuseLongerTexts(15);
  ASSERT_THAT(Push(Chunked("c1"), {Upsert("a", kLong)}), IsOk());
  EXPECT_THAT(ChunksOf("c1", "a"),
              ElementsAre("oak elm box yew", " ash fir fig.", "bay nut oil gum",
                          " sap bud pod.", "yew elm"));
}

// It asks for the chunk, its first half, the first half of that, and so on.
TEST_F(ChunkedPushTest, AsksFewTimesForATextThatIsRefusedAtEverySize) {
  ASSERT_THAT(Push(Chunked("c0"), {}), IsOk());
  embedder_->RefuseLongerTexts(0);
  embedder_->Forget();
  PushOptions options = Chunked("c1");
  options.skip_failed_documents = true;
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             Push(options, {Upsert("a", kLong)}));
  EXPECT_THAT(embedder_->texts(),
              ElementsAre(std::string(kOaks), std::string(kBays), "yew elm",
                          "oak elm box yew", "oak elm", "oak", "o"));
  ASSERT_THAT(info.skipped_documents, SizeIs(1));
  EXPECT_THAT(info.skipped_documents[0].message, HasSubstr("too long"));
}

TEST_F(ChunkedPushTest, ADocumentFailsWithAChunkThatNothingHelps) {
  ASSERT_THAT(Push(Chunked("c1"), {}), IsOk());
  embedder_->RefuseLongerTexts(1);
  EXPECT_THAT(
      PushError({Upsert("a", kLong)}, Chunked("broken")),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENTS_FAILED"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     HasSubstr("too long for the model"))));
  // Other errors do not come from the length.
  embedder_->RefuseLongerTexts(1000);
  embedder_->Forget();
  embedder_->FailText(std::string(kOaks),
                      absl::InvalidArgumentError("not this one"));
  EXPECT_THAT(
      PushError({Upsert("a", kLong)}, Chunked("broken")),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENTS_FAILED"));
  EXPECT_THAT(embedder_->texts(),
              ElementsAre(std::string(kOaks), std::string(kBays), "yew elm"));
}

TEST_F(ChunkedPushTest, DoesNotCutWhatNoVectorComesOutOf) {
  ASSERT_THAT(Push(Chunked("c1"), {}), IsOk());
  embedder_->Forget();
  embedder_->FailText(std::string(kOaks), TextWithoutVector("it is zero"));
  EXPECT_THAT(
      PushError({Upsert("a", kLong)}, Chunked("broken")),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENTS_FAILED"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     HasSubstr("it is zero"))));
  EXPECT_THAT(embedder_->texts(),
              ElementsAre(std::string(kOaks), std::string(kBays), "yew elm"));
}

TEST_F(ChunkedPushTest, EmbedsTextsOfThousandsOfChunks) {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&text, "word number", i, ".\n\n");
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(Chunked("c1"),
           {Upsert("a", "oak"), Upsert("long", text), Upsert("z", "elm")}));
  EXPECT_EQ(info.document_count, 3);
  EXPECT_GT(info.vector_count, 2400);
  EXPECT_THAT(ChunksOf("c1", "long"),
              SizeIs(static_cast<size_t>(info.vector_count) - 2));
}

TEST_F(ChunkedPushTest, RefusesATextOfTooManyChunks) {
  PushOptions options = Chunked("c1");
  options.create_domain->chunking.chunk_token_count = 1;
  options.skip_failed_documents = true;
  std::string text;
  for (int i = 0; i < 70'000; ++i) {
    absl::StrAppend(&text, "a ");
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(options, {Upsert("long", text), Upsert("short", "oak")}));
  EXPECT_EQ(info.document_count, 1);
  ASSERT_THAT(info.skipped_documents, SizeIs(1));
  EXPECT_THAT(info.skipped_documents[0].message, HasSubstr("65536"));
}

}  // namespace
}  // namespace copse
