// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "copse/v1/admin_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::SizeIs;

using AdminRpcsTest = TreesTest;

TEST_F(AdminRpcsTest, ReturnsStatistics) {
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

TEST_F(AdminRpcsTest, VerifiesADomain) {
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

}  // namespace
}  // namespace copse
