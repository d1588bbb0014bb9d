// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.grpc.pb.h"
#include "sidecar/grpc/testing/trees_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using CommitRpcsTest = TreesTest;

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

}  // namespace
}  // namespace copse
