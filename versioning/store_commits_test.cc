// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using StoreCommitsTest = StoreTest;

TEST_F(StoreCommitsTest, ACommitIsItsParentWithTheOperations) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}, {"c", 3}}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      test_.Push(Options("c2", "c1"), {{"b", 4}, {"d", 5}, {"c", 3}},
                 {"a", "nobody"}));
  EXPECT_EQ(info.inserted_count, 1);
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.deleted_count, 1);
  EXPECT_EQ(info.unknown_delete_count, 1);
  EXPECT_EQ(info.document_count, 3);
  EXPECT_EQ(info.vector_count, 3);
  EXPECT_THAT(info.parent_commits, ElementsAre("c1"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        test_.ReadAll("d", "c1"),
        IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2), Pair("c", 3))));
    EXPECT_THAT(
        test_.ReadAll("d", "c2"),
        IsOkAndHolds(ElementsAre(Pair("b", 4), Pair("c", 3), Pair("d", 5))));
    test_.Reopen();
  }
}

TEST_F(StoreCommitsTest, TheLastOperationOnAnIdWins) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}, {"e", 1}}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(TestStore::Apply(*builder, {{"a", 2}}, {"a"}), IsOk());
  ASSERT_THAT(TestStore::Apply(*builder, {}, {"b", "x"}), IsOk());
  ASSERT_THAT(TestStore::Apply(*builder, {{"b", 3}, {"b", 4}, {"x", 5}}),
              IsOk());
  ASSERT_THAT(TestStore::Apply(*builder, {{"y", 6}}, {"y"}), IsOk());
  // Back to the parent's content.
  ASSERT_THAT(TestStore::Apply(*builder, {{"e", 2}, {"e", 1}}), IsOk());
  EXPECT_THAT(builder->Contains("a"), IsOkAndHolds(Eq(false)));
  EXPECT_THAT(builder->Contains("b"), IsOkAndHolds(Eq(true)));
  EXPECT_THAT(builder->Contains("y"), IsOkAndHolds(Eq(false)));
  EXPECT_THAT(builder->Contains("e"), IsOkAndHolds(Eq(true)));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  EXPECT_EQ(info.inserted_count, 1);
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.deleted_count, 1);
  EXPECT_EQ(info.unknown_delete_count, 0);
  EXPECT_THAT(
      test_.ReadAll("d", "c2"),
      IsOkAndHolds(ElementsAre(Pair("b", 4), Pair("e", 1), Pair("x", 5))));
}

TEST_F(StoreCommitsTest, TheLastOfOneCallWins) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  const std::vector<Document> documents = {
      MakeDocument({"a", 2}), MakeDocument({"a", 1}), MakeDocument({"b", 3}),
      MakeDocument({"b", 4})};
  const std::vector<float> vector = {1, 2, 3, 4};
  std::vector<EmbeddedDocument> embedded;
  embedded.reserve(documents.size());
  for (const Document& document : documents) {
    embedded.push_back({&document, vector});
  }
  ASSERT_THAT(builder->Upsert(embedded), IsOk());
  EXPECT_THAT(builder->Commit({}),
              IsOkAndHolds(AllOf(Field(&CommitInfo::replaced_count, 0),
                                 Field(&CommitInfo::inserted_count, 1))));
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 4))));
}

TEST_F(StoreCommitsTest, KeepTakesOperationsBack) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(TestStore::Apply(*builder, {{"a", 2}, {"x", 3}}, {"b", "no"}),
              IsOk());
  for (const std::string id : {"a", "b", "x", "no"}) {
    ASSERT_THAT(builder->Keep(id), IsOk());
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  EXPECT_EQ(info.inserted_count + info.replaced_count + info.deleted_count +
                info.unknown_delete_count,
            0);
  EXPECT_THAT(Diff("c1", "c2"), IsEmpty());
}

TEST_F(StoreCommitsTest, ACommitWithoutOperationsIsLegal) {
  EXPECT_THAT(test_.Push(Options("empty"), {}), IsOk());
  EXPECT_THAT(test_.ReadAll("d", "empty"), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(test_.Push(Options("c1", "empty"), {{"a", 1}}), IsOk());
  EXPECT_THAT(test_.Push(Options("c2", "c1"), {}), IsOk());
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(ElementsAre(Pair("a", 1))));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                             test_->OpenCommit("d", "empty"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult result,
      reader->Search({.query = std::vector<float>{1, 0, 0, 0}}));
  EXPECT_THAT(result.neighbors, IsEmpty());
}

