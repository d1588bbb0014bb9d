// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/search_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

using SearchRpcsTest = TreesTest;

TEST_F(SearchRpcsTest, SearchesByTextVectorAndDocument) {
  v1::SearchRequest request = TextSearch("c1", "oak");
  request.mutable_settings()->mutable_document_mask()->set_text(true);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("a", "b", "c"));
  EXPECT_EQ(search_response_.neighbors(0).document().text(), "oak oak");
  EXPECT_TRUE(search_response_.neighbors(0).has_similarity());
  EXPECT_EQ(search_response_.answered_by().commit(), "c1");
  EXPECT_GT(search_response_.work().scanned_row_count(), 0);

  for (const float component : FakeEmbedder::VectorOf("rose")) {
    request.mutable_vector()->add_components(component);
  }
  request.mutable_settings()->set_neighbor_count(1);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("c"));

  request = TextSearch("", "");
  request.mutable_at()->set_branch("main");
  request.set_document_id("a");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("b", "c"));
}

TEST_F(SearchRpcsTest, SearchesByWordsAndByBoth) {
  v1::SearchRequest request = TextSearch("c1", "elm");
  request.set_mode(v1::SearchRequest::MODE_TEXT);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("b"));
  const v1::Neighbor& neighbor = search_response_.neighbors(0);
  EXPECT_NEAR(neighbor.distance(), 1 / (1 + neighbor.score()), 1e-6);
  EXPECT_FALSE(neighbor.has_similarity());

  request.set_mode(v1::SearchRequest::MODE_HYBRID);
  request.mutable_fusion()->set_method(v1::Fusion::METHOD_NORMALIZED_SCORES);
  request.mutable_fusion()->set_vector_weight(0.25);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(3));
  EXPECT_EQ(search_response_.neighbors(0).document().document_id(), "b");
  EXPECT_NEAR(search_response_.neighbors(0).score(), 1, 1e-9);
  request.mutable_settings()->set_start(1);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(2));
  request.mutable_settings()->add_document_ids("b");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(0));

  request.set_mode(static_cast<v1::SearchRequest::Mode>(99));
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.set_mode(v1::SearchRequest::MODE_HYBRID);
  request.mutable_fusion()->set_method(static_cast<v1::Fusion::Method>(99));
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

TEST_F(SearchRpcsTest, FiltersByAttributesAndExplains) {
  v1::PushCommitRequest operations;
  AddInsert("old", "oak elm", operations);
  (*operations.mutable_operations()
        ->mutable_operations(0)
        ->mutable_insert()
        ->mutable_attributes())["year"]
      .set_int64_value(1979);
  ASSERT_THAT(
      PushRequests({Header("c3", "c2"), operations, FinishRequest()}).status,
      RpcIsOk());
  v1::SearchRequest request = TextSearch("c3", "oak");
  request.set_mode(v1::SearchRequest::MODE_HYBRID);
  v1::SearchSettings& settings = *request.mutable_settings();
  settings.set_explain(true);
  v1::AttributeCondition& condition = *settings.add_conditions();
  condition.set_name("year");
  condition.mutable_any_of()->add_values()->set_int64_value(1979);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("old"));
  const v1::Explanation& parts = search_response_.neighbors(0).explanation();
  EXPECT_EQ(parts.vector().rank(), 1);
  EXPECT_EQ(parts.text().terms(0).term(), "oak");
  EXPECT_EQ(parts.vector_weight(), 0.5);
  EXPECT_EQ(search_response_.explanation().chunk_count(), 3);
  EXPECT_EQ(
      search_response_.explanation().vector_searches(0).passing_chunk_count(),
      1);
  condition.set_exists(false);
  settings.add_document_id_prefixes("b");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("b"));
  condition.mutable_range()->mutable_least()->set_int64_value(1979);
  condition.set_negated(true);
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("b"));

  v1::FindSimilarRequest similar;
  similar.set_domain("admin/trees");
  similar.mutable_at()->set_commit("c3");
  similar.set_document_id("b");
  similar.mutable_settings()->set_explain(true);
  similar.mutable_settings()->add_document_id_prefixes("o");
  v1::FindSimilarResponse found;
  ASSERT_THAT(
      Call(*searches_, &v1::SearchService::Stub::FindSimilar, similar, found),
      RpcIsOk());
  EXPECT_THAT(IdsOf(found.neighbors()), ElementsAre("old"));
  EXPECT_TRUE(found.has_explanation());
}

