// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/grpc_server.h"

#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "index/util/error_reason.h"
#include "sidecar/grpc/testing/grpc_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "sidecar/util/request_metrics.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

// Commits c1 (a: oak oak, b: oak elm, c: rose; branch main) and c2, its child
// (a: tulip, b: oak elm).
class GrpcServerTest : public GrpcTest {
 protected:
  void SetUp() override {
    GrpcTest::SetUp();
    ASSERT_THAT(PushDocuments(
                    "c1", "",
                    {{"a", "oak oak"}, {"b", "oak elm"}, {"c", "rose"}}, "main")
                    .status,
                RpcIsOk());
    v1::PushCommitRequest operations;
    AddInsert("a", "tulip", operations);
    operations.mutable_operations()->add_operations()->set_delete_document_id(
        "c");
    ASSERT_THAT(
        PushRequests({Header("c2", "c1"), operations, FinishRequest()}).status,
        RpcIsOk());
  }

  // Calls a method of one response.
  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request, Response& response) {
    grpc::ClientContext context;
    response.Clear();
    return (stub.*method)(&context, request, &response);
  }

  static v1::SearchRequest TextSearch(absl::string_view commit,
                                      absl::string_view text) {
    v1::SearchRequest request;
    request.set_domain("admin/trees");
    request.mutable_at()->set_commit(std::string(commit));
    request.set_text(std::string(text));
    return request;
  }

  grpc::Status Search(const v1::SearchRequest& request) {
    return Call(*searches_, &v1::SearchService::Stub::Search, request,
                search_response_);
  }

  static std::vector<std::string> IdsOf(
      const google::protobuf::RepeatedPtrField<v1::Neighbor>& neighbors) {
    std::vector<std::string> ids;
    for (const v1::Neighbor& neighbor : neighbors) {
      ids.push_back(neighbor.document().document_id());
    }
    return ids;
  }

  // Reads a stream to its end.
  template <typename Response>
  static grpc::Status ReadAll(
      std::unique_ptr<grpc::ClientReader<Response>> stream,
      std::vector<Response>& responses) {
    Response response;
    while (stream->Read(&response)) {
      responses.push_back(response);
    }
    return stream->Finish();
  }

  v1::SearchResponse search_response_;
};

// ---- DomainService ---------------------------------------------------------

TEST_F(GrpcServerTest, ManagesDomains) {
  v1::CreateDomainRequest create;
  create.set_domain("admin/b");
  create.mutable_settings()->set_metric(v1::DomainSettings::METRIC_EUCLIDEAN);
  create.mutable_settings()->set_dimension(3);
  create.mutable_settings()->set_vectors_only(true);
  create.mutable_settings()->set_description("points");
  v1::Domain domain;
  ASSERT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcIsOk());
  EXPECT_EQ(domain.settings().metric(), v1::DomainSettings::METRIC_EUCLIDEAN);
  EXPECT_TRUE(domain.settings().vectors_only());
  EXPECT_GT(domain.create_time().seconds(), 0);
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "DOMAIN_EXISTS"));

  v1::UpdateDomainRequest update;
  update.set_domain("admin/b");
  update.set_description("places");
  ASSERT_THAT(
      Call(*domains_, &v1::DomainService::Stub::UpdateDomain, update, domain),
      RpcIsOk());
  v1::GetDomainRequest get;
  get.set_domain("admin/b");
  ASSERT_THAT(Call(*domains_, &v1::DomainService::Stub::GetDomain, get, domain),
              RpcIsOk());
  EXPECT_EQ(domain.settings().description(), "places");
  EXPECT_EQ(domain.settings().dimension(), 3);

  v1::DeleteDomainRequest erase;
  erase.set_domain("admin/b");
  v1::DeleteDomainResponse erased;
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::DeleteDomain, erase, erased),
      RpcIsOk());
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::DeleteDomain, erase, erased),
      RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
  erase.set_allow_missing(true);
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::DeleteDomain, erase, erased),
      RpcIsOk());
  EXPECT_THAT(Call(*domains_, &v1::DomainService::Stub::GetDomain, get, domain),
              RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::UpdateDomain, update, domain),
      RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(GrpcServerTest, RefusesDomainsThatCannotBe) {
  v1::CreateDomainRequest create;
  v1::Domain domain;
  const auto call = [&] {
    return Call(*domains_, &v1::DomainService::Stub::CreateDomain, create,
                domain);
  };
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "NAME_INVALID"));
  create.set_domain("admin/b");
  create.mutable_settings()->set_dimension(4097);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  create.mutable_settings()->set_dimension(5);
  EXPECT_THAT(call(), RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                   "EMBEDDING_DIMENSION_MISMATCH"));
  create.mutable_settings()->set_embedding_profile("none");
  EXPECT_THAT(call(), RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                   "EMBEDDING_PROFILE_NOT_FOUND"));
  create.mutable_settings()->set_metric(
      static_cast<v1::DomainSettings::Metric>(99));
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

