// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using CommitRpcsTest = TreesTest;

constexpr auto kRefused = grpc::StatusCode::FAILED_PRECONDITION;

TEST_F(CommitRpcsTest, GetsAndListsCommits) {
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

TEST_F(CommitRpcsTest, AssignsAndDeletesCommits) {
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

TEST_F(CommitRpcsTest, StreamsADiff) {
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

TEST_F(CommitRpcsTest, SortsADiffByDistance) {
  v1::DiffCommitsRequest request;
  request.set_domain("admin/trees");
  request.set_base_commit("c1");
  request.set_target_commit("c3");
  ASSERT_THAT(PushDocuments("c3", "c1",
                            {{"a", "oak oak oak"}, {"b", "rose"}, {"d", "elm"}})
                  .status,
              RpcIsOk());
  const auto diff = [&](grpc::Status& status) {
    grpc::ClientContext context;
    std::vector<v1::DiffCommitsResponse> responses;
    status = ReadAll(commits_->DiffCommits(&context, request), responses);
    std::vector<v1::DocumentChange> changes;
    for (const v1::DiffCommitsResponse& response : responses) {
      changes.insert(changes.end(), response.changes().begin(),
                     response.changes().end());
    }
    return changes;
  };
  grpc::Status status;
  std::vector<v1::DocumentChange> changes = diff(status);
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_FALSE(changes[0].has_distance());
  request.set_with_distances(true);
  changes = diff(status);
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_EQ(changes[0].document_id(), "a");
  EXPECT_LT(changes[0].distance(), 0.001);  // The same words.
  EXPECT_TRUE(changes[1].has_distance());
  EXPECT_FALSE(changes[2].has_distance());  // It is new.
  request.set_order(v1::DiffCommitsRequest::ORDER_DISTANCE);
  request.set_change_count(2);
  changes = diff(status);
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0].document_id(), "b");
  EXPECT_GT(changes[0].distance(), 0.1);
  EXPECT_EQ(changes[1].document_id(), "a");

  request.set_change_count(-1);
  diff(status);
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "FIELD_INVALID"));
  EXPECT_EQ(status.error_message(), "change_count is -1, expected at least 0");
  request.set_change_count(0);
  request.set_order(static_cast<v1::DiffCommitsRequest::Order>(9));
  diff(status);
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "FIELD_INVALID"));
  EXPECT_EQ(status.error_message(),
            "order is 9, expected a value of DiffCommitsRequest.Order");
}

TEST_F(CommitRpcsTest, StreamsNoDiffOfEqualCommitsAndOfUnknownOnes) {
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

// Merges c2 and, beside it, c3, which changes "a" and "b" of c1.
class MergeRpcTest : public TreesTest {
 protected:
  void SetUp() override {
    TreesTest::SetUp();
    ASSERT_THAT(
        PushDocuments("c3", "c1", {{"a", "pine"}, {"b", "pine"}}).status,
        RpcIsOk());
    request_.set_domain("admin/trees");
    request_.set_commit("m");
    request_.set_ours_commit("c2");
    request_.set_theirs_commit("c3");
  }

  grpc::Status Merge() {
    grpc::ClientContext context;
    responses_.clear();
    return ReadAll(commits_->MergeCommits(&context, request_), responses_);
  }

  v1::MergeCommitsRequest request_;
  std::vector<v1::MergeCommitsResponse> responses_;
};

TEST_F(MergeRpcTest, ListsConflictsAndFails) {
  const grpc::Status status = Merge();
  EXPECT_THAT(status, RpcFailsWith(kRefused, "MERGE_CONFLICTS"));
  EXPECT_EQ(InfoOf(status).metadata().at("conflict_count"), "1");
  ASSERT_THAT(responses_, SizeIs(2));
  EXPECT_EQ(responses_[0].base().commit(), "c1");
  EXPECT_EQ(responses_[0].base().candidate_count(), 1);
  ASSERT_THAT(responses_[1].conflicts().conflicts(), SizeIs(1));
  const v1::MergeConflict& conflict = responses_[1].conflicts().conflicts(0);
  EXPECT_EQ(conflict.document_id(), "a");
  EXPECT_EQ(conflict.ours_kind(), v1::DocumentChange::KIND_REPLACED);
  EXPECT_EQ(conflict.theirs_kind(), v1::DocumentChange::KIND_REPLACED);
}

TEST_F(MergeRpcTest, ResolvesConflictsAndMovesTheBranch) {
  request_.set_conflict_policy(v1::MergeCommitsRequest::CONFLICT_POLICY_THEIRS);
  request_.set_branch("main");
  request_.set_expected_branch_commit("c3");
  EXPECT_THAT(Merge(), RpcFailsWith(grpc::StatusCode::ABORTED, "BRANCH_MOVED"));
  ASSERT_THAT(responses_, SizeIs(2));
  EXPECT_THAT(responses_[1].conflicts().conflicts(), SizeIs(1));
  request_.set_expected_branch_commit("c1");
  request_.set_author("Ada");
  request_.mutable_commit_time()->set_seconds(7);
  ASSERT_THAT(Merge(), RpcIsOk());
  ASSERT_THAT(responses_, SizeIs(3));
  EXPECT_THAT(responses_[1].conflicts().conflicts(), SizeIs(1));
  const v1::Commit& commit = responses_[2].commit();
  EXPECT_EQ(commit.commit(), "m");
  EXPECT_THAT(commit.parent_commits(), ElementsAre("c2", "c3"));
  EXPECT_EQ(commit.document_count(), 2);
  EXPECT_EQ(commit.replaced_count(), 2);
  EXPECT_EQ(commit.author(), "Ada");
  EXPECT_EQ(commit.commit_time().seconds(), 7);
  ASSERT_THAT(Search(TextSearch("m", "pine")), RpcIsOk());
  EXPECT_THAT(IdsOf(search_response_.neighbors()), ElementsAre("a", "b"));
  v1::GetBranchRequest get;
  get.set_domain("admin/trees");
  get.set_branch("main");
  v1::Branch branch;
  ASSERT_THAT(
      Call(*branches_, &v1::BranchService::Stub::GetBranch, get, branch),
      RpcIsOk());
  EXPECT_EQ(branch.head_commit(), "m");
  EXPECT_THAT(Merge(),
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "COMMIT_EXISTS"));
}

