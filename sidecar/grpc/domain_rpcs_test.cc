// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/domain_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::SizeIs;

using DomainRpcsTest = TreesTest;

TEST_F(DomainRpcsTest, ManagesDomains) {
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

TEST_F(DomainRpcsTest, RefusesDomainsThatCannotBe) {
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

TEST_F(DomainRpcsTest, ListsDomainsByPages) {
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

TEST_F(DomainRpcsTest, KeepsRetentionRules) {
  v1::UpdateDomainRequest update;
  update.set_domain("admin/trees");
  update.mutable_retention()->set_keep_last_count(7);
  update.mutable_retention()->set_keep_younger_than_seconds(3600);
  update.mutable_retention()->add_keep_branches("main");
  v1::Domain domain;
  const auto call = [&] {
    return Call(*domains_, &v1::DomainService::Stub::UpdateDomain, update,
                domain);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(domain.settings().retention().keep_last_count(), 7);
  EXPECT_EQ(domain.settings().retention().keep_younger_than_seconds(), 3600);
  EXPECT_EQ(domain.settings().retention().keep_branches(0), "main");
  update.clear_retention();
  update.set_description("trees");
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(domain.settings().retention().keep_last_count(), 7);
  update.mutable_retention()->set_keep_younger_than_seconds(-1);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  *update.mutable_retention() = {};
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_FALSE(domain.settings().has_retention());
}

TEST_F(DomainRpcsTest, FixesHowTextsAreCut) {
  v1::CreateDomainRequest create;
  create.set_domain("cut");
  v1::Domain domain;
  ASSERT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcIsOk());
  const v1::Chunking& chunking = domain.settings().chunking();
  EXPECT_EQ(chunking.mode(), v1::Chunking::MODE_BOUNDARY);
  EXPECT_EQ(chunking.chunk_token_count(), 512);
  EXPECT_EQ(chunking.overlap_token_count(), 64);
  EXPECT_EQ(chunking.tokenizer(), "approximate");
  create.set_domain("whole");
  create.mutable_settings()->mutable_chunking()->set_mode(
      v1::Chunking::MODE_WHOLE);
  ASSERT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcIsOk());
  EXPECT_EQ(domain.settings().chunking().mode(), v1::Chunking::MODE_WHOLE);
  EXPECT_FALSE(domain.settings().chunking().has_overlap_token_count());
  create.set_domain("wrong");
  create.mutable_settings()->mutable_chunking()->set_mode(
      static_cast<v1::Chunking::Mode>(9));
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcFailsWith(kInvalid, "FIELD_INVALID"));
  create.mutable_settings()->mutable_chunking()->set_mode(
      v1::Chunking::MODE_WINDOW);
  create.mutable_settings()->mutable_chunking()->set_tokenizer("mine");
  EXPECT_THAT(
      Call(*domains_, &v1::DomainService::Stub::CreateDomain, create, domain),
      RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

}  // namespace
}  // namespace copse
