// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
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

TEST_F(AdminRpcsTest, MeasuresADomainIfThatIsAskedFor) {
  v1::GetStatisticsRequest request;
  request.set_domain("admin/trees");
  v1::GetStatisticsResponse response;
  const auto call = [&] {
    return Call(*admin_, &v1::AdminService::Stub::GetStatistics, request,
                response);
  };
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_FALSE(response.domain().has_sizes());
  request.set_with_sizes(true);
  ASSERT_THAT(call(), RpcIsOk());
  const v1::DomainSize& sizes = response.domain().sizes();
  EXPECT_EQ(sizes.commit_count(), 2);
  EXPECT_GT(sizes.unique_size_bytes(), 0);
  EXPECT_GT(sizes.shared_size_bytes(), 0);
  EXPECT_GT(sizes.logical_size_bytes(),
            sizes.unique_size_bytes() + sizes.shared_size_bytes());
  request.clear_domain();
  EXPECT_THAT(call(), RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT,
                                   "FIELD_INVALID"));
}

TEST_F(AdminRpcsTest, MeasuresEachCommit) {
  v1::MeasureSizesRequest request;
  request.set_domain("admin/trees");
  grpc::ClientContext context;
  std::vector<v1::MeasureSizesResponse> responses;
  ASSERT_THAT(ReadAll(admin_->MeasureSizes(&context, request), responses),
              RpcIsOk());
  ASSERT_THAT(responses, SizeIs(1));
  ASSERT_EQ(responses[0].commits_size(), 2);
  EXPECT_EQ(responses[0].commits(0).commit(), "c2");
  EXPECT_EQ(responses[0].commits(1).commit(), "c1");
  int64_t logical_size_bytes = 0;
  int64_t unique_size_bytes = 0;
  for (const v1::CommitSize& commit : responses[0].commits()) {
    EXPECT_GT(commit.unique_size_bytes(), 0);
    EXPECT_EQ(commit.unique_size_bytes() + commit.shared_size_bytes(),
              commit.logical_size_bytes());
    logical_size_bytes += commit.logical_size_bytes();
    unique_size_bytes += commit.unique_size_bytes();
  }
  EXPECT_EQ(responses[0].domain().logical_size_bytes(), logical_size_bytes);
  EXPECT_EQ(responses[0].domain().unique_size_bytes(), unique_size_bytes);
  request.set_domain("no");
  grpc::ClientContext other_context;
  EXPECT_THAT(ReadAll(admin_->MeasureSizes(&other_context, request), responses),
              RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
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

TEST_F(AdminRpcsTest, CollectsGarbage) {
  v1::CollectGarbageRequest request;
  request.set_domain("admin/trees");
  request.set_dry_run(true);
  request.mutable_retention()->set_keep_last_count(1);
  const auto collect = [&](std::vector<v1::CollectGarbageResponse>& responses) {
    grpc::ClientContext context;
    responses.clear();
    return ReadAll(admin_->CollectGarbage(&context, request), responses);
  };
  std::vector<v1::CollectGarbageResponse> responses;
  ASSERT_THAT(collect(responses), RpcIsOk());
  ASSERT_GE(responses.size(), 2);
  EXPECT_EQ(responses[0].progress().domain(), "admin/trees");
  EXPECT_EQ(responses[0].progress().phase(),
            v1::CollectGarbageResponse::Progress::PHASE_EXPIRING);
  // c1 is the head of main, c2 the newest.
  EXPECT_EQ(responses.back().result().domain(), "admin/trees");
  EXPECT_EQ(responses.back().result().commits().kept_count(), 2);
  EXPECT_EQ(responses.back().result().rows().removed_count(), 0);
  // Without domain and rules: all of them.
  request.Clear();
  ASSERT_THAT(collect(responses), RpcIsOk());
  EXPECT_EQ(responses.back().result().rows().kept_count(), 4);
  request.mutable_retention()->set_keep_last_count(-1);
  EXPECT_THAT(collect(responses), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request.Clear();
  request.set_domain("no");
  EXPECT_THAT(collect(responses), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(AdminRpcsTest, MakesAndListsBackups) {
  v1::CreateBackupRequest request;
  const auto create = [&](std::vector<v1::CreateBackupResponse>& responses) {
    grpc::ClientContext context;
    responses.clear();
    return ReadAll(admin_->CreateBackup(&context, request), responses);
  };
  std::vector<v1::CreateBackupResponse> responses;
  ASSERT_THAT(create(responses), RpcIsOk());
  ASSERT_GE(responses.size(), 3);
  EXPECT_EQ(responses[0].progress().phase(),
            v1::CreateBackupResponse::Progress::PHASE_COPYING_META);
  EXPECT_GT(responses[0].progress().total_size_bytes(), 0);
  const v1::Backup& backup = responses.back().backup();
  EXPECT_EQ(backup.id(), 1);
  EXPECT_GT(backup.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(backup.domain_count(), 1);
  EXPECT_EQ(backup.commit_count(), 2);
  EXPECT_GT(backup.new_size_bytes(), 0);
  request.set_kept_count(1);
  ASSERT_THAT(create(responses), RpcIsOk());
  v1::ListBackupsResponse list;
  ASSERT_THAT(Call(*admin_, &v1::AdminService::Stub::ListBackups,
                   v1::ListBackupsRequest(), list),
              RpcIsOk());
  ASSERT_THAT(list.backups(), SizeIs(1));
  EXPECT_EQ(list.backups(0).id(), 2);
  EXPECT_EQ(list.backups(0).error(), "");
  request.set_kept_count(-1);
  EXPECT_THAT(create(responses), RpcFailsWith(kInvalid, "FIELD_INVALID"));
}

TEST_F(AdminRpcsTest, KeepsLeases) {
  v1::CreateLeaseRequest create;
  create.set_domain("admin/trees");
  create.set_lease("job");
  create.set_commit("c2");
  v1::Lease lease;
  const auto call = [&] {
    return Call(*admin_, &v1::AdminService::Stub::CreateLease, create, lease);
  };
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  create.mutable_expire_time()->set_seconds(1);
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  create.mutable_expire_time()->set_seconds(4'000'000'000);
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(lease.lease(), "job");
  EXPECT_EQ(lease.commit(), "c2");
  EXPECT_EQ(lease.expire_time().seconds(), 4'000'000'000);
  create.set_commit("c1");
  EXPECT_THAT(call(),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "LEASE_EXISTS"));
  v1::DeleteCommitRequest delete_commit;
  delete_commit.set_domain("admin/trees");
  delete_commit.set_commit("c2");
  v1::DeleteCommitResponse deleted;
  EXPECT_THAT(
      Call(*commits_, &v1::CommitService::Stub::DeleteCommit, delete_commit,
           deleted),
      RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION, "COMMIT_IN_USE"));
  v1::ListLeasesRequest list;
  list.set_domain("admin/trees");
  v1::ListLeasesResponse leases;
  ASSERT_THAT(Call(*admin_, &v1::AdminService::Stub::ListLeases, list, leases),
              RpcIsOk());
  ASSERT_THAT(leases.leases(), SizeIs(1));
  v1::DeleteLeaseRequest remove;
  remove.set_domain("admin/trees");
  remove.set_lease("job");
  v1::DeleteLeaseResponse removed;
  const auto call_delete = [&] {
    return Call(*admin_, &v1::AdminService::Stub::DeleteLease, remove, removed);
  };
  ASSERT_THAT(call_delete(), RpcIsOk());
  EXPECT_THAT(call_delete(), RpcFailsWith(kNotFound, "LEASE_NOT_FOUND"));
  remove.set_allow_missing(true);
  EXPECT_THAT(call_delete(), RpcIsOk());
}

}  // namespace
}  // namespace copse