TEST_F(MergeRpcTest, SendsManyConflictsInParts) {
  std::map<std::string, std::string> ours;
  std::map<std::string, std::string> theirs;
  for (int i = 0; i < 1001; ++i) {
    ours[absl::StrCat("id", i)] = "oak";
    theirs[absl::StrCat("id", i)] = "elm";
  }
  ASSERT_THAT(PushDocuments("c4", "c1", ours).status, RpcIsOk());
  ASSERT_THAT(PushDocuments("c5", "c1", theirs).status, RpcIsOk());
  request_.set_ours_commit("c4");
  request_.set_theirs_commit("c5");
  EXPECT_THAT(Merge(), RpcFailsWith(kRefused, "MERGE_CONFLICTS"));
  ASSERT_THAT(responses_, SizeIs(3));
  EXPECT_THAT(responses_[1].conflicts().conflicts(), SizeIs(1000));
  EXPECT_THAT(responses_[2].conflicts().conflicts(), SizeIs(1));
}

TEST_F(MergeRpcTest, RefusesWhatCannotBeMerged) {
  ASSERT_THAT(PushDocuments("alone", "", {{"a", "oak"}}).status, RpcIsOk());
  request_.set_theirs_commit("alone");
  grpc::Status status = Merge();
  EXPECT_THAT(status, RpcFailsWith(kRefused, "MERGE_BASE_NOT_FOUND"));
  EXPECT_EQ(status.error_message(),
            "commits 'c2' and 'alone' of domain 'admin/trees' have no common "
            "ancestor");
  EXPECT_THAT(responses_, IsEmpty());
  request_.set_theirs_commit("c9");
  EXPECT_THAT(Merge(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  request_.set_theirs_commit("c3");
  request_.set_ours_commit("c9");
  EXPECT_THAT(Merge(), RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  request_.set_ours_commit("c2");
  request_.set_commit("");
  EXPECT_THAT(Merge(), RpcFailsWith(kInvalid, "NAME_INVALID"));
  request_.set_commit("m");
  request_.set_expected_branch_commit("c1");  // Of no branch.
  EXPECT_THAT(Merge(), RpcFailsWith(kInvalid, "NAME_INVALID"));
  request_.clear_expected_branch_commit();
  request_.set_author(std::string(65537, 'x'));
  EXPECT_THAT(Merge(), RpcFailsWith(kInvalid, "COMMIT_OPTION_INVALID"));
  request_.clear_author();
  request_.mutable_commit_time()->set_nanos(-1);
  EXPECT_THAT(Merge(), RpcFailsWith(kInvalid, "FIELD_INVALID"));
  request_.clear_commit_time();
  request_.set_conflict_policy(
      static_cast<v1::MergeCommitsRequest::ConflictPolicy>(9));
  status = Merge();
  EXPECT_THAT(status, RpcFailsWith(kInvalid, "FIELD_INVALID"));
  EXPECT_EQ(status.error_message(),
            "conflict_policy is 9, expected a value of "
            "MergeCommitsRequest.ConflictPolicy");
  request_.set_domain("no");
  request_.clear_conflict_policy();
  EXPECT_THAT(Merge(), RpcFailsWith(kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(MergeRpcTest, RefusesABaseThatWasDeleted) {
  ASSERT_THAT(PushDocuments("base", "c1", {{"x", "oak"}}).status, RpcIsOk());
  ASSERT_THAT(PushDocuments("o", "base", {{"y", "oak"}}).status, RpcIsOk());
  ASSERT_THAT(PushDocuments("t", "base", {{"z", "oak"}}).status, RpcIsOk());
  v1::DeleteCommitRequest erase;
  erase.set_domain("admin/trees");
  erase.set_commit("base");
  v1::DeleteCommitResponse erased;
  ASSERT_THAT(
      Call(*commits_, &v1::CommitService::Stub::DeleteCommit, erase, erased),
      RpcIsOk());
  request_.set_ours_commit("o");
  request_.set_theirs_commit("t");
  const grpc::Status status = Merge();
  EXPECT_THAT(status, RpcFailsWith(kRefused, "MERGE_BASE_DELETED"));
  EXPECT_EQ(InfoOf(status).metadata().at("base_commit"), "base");
}

}  // namespace
}  // namespace copse