TEST_F(StoreCommitsTest, KeepsWhatThePushSaid) {
  CommitOptions options = Options("c1", "", "main");
  options.commit_time = absl::FromUnixSeconds(1'700'000'000);
  options.author = "ada";
  options.message = "first\n\nlines";
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder, test_->BeginCommit(options));
  ASSERT_THAT(TestStore::Apply(*builder, {{"a", 1}}), IsOk());
  ASSERT_THAT(builder->Commit({.skipped_documents = {{"bad", "too long"}},
                               .token_count = 12}),
              IsOk());
  builder.reset();
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             test_->GetCommit("d", "c1"));
  EXPECT_EQ(info.domain, "d");
  EXPECT_EQ(info.commit, "c1");
  EXPECT_EQ(info.branch, "main");
  EXPECT_EQ(info.commit_time, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(info.author, "ada");
  EXPECT_EQ(info.message, "first\n\nlines");
  EXPECT_EQ(info.token_count, 12);
  ASSERT_THAT(info.skipped_documents, SizeIs(1));
  EXPECT_EQ(info.skipped_documents[0].document_id, "bad");
  EXPECT_GT(info.written_size_bytes, 0);
}

TEST_F(StoreCommitsTest, BoundsTheListOfSkippedDocuments) {
  CommitSummary summary;
  for (int i = 0; i < 3000; ++i) {
    summary.skipped_documents.push_back(
        {absl::StrCat("bad", i), std::string(10'000, 'm')});
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                               test_->BeginCommit(Options("c1")));
    ASSERT_THAT(builder->Commit(summary), IsOk());
  }
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             test_->GetCommit("d", "c1"));
  ASSERT_GT(info.skipped_documents.size(), 1000);
  ASSERT_LT(info.skipped_documents.size(), 1100);
  EXPECT_EQ(info.skipped_documents[0].message, std::string(4096, 'm'));
  EXPECT_THAT(info.skipped_documents.back().message,
              HasSubstr(absl::StrCat(" (", 3000 - info.skipped_documents.size(),
                                     " more are not listed)")));
}

TEST_F(StoreCommitsTest, RefusesTheSameCommitTwice) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  EXPECT_THAT(
      test_->BeginCommit(Options("c1")),
      AllOf(FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"),
            StatusIs(absl::StatusCode::kAlreadyExists,
                     Eq("commit 'c1' of domain 'd' is complete already"))));
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                               test_->BeginCommit(Options("c2")));
    EXPECT_THAT(test_->BeginCommit(Options("c2")),
                FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
    EXPECT_THAT(test_->AssignCommit("d", "c1", "c2"),
                FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
    COPSE_ASSERT_OK_AND_ASSIGN(const StoreStatistics statistics,
                               test_->GetStatistics());
    EXPECT_EQ(statistics.in_flight_count, 1);
  }
  // A builder that is destroyed frees its claim.
  EXPECT_THAT(test_.Push(Options("c2"), {{"b", 1}}), IsOk());
}

TEST_F(StoreCommitsTest, RefusesUnknownParentsAndDomains) {
  EXPECT_THAT(test_->BeginCommit(Options("c1", "nobody")),
              AllOf(FailsWith(absl::StatusCode::kFailedPrecondition,
                              "PARENT_COMMIT_NOT_FOUND"),
                    StatusIs(absl::StatusCode::kFailedPrecondition,
                             Eq("parent commit 'nobody' of commit 'c1' is not "
                                "indexed in domain 'd'"))));
  CommitOptions options = Options("c1");
  options.domain = "x";
  EXPECT_THAT(test_->BeginCommit(options),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->BeginCommit(Options("c1", "c1")),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
  // None of them left a claim.
  EXPECT_THAT(test_.Push(Options("c1"), {}), IsOk());
}

TEST_F(StoreCommitsTest, RefusesAParentThatWasDeletedMeanwhile) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(StoreCommitsTest, RefusesOptionsOutOfBounds) {
  EXPECT_THAT(test_->BeginCommit(Options("")),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->BeginCommit(Options("c1", "", "a\tb")),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  CommitOptions options = Options("c1");
  options.expected_branch_commit = "c0";
  EXPECT_THAT(test_->BeginCommit(options),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  options = Options("c1");
  options.message = std::string(65537, 'm');
  EXPECT_THAT(
      test_->BeginCommit(options),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                      "COMMIT_OPTION_INVALID"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("message is 65537 bytes, expected at most 65536 "
                        "bytes"))));
  options = Options("c1");
  options.author = "\xc3";
  EXPECT_THAT(test_->BeginCommit(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("author is not UTF-8 at byte 0, expected valid "
                          "UTF-8")));
}

TEST_F(StoreCommitsTest, StopsInEveryPhase) {
  for (const CommitPhase stop : {CommitPhase::kAppending, CommitPhase::kSyncing,
                                 CommitPhase::kPublishing}) {
    EXPECT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}}, {},
                           [stop](CommitPhase phase) {
                             return phase == stop
                                        ? absl::CancelledError("enough")
                                        : absl::OkStatus();
                           }),
                StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
    EXPECT_THAT(test_->GetCommit("d", "c1"),
                FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
    EXPECT_THAT(test_->GetBranch("d", "main"),
                FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
  }
  std::vector<CommitPhase> phases;
  EXPECT_THAT(test_.Push(Options("c1"), {{"a", 1}}, {},
                         [&phases](CommitPhase phase) {
                           phases.push_back(phase);
                           return absl::OkStatus();
                         }),
              IsOk());
  EXPECT_THAT(phases,
              ElementsAre(CommitPhase::kAppending, CommitPhase::kSyncing,
                          CommitPhase::kPublishing, CommitPhase::kDone));
}