TEST_F(GrpcServerTest, ListsDomainsByPages) {
  v1::CreateDomainRequest create;
  v1::Domain domain;
  for (const char* name : {"admin/x", "admin/y"}) {
    create.set_domain(name);
    ASSERT_THAT(
        Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
        RpcIsOk());
  }
  v1::ListDomainsRequest request;
  request.set_page_size(2);
  v1::ListDomainsResponse response;
  const auto call = [&] {
    return Call(*domains_, &v1::DomainService::Stub::ListDomains, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  ASSERT_THAT(response.domains(), SizeIs(2));
  EXPECT_EQ(response.domains(0).domain(), "admin/trees");
  request.set_page_token(response.next_page_token());
  ASSERT_THAT(call(), RpcIsOk());
  ASSERT_THAT(response.domains(), SizeIs(1));
  EXPECT_EQ(response.domains(0).domain(), "admin/y");
  EXPECT_EQ(response.next_page_token(), "");
  request.set_page_token("forged");
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "PAGE_TOKEN_INVALID"));
  request.set_page_size(-1);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "PAGE_SIZE_NEGATIVE"));
}

// ---- CommitService ---------------------------------------------------------

TEST_F(GrpcServerTest, GetsAndListsCommits) {
  v1::GetCommitRequest get;
  get.set_domain("admin/trees");
  get.set_commit("c2");
  v1::Commit commit;
  const auto call = [&] {
    return Call(*commits_, &v1::CommitService::Stub::GetCommit, get, commit);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_THAT(commit.parent_commits(), ElementsAre("c1"));
  EXPECT_EQ(commit.replaced_count(), 1);
  EXPECT_EQ(commit.deleted_count(), 1);
  get.set_commit("c9");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  get.set_commit("\n");  // On reads another form is simply unknown.
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  get.set_domain("");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));

  v1::ListCommitsRequest list;
  list.set_domain("admin/trees");
  list.set_page_size(1);
  v1::ListCommitsResponse response;
  const auto list_call = [&] {
    return Call(*commits_, &v1::CommitService::Stub::ListCommits, list,
                response);
  };
  ASSERT_THAT(list_call(), RpcIsOk());
  ASSERT_THAT(response.commits(), SizeIs(1));
  EXPECT_EQ(response.commits(0).commit(), "c2");
  list.set_page_token(response.next_page_token());
  ASSERT_THAT(list_call(), RpcIsOk());
  ASSERT_THAT(response.commits(), SizeIs(1));
  EXPECT_EQ(response.commits(0).commit(), "c1");
  EXPECT_EQ(response.next_page_token(), "");
  list.set_page_token("forged");
  EXPECT_THAT(list_call(), RpcFailsWith(kInvalid, "PAGE_TOKEN_INVALID"));
  list.set_page_size(-1);
  EXPECT_THAT(list_call(), RpcFailsWith(kInvalid, "PAGE_SIZE_NEGATIVE"));
  list.set_page_size(1);
  list.set_domain("no");
  EXPECT_THAT(list_call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(GrpcServerTest, AssignsAndDeletesCommits) {
  v1::AssignCommitRequest assign;
  assign.set_domain("admin/trees");
  assign.set_source_commit("c1");
  assign.set_target_commit("c1-again");
  v1::Commit commit;
  const auto call = [&] {
    return Call(*commits_, &v1::CommitService::Stub::AssignCommit, assign,
                commit);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(commit.commit(), "c1-again");
  EXPECT_EQ(commit.document_count(), 3);
  EXPECT_THAT(call(), RpcIsOk());  // Onto the same snapshot.
  assign.set_target_commit("c2");
  EXPECT_THAT(call(),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "COMMIT_EXISTS"));
  assign.set_source_commit("c9");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));

  v1::DeleteCommitRequest erase;
  erase.set_domain("admin/trees");
  erase.set_commit("c1-again");
  v1::DeleteCommitResponse erased;
  const auto delete_call = [&] {
    return Call(*commits_, &v1::CommitService::Stub::DeleteCommit, erase,
                erased);
  };
  EXPECT_THAT(delete_call(), RpcIsOk());
  EXPECT_THAT(delete_call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  erase.set_allow_missing(true);
  EXPECT_THAT(delete_call(), RpcIsOk());
  erase.set_domain("no");
  EXPECT_THAT(delete_call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(GrpcServerTest, StreamsADiff) {
  grpc::ClientContext context;
  v1::DiffCommitsRequest request;
  request.set_domain("admin/trees");
  request.set_base_commit("c1");
  request.set_target_commit("c2");
  std::vector<v1::DiffCommitsResponse> responses;
  ASSERT_THAT(ReadAll(commits_->DiffCommits(&context, request), responses),
              RpcIsOk());
  ASSERT_THAT(responses, SizeIs(1));
  ASSERT_THAT(responses[0].changes(), SizeIs(2));
  EXPECT_EQ(responses[0].changes(0).document_id(), "a");
  EXPECT_EQ(responses[0].changes(0).kind(), v1::DocumentChange::KIND_REPLACED);
  EXPECT_EQ(responses[0].changes(1).document_id(), "c");
  EXPECT_EQ(responses[0].changes(1).kind(), v1::DocumentChange::KIND_DELETED);
}

TEST_F(GrpcServerTest, StreamsNoDiffOfEqualCommitsAndOfUnknownOnes) {
  v1::DiffCommitsRequest request;
  request.set_domain("admin/trees");
  request.set_base_commit("c1");
  request.set_target_commit("c1");
  std::vector<v1::DiffCommitsResponse> responses;
  grpc::ClientContext context;
  EXPECT_THAT(ReadAll(commits_->DiffCommits(&context, request), responses),
              RpcIsOk());
  EXPECT_THAT(responses, IsEmpty());
  request.set_target_commit("c9");
  grpc::ClientContext other_context;
  EXPECT_THAT(
      ReadAll(commits_->DiffCommits(&other_context, request), responses),
      RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
}

// ---- BranchService ---------------------------------------------------------

TEST_F(GrpcServerTest, ManagesBranches) {
  v1::CreateBranchRequest create;
  create.set_domain("admin/trees");
  create.set_branch("dev");
  create.set_head_commit("c1");
  v1::Branch branch;
  const auto call = [&] {
    return Call(*branches_, &v1::BranchService::Stub::CreateBranch, create,
                branch);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(branch.version(), 1);
  EXPECT_THAT(call(),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "BRANCH_EXISTS"));
  create.set_branch("x\ny");
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "NAME_INVALID"));
  create.set_branch("x");
  create.set_head_commit("c9");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));

  v1::UpdateBranchRequest update;
  update.set_domain("admin/trees");
  update.set_branch("dev");
  update.set_head_commit("c2");
  update.set_expected_commit("c2");
  const auto update_call = [&] {
    return Call(*branches_, &v1::BranchService::Stub::UpdateBranch, update,
                branch);
  };
  EXPECT_THAT(update_call(),
              RpcFailsWith(grpc::StatusCode::ABORTED, "BRANCH_MOVED"));
  update.set_expected_commit("c1");
  ASSERT_THAT(update_call(), RpcIsOk());
  EXPECT_EQ(branch.head_commit(), "c2");
  EXPECT_EQ(branch.version(), 2);
  update.set_branch("nobody");
  EXPECT_THAT(update_call(), RpcFailsWith(kNotFound, "BRANCH_NOT_FOUND"));

  v1::ListBranchesRequest list;
  list.set_domain("admin/trees");
  v1::ListBranchesResponse listed;
  ASSERT_THAT(
      Call(*branches_, &v1::BranchService::Stub::ListBranches, list, listed),
      RpcIsOk());
  ASSERT_THAT(listed.branches(), SizeIs(2));
  EXPECT_EQ(listed.branches(0).branch(), "dev");
  EXPECT_EQ(listed.branches(1).branch(), "main");

  v1::DeleteBranchRequest erase;
  erase.set_domain("admin/trees");
  erase.set_branch("dev");
  v1::DeleteBranchResponse erased;
  const auto delete_call = [&] {
    return Call(*branches_, &v1::BranchService::Stub::DeleteBranch, erase,
                erased);
  };
  EXPECT_THAT(delete_call(), RpcIsOk());
  EXPECT_THAT(delete_call(), RpcFailsWith(kNotFound, "BRANCH_NOT_FOUND"));
  erase.set_allow_missing(true);
  EXPECT_THAT(delete_call(), RpcIsOk());
  v1::GetBranchRequest get;
  get.set_domain("admin/trees");
  get.set_branch("dev");
  EXPECT_THAT(
      Call(*branches_, &v1::BranchService::Stub::GetBranch, get, branch),
      RpcFailsWith(kNotFound, "BRANCH_NOT_FOUND"));
  get.set_branch("main");
  ASSERT_THAT(
      Call(*branches_, &v1::BranchService::Stub::GetBranch, get, branch),
      RpcIsOk());
  EXPECT_EQ(branch.head_commit(), "c1");
}

