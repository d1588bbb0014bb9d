// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/searcher.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class SearcherTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    PushOptions options = Options("c1");
    options.commit.branch = "main";
    ASSERT_THAT(Push(options, {Typed("a", "oak oak", "tree"),
                               Typed("b", "oak beech", "tree"),
                               Typed("c", "rose", "flower")}),
                IsOk());
    ASSERT_THAT(Push(Options("c2", "c1"),
                     {Typed("a", "tulip", "flower"), DeleteOperation{"c"}}),
                IsOk());
    embedder_->Forget();
  }

  static UpsertOperation Typed(absl::string_view id, absl::string_view text,
                               absl::string_view type) {
    UpsertOperation operation = Upsert(id, text);
    operation.document.type = std::string(type);
    operation.document.attributes["year"] = int64_t{1990};
    return operation;
  }

  static SearchRequest TextRequest(absl::string_view commit,
                                   absl::string_view text) {
    SearchRequest request;
    request.domain = "admin/trees";
    request.at.commit = std::string(commit);
    request.query = TextQuery{std::string(text)};
    return request;
  }

  absl::StatusOr<SearchResponse> Search(const SearchRequest& request) {
    return engine_->searcher().Search(request, {});
  }

  static std::vector<std::string> IdsOf(
      const absl::StatusOr<SearchResponse>& response) {
    std::vector<std::string> ids;
    EXPECT_THAT(response, IsOk());
    if (response.ok()) {
      for (const SearchNeighbor& neighbor : response->neighbors) {
        ids.push_back(neighbor.document.id);
      }
    }
    return ids;
  }
};

TEST_F(SearcherTest, FindsByTextAsOfACommit) {
  EXPECT_THAT(IdsOf(Search(TextRequest("c1", "oak"))),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(IdsOf(Search(TextRequest("c2", "oak"))), ElementsAre("b", "a"));
  EXPECT_THAT(embedder_->roles(),
              ElementsAre(EmbeddingRole::kQuery, EmbeddingRole::kQuery));
}

TEST_F(SearcherTest, SaysWhichCommitAnsweredAndHowNear) {
  SearchRequest request = TextRequest("", "oak oak");
  request.at.commit = std::nullopt;
  request.at.branch = "main";
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_EQ(response.answered_by.commit, "c1");
  EXPECT_EQ(response.answered_by.lag, 0);
  EXPECT_NEAR(response.neighbors[0].distance, 0, 1e-6);
  EXPECT_NEAR(*response.neighbors[0].similarity, 1, 1e-6);
  EXPECT_GT(response.work.rows_scanned, 0);
}

TEST_F(SearcherTest, AnswersFromTheNearestIndexedAncestor) {
  SearchRequest request = TextRequest("new", "oak");
  request.at.ancestor_commits = {"newer", "c2", "c1"};
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_EQ(response.answered_by.commit, "c2");
  EXPECT_EQ(response.answered_by.lag, 2);
}

TEST_F(SearcherTest, WarnsOfIdsAndBeginningsThatNoDocumentHas) {
  SearchRequest request = TextRequest("c1", "oak");
  const std::string long_name = std::string(255, 'x') + "\xc3\xa9";
  request.settings.document_ids = {"none", long_name};
  request.settings.filter.id_prefixes = {"dosc/"};
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    request.mode = mode;
    COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse response, Search(request));
    EXPECT_THAT(response.neighbors, IsEmpty());
    EXPECT_THAT(
        response.warnings,
        ElementsAre("no document of commit c1 has ID 'none'",
                    absl::StrCat("no document of commit c1 has ID '",
                                 std::string(255, 'x'), "...'"),
                    "no document of commit c1 has an ID that begins with "
                    "'dosc/'"));
  }
}

