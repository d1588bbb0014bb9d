// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes of texts that are cut into chunks.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedding_probe.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/push_operation.h"
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
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Pushes into domains that cut texts at boundaries, every eight tokens. Words
// of at most four characters are one.
class PushSessionChunksTest : public PushTest {
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

TEST_F(PushSessionChunksTest, EmbedsEachChunkOfALongText) {
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

TEST_F(PushSessionChunksTest, CutsNeitherVectorsNorTextsOfWholeDomains) {
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

TEST_F(PushSessionChunksTest, HalvesWhatTheProviderRefuses) {
  ASSERT_THAT(Push(Chunked("c0"), {}), IsOk());
  embedder_->RefuseLongerTexts(5);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Push(Chunked("c1"), {Upsert("a", "oak elm ash"), Upsert("b", "fig")}));
  EXPECT_EQ(info.vector_count, 4);
  EXPECT_THAT(ChunksOf("c1", "a"), ElementsAre("oak", " elm", " ash"));
}

TEST_F(PushSessionChunksTest, HalvesSomeOfManyChunks) {
  ASSERT_THAT(Push(Chunked("c0"), {}), IsOk());
  embedder_->RefuseLongerTexts(15);
  ASSERT_THAT(Push(Chunked("c1"), {Upsert("a", kLong)}), IsOk());
  EXPECT_THAT(ChunksOf("c1", "a"),
              ElementsAre("oak elm box yew", " ash fir fig.", "bay nut oil gum",
                          " sap bud pod.", "yew elm"));
}

// It asks for the chunk, its first half, the first half of that, and so on.
TEST_F(PushSessionChunksTest, AsksFewTimesForATextThatIsRefusedAtEverySize) {
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

TEST_F(PushSessionChunksTest, ADocumentFailsWithAChunkThatNothingHelps) {
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

TEST_F(PushSessionChunksTest, DoesNotCutWhatNoVectorComesOutOf) {
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

TEST_F(PushSessionChunksTest, EmbedsTextsOfThousandsOfChunks) {
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

TEST_F(PushSessionChunksTest, RefusesATextOfTooManyChunks) {
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