// ---- SearchService ---------------------------------------------------------

TEST_F(GrpcServerTest, SearchesByTextVectorAndDocument) {
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

TEST_F(GrpcServerTest, SearchesTheNearestAncestor) {
  v1::SearchRequest request = TextSearch("new", "oak");
  request.mutable_at()->add_ancestor_commits("newer");
  request.mutable_at()->add_ancestor_commits("c2");
  ASSERT_THAT(Search(request), RpcIsOk());
  EXPECT_EQ(search_response_.answered_by().commit(), "c2");
  EXPECT_EQ(search_response_.answered_by().lag(), 2);
  request.mutable_at()->set_max_lag(0);
  const grpc::Status status = Search(request);
  EXPECT_THAT(status, RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_EQ(InfoOf(status).metadata().at("nearest_indexed_commit"), "c2");
  EXPECT_EQ(InfoOf(status).metadata().at("lag"), "2");
}

TEST_F(GrpcServerTest, RefusesSearchesThatCannotBe) {
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

TEST_F(GrpcServerTest, FindsSimilarDocumentsAlsoFromAnotherCommit) {
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

TEST_F(GrpcServerTest, ComparesTextsAndDocuments) {
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

TEST_F(GrpcServerTest, GetsDocuments) {
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

TEST_F(GrpcServerTest, ExportsAllDocumentsOfACommit) {
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

TEST_F(GrpcServerTest, ExportsAnEmptyCommitAndRefusesAnUnknownOne) {
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

// ---- AdminService ----------------------------------------------------------

TEST_F(GrpcServerTest, ReturnsStatistics) {
  v1::GetStatisticsRequest request;
  request.set_domain("admin/trees");
  v1::GetStatisticsResponse response;
  const auto call = [&] {
    return Call(*admin_, &v1::AdminService::Stub::GetStatistics, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(response.server().version(), "0.0.1-test");
  EXPECT_GT(response.server().start_time().seconds(), 0);
  EXPECT_EQ(response.server().domain_count(), 1);
  EXPECT_EQ(response.server().commit_count(), 2);
  EXPECT_EQ(response.server().write_error(), "");
  ASSERT_THAT(response.server().embedding_profiles(), SizeIs(1));
  EXPECT_EQ(response.server().embedding_profiles(0).name(), "fake");
  EXPECT_TRUE(response.server().embedding_profiles(0).is_default());
  EXPECT_EQ(response.domain().domain().domain(), "admin/trees");
  EXPECT_EQ(response.domain().domain().commit_count(), 2);
  EXPECT_EQ(response.domain().branch_count(), 1);
  request.set_domain("no");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(GrpcServerTest, VerifiesADomain) {
  v1::VerifyDomainRequest request;
  request.set_domain("admin/trees");
  grpc::ClientContext context;
  std::vector<v1::VerifyDomainResponse> responses;
  ASSERT_THAT(ReadAll(admin_->VerifyDomain(&context, request), responses),
              RpcIsOk());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].summary().commit_count(), 2);
  EXPECT_EQ(responses[0].summary().finding_count(), 0);
  request.set_domain("no");
  grpc::ClientContext other_context;
  EXPECT_THAT(ReadAll(admin_->VerifyDomain(&other_context, request), responses),
              RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

// ---- The server ------------------------------------------------------------

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return bytes;
}

// Makes the call `method` of grpc.health.v1 or any other with raw bytes.
class RawCall {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(request);
    auto call = stub.PrepareUnaryCall(&context, method,
                                      grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    call->Finish(&response_, &status_, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }

  const grpc::Status& status() const { return status_; }

  std::string response() const { return ToString(response_); }

 private:
  grpc::ByteBuffer response_;
  grpc::Status status_;
};

// A HealthCheckRequest for `service`, and the HealthCheckResponses.
std::string HealthRequest(const std::string& service) {
  return absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())),
                      service);
}
constexpr absl::string_view kServing = "\x08\x01";
constexpr absl::string_view kNotServing = "\x08\x02";

TEST_F(GrpcServerTest, ReportsItsHealth) {
  const std::string method = "/grpc.health.v1.Health/Check";
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  EXPECT_EQ(RawCall(channel_, method, HealthRequest("copse.v1.SearchService"))
                .response(),
            kServing);
  server_->SetServing(false);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kNotServing);
  server_->SetServing(true);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  server_->SetWritable(false);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  EXPECT_EQ(RawCall(channel_, method, HealthRequest("copse.v1.CommitService"))
                .response(),
            kNotServing);
}

TEST_F(GrpcServerTest, RefusesBytesThatAreNoRequest) {
  const RawCall call(channel_, "/copse.v1.DomainService/GetDomain", "\xff");
  EXPECT_THAT(call.status(), RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
  // A domain that is not UTF-8.
  const RawCall other(channel_, "/copse.v1.DomainService/GetDomain",
                      "\x0a\x01\xff");
  EXPECT_THAT(other.status(), RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
}

TEST_F(GrpcServerTest, NamesAMethodThatItDoesNotHave) {
  const RawCall call(channel_, "/copse.v1.DomainService/RenameDomain", "");
  EXPECT_THAT(call.status(), RpcFailsWith(grpc::StatusCode::UNIMPLEMENTED,
                                          "METHOD_NOT_FOUND"));
  EXPECT_THAT(call.status().error_message(), HasSubstr("RenameDomain"));
}

TEST_F(GrpcServerTest, ServesReflection) {
  // A ServerReflectionRequest with list_services = "".
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const grpc::Slice slice("\x3a\x00", 2);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(wait());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(wait());
  const std::string bytes = ToString(response);
  for (const char* service :
       {"Domain", "Commit", "Branch", "Search", "Admin"}) {
    EXPECT_THAT(bytes,
                HasSubstr(absl::StrCat("copse.v1.", service, "Service")));
  }
  call->WritesDone(nullptr);
  ASSERT_TRUE(wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(wait());
}

TEST_F(GrpcServerTest, KeepsErrorsSmallWhateverTheyName) {
  v1::GetDocumentsRequest request;
  v1::FindSimilarRequest similar;
  similar.set_domain("admin/trees");
  similar.mutable_at()->set_commit("c1");
  std::string id;
  while (id.size() < 60'000) {
    id += "\xe6\x9c\xa8\n";
  }
  similar.set_document_id(id);
  v1::FindSimilarResponse response;
  const grpc::Status status = Call(
      *searches_, &v1::SearchService::Stub::FindSimilar, similar, response);
  EXPECT_THAT(status, RpcFailsWith(kNotFound, "DOCUMENT_NOT_FOUND"));
  EXPECT_LE(status.error_message().size(), 1024);
  EXPECT_THAT(InfoOf(status).metadata().at("document_id"),
              StartsWith("\xe6\x9c\xa8\n"));
}

TEST_F(GrpcServerTest, FinishesASearchThatIsUnderWayWhenItShutsDown) {
  std::atomic<bool> embedding = false;
  std::atomic<bool> go_on = false;
  embedder_->OnEmbed([&](const EmbedContext&) -> absl::Status {
    embedding = true;
    while (!go_on) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  });
  grpc::Status status;
  std::jthread searcher([&] { status = Search(TextSearch("c1", "oak")); });
  while (!embedding) {
    std::this_thread::yield();
  }
  std::jthread stopper([&] { server_->ShutDown(absl::Seconds(30)); });
  // New calls are refused once the server is shutting down.
  v1::GetDomainRequest request;
  request.set_domain("admin/trees");
  v1::Domain domain;
  while (Call(*domains_, &v1::DomainService::Stub::GetDomain, request, domain)
             .ok()) {
  }
  go_on = true;
  searcher.join();
  stopper.join();
  EXPECT_THAT(status, RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(3));
}

TEST_F(GrpcServerTest, ACancelEndsASearchThatWaitsForTheProvider) {
  std::atomic<bool> cancelled = false;
  grpc::ClientContext context;
  embedder_->OnEmbed([&](const EmbedContext& embed_context) -> absl::Status {
    context.TryCancel();
    while (!embed_context.cancelled()) {
      std::this_thread::yield();
    }
    cancelled = true;
    return absl::CancelledError("embedding was cancelled");
  });
  v1::SearchResponse response;
  EXPECT_EQ(searches_->Search(&context, TextSearch("c1", "oak"), &response)
                .error_code(),
            grpc::StatusCode::CANCELLED);
  server_->ShutDown(absl::Seconds(30));
  EXPECT_TRUE(cancelled);
}

TEST_F(GrpcServerTest, TakesManyCallsAtOnce) {
  constexpr int kThreadCount = 8;
  constexpr int kRoundCount = 50;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < kRoundCount; ++round) {
        v1::SearchResponse response;
        EXPECT_THAT(Call(*searches_, &v1::SearchService::Stub::Search,
                         TextSearch("c1", "oak"), response),
                    RpcIsOk());
        EXPECT_THAT(response.neighbors(), SizeIs(3));
      }
    });
  }
}

TEST_F(GrpcServerTest, RefusesAnAddressThatIsTaken) {
  GrpcServerOptions options;
  options.address = absl::StrCat("127.0.0.1:", server_->port());
  options.engine = engine_.get();
  EXPECT_THAT(
      GrpcServer::Start(options),
      FailsWith(absl::StatusCode::kFailedPrecondition, "ADDRESS_UNAVAILABLE"));
  options.address = "nonsense";
  EXPECT_THAT(
      GrpcServer::Start(options),
      FailsWith(absl::StatusCode::kFailedPrecondition, "ADDRESS_UNAVAILABLE"));
}

class GrpcMetricsTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.metrics = &metrics_;
  }

  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_};
};

TEST_F(GrpcMetricsTest, CountsCallsByMethodAndCode) {
  EXPECT_THAT(Search(TextSearch("c9", "oak")),
              RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  server_->ShutDown(absl::Seconds(30));  // So that all are counted.
  const std::string text =
      prometheus::TextSerializer().Serialize(registry_.Collect());
  EXPECT_THAT(text, HasSubstr("copse.v1.SearchService/Search"));
  EXPECT_THAT(text, HasSubstr("copse.v1.CommitService/PushCommit"));
}

class StalledClientTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.stream_count_max = 1;
    options.write_timeout = absl::Milliseconds(100);
  }
};

TEST_F(StalledClientTest, LosesItsStreamToOthersThatRead) {
  // More than what waits in the buffers of a connection.
  std::map<std::string, std::string> documents;
  for (int i = 0; i < 24; ++i) {
    documents[absl::StrCat(i)] = std::string(1 << 20, 'x');
  }
  ASSERT_THAT(PushDocuments("big", "", documents).status, RpcIsOk());
  v1::ExportDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("big");
  request.mutable_document_mask()->set_text(true);
  grpc::ClientContext stalled_context;
  const auto stalled = searches_->ExportDocuments(&stalled_context, request);
  v1::ExportDocumentsResponse response;
  ASSERT_TRUE(stalled->Read(&response));

  // Waits for the only thread. From another connection, whose window is free.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto searches = v1::SearchService::NewStub(
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                grpc::InsecureChannelCredentials(), arguments));
  request.mutable_at()->set_commit("c1");
  grpc::ClientContext context;
  std::vector<v1::ExportDocumentsResponse> responses;
  EXPECT_THAT(ReadAll(searches->ExportDocuments(&context, request), responses),
              RpcIsOk());
  while (stalled->Read(&response)) {
  }
  EXPECT_FALSE(stalled->Finish().ok());
}

class OverloadTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.waiting_thread_count = 1;
    options.waiting_call_count_max = 0;
  }
};

TEST_F(OverloadTest, RefusesWhatItHasNoThreadFor) {
  std::atomic<bool> embedding = false;
  std::atomic<bool> go_on = false;
  embedder_->OnEmbed([&](const EmbedContext&) -> absl::Status {
    embedding = true;
    while (!go_on) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  });
  std::jthread searcher([&] {
    v1::SearchResponse response;
    EXPECT_THAT(Call(*searches_, &v1::SearchService::Stub::Search,
                     TextSearch("c1", "oak"), response),
                RpcIsOk());
  });
  while (!embedding) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Search(TextSearch("c1", "oak")),
              RpcFailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "OVERLOADED"));
  go_on = true;
}

}  // namespace
}  // namespace copse