TEST_F(SearchRpcsTest, RefusesConditionsThatCannotBe) {
  const auto problem = [this](const v1::AttributeCondition& condition) {
    v1::SearchRequest request = TextSearch("c1", "oak");
    *request.mutable_settings()->add_conditions() = condition;
    const grpc::Status status = Search(request);
    EXPECT_THAT(status, RpcFailsWith(kInvalid, "FILTER_INVALID"));
    return status.error_message();
  };
  v1::AttributeCondition condition;
  condition.set_name("year");
  EXPECT_EQ(
      problem(condition),
      "settings.conditions[0].test is not set, expected exists, any_of or "
      "range");
  condition.mutable_any_of()->add_values();
  EXPECT_EQ(problem(condition),
            "settings.conditions[0].any_of.values[0] is without a value, "
            "expected a string, int64, double or bool");
  condition.mutable_range()->mutable_least();
  EXPECT_EQ(problem(condition),
            "settings.conditions[0].range.least is without a value, expected a "
            "string, int64, double or bool");
  condition.set_exists(true);
  condition.clear_name();
  EXPECT_EQ(problem(condition),
            "settings.conditions[0].name is 0 bytes, expected 1 to 512 bytes");
}

TEST_F(SearchRpcsTest, SearchesForManyQueriesAtOnce) {
  v1::BatchSearchRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c1");
  request.add_queries()->set_text("oak");
  v1::Vector& vector = *request.add_queries()->mutable_vector();
  for (const float component : FakeEmbedder::VectorOf("rose")) {
    vector.add_components(component);
  }
  request.mutable_settings()->set_neighbor_count(2);
  v1::BatchSearchResponse response;
  const auto call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::BatchSearch, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(response.answered_by().commit(), "c1");
  ASSERT_THAT(response.results(), SizeIs(2));
  EXPECT_THAT(IdsOf(response.results(0).neighbors()), ElementsAre("a", "b"));
  EXPECT_EQ(response.results(1).neighbors(0).document().document_id(), "c");
  EXPECT_GT(response.work().scanned_row_count(), 0);

  request.add_queries();
  grpc::Status status = call();
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "FIELD_INVALID"));
  EXPECT_EQ(status.error_message(),
            "queries[2] is not set, expected a text or a vector");
  request.mutable_queries(2)->mutable_vector()->add_components(1);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "DIMENSION_MISMATCH"));
  request.mutable_queries(2)->set_text(" ");
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "EMBEDDING_TEXT_EMPTY"));
  request.mutable_queries()->RemoveLast();
  request.mutable_settings()->set_start(1);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.mutable_settings()->clear_start();
  request.mutable_settings()->set_neighbor_count(10'000);
  for (int i = 0; i < 10; ++i) {
    request.add_queries()->set_text("oak");
  }
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.clear_queries();
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

TEST_F(SearchRpcsTest, MatchesTwoSets) {
  v1::MatchSetsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c1");
  request.mutable_set()->add_document_ids("a");
  request.mutable_target()->add_document_ids("b");
  request.mutable_target()->add_document_ids("c");
  request.set_max_distance(2);
  request.set_match_count(1);
  std::vector<v1::MatchSetsResponse> responses;
  const auto match = [&] {
    responses.clear();
    grpc::ClientContext context;
    return ReadAll(searches_->MatchSets(&context, request), responses);
  };
  ASSERT_THAT(match(), RpcIsOk());
  ASSERT_THAT(responses, SizeIs(2));
  EXPECT_EQ(responses[0].answered_by().commit(), "c1");
  const auto found = [&responses] {
    std::vector<std::string> pairs;
    for (const v1::SetMatch& one : responses[1].matches()) {
      pairs.push_back(absl::StrCat(one.document().document_id(),
                                   one.is_from_target() ? "<-" : "->",
                                   one.match().document_id()));
    }
    return pairs;
  };
  EXPECT_THAT(found(), ElementsAre("a->b", "b<-a", "c<-a"));
  request.set_one_way(true);
  // What it says of the other direction does not matter.
  request.set_target_max_distance(5);
  ASSERT_THAT(match(), RpcIsOk());
  EXPECT_THAT(found(), ElementsAre("a->b"));
  request.set_one_way(false);
  request.set_target_max_distance(-1);
  ASSERT_THAT(match(), RpcIsOk());
  EXPECT_THAT(responses[1].matches(), SizeIs(1));
  request.set_match_count(-1);
  EXPECT_THAT(match(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

class DuplicatesRpcTest : public TreesTest {
 protected:
  // Commit "copies": a and b say the same, and so do c, d and e.
  void SetUp() override {
    TreesTest::SetUp();
    ASSERT_THAT(PushDocuments("copies", "",
                              {{"a", "oak elm"},
                               {"b", "oak elm"},
                               {"c", "rose"},
                               {"d", "rose"},
                               {"e", "rose"}},
                              "")
                    .status,
                RpcIsOk());
    request_.set_domain("admin/trees");
    request_.mutable_at()->set_commit("copies");
  }

  grpc::Status Find() {
    grpc::ClientContext context;
    responses_.clear();
    return ReadAll(searches_->FindDuplicates(&context, request_), responses_);
  }

  // What has been found, as "a b" for pairs and "a b c" for clusters.
  std::vector<std::string> Found() const {
    std::vector<std::string> found;
    for (const v1::FindDuplicatesResponse& response : responses_) {
      for (const v1::DuplicatePair& pair : response.pairs()) {
        EXPECT_EQ(pair.distance(), 0);
        EXPECT_EQ(pair.first().chunk_count(), 1);
        EXPECT_FALSE(pair.first().has_chunk());
        found.push_back(absl::StrCat(pair.first().document_id(), " ",
                                     pair.second().document_id()));
      }
      for (const v1::DuplicateCluster& cluster : response.clusters()) {
        EXPECT_EQ(cluster.member_count(), cluster.members_size());
        std::string ids;
        for (const v1::DuplicateCluster::Member& member : cluster.members()) {
          absl::StrAppend(&ids, ids.empty() ? "" : " ", member.document_id());
        }
        found.push_back(ids);
      }
    }
    return found;
  }

  v1::FindDuplicatesRequest request_;
  std::vector<v1::FindDuplicatesResponse> responses_;
};

TEST_F(DuplicatesRpcTest, StreamsTheCommitAndThenPairs) {
  ASSERT_THAT(Find(), RpcIsOk());
  ASSERT_THAT(responses_, SizeIs(2));
  EXPECT_EQ(responses_[0].answered_by().commit(), "copies");
  EXPECT_FALSE(responses_[0].has_since_answered_by());
  EXPECT_THAT(responses_[0].pairs(), SizeIs(0));
  EXPECT_THAT(Found(), ElementsAre("a b", "c d", "c e", "d e"));
  request_.set_count_max(2);
  ASSERT_THAT(Find(), RpcIsOk());
  EXPECT_THAT(Found(), ElementsAre("a b", "c d"));
  request_.mutable_scope()->add_document_ids("c");
  request_.mutable_target()->add_document_ids("e");
  ASSERT_THAT(Find(), RpcIsOk());
  EXPECT_THAT(Found(), ElementsAre("c e"));
}

TEST_F(DuplicatesRpcTest, StreamsClusters) {
  for (const auto clustering :
       {v1::FindDuplicatesRequest::CLUSTERING_CONNECTED,
        v1::FindDuplicatesRequest::CLUSTERING_COMPLETE_LINK}) {
    request_.set_clustering(clustering);
    ASSERT_THAT(Find(), RpcIsOk());
    EXPECT_THAT(Found(), ElementsAre("a b", "c d e"));
  }
}

TEST_F(DuplicatesRpcTest, FindsWhatInvolvesAChange) {
  request_.mutable_since()->set_commit("c1");
  ASSERT_THAT(Find(), RpcIsOk());
  EXPECT_EQ(responses_[0].since_answered_by().commit(), "c1");
  // b and c are as they were.
  EXPECT_THAT(Found(), ElementsAre("a b", "c d", "c e", "d e"));
  request_.mutable_since()->set_commit("copies");
  ASSERT_THAT(Find(), RpcIsOk());
  EXPECT_THAT(responses_, SizeIs(1));
}

TEST_F(DuplicatesRpcTest, RefusesWhatCannotBe) {
  request_.set_max_distance(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Find(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.set_max_distance(std::numeric_limits<double>::infinity());
  EXPECT_THAT(Find(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.set_max_distance(-1);
  const grpc::Status out_of_reach = Find();
  EXPECT_THAT(out_of_reach, RpcFailsWith(kInvalid, "FIELD_INVALID"));
  EXPECT_EQ(out_of_reach.error_message(),
            "max_distance is -1, expected at least 0, as no distance of the "
            "domain is less");
  request_.set_max_distance(0);
  request_.set_count_max(-1);
  EXPECT_THAT(Find(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.set_count_max(0);
  request_.set_clustering(
      static_cast<v1::FindDuplicatesRequest::Clustering>(99));
  EXPECT_THAT(Find(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.clear_clustering();
  for (int i = 0; i <= 1000; ++i) {
    request_.mutable_target()->add_types("T");
  }
  EXPECT_THAT(Find(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.clear_target();
  request_.mutable_since()->set_commit("c9");
  EXPECT_THAT(Find(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  request_.clear_since();
  request_.mutable_at()->set_commit("c9");
  EXPECT_THAT(Find(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(SearchRpcsTest, WarnsOfNamesThatNoDocumentHas) {
  constexpr char kWarning[] =
      "no document of commit c1 has type 'Paeg'; types: ''";
  v1::SearchRequest request = TextSearch("c1", "oak");
  request.mutable_settings()->add_types("Paeg");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(0));
  EXPECT_THAT(search_response_.warnings(), ElementsAre(kWarning));

  v1::FindSimilarRequest similar;
  similar.set_domain("admin/trees");
  *similar.mutable_at() = request.at();
  similar.set_document_id("a");
  *similar.mutable_settings() = request.settings();
  v1::FindSimilarResponse found;
  ASSERT_THAT(
      Call(*searches_, &v1::SearchService::Stub::FindSimilar, similar, found),
      RpcIsOk());
  EXPECT_THAT(found.warnings(), ElementsAre(kWarning));

  v1::BatchSearchRequest batch;
  batch.set_domain("admin/trees");
  *batch.mutable_at() = request.at();
  batch.add_queries()->set_text("oak");
  *batch.mutable_settings() = request.settings();
  v1::BatchSearchResponse results;
  ASSERT_THAT(
      Call(*searches_, &v1::SearchService::Stub::BatchSearch, batch, results),
      RpcIsOk());
  EXPECT_THAT(results.warnings(), ElementsAre(kWarning));

  v1::MatchSetsRequest match;
  match.set_domain("admin/trees");
  *match.mutable_at() = request.at();
  match.mutable_set()->add_types("Paeg");
  grpc::ClientContext context;
  std::vector<v1::MatchSetsResponse> matches;
  ASSERT_THAT(ReadAll(searches_->MatchSets(&context, match), matches),
              RpcIsOk());
  ASSERT_THAT(matches, SizeIs(1));
  EXPECT_EQ(matches[0].answered_by().commit(), "c1");
  EXPECT_THAT(matches[0].warnings(), ElementsAre(kWarning));
}

TEST_F(DuplicatesRpcTest, WarnsOfTypesThatNoDocumentHas) {
  request_.mutable_target()->add_types("Paeg");
  ASSERT_THAT(Find(), RpcIsOk());
  ASSERT_THAT(responses_, SizeIs(1));
  EXPECT_EQ(responses_[0].answered_by().commit(), "copies");
  EXPECT_THAT(
      responses_[0].warnings(),
      ElementsAre("no document of commit copies has type 'Paeg'; types: ''"));
}

TEST_F(SearchRpcsTest, SuggestsWords) {
  v1::SuggestTermsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c1");
  request.set_text("the el");
  v1::SuggestTermsResponse response;
  const auto call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::SuggestTerms, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(response.answered_by().commit(), "c1");
  ASSERT_THAT(response.suggestions(), SizeIs(1));
  EXPECT_EQ(response.suggestions(0).term(), "elm");
  EXPECT_EQ(response.suggestions(0).text(), "the elm");
  EXPECT_EQ(response.suggestions(0).chunk_count(), 1);
  request.mutable_at()->set_commit("c9");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(SearchRpcsTest, SearchesTheNearestAncestor) {
  v1::SearchRequest request = TextSearch("new", "oak");
  request.mutable_at()->add_ancestor_commits("newer");
  request.mutable_at()->add_ancestor_commits("c2");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_EQ(search_response_.answered_by().commit(), "c2");
  EXPECT_EQ(search_response_.answered_by().lag(), 2);
  request.mutable_at()->set_max_lag(2);
  EXPECT_THAT(Search(request), RpcIsOk());
  request.mutable_at()->set_max_lag(1);
  const grpc::Status status = Search(request);
  EXPECT_THAT(status, RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_EQ(InfoOf(status).metadata().at("nearest_indexed_commit"), "c2");
  EXPECT_EQ(InfoOf(status).metadata().at("lag"), "2");
  EXPECT_EQ(InfoOf(status).metadata().at("max_lag"), "1");
  EXPECT_EQ(status.error_message(),
            "domain 'admin/trees' has no commit 'new'; the nearest indexed "
            "ancestor is 'c2' at lag 2, but max_lag is 1");
  request.mutable_at()->set_max_lag(-1);
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

TEST_F(SearchRpcsTest, RefusesSearchesThatCannotBe) {
  EXPECT_THAT(Search(TextSearch("c9", "oak")),
              RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(Search(TextSearch("c1", "")),
              RpcFailsWith(kInvalid, "EMBEDDING_TEXT_EMPTY"));
  v1::SearchRequest request = TextSearch("c1", "oak");
  request.set_domain("no");
  EXPECT_THAT(Search(request), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
  request = TextSearch("c1", "oak");
  request.mutable_at()->set_branch("no");
  EXPECT_THAT(Search(request), RpcFailsWith(kNotFound, "BRANCH_NOT_FOUND"));
  request = TextSearch("c1", "oak");
  request.clear_at();
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request = TextSearch("c1", "oak");
  request.clear_query();
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.mutable_vector()->add_components(1);
  grpc::Status status = Search(request);
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "DIMENSION_MISMATCH"));
  EXPECT_EQ(InfoOf(status).metadata().at("found"), "1");
  EXPECT_EQ(InfoOf(status).metadata().at("wanted"), "32");
  request.mutable_vector()->clear_components();
  for (uint32_t i = 0; i < FakeEmbedder::kDimension; ++i) {
    request.mutable_vector()->add_components(0);
  }
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "VECTOR_ZERO"));
  request.mutable_vector()->set_components(
      0, std::numeric_limits<float>::infinity());
  EXPECT_THAT(Search(request), RpcFailsWith(kInvalid, "VECTOR_NOT_FINITE"));
  request.set_document_id("nobody");
  status = Search(request);
  EXPECT_THAT(status, RpcFailsWith(kNotFound, "DOCUMENT_NOT_FOUND"));
  EXPECT_EQ(InfoOf(status).metadata().at("document_id"), "nobody");
}

TEST_F(SearchRpcsTest, FindsSimilarDocumentsAlsoFromAnotherCommit) {
  v1::FindSimilarRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c1");
  request.set_document_id("a");
  v1::FindSimilarResponse response;
  const auto call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::FindSimilar, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_THAT(IdsOf(response.neighbors()), ElementsAre("b", "c"));
  request.set_document_id("c");
  request.mutable_at()->set_commit("c2");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "DOCUMENT_NOT_FOUND"));
  request.mutable_source()->set_branch("main");
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(response.source().commit(), "c1");
  EXPECT_EQ(response.answered_by().commit(), "c2");
  EXPECT_THAT(response.neighbors(), SizeIs(2));
}

TEST_F(SearchRpcsTest, ComparesTextsAndDocuments) {
  v1::CompareTextsRequest texts;
  texts.set_domain("admin/trees");
  texts.set_base_text("oak");
  texts.set_target_text("oak");
  v1::CompareTextsResponse texts_response;
  const auto texts_call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::CompareTexts, texts,
                texts_response);
  };
  ASSERT_THAT(texts_call(), RpcIsOk());
  EXPECT_NEAR(texts_response.distance(), 0, 1e-6);
  EXPECT_NEAR(texts_response.similarity(), 1, 1e-6);
  texts.clear_target_text();
  EXPECT_THAT(texts_call(), RpcFailsWith(kInvalid, "EMBEDDING_TEXT_EMPTY"));
  texts.set_domain("no");
  texts.set_target_text("elm");
  EXPECT_THAT(texts_call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));

  v1::CompareDocumentsRequest documents;
  documents.set_domain("admin/trees");
  documents.mutable_at()->set_commit("c1");
  documents.set_base_document_id("b");
  documents.set_target_document_id("b");
  documents.mutable_target_at()->set_commit("c2");
  v1::CompareDocumentsResponse documents_response;
  const auto documents_call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::CompareDocuments,
                documents, documents_response);
  };
  ASSERT_THAT(documents_call(), RpcIsOk());
  EXPECT_NEAR(documents_response.distance(), 0, 1e-6);
  EXPECT_EQ(documents_response.answered_by().commit(), "c1");
  EXPECT_EQ(documents_response.target_answered_by().commit(), "c2");
  documents.set_target_document_id("c");
  EXPECT_THAT(documents_call(), RpcFailsWith(kNotFound, "DOCUMENT_NOT_FOUND"));
}

TEST_F(SearchRpcsTest, GetsDocuments) {
  v1::GetDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c2");
  v1::GetDocumentsResponse response;
  const auto call = [&] {
    return Call(*searches_, &v1::SearchService::Stub::GetDocuments, request,
                response);
  };
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.add_document_ids("c");
  request.add_document_ids("a");
  request.mutable_document_mask()->set_text(true);
  request.mutable_document_mask()->set_vector(true);
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_THAT(response.missing_document_ids(), ElementsAre("c"));
  ASSERT_THAT(response.documents(), SizeIs(1));
  EXPECT_EQ(response.documents(0).text(), "tulip");
  EXPECT_THAT(response.documents(0).vector().components(),
              SizeIs(FakeEmbedder::kDimension));
  EXPECT_THAT(response.documents(0).content_hash(), SizeIs(32));
}

TEST_F(SearchRpcsTest, ShowsChunksAndSnippets) {
  std::string text;
  for (const char* word : {"oak ", "rose "}) {
    for (int i = 0; i < 450; ++i) {
      text += word;
    }
    text += "\n\n";
  }
  ASSERT_THAT(PushDocuments("long", "", {{"a", text}, {"b", "elm"}}).status,
              RpcIsOk());
  v1::SearchRequest request = TextSearch("long", "rose");
  request.mutable_settings()->set_with_snippets(true);
  request.mutable_settings()->mutable_document_mask()->set_chunks(true);
  ASSERT_THAT(Search(request), RpcIsOk());
  ASSERT_THAT(search_response_.neighbors(), SizeIs(2));
  const v1::Neighbor& best = search_response_.neighbors(0);
  EXPECT_EQ(best.document().document_id(), "a");
  EXPECT_EQ(best.document().chunk_count(), 2);
  EXPECT_FALSE(best.document().has_text());
  ASSERT_THAT(best.document().chunks(), SizeIs(2));
  EXPECT_EQ(best.document().chunks(1).first_byte(), text.find("rose"));
  EXPECT_EQ(best.document().chunks(1).token_count(), 450);
  EXPECT_EQ(best.chunk().number(), 1);
  EXPECT_EQ(best.chunk().first_byte(), text.find("rose"));
  EXPECT_EQ(best.snippet().text().substr(0, 4), "rose");
  EXPECT_GT(best.snippet().matches_size(), 10);
  EXPECT_EQ(best.snippet().matches(1).first_byte(), 5);
  const v1::Neighbor& other = search_response_.neighbors(1);
  EXPECT_EQ(other.document().chunk_count(), 1);
  EXPECT_FALSE(other.has_chunk());
  EXPECT_EQ(other.snippet().text(), "elm");
}

TEST_F(SearchRpcsTest, ExportsAllDocumentsOfACommit) {
  std::map<std::string, std::string> documents;
  for (int i = 0; i < 2500; ++i) {
    documents[absl::StrCat("id", i)] = absl::StrCat("text ", i);
  }
  ASSERT_THAT(PushDocuments("big", "", documents).status, RpcIsOk());
  v1::ExportDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("big");
  request.mutable_document_mask()->set_text(true);
  grpc::ClientContext context;
  std::vector<v1::ExportDocumentsResponse> responses;
  ASSERT_THAT(ReadAll(searches_->ExportDocuments(&context, request), responses),
              RpcIsOk());
  EXPECT_EQ(responses[0].answered_by().commit(), "big");
  auto expected = documents.begin();
  for (const v1::ExportDocumentsResponse& response : responses) {
    for (const v1::StoredDocument& document : response.documents()) {
      ASSERT_NE(expected, documents.end());
      EXPECT_EQ(document.document_id(), expected->first);
      EXPECT_EQ(document.text(), expected->second);
      ++expected;
    }
  }
  EXPECT_EQ(expected, documents.end());
}

TEST_F(SearchRpcsTest, ExportsAnEmptyCommitAndRefusesAnUnknownOne) {
  ASSERT_THAT(PushDocuments("empty", "", {}).status, RpcIsOk());
  v1::ExportDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("empty");
  grpc::ClientContext context;
  std::vector<v1::ExportDocumentsResponse> responses;
  ASSERT_THAT(ReadAll(searches_->ExportDocuments(&context, request), responses),
              RpcIsOk());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].answered_by().commit(), "empty");
  request.mutable_at()->set_commit("c9");
  grpc::ClientContext other_context;
  EXPECT_THAT(
      ReadAll(searches_->ExportDocuments(&other_context, request), responses),
      RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
}

}  // namespace
}  // namespace copse