TEST_F(SearcherTest, WarnsOfTypesAndAttributesThatNoDocumentHas) {
  SearchRequest request = TextRequest("c1", "oak");
  request.settings.types = {"tree", "flowr"};
  request.settings.filter.conditions = {{.name = "year"},
                                        {.name = "yaer", .is_negated = true}};
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    request.mode = mode;
    COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse response, Search(request));
    EXPECT_THAT(response.neighbors, SizeIs(2));
    EXPECT_THAT(
        response.warnings,
        ElementsAre(
            "no document of commit c1 has type 'flowr'; types: flower, tree",
            "no document of commit c1 has attribute 'yaer'; attributes: year"));
  }
  request.settings.types.clear();
  for (int i = 0; i < 25; ++i) {
    request.settings.types.push_back(absl::StrCat("T", i));
  }
  request.settings.filter = {};
  COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse many, Search(request));
  ASSERT_THAT(many.warnings, SizeIs(11));
  EXPECT_EQ(many.warnings[10],
            "and none has one of 15 more types of the filter");
  request.settings.types = {"flower"};
  request.settings.filter.conditions = {{.name = "year"}};
  COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse right, Search(request));
  EXPECT_THAT(right.warnings, IsEmpty());
}

TEST_F(SearcherTest, NamesTheNearestIndexedAncestorThatIsTooFarAway) {
  SearchRequest request = TextRequest("new", "oak");
  request.at.ancestor_commits = {"newer", "c2", "c1"};
  request.at.max_lag = 1;
  const absl::Status status = Search(request).status();
  EXPECT_THAT(status,
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(status.message(), AllOf(HasSubstr("'new'"), HasSubstr("'c2'")));
  EXPECT_THAT(ReasonOf(status)->metadata,
              AllOf(Contains(Pair("commit", "new")),
                    Contains(Pair("nearest_indexed_commit", "c2")),
                    Contains(Pair("lag", "2"))));
  request.at.max_lag = 2;
  EXPECT_THAT(Search(request), IsOk());
}

TEST_F(SearcherTest, NamesWhatItDoesNotKnow) {
  SearchRequest request = TextRequest("c9", "oak");
  EXPECT_THAT(Search(request),
              AllOf(FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"),
                    StatusIs(absl::StatusCode::kNotFound, HasSubstr("c9"))));
  request.at.ancestor_commits = {"c8", "c7"};
  EXPECT_THAT(Search(request),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("2 ancestors")));
  request = TextRequest("c1", "oak");
  request.domain = "admin/stars";
  EXPECT_THAT(
      Search(request),
      AllOf(FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"),
            StatusIs(absl::StatusCode::kNotFound, HasSubstr("admin/stars"))));
  request = TextRequest("c1", "oak");
  request.at.commit = std::nullopt;
  request.at.branch = "dev";
  EXPECT_THAT(Search(request),
              AllOf(FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"),
                    StatusIs(absl::StatusCode::kNotFound, HasSubstr("dev"))));
}

TEST_F(SearcherTest, LeavesOutTheDocumentThatItSearchesFor) {
  SearchRequest request = TextRequest("c1", "");
  request.query = DocumentQuery{"a", std::nullopt};
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_THAT(IdsOf(response), ElementsAre("b", "c"));
  EXPECT_EQ(response.source->commit, "c1");
  EXPECT_THAT(embedder_->texts(), IsEmpty());
  request.query = DocumentQuery{"nobody", std::nullopt};
  EXPECT_THAT(Search(request),
              FailsWith(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND"));
}

TEST_F(SearcherTest, SearchesForADocumentAsOfAnotherCommit) {
  SearchRequest request = TextRequest("c2", "");
  DocumentQuery query{"c", CommitSelector()};
  query.source->commit = "c1";
  request.query = query;
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_EQ(response.answered_by.commit, "c2");
  EXPECT_EQ(response.source->commit, "c1");
  EXPECT_THAT(response.neighbors, SizeIs(2));
}

TEST_F(SearcherTest, SearchesByVector) {
  SearchRequest request = TextRequest("c1", "");
  request.query = VectorQuery{FakeEmbedder::VectorOf("rose")};
  request.settings.neighbor_count = 1;
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("c"));
}

TEST_F(SearcherTest, RefusesVectorsThatTheDomainCannotTake) {
  SearchRequest request = TextRequest("c1", "");
  request.query = VectorQuery{{1, 2, 3}};
  EXPECT_THAT(
      Search(request),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     HasSubstr("3 components, expected 32"))));
  request.query = VectorQuery{std::vector<float>(
      FakeEmbedder::kDimension, std::numeric_limits<float>::infinity())};
  EXPECT_THAT(Search(request), FailsWith(absl::StatusCode::kInvalidArgument,
                                         "VECTOR_NOT_FINITE"));
  request.query =
      VectorQuery{std::vector<float>(FakeEmbedder::kDimension, 0.0F)};
  EXPECT_THAT(Search(request),
              FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_ZERO"));
}

