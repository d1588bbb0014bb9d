// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/branch_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::SizeIs;

using BranchRpcsTest = TreesTest;

TEST_F(BranchRpcsTest, ManagesBranches) {
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

TEST_F(BranchRpcsTest, RenamesBranches) {
  v1::RenameBranchRequest request;
  request.set_domain("admin/trees");
  request.set_branch("main");
  request.set_new_branch("trunk");
  v1::Branch branch;
  const auto call = [&] {
    return Call(*branches_, &v1::BranchService::Stub::RenameBranch, request,
                branch);
  };
  request.set_expected_commit("c2");
  EXPECT_THAT(call(), RpcFailsWith(grpc::StatusCode::ABORTED, "BRANCH_MOVED"));
  request.set_expected_commit("c1");
  ASSERT_THAT(call(), RpcIsOk());
  EXPECT_EQ(branch.domain(), "admin/trees");
  EXPECT_EQ(branch.branch(), "trunk");
  EXPECT_EQ(branch.head_commit(), "c1");
  EXPECT_EQ(branch.version(), 1);
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "BRANCH_NOT_FOUND"));
  request.set_branch("trunk");
  EXPECT_THAT(call(),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "BRANCH_EXISTS"));
  request.set_new_branch("x\ny");
  EXPECT_THAT(call(), RpcFailsWith(kInvalid, "NAME_INVALID"));
  request.set_domain("no");
  EXPECT_THAT(call(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

}  // namespace
}  // namespace copse
