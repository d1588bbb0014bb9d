// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Domains with templates, and the documents that are pushed into them.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TemplateRpcsTest : public TreesTest {
 protected:
  void SetUp() override {
    TreesTest::SetUp();
    v1::CreateDomainRequest create = CreateFilms("{{title}} of {{year}}");
    v1::Domain domain;
    ASSERT_THAT(
        Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
        RpcIsOk());
    EXPECT_EQ(domain.settings().templates().at("Film"),
              "{{title}} of {{year}}");
  }

  static v1::CreateDomainRequest CreateFilms(absl::string_view text) {
    v1::CreateDomainRequest create;
    create.set_domain("films");
    (*create.mutable_settings()->mutable_templates())["Film"] =
        std::string(text);
    return create;
  }

  static v1::PushCommitRequest FilmHeader(absl::string_view commit) {
    v1::PushCommitRequest header = Header(commit);
    header.mutable_header()->set_domain("films");
    return header;
  }

  static v1::Document& AddFilm(absl::string_view id, absl::string_view text,
                               v1::PushCommitRequest& request) {
    AddInsert(id, text, request);
    auto& operations = *request.mutable_operations()->mutable_operations();
    v1::Document& document = *operations.rbegin()->mutable_insert();
    document.set_type("Film");
    return document;
  }

  // Returns the documents of a commit, with their texts.
  std::vector<v1::StoredDocument> Export(absl::string_view commit) {
    v1::ExportDocumentsRequest request;
    request.set_domain("films");
    request.mutable_at()->set_commit(std::string(commit));
    request.mutable_document_mask()->set_text(true);
    grpc::ClientContext context;
    std::vector<v1::ExportDocumentsResponse> responses;
    EXPECT_THAT(
        ReadAll(searches_->ExportDocuments(&context, request), responses),
        RpcIsOk());
    std::vector<v1::StoredDocument> documents;
    for (const v1::ExportDocumentsResponse& response : responses) {
      documents.insert(documents.end(), response.documents().begin(),
                       response.documents().end());
    }
    return documents;
  }
};

constexpr absl::string_view kAlien = R"({"title": "Alien", "year": 1979})";

TEST_F(TemplateRpcsTest, PushesWhatTheTemplateMakes) {
  v1::PushCommitRequest operations;
  AddFilm("a", kAlien, operations);
  AddInsert("b", "no film", operations);
  const PushResult pushed =
      PushRequests({FilmHeader("c1"), operations, FinishRequest()});
  ASSERT_THAT(pushed.status, RpcIsOk());
  EXPECT_THAT(embedder_->texts(), Contains("Alien of 1979"));
  const std::vector<v1::StoredDocument> stored = Export("c1");
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_EQ(stored[0].text(), "Alien of 1979");
  EXPECT_TRUE(stored[0].text_is_rendered());
  EXPECT_EQ(stored[1].text(), "no film");
  EXPECT_FALSE(stored[1].text_is_rendered());

  // What was exported is pushed again, and is the same.
  v1::PushCommitRequest again;
  for (const v1::StoredDocument& document : stored) {
    v1::Document& copy =
        AddFilm(document.document_id(), document.text(), again);
    copy.set_type(document.type());
    copy.set_text_is_rendered(document.text_is_rendered());
  }
  const PushResult copied =
      PushRequests({FilmHeader("c2"), again, FinishRequest()});
  ASSERT_THAT(copied.status, RpcIsOk());
  EXPECT_EQ(copied.commit.fingerprint(), pushed.commit.fingerprint());
}

TEST_F(TemplateRpcsTest, ListsDocumentsThatTheTemplateCannotTake) {
  v1::PushCommitRequest operations;
  AddFilm("a", kAlien, operations);
  AddFilm("b", "[1]", operations);
  const PushResult pushed =
      PushRequests({FilmHeader("c1"), operations, FinishRequest()});
  EXPECT_THAT(pushed.status, RpcFailsWith(kInvalid, "DOCUMENTS_FAILED"));
  ASSERT_THAT(pushed.failures, SizeIs(1));
  EXPECT_EQ(pushed.failures[0].document_id(), "b");
  EXPECT_EQ(pushed.failures[0].operation_number(), 2);
  EXPECT_THAT(pushed.failures[0].message(), HasSubstr("expected an object"));
}

TEST_F(TemplateRpcsTest, EstimatesWhatTheTemplateMakes) {
  v1::PushCommitRequest operations;
  AddFilm("a", kAlien, operations);
  AddFilm("b", "no JSON", operations);
  grpc::ClientContext context;
  const auto stream = commits_->EstimateIndexCost(&context);
  stream->Write(FilmHeader("c1"));
  stream->Write(operations);
  stream->Write(FinishRequest());
  stream->WritesDone();
  v1::PushCommitResponse response;
  v1::PushCommitResponse last;
  while (stream->Read(&response)) {
    last = response;
  }
  ASSERT_THAT(stream->Finish(), RpcIsOk());
  EXPECT_EQ(last.estimate().changed_document_count(), 1);
  EXPECT_EQ(last.estimate().failed_document_count(), 1);
}

TEST_F(TemplateRpcsTest, FixesTemplatesWithTheDomain) {
  v1::Domain domain;
  v1::GetDomainRequest get;
  get.set_domain("films");
  ASSERT_THAT(Call(*domains_, &v1::DomainService::Stub::GetDomain, get, domain),
              RpcIsOk());
  EXPECT_THAT(domain.settings().templates(), SizeIs(1));
  v1::ListDomainsResponse list;
  ASSERT_THAT(Call(*domains_, &v1::DomainService::Stub::ListDomains,
                   v1::ListDomainsRequest(), list),
              RpcIsOk());
  ASSERT_THAT(list.domains(), SizeIs(2));
  EXPECT_THAT(list.domains(1).settings().templates(), IsEmpty());

  v1::PushCommitRequest header = FilmHeader("c1");
  *header.mutable_header()->mutable_create_domain() =
      CreateFilms("{{name}}").settings();
  EXPECT_THAT(PushRequests({header, FinishRequest()}).status,
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "DOMAIN_SETTINGS_DIFFER"));
}

TEST_F(TemplateRpcsTest, NamesTheTemplateThatIsWrong) {
  v1::CreateDomainRequest create = CreateFilms("{{title}}\n  {{/cast}}");
  create.set_domain("others");
  v1::Domain domain;
  const grpc::Status status =
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain);
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "TEMPLATE_INVALID"));
  EXPECT_THAT(status.error_message(),
              HasSubstr("templates['Film']: line 2, column 3"));
}

}  // namespace
}  // namespace copse