TEST_F(SearcherTest, FindsOnlyTheTypesAskedFor) {
  SearchRequest request = TextRequest("c1", "oak");
  request.settings.types = {"flower", "shrub"};
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("c"));
}

TEST_F(SearcherTest, FindsNothingBeyondTheMaximalDistance) {
  SearchRequest request = TextRequest("c1", "oak oak");
  request.settings.max_distance = 0.001;
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("a"));
  request.settings.max_distance = -1;
  EXPECT_THAT(IdsOf(Search(request)), IsEmpty());
}

TEST_F(SearcherTest, ReturnsThePartsThatTheMaskAsksFor) {
  SearchRequest request = TextRequest("c1", "oak");
  request.settings.neighbor_count = 1;
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse bare, Search(request));
  EXPECT_EQ(bare.neighbors[0].document.type, "tree");
  EXPECT_EQ(bare.neighbors[0].document.text, std::nullopt);
  request.settings.mask = {.text = true, .attributes = true, .vector = true};
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse full, Search(request));
  const StoredDocument& document = full.neighbors[0].document;
  EXPECT_EQ(document.text, "oak oak");
  EXPECT_EQ(document.attributes.at("year"), AttributeValue(int64_t{1990}));
  ASSERT_THAT(document.chunks, SizeIs(1));
  EXPECT_THAT(document.chunks[0].vector, SizeIs(FakeEmbedder::kDimension));
  EXPECT_EQ(document.content_hash, bare.neighbors[0].document.content_hash);
}

