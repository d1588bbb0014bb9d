// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/store.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/store_test_util.h"

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
using ::testing::UnorderedElementsAre;
using Kind = DocumentChange::Kind;

// Matches a status with `code` and the machine-readable reason `reason`.
MATCHER_P2(FailsWith, code, reason,
           absl::StrCat("fails with ", absl::StatusCodeToString(code), " and ",
                        reason)) {
  const absl::Status& status = internal::ToStatus(arg);
  *result_listener << "whose status is " << status;
  const std::optional<ErrorReason> found = ReasonOf(status);
  return status.code() == code && found.has_value() && found->reason == reason;
}

CommitOptions Options(const std::string& commit, const std::string& parent = "",
                      const std::string& branch = "") {
  return {.domain = "d",
          .commit = commit,
          .parent_commit = parent,
          .branch = branch};
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { test_.CreateDomain("d"); }

  // Returns the changes from `base` to `target` as "+id", "~id" and "-id".
  std::vector<std::string> Diff(const std::string& base,
                                const std::string& target) {
    std::vector<std::string> changes;
    const absl::Status status = test_->DiffCommits(
        "d", base, target, [&](const DocumentChange& change) {
          const std::map<Kind, std::string> signs = {{Kind::kInserted, "+"},
                                                     {Kind::kReplaced, "~"},
                                                     {Kind::kDeleted, "-"}};
          changes.push_back(signs.at(change.kind) + change.document_id);
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
    return changes;
  }

  TestStore test_;
};

// ---- Domains ---------------------------------------------------------------

TEST_F(StoreTest, CreatesAndFindsDomains) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DomainInfo made,
      test_->CreateDomain({.domain = "admin/books",
                           .metric = Metric::kEuclidean,
                           .dimension = 8,
                           .embedding_profile = "builtin",
                           .probe_vector = {1, 2, 3, 4, 5, 6, 7, 8},
                           .description = "books"}));
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo found,
                             test_->GetDomain("admin/books"));
  EXPECT_EQ(found.domain_number, made.domain_number);
  EXPECT_EQ(found.options.metric, Metric::kEuclidean);
  EXPECT_EQ(found.options.dimension, 8);
  EXPECT_EQ(found.options.embedding_profile, "builtin");
  EXPECT_EQ(found.options.probe_vector.size(), 8);
  EXPECT_EQ(found.options.description, "books");
  EXPECT_EQ(found.create_time, made.create_time);
}

