// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
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

TEST_F(StoreBranchesTest, ARenamedBranchStaysWhereItIs) {
  ASSERT_THAT(test_.Push(Options("c1", "", "old"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "old"), {}), IsOk());
  ASSERT_THAT(test_->CreateBranch("d", "other", "c1"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo before,
                             test_->GetBranch("d", "old"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const BranchInfo renamed,
      test_->RenameBranch("d", "old", "new", std::nullopt));
  EXPECT_EQ(renamed.branch, "new");
  for (const bool reopens : {false, true}) {
    if (reopens) {
      test_.Reopen();
    }
    EXPECT_THAT(test_->GetBranch("d", "old"),
                FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
    COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo after,
                               test_->GetBranch("d", "new"));
    EXPECT_EQ(after.head_commit, "c2");
    EXPECT_EQ(after.version, before.version);
    EXPECT_EQ(after.update_time, before.update_time);
  }
}

TEST_F(StoreBranchesTest, ARenameIsRefusedWithItsReason) {
  ASSERT_THAT(test_.Push(Options("c1", "", "a"), {}), IsOk());
  ASSERT_THAT(test_->CreateBranch("d", "b", "c1"), IsOk());
  const auto rename = [this](const std::string& branch,
                             const std::string& new_branch,
                             const std::optional<std::string>& expected = {}) {
    return test_->RenameBranch("d", branch, new_branch, expected).status();
  };
  EXPECT_THAT(rename("a", "b"),
              FailsWith(absl::StatusCode::kAlreadyExists, "BRANCH_EXISTS"));
  EXPECT_THAT(rename("a", "a"),
              FailsWith(absl::StatusCode::kAlreadyExists, "BRANCH_EXISTS"));
  EXPECT_THAT(rename("x", "y"),
              FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
  EXPECT_THAT(rename("a", ""),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(rename("a", "y", "c0"),
              AllOf(FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"),
                    StatusIs(absl::StatusCode::kAborted,
                             Eq("branch 'a' of domain 'd' is at commit 'c1', "
                                "expected at commit 'c0'"))));
  EXPECT_THAT(test_->RenameBranch("no", "a", "y", std::nullopt),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(rename("a", "y", "c1"), IsOk());
}

TEST_F(StoreBranchesTest, APushInFlightDoesNotMakeABranchAgainThatHasGone) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {}), IsOk());
  ASSERT_THAT(test_->CreateBranch("d", "draft", "c1"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_main,
                             test_->BeginCommit(Options("c2", "c1", "main")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_draft,
                             test_->BeginCommit(Options("c3", "c1", "draft")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_new,
                             test_->BeginCommit(Options("c4", "c1", "new")));
  ASSERT_THAT(test_->RenameBranch("d", "main", "trunk", std::nullopt), IsOk());
  ASSERT_THAT(test_->DeleteBranch("d", "draft"), IsOk());
  EXPECT_THAT(on_main->Commit({}, nullptr),
              AllOf(FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"),
                    StatusIs(absl::StatusCode::kAborted,
                             Eq("branch 'main' of domain 'd' is absent, "
                                "expected at commit 'c1'"))));
  EXPECT_THAT(on_draft->Commit({}, nullptr),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(on_new->Commit({}, nullptr), IsOk());
  EXPECT_THAT(test_->GetCommit("d", "c2"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  COPSE_ASSERT_OK_AND_ASSIGN(const Page<BranchInfo> branches,
                             test_->ListBranches("d", {}));
  EXPECT_THAT(branches.items, ElementsAre(Field(&BranchInfo::branch, "new"),
                                          Field(&BranchInfo::branch, "trunk")));
}

TEST_F(StoreBranchesTest, APushInFlightDoesNotMoveAnotherBranchOfTheName) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_main,
                             test_->BeginCommit(Options("c2", "c1", "main")));
  const CommitOptions waiting = Options("c3", "c1", "main");
  COPSE_ASSERT_OK_AND_ASSIGN(auto claim, test_->ClaimCommit(waiting));
  CommitOptions expecting = Options("c4", "c1", "main");
  expecting.expected_branch_commit = "c1";
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_expected,
                             test_->BeginCommit(expecting));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto on_new,
                             test_->BeginCommit(Options("c5", "c1", "new")));
  ASSERT_THAT(test_->RenameBranch("d", "main", "trunk", std::nullopt), IsOk());
  ASSERT_THAT(test_->CreateBranch("d", "main", "c1"), IsOk());
  ASSERT_THAT(test_->CreateBranch("d", "new", "c1"), IsOk());
  ASSERT_THAT(test_->DeleteBranch("d", "new"), IsOk());
  EXPECT_THAT(
      on_main->Commit({}, nullptr),
      AllOf(FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"),
            StatusIs(absl::StatusCode::kAborted,
                     Eq("branch 'main' of domain 'd' was renamed or deleted "
                        "meanwhile, and is now at commit 'c1'"))));
  EXPECT_THAT(test_->BeginCommit(waiting, std::move(claim)).status(),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(on_expected->Commit({}, nullptr),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(on_new->Commit({}, nullptr),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  // Who comes later moves it.
  EXPECT_THAT(test_.Push(Options("c6", "c1", "main"), {}), IsOk());
  EXPECT_THAT(test_.Push(Options("c7", "c1", "new"), {}), IsOk());
  EXPECT_THAT(test_->GetBranch("d", "trunk"),
              IsOkAndHolds(Field(&BranchInfo::head_commit, "c1")));
}

TEST_F(StoreBranchesTest, RetentionRulesFollowABranchToItsNewName) {
  ASSERT_THAT(test_.Push(Options("c1"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "old"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("other"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("newest"), {}), IsOk());
  ASSERT_THAT(
      test_->UpdateRetention("d", {.keep_branches = {"main", "old", "next"}}),
      IsOk());
  const auto kept_branches = [this] {
    return test_->GetDomain("d").value().options.retention.keep_branches;
  };
  ASSERT_THAT(test_->RenameBranch("d", "old", "new", std::nullopt), IsOk());
  EXPECT_THAT(kept_branches(), ElementsAre("main", "new", "next"));
  test_.Reopen();
  EXPECT_THAT(kept_branches(), ElementsAre("main", "new", "next"));
  ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
  EXPECT_THAT(test_->GetCommit("d", "c1"), IsOk());
  EXPECT_THAT(test_->GetCommit("d", "other"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  // A name that the rules have already is not named twice.
  ASSERT_THAT(test_->RenameBranch("d", "new", "next", std::nullopt), IsOk());
  EXPECT_THAT(kept_branches(), ElementsAre("main", "next"));
}

// Commits are pushed onto a branch while it is renamed there and back: each
// that was made is in its history.
TEST_F(StoreBranchesTest, NoCommitIsLostWhileItsBranchIsRenamed) {
  ASSERT_THAT(test_.Push(Options("c0", "", "a"), {}), IsOk());
  std::atomic<bool> stop = false;
  std::thread renamer([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_THAT(test_->RenameBranch("d", i % 2 == 0 ? "a" : "b",
                                      i % 2 == 0 ? "b" : "a", std::nullopt),
                  IsOk());
    }
    stop = true;
  });
  std::vector<std::string> made = {"c0"};
  for (int i = 1; !stop; ++i) {
    CommitOptions options = Options(absl::StrCat("c", i), made.back(), "a");
    options.expected_branch_commit = made.back();
    const absl::Status status = test_.Push(options, {}).status();
    if (status.ok()) {
      made.push_back(options.commit);
    } else {
      ASSERT_THAT(status,
                  FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
    }
  }
  renamer.join();
  EXPECT_THAT(test_->GetBranch("d", "a"),
              IsOkAndHolds(Field(&BranchInfo::head_commit, made.back())));
  EXPECT_THAT(test_->GetBranch("d", "b"),
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