TEST_F(SearcherTest, ShowsTheNearestChunkAndWhyItWasFound) {
  PushOptions options = Options("chunked");
  options.commit.domain = "admin/chunks";
  options.create_domain->chunking = {.mode = Chunking::Mode::kBoundary,
                                     .chunk_token_count = 8,
                                     .overlap_token_count = 0};
  const std::string text =
      "oak oak oak oak oak oak oak\n\n"
      "rose rose rose rose rose rose rose\n\nelm elm elm";
  ASSERT_THAT(Push(options, {Upsert("garden", text), Upsert("one", "beech")}),
              IsOk());
  SearchRequest request = TextRequest("chunked", "Rose");
  request.domain = "admin/chunks";
  request.settings.with_snippets = true;
  embedder_->Forget();
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  ASSERT_THAT(response.neighbors, SizeIs(2));
  for (const SearchNeighbor& neighbor : response.neighbors) {
    EXPECT_EQ(neighbor.document.text, std::nullopt);
    ASSERT_TRUE(neighbor.snippet.has_value());
    if (neighbor.document.id == "one") {
      EXPECT_EQ(neighbor.document.chunk_count, 1);
      EXPECT_EQ(neighbor.snippet->text, "beech");
      EXPECT_THAT(neighbor.snippet->matches, IsEmpty());
    }
  }
  request.query = TextQuery{"rose rose"};
  COPSE_ASSERT_OK_AND_ASSIGN(response, Search(request));
  const SearchNeighbor& best = response.neighbors[0];
  ASSERT_EQ(best.document.id, "garden");
  EXPECT_EQ(best.document.chunk_count, 3);
  EXPECT_EQ(best.chunk, 1);
  EXPECT_EQ(text.substr(best.place.first_byte, best.place.size_bytes),
            "rose rose rose rose rose rose rose");
  EXPECT_EQ(best.snippet->text, "rose rose rose rose rose rose rose");
  EXPECT_EQ(best.snippet->first_byte, text.find("rose"));
  ASSERT_THAT(best.snippet->matches, SizeIs(7));
  EXPECT_EQ(best.snippet->matches[1].first_byte, 5);
  EXPECT_EQ(best.snippet->matches[1].size_bytes, 4);
  // By its words, too.
  for (const SearchMode mode : {SearchMode::kText, SearchMode::kHybrid}) {
    request.query = TextQuery{"elm"};
    request.mode = mode;
    COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse words, Search(request));
    ASSERT_FALSE(words.neighbors.empty());
    EXPECT_EQ(words.neighbors[0].document.id, "garden");
    EXPECT_EQ(words.neighbors[0].document.chunk_count, 3);
    EXPECT_EQ(words.neighbors[0].chunk, 2);
    EXPECT_EQ(words.neighbors[0].snippet->text, "elm elm elm");
    EXPECT_THAT(words.neighbors[0].snippet->matches, SizeIs(3));
  }
  request.mode = SearchMode::kVector;
  // All chunks of a document are searched for, and it is left out.
  request.query = DocumentQuery{"garden", std::nullopt};
  COPSE_ASSERT_OK_AND_ASSIGN(response, Search(request));
  ASSERT_THAT(response.neighbors, SizeIs(1));
  EXPECT_EQ(response.neighbors[0].document.id, "one");
  EXPECT_EQ(response.neighbors[0].snippet, std::nullopt);
  EXPECT_EQ(response.work.rows_scanned, 3 * 4);
}