TEST_F(StoreCommitsTest, ABuilderIsUsedUpByCommit) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  ASSERT_THAT(builder->Commit({}), IsOk());
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  EXPECT_THAT(builder->Delete("a"),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(StoreCommitsTest, ListsCommitsNewestFirst) {
  for (int i = 0; i < 7; ++i) {
    ASSERT_THAT(test_.Push(Options(absl::StrCat("c", i)), {}), IsOk());
  }
  std::vector<std::string> commits;
  ListOptions options = {.page_size = 3};
  do {
    COPSE_ASSERT_OK_AND_ASSIGN(const Page<CommitInfo> page,
                               test_->ListCommits("d", options));
    for (const CommitInfo& commit : page.items) {
      commits.push_back(commit.commit);
    }
    if (commits.size() == 3) {
      ASSERT_THAT(test_.Push(Options("late"), {}), IsOk());
      ASSERT_THAT(test_->DeleteCommit("d", "c4"), IsOk());
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  EXPECT_THAT(commits, ElementsAre("c6", "c5", "c4", "c3", "c2", "c1", "c0"));
  EXPECT_THAT(
      test_->ListCommits("d", {.page_token = "junk"}),
      FailsWith(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"));
  EXPECT_THAT(
      test_->ListCommits("d", {.page_size = -1}),
      FailsWith(absl::StatusCode::kInvalidArgument, "PAGE_SIZE_INVALID"));
}

TEST_F(StoreCommitsTest, DeletesACommitAndLeavesItsChildren) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "main"), {{"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(
      test_->DeleteCommit("d", "c2"),
      AllOf(FailsWith(absl::StatusCode::kFailedPrecondition, "COMMIT_IN_USE"),
            StatusIs(absl::StatusCode::kFailedPrecondition,
                     HasSubstr("is the head of branch 'main'"))));
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->DeleteCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(reader->GetDocument("a", {}), IsOk());
  reader.reset();
  test_.Reopen();
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2))));
  // The same ID may be pushed again, as something else.
  ASSERT_THAT(test_.Push(Options("c1"), {{"z", 9}}), IsOk());
  EXPECT_THAT(test_.ReadAll("d", "c1"),
              IsOkAndHolds(ElementsAre(Pair("z", 9))));
  EXPECT_THAT(test_.ReadAll("d", "c2"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2))));
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo domain, test_->GetDomain("d"));
  EXPECT_EQ(domain.commit_count, 2);
}

TEST_F(StoreCommitsTest, AssignsASnapshotToAnotherCommit) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo source,
                             test_->GetCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             test_->AssignCommit("d", "c1", "same"));
  EXPECT_EQ(info.commit, "same");
  EXPECT_EQ(info.document_count, 1);
  EXPECT_EQ(info.inserted_count, 0);
  EXPECT_EQ(info.fingerprint, source.fingerprint);
  EXPECT_THAT(info.parent_commits, ElementsAre("c1"));
  EXPECT_THAT(test_.ReadAll("d", "same"),
              IsOkAndHolds(ElementsAre(Pair("a", 1))));
  EXPECT_THAT(test_->AssignCommit("d", "c1", "same"), IsOk());
  EXPECT_THAT(test_->AssignCommit("d", "c1", "c1"), IsOk());
  EXPECT_THAT(test_->AssignCommit("d", "c2", "same"),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  EXPECT_THAT(test_->AssignCommit("d", "nobody", "x"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->AssignCommit("d", "c1", "a\nb"),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
}

}  // namespace
}  // namespace copse
