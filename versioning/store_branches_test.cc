// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using StoreBranchesTest = StoreTest;

TEST_F(StoreBranchesTest, ACommitMovesItsBranch) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo first,
                             test_->GetBranch("d", "main"));
  EXPECT_EQ(first.head_commit, "c1");
  EXPECT_EQ(first.version, 1);
  CommitOptions options = Options("c2", "c1", "main");
  options.expected_branch_commit = "c0";
  const absl::Status moved = test_.Push(options, {}).status();
  EXPECT_THAT(moved, FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(moved, StatusIs(absl::StatusCode::kAborted,
                              Eq("branch 'main' of domain 'd' is at commit "
                                 "'c1', expected at commit 'c0'")));
  EXPECT_THAT(test_->GetCommit("d", "c2"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  options.expected_branch_commit = "";
  EXPECT_THAT(test_.Push(options, {}),
              StatusIs(absl::StatusCode::kAborted,
                       Eq("branch 'main' of domain 'd' is at commit 'c1', "
                          "expected none")));
  options.expected_branch_commit = "c1";
  EXPECT_THAT(test_.Push(options, {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo second,
                             test_->GetBranch("d", "main"));
  EXPECT_EQ(second.head_commit, "c2");
  EXPECT_EQ(second.version, 2);
}

TEST_F(StoreBranchesTest, BranchesAreMadeMovedAndDeleted) {
  ASSERT_THAT(test_.Push(Options("c1"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2"), {}), IsOk());
  EXPECT_THAT(test_->CreateBranch("d", "b", "nobody"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->CreateBranch("d", "", "c1"),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CreateBranch("d", "b", "c1"),
              IsOkAndHolds(Field(&BranchInfo::version, 1)));
  EXPECT_THAT(test_->CreateBranch("d", "b", "c1"),
              FailsWith(absl::StatusCode::kAlreadyExists, "BRANCH_EXISTS"));
  EXPECT_THAT(test_->UpdateBranch("d", "b", "c2", "c2"),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(test_->UpdateBranch("d", "b", "c2", "c1"),
              IsOkAndHolds(Field(&BranchInfo::version, 2)));
  EXPECT_THAT(test_->UpdateBranch("d", "b", "c1", std::nullopt),
              IsOkAndHolds(Field(&BranchInfo::version, 3)));
  EXPECT_THAT(test_->UpdateBranch("d", "x", "c1", std::nullopt),
              FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
  EXPECT_THAT(test_->DeleteBranch("d", "b"), IsOk());
  EXPECT_THAT(test_->DeleteBranch("d", "b"),
              FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
}

TEST_F(StoreBranchesTest, ListsBranchesInPages) {
  ASSERT_THAT(test_.Push(Options("c1"), {}), IsOk());
  test_.CreateDomain("other");
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(test_->CreateBranch("d", absl::StrCat("b", i), "c1"), IsOk());
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const Page<BranchInfo> first,
                             test_->ListBranches("d", {.page_size = 3}));
  EXPECT_THAT(first.items, SizeIs(3));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Page<BranchInfo> second,
      test_->ListBranches("d", {.page_token = first.next_page_token}));
  ASSERT_THAT(second.items, SizeIs(2));
  EXPECT_EQ(second.items[0].branch, "b3");
  EXPECT_THAT(second.next_page_token, IsEmpty());
  EXPECT_THAT(
      test_->ListBranches("other", {.page_token = first.next_page_token}),
      FailsWith(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"));
}

}  // namespace
}  // namespace copse