TEST_F(SearcherTest, NamesTheFieldThatIsOutOfRange) {
  const auto invalid = [&](const SearchRequest& request,
                           absl::string_view field) {
    const absl::Status status = Search(request).status();
    EXPECT_THAT(status,
                FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
    EXPECT_THAT(ReasonOf(status)->metadata,
                Contains(Pair("field", std::string(field))));
  };
  SearchRequest request = TextRequest("c1", "oak");
  request.settings.neighbor_count = kNeighborCountMax + 1;
  invalid(request, "settings.neighbor_count");
  request.settings.neighbor_count = -1;
  invalid(request, "settings.neighbor_count");
  request = TextRequest("c1", "oak");
  request.settings.scan_budget = -1;
  invalid(request, "settings.scan_budget");
  request = TextRequest("c1", "oak");
  request.settings.max_distance = std::numeric_limits<double>::quiet_NaN();
  invalid(request, "settings.max_distance");
  request = TextRequest("c1", "oak");
  request.settings.types.resize(kTypeCountMax + 1);
  invalid(request, "settings.types");
  request = TextRequest("c1", "oak");
  request.at = {};
  invalid(request, "at");
  request.at.branch = "main";
  request.at.ancestor_commits = {"c1"};
  invalid(request, "at.ancestor_commits");
  request = TextRequest("c1", "oak");
  request.at.max_lag = -1;
  invalid(request, "at.max_lag");
  request = TextRequest("c1", std::string(kQueryTextSizeBytesMax + 1, 'x'));
  invalid(request, "text");
  request.query = std::monostate();
  invalid(request, "query");
}

TEST_F(SearcherTest, RefusesATextOfWhiteSpace) {
  EXPECT_THAT(
      Search(TextRequest("c1", " \n\t")),
      FailsWith(absl::StatusCode::kInvalidArgument, "EMBEDDING_TEXT_EMPTY"));
}

TEST_F(SearcherTest, FailsWithWhatTheProviderSaysAndGoesOnWithoutIt) {
  embedder_->OnEmbed([](const EmbedContext& context) {
    EXPECT_EQ(context.attempt_count_max, 2);
    return WithReason(absl::UnavailableError("503"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE");
  });
  EXPECT_THAT(Search(TextRequest("c1", "oak")),
              FailsWith(absl::StatusCode::kUnavailable,
                        "EMBEDDING_PROVIDER_UNAVAILABLE"));
  SearchRequest request = TextRequest("c1", "");
  request.query = DocumentQuery{"a", std::nullopt};
  EXPECT_THAT(Search(request), IsOk());
}

TEST_F(SearcherTest, EndsWhenTheCallerHasGone) {
  CallContext context;
  context.interruption = [] { return CallCancelledError(); };
  EXPECT_THAT(engine_->searcher().Search(TextRequest("c1", "oak"), context),
              FailsWith(absl::StatusCode::kCancelled, "CANCELLED"));
}

// ---- A profile that changes ------------------------------------------------

TEST_F(SearcherTest, GoesOnWithAProfileThatKeepsItsSpace) {
  const auto moved = std::make_shared<FakeEmbedder>("fake", 2);
  Engine engine(*store_, {.find_embedder = FindOnly(moved)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(engine.searcher().Search(TextRequest("c1", "oak"), {}), IsOk());
  }
  // One probe, and then no more.
  EXPECT_THAT(moved->texts(), SizeIs(4));
}

TEST_F(SearcherTest, RefusesTextsForAProfileThatLeftItsSpace) {
  class OtherEmbedder : public FakeEmbedder {
   public:
    OtherEmbedder() : FakeEmbedder("fake", 2) {}
    absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
        std::span<const absl::string_view> texts, EmbeddingRole,
        const EmbedContext&) override {
      std::vector<float> vector(kDimension, 0.0F);
      vector[0] = -1;
      return std::vector<EmbeddingOutcome>(texts.size(), vector);
    }
  };
  Engine engine(*store_,
                {.find_embedder = FindOnly(std::make_shared<OtherEmbedder>())});
  EXPECT_THAT(engine.searcher().Search(TextRequest("c1", "oak"), {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "EMBEDDING_PROFILE_CHANGED"));
  SearchRequest request = TextRequest("c1", "");
  request.query = DocumentQuery{"a", std::nullopt};
  EXPECT_THAT(engine.searcher().Search(request, {}), IsOk());
}

TEST_F(SearcherTest, RefusesTextsForAProfileThatTheServerDoesNotHave) {
  Engine engine(
      *store_,
      {.find_embedder = FindOnly(std::make_shared<FakeEmbedder>("other"))});
  EXPECT_THAT(engine.searcher().Search(TextRequest("c1", "oak"), {}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "EMBEDDING_PROFILE_NOT_FOUND"));
}

// ---- Words -----------------------------------------------------------------

TEST_F(SearcherTest, FindsByWordsWithoutTheProvider) {
  SearchRequest request = TextRequest("c1", "oaks oak");
  request.mode = SearchMode::kText;
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_THAT(IdsOf(response), ElementsAre("a", "b"));
  EXPECT_THAT(embedder_->texts(), IsEmpty());
  const SearchNeighbor& best = response.neighbors.front();
  EXPECT_NEAR(best.distance, 1 / (1 + *best.score), 1e-6);
  EXPECT_EQ(best.similarity, std::nullopt);
  request.at.commit = "c2";
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("b"));
}

TEST_F(SearcherTest, QuotesAndStarsAreWordsWhereTheQueryIsPlain) {
  SearchRequest request = TextRequest("c1", "\"oak beech\" ros*");
  request.mode = SearchMode::kText;
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("c", "b"));
  request.is_plain = true;
  EXPECT_THAT(IdsOf(Search(request)), ElementsAre("b", "a"));
}

TEST_F(SearcherTest, HybridSearchHasWhatEitherFinds) {
  SearchRequest request = TextRequest("c1", "beech");
  request.mode = SearchMode::kHybrid;
  COPSE_ASSERT_OK_AND_ASSIGN(SearchResponse response, Search(request));
  EXPECT_THAT(IdsOf(response), ElementsAre("b", "c", "a"));
  EXPECT_NEAR(*response.neighbors[0].score, 1.0 / 61, 1e-9);
  EXPECT_NEAR(*response.neighbors[1].score, 0.5 / 62, 1e-9);
  EXPECT_TRUE(response.neighbors[0].similarity.has_value());
  request.fusion = {.method = Fusion::Method::kNormalizedScores,
                    .vector_weight = 0};
  COPSE_ASSERT_OK_AND_ASSIGN(response, Search(request));
  EXPECT_NEAR(*response.neighbors[0].score, 1, 1e-9);
  EXPECT_NEAR(*response.neighbors[1].score, 0, 1e-9);
}

TEST_F(SearcherTest, FiltersDocumentsInEveryMode) {
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    SearchRequest request = TextRequest("c1", "oak rose");
    request.mode = mode;
    request.settings.document_ids = {"c", "b", "unknown"};
    request.settings.types = {"tree"};
    EXPECT_THAT(IdsOf(Search(request)), ElementsAre("b"));
  }
}

TEST_F(SearcherTest, FiltersByAttributesInEveryMode) {
  UpsertOperation old = Typed("old", "oak rose", "tree");
  old.document.attributes = {{"year", int64_t{1979}},
                             {"lang", std::string("en")}};
  ASSERT_THAT(Push(Options("c3", "c2"), {old}), IsOk());
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    SearchRequest request = TextRequest("c3", "oak tulip");
    request.mode = mode;
    request.settings.filter.conditions = {
        {.name = "year", .test = AttributeRange{.greatest = int64_t{1989}}}};
    EXPECT_THAT(IdsOf(Search(request)), ElementsAre("old"));
    request.settings.filter.conditions[0].is_negated = true;
    EXPECT_THAT(IdsOf(Search(request)), UnorderedElementsAre("a", "b"));
    request.settings.filter.id_prefixes = {"b", "ol"};
    EXPECT_THAT(IdsOf(Search(request)), ElementsAre("b"));
    request.settings.filter.conditions[0].test = AttributeRange();
    EXPECT_THAT(
        Search(request),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 HasSubstr("settings.conditions[0].range is without a bound, "
                           "expected at least one")));
  }
  SearchRequest similar = TextRequest("c3", "");
  similar.query = DocumentQuery{"a", std::nullopt};
  similar.settings.filter.conditions = {{.name = "lang"}};
  EXPECT_THAT(IdsOf(Search(similar)), ElementsAre("old"));
}