TEST_F(StoreTest, RefusesDomainsItCannotHold) {
  EXPECT_THAT(
      test_->CreateDomain({.domain = "d", .dimension = 4}),
      AllOf(FailsWith(absl::StatusCode::kAlreadyExists, "DOMAIN_EXISTS"),
            StatusIs(absl::StatusCode::kAlreadyExists,
                     Eq("domain 'd' exists already"))));
  EXPECT_THAT(test_->CreateDomain({.domain = "", .dimension = 4}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CreateDomain({.domain = "a\nb", .dimension = 4}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CreateDomain({.domain = "x"}),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "DOMAIN_OPTION_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("dimension is 0, expected 1 to 4096"))));
  EXPECT_THAT(test_->CreateDomain({.domain = "x", .dimension = 4097}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("dimension is 4097, expected 1 to 4096")));
  EXPECT_THAT(
      test_->CreateDomain(
          {.domain = "x", .dimension = 4, .probe_vector = {1, 2}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  EXPECT_THAT(test_->CreateDomain({.domain = "x",
                                   .dimension = 4,
                                   .description = std::string(4097, 'a')}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("description is 4097 bytes, expected at most 4096 "
                          "bytes")));
  EXPECT_THAT(test_->GetDomain("x"),
              AllOf(FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"),
                    StatusIs(absl::StatusCode::kNotFound,
                             Eq("domain 'x' does not exist"))));
  EXPECT_THAT(test_->GetDomain(std::string(100'000, 'x')),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(StoreTest, ListsDomainsByNameInPages) {
  for (const std::string name : {"b", "e", "a", "c"}) {
    test_.CreateDomain(name);
  }
  std::vector<std::string> names;
  ListOptions options = {.page_size = 2};
  do {
    COPSE_ASSERT_OK_AND_ASSIGN(const Page<DomainInfo> page,
                               test_->ListDomains(options));
    EXPECT_LE(page.items.size(), 2);
    for (const DomainInfo& domain : page.items) {
      names.push_back(domain.options.domain);
    }
    options.page_token = page.next_page_token;
    // What comes and goes between pages disturbs no other.
    if (names.size() == 2) {
      ASSERT_THAT(test_->DeleteDomain("b"), IsOk());
      test_.CreateDomain("aa");
    }
  } while (!options.page_token.empty());
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(StoreTest, UpdatesTheDescription) {
  EXPECT_THAT(test_->UpdateDomain("d", "new"), IsOk());
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo found, test_->GetDomain("d"));
  EXPECT_EQ(found.options.description, "new");
  EXPECT_THAT(
      test_->UpdateDomain("d", "\xff"),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOMAIN_OPTION_INVALID"));
}

TEST_F(StoreTest, DeletesADomainWithEverythingInIt) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  EXPECT_THAT(test_->GetDomain("d"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(reader->GetDocument("a", {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(builder->Delete("a"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(test_->DeleteDomain("d"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

TEST_F(StoreTest, ANewDomainOfAnOldNameIsEmpty) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  test_.CreateDomain("d");
  EXPECT_THAT(test_->GetCommit("d", "c1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->GetBranch("d", "main"),
              FailsWith(absl::StatusCode::kNotFound, "BRANCH_NOT_FOUND"));
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 2}}), IsOk());
  test_.Reopen();
  EXPECT_THAT(test_.ReadAll("d", "c1"),
              IsOkAndHolds(ElementsAre(Pair("b", 2))));
}

// ---- Commits ---------------------------------------------------------------

TEST_F(StoreTest, ACommitIsItsParentWithTheOperations) {
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

TEST_F(StoreTest, TheLastOperationOnAnIdWins) {
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

TEST_F(StoreTest, TheLastOfOneCallWins) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  const std::vector<Document> documents = {
      MakeDocument({"a", 2}), MakeDocument({"a", 1}), MakeDocument({"b", 3}),
      MakeDocument({"b", 4})};
  const std::vector<float> vector = {1, 2, 3, 4};
  std::vector<EmbeddedDocument> embedded;
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

TEST_F(StoreTest, KeepTakesOperationsBack) {
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

TEST_F(StoreTest, ACommitWithoutOperationsIsLegal) {
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

TEST_F(StoreTest, KeepsWhatThePushSaid) {
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

TEST_F(StoreTest, BoundsTheListOfSkippedDocuments) {
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

TEST_F(StoreTest, RefusesTheSameCommitTwice) {
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

TEST_F(StoreTest, RefusesUnknownParentsAndDomains) {
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

TEST_F(StoreTest, RefusesAParentThatWasDeletedMeanwhile) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c2", "c1")));
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(StoreTest, RefusesOptionsOutOfBounds) {
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

TEST_F(StoreTest, StopsInEveryPhase) {
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

TEST_F(StoreTest, ABuilderIsUsedUpByCommit) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  ASSERT_THAT(builder->Commit({}), IsOk());
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  EXPECT_THAT(builder->Delete("a"),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
}

TEST_F(StoreTest, ListsCommitsNewestFirst) {
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

TEST_F(StoreTest, DeletesACommitAndLeavesItsChildren) {
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

TEST_F(StoreTest, AssignsASnapshotToAnotherCommit) {
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

// ---- Diff ------------------------------------------------------------------

TEST_F(StoreTest, DiffNamesWhatChangedInOrderOfIds) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 1}, {"a", 1}, {"c", 1}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 2}, {"\x01z", 3}}, {"a"}),
              IsOk());
  EXPECT_THAT(Diff("c1", "c2"), ElementsAre("+\x01z", "-a", "~c"));
  EXPECT_THAT(Diff("c2", "c1"), ElementsAre("-\x01z", "+a", "~c"));
  EXPECT_THAT(Diff("c1", "c1"), IsEmpty());
}

TEST_F(StoreTest, DiffIgnoresWhatTwoBranchesBothDid) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("left", "base"), {{"a", 2}, {"b", 3}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("right", "base"), {{"a", 2}, {"c", 4}}),
              IsOk());
  EXPECT_THAT(Diff("left", "right"), ElementsAre("-b", "+c"));
}

TEST_F(StoreTest, DiffStopsAtTheFirstError) {
  ASSERT_THAT(test_.Push(Options("c0"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}}), IsOk());
  int visits = 0;
  EXPECT_THAT(test_->DiffCommits("d", "c0", "c1",
                                 [&](const DocumentChange&) {
                                   ++visits;
                                   return absl::CancelledError("gone");
                                 }),
              StatusIs(absl::StatusCode::kCancelled, Eq("gone")));
  EXPECT_EQ(visits, 1);
  EXPECT_THAT(test_->DiffCommits(
                  "d", "c0", "x",
                  [](const DocumentChange&) { return absl::OkStatus(); }),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(StoreTest, EqualDataHasEqualFingerprints) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 3}}, {"a"}), IsOk());
  ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"b", 4}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c4", "c3"), {{"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("scratch"), {{"c", 3}, {"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo long_way,
                             test_->GetCommit("d", "c4"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo other,
                             test_->GetCommit("d", "c3"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo scratch,
                             test_->GetCommit("d", "scratch"));
  EXPECT_EQ(long_way.fingerprint, scratch.fingerprint);
  EXPECT_NE(other.fingerprint, scratch.fingerprint);
}

// ---- Branches --------------------------------------------------------------

TEST_F(StoreTest, ACommitMovesItsBranch) {
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

TEST_F(StoreTest, BranchesAreMadeMovedAndDeleted) {
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

TEST_F(StoreTest, ListsBranchesInPages) {
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

// ---- Documents and vectors -------------------------------------------------

TEST_F(StoreTest, GivesBackWhatWasStored) {
  const Document document = {.id = std::string("a\0\n", 3),
                             .type = "Book",
                             .attributes = {{"year", int64_t{1984}},
                                            {"score", 2.5},
                                            {"title", "x"},
                                            {"read", true}},
                             .text = "some text",
                             .vector = std::vector<float>{3, 0, 0, 4}};
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder, test_->BeginCommit(Options("c1")));
  const EmbeddedDocument embedded = {&document, *document.vector};
  ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  ASSERT_THAT(builder->Commit({}), IsOk());
  builder.reset();
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::optional<StoredDocument> found,
      reader->GetDocument(document.id, {.text = true, .vector = true}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, document.id);
  EXPECT_EQ(found->type, "Book");
  EXPECT_EQ(found->attributes, document.attributes);
  EXPECT_EQ(found->text, "some text");
  EXPECT_EQ(found->content_hash, HashContent(document));
  // Of unit length.
  EXPECT_THAT(found->vector, ElementsAre(0.6F, 0, 0, 0.8F));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto plain,
                             reader->GetDocument(document.id, {}));
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->text, std::nullopt);
  EXPECT_THAT(plain->vector, IsEmpty());
  EXPECT_THAT(reader->GetDocument("a", {}), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(reader->GetDocument("", {}), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(reader->info().commit, "c1");
  EXPECT_EQ(reader->domain_options().dimension, 4);
}

TEST_F(StoreTest, RefusesVectorsThatDoNotFit) {
  const auto upsert = [&](const std::string& domain,
                          const std::vector<float>& vector) -> absl::Status {
    CommitOptions options = Options("c1");
    options.domain = domain;
    COPSE_ASSIGN_OR_RETURN(const auto builder, test_->BeginCommit(options));
    const Document document = MakeDocument({"bad", 1});
    const EmbeddedDocument embedded = {&document, vector};
    const absl::Status status = builder->Upsert({&embedded, 1});
    // Unusable from then on.
    EXPECT_EQ(builder->Commit({}).status(), status);
    return status;
  };
  EXPECT_THAT(
      upsert("d", {1, 2}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("document 'bad': vector has 2 components, "
                        "expected 4"))));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      upsert("d", {1, nan, 2, 3}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  const absl::Status zero = upsert("d", {0, 0, 0, 0});
  EXPECT_THAT(zero,
              FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_ZERO"));
  EXPECT_THAT(zero, StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("document 'bad': vector is zero, expected one "
                                "with a direction in a cosine domain")));
  EXPECT_THAT(ReasonOf(zero)->metadata,
              ElementsAre(Pair("document_id", "bad")));
  test_.CreateDomain("h", Metric::kHamming);
  EXPECT_THAT(
      upsert("h", {0, 1, 0.5, 1}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_BINARY"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("document 'bad': component 2 of the vector is "
                        "0.5, expected 0 or 1 in a Hamming domain"))));
  test_.CreateDomain("e", Metric::kEuclidean);
  EXPECT_THAT(test_.Push({.domain = "e", .commit = "zero"}, {}), IsOk());
}

TEST_F(StoreTest, RefusesDocumentsThatAreNone) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  EXPECT_THAT(builder->Delete(""), FailsWith(absl::StatusCode::kInvalidArgument,
                                             "DOCUMENT_ID_INVALID"));
  EXPECT_THAT(
      builder->TryUpsertUnchanged(MakeDocument({"\xff", 1})),
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENT_ID_INVALID"));
  // Neither is the end of the push.
  EXPECT_THAT(builder->Commit({}), IsOk());
}

TEST_F(StoreTest, RefusesPushesWhenTheDiskHasTooLittleSpace) {
  test_.Close();
  test_.options().free_space_min_bytes = std::numeric_limits<int64_t>::max();
  test_.Open();
  const absl::Status status = test_->BeginCommit(Options("c1")).status();
  EXPECT_THAT(status,
              FailsWith(absl::StatusCode::kResourceExhausted, "DISK_FULL"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("free_space_min_bytes")));
  EXPECT_EQ(
      ReasonOf(status)->metadata[0],
      (std::pair<std::string, std::string>("setting", "free_space_min_bytes")));
  EXPECT_THAT(test_->CreateDomain({.domain = "x", .dimension = 4}),
              FailsWith(absl::StatusCode::kResourceExhausted, "DISK_FULL"));
}

// ---- Search ----------------------------------------------------------------

TEST_F(StoreTest, FindsTheNearestInEachMetric) {
  struct Case {
    Metric metric;
    float distance;
  };
  const std::vector<float> query = {1, 0, 1, 1};
  const std::vector<float> near = {1, 1, 1, 1};
  const std::vector<float> far = {0, 1, 0, 0};
  for (const Case& test_case :
       {Case{Metric::kCosine, 1 - 3 / (std::sqrt(3.0F) * 2)},
        Case{Metric::kEuclidean, 1}, Case{Metric::kManhattan, 1},
        Case{Metric::kHamming, 1}, Case{Metric::kDotProduct, -3}}) {
    const std::string domain =
        absl::StrCat("m", static_cast<int>(test_case.metric));
    test_.CreateDomain(domain, test_case.metric);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto builder,
        test_->BeginCommit({.domain = domain, .commit = "c1"}));
    const Document first = MakeDocument({"far", 1});
    const Document second = MakeDocument({"near", 2});
    const std::vector<EmbeddedDocument> documents = {{&first, far},
                                                     {&second, near}};
    ASSERT_THAT(builder->Upsert(documents), IsOk());
    ASSERT_THAT(builder->Commit({}), IsOk());
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               test_->OpenCommit(domain, "c1"));
    COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult result,
                               reader->Search({.query = query}));
    ASSERT_THAT(result.neighbors, SizeIs(2));
    EXPECT_EQ(result.neighbors[0].document_id, "near");
    EXPECT_NEAR(result.neighbors[0].distance, test_case.distance, 1e-6)
        << domain;
    EXPECT_EQ(result.neighbors[0].content_hash, HashContent(second));
    EXPECT_EQ(result.work.rows_scanned, 2);
  }
}

TEST_F(StoreTest, EqualDistancesAreOrderedById) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  const std::vector<float> vector = {1, 2, 3, 4};
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < 500; ++i) {
    ids.push_back(absl::StrCat((i * 7919) % 500));
    const Document document = MakeDocument({ids.back(), i});
    const EmbeddedDocument embedded = {&document, vector};
    ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  }
  ASSERT_THAT(builder->Commit({}), IsOk());
  std::sort(ids.begin(), ids.end());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  for (const size_t count : {1, 3, 9, 100, 499, 1000}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search({.query = vector, .neighbor_count = count}));
    ASSERT_THAT(result.neighbors, SizeIs(std::min<size_t>(count, 500)));
    for (size_t i = 0; i < result.neighbors.size(); ++i) {
      ASSERT_EQ(result.neighbors[i].document_id, ids[i]);
    }
  }
}

TEST_F(StoreTest, FiltersByTypeAndLeavesOutADocument) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1, "Book"},
                                         {"b", 2, "Song"},
                                         {"c", 3, "Book"},
                                         {"d", 4, "Film"}}),
              IsOk());
  // Two pushes whose ordinals are interleaved.
  COPSE_ASSERT_OK_AND_ASSIGN(const auto left,
                             test_->BeginCommit(Options("left", "c1")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto right,
                             test_->BeginCommit(Options("right", "c1")));
  for (uint32_t i = 0; i < 6; ++i) {
    ASSERT_THAT(TestStore::Apply(
                    i % 2 == 0 ? *left : *right,
                    {{absl::StrCat("x", i), 10 + i, i < 3 ? "Book" : "Song"}}),
                IsOk());
  }
  ASSERT_THAT(right->Commit({}), IsOk());
  const auto search = [&](const std::string& commit,
                          const std::vector<std::string>& types,
                          const std::string& excluded = "") {
    std::vector<std::string> ids;
    const auto result = test_->OpenCommit("d", commit)
                            .value()
                            ->Search({.query = std::vector<float>{1, 2, 3, 4},
                                      .types = types,
                                      .excluded_document_id = excluded})
                            .value();
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      ids.push_back(neighbor.document_id);
    }
    return ids;
  };
  EXPECT_THAT(search("right", {"Book"}), UnorderedElementsAre("a", "c", "x1"));
  ASSERT_THAT(left->Commit({}), IsOk());
  EXPECT_THAT(search("left", {"Book", "Film"}),
              UnorderedElementsAre("a", "c", "d", "x0", "x2"));
  EXPECT_THAT(search("c1", {"Song"}), UnorderedElementsAre("b"));
  EXPECT_THAT(search("c1", {"Nothing"}), IsEmpty());
  EXPECT_THAT(search("c1", {"Book"}, "a"), UnorderedElementsAre("c"));
  EXPECT_THAT(search("c1", {}, "nobody"),
              UnorderedElementsAre("a", "b", "c", "d"));
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics statistics,
                             test_->GetDomainStatistics("d"));
  EXPECT_EQ(statistics.typed_row_count, 10);
  EXPECT_GT(statistics.type_filter_size_bytes, 0);
}

TEST_F(StoreTest, RefusesQueriesThatDoNotFit) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(
      reader->Search({.query = std::vector<float>{1}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      reader->Search({.query = std::vector<float>{1, inf, 0, 0}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  const std::vector<float> query = {1, 0, 0, 0};
  EXPECT_THAT(reader->Search({.query = query, .neighbor_count = 0}),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "NEIGHBOR_COUNT_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("neighbor_count is 0, expected 1 to 10000"))));
  EXPECT_THAT(
      reader->Search({.query = query, .neighbor_count = 10'001}),
      FailsWith(absl::StatusCode::kInvalidArgument, "NEIGHBOR_COUNT_INVALID"));
  // A zero query is at distance 1 of everything.
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult result,
      reader->Search({.query = std::vector<float>{0, 0, 0, 0}}));
  ASSERT_THAT(result.neighbors, SizeIs(1));
  EXPECT_EQ(result.neighbors[0].distance, 1);
}

// ---- The store -------------------------------------------------------------

TEST_F(StoreTest, CountsWhatItHolds) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}, {"b", 2}}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const StoreStatistics statistics,
                             test_->GetStatistics());
  EXPECT_EQ(statistics.domain_count, 1);
  EXPECT_EQ(statistics.commit_count, 1);
  EXPECT_EQ(statistics.in_flight_count, 0);
  EXPECT_GT(statistics.meta_size_bytes, 0);
  EXPECT_GT(statistics.vector_size_bytes, 0);
  EXPECT_GT(statistics.free_size_bytes, 0);
  // The push put its reader into the pool.
  EXPECT_EQ(statistics.pool.hit_count, 1);
  EXPECT_EQ(statistics.pool.miss_count, 0);
  EXPECT_EQ(statistics.pool.loaded_commit_count, 1);
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics domain,
                             test_->GetDomainStatistics("d"));
  EXPECT_EQ(domain.commit_count, 1);
  EXPECT_EQ(domain.branch_count, 1);
  EXPECT_EQ(domain.row_count, 2);
  EXPECT_GT(domain.vector_size_bytes, 0);
  EXPECT_THAT(test_->write_status(), IsOk());
}

TEST_F(StoreTest, RefusesOptionsItCouldNotFoldWith) {
  StoreOptions options = test_.options();
  options.forest.fan_out = 3;
  EXPECT_THAT(Store::Open(options),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "STORE_OPTION_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("forest.fan_out is 3, expected 4 to 1024"))));
}

TEST_F(StoreTest, ReadersOutliveTheStore) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder, test_->BeginCommit(Options("c2")));
  test_.Close();
  EXPECT_THAT(reader->GetDocument("a", {}), IsOk());
  EXPECT_THAT(builder->Commit({}), IsOk());
  // The folder is free when the last of them is gone.
  builder.reset();
  EXPECT_THAT(
      Store::Open(test_.options()),
      FailsWith(absl::StatusCode::kFailedPrecondition, "DATA_FOLDER_LOCKED"));
  reader.reset();
  test_.Open();
  EXPECT_THAT(test_->GetCommit("d", "c2"), IsOk());
}

TEST_F(StoreTest, VerifiesWhatIsIntact) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "main"), {{"b", 3}}, {"a"}),
              IsOk());
  ASSERT_THAT(test_->AssignCommit("d", "c1", "c3"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_EQ(report.commits_checked, 3);
  EXPECT_EQ(report.rows_checked, 3);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_THAT(
      test_->VerifyDomain("d", [] { return true; }),
      StatusIs(absl::StatusCode::kCancelled, Eq("verification was stopped")));
}

}  // namespace
}  // namespace copse