TEST_F(SearcherTest, ExplainsTheScoreOfEachNeighbor) {
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    SearchRequest request = TextRequest("c1", "oak beech nowhere");
    request.mode = mode;
    request.settings.explain = true;
    COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse response, Search(request));
    ASSERT_TRUE(response.explanation.has_value());
    EXPECT_EQ(response.explanation->row_count, 3);
    EXPECT_EQ(response.explanation->vector_searches.empty(),
              mode == SearchMode::kText);
    EXPECT_EQ(response.explanation->text_searches.empty(),
              mode == SearchMode::kVector);
    int64_t rank = 0;
    for (const SearchNeighbor& neighbor : response.neighbors) {
      ++rank;
      ASSERT_TRUE(neighbor.explanation.has_value());
      const NeighborExplanation& parts = *neighbor.explanation;
      EXPECT_EQ(parts.vector.has_value(), mode != SearchMode::kText);
      double sum = 0;
      for (const TermScore& term : parts.text_terms.terms) {
        EXPECT_NEAR(term.score,
                    term.inverse_document_frequency * term.saturation, 1e-12);
        sum += term.score;
      }
      EXPECT_EQ(sum, parts.text_score);
      if (mode == SearchMode::kVector) {
        EXPECT_EQ(parts.vector->rank, rank);
        EXPECT_FALSE(parts.text.has_value());
      } else if (mode == SearchMode::kText) {
        EXPECT_EQ(parts.text->rank, rank);
        EXPECT_EQ(parts.text_score, neighbor.score);
        ASSERT_THAT(parts.text_terms.terms, SizeIs(3));
        EXPECT_EQ(parts.text_terms.terms[2].term, "nowhere");
        EXPECT_EQ(parts.text_terms.terms[2].matching_row_count, 0);
      } else {
        EXPECT_EQ(response.explanation->vector_weight, 0.5);
        EXPECT_NEAR(*neighbor.score,
                    0.5 * parts.vector->value +
                        0.5 * (parts.text.has_value() ? parts.text->value : 0),
                    1e-12);
      }
    }
    request.settings.explain = false;
    COPSE_ASSERT_OK_AND_ASSIGN(const SearchResponse silent, Search(request));
    EXPECT_FALSE(silent.explanation.has_value());
    EXPECT_FALSE(silent.neighbors[0].explanation.has_value());
  }
}

TEST_F(SearcherTest, PagesNeitherSkipNorRepeat) {
  std::vector<PushOperation> operations;
  for (int i = 0; i < 400; ++i) {
    operations.push_back(Typed(
        absl::StrCat("id", i),
        absl::StrCat("oak w", i % 7, " ", std::string(i % 13 + 1, 'x')), "T"));
  }
  ASSERT_THAT(Push(Options("big"), std::move(operations)), IsOk());
  for (const SearchMode mode :
       {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    SearchRequest request = TextRequest("big", "oak w3");
    request.mode = mode;
    request.settings.start = 0;
    request.settings.neighbor_count = 10000;
    const std::vector<std::string> all = IdsOf(Search(request));
    EXPECT_THAT(all, SizeIs(400));
    request.settings.neighbor_count = 37;
    std::vector<std::string> paged;
    for (request.settings.start = 0; paged.size() < all.size();
         *request.settings.start += 37) {
      const std::vector<std::string> page = IdsOf(Search(request));
      ASSERT_FALSE(page.empty());
      paged.insert(paged.end(), page.begin(), page.end());
    }
    EXPECT_EQ(paged, all);
    request.settings.start = 400;
    EXPECT_THAT(IdsOf(Search(request)), IsEmpty());
  }
}

TEST_F(SearcherTest, RefusesWhatTheModesCannotDo) {
  SearchRequest request = TextRequest("c1", "oak");
  request.mode = SearchMode::kText;
  request.query = VectorQuery{std::vector<float>(FakeEmbedder::kDimension, 1)};
  EXPECT_THAT(Search(request), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("mode is by words")));
  request = TextRequest("c1", "oak");
  request.mode = SearchMode::kHybrid;
  request.settings.max_distance = 1;
  EXPECT_THAT(Search(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("settings.max_distance is set")));
  request.settings.max_distance = std::nullopt;
  request.fusion.vector_weight = 1.5;
  EXPECT_THAT(Search(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("fusion.vector_weight is 1.5, expected 0")));
  request.fusion = {};
  request.settings.start = -1;
  EXPECT_THAT(Search(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("settings.start is -1, expected 0 to")));
}

TEST_F(SearcherTest, SuggestsWordsOfTheCommit) {
  SuggestRequest request = {.domain = "admin/trees", .text = "an o"};
  request.at.commit = "c1";
  COPSE_ASSERT_OK_AND_ASSIGN(SuggestResponse response,
                             engine_->searcher().Suggest(request, {}));
  EXPECT_EQ(response.answered_by.commit, "c1");
  ASSERT_THAT(response.suggestions, SizeIs(1));
  EXPECT_EQ(response.suggestions[0].text, "an oak");
  EXPECT_EQ(response.suggestions[0].row_count, 2);
  request.suggestion_count = 101;
  EXPECT_THAT(engine_->searcher().Suggest(request, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("suggestion_count is 101, expected 1 to")));
}

}  // namespace
}  // namespace copse
