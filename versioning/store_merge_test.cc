// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/vector_source.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Kind = DocumentChange::Kind;
using Snapshot = std::map<std::string, uint32_t>;  // ID to content.

constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
constexpr auto kMissing = absl::StatusCode::kNotFound;

class StoreMergeTest : public StoreTest {
 protected:
  static MergeOptions Merge(const std::string& commit, const std::string& ours,
                            const std::string& theirs,
                            ConflictPolicy policy = ConflictPolicy::kFail) {
    return {.commit = Options(commit, ours),
            .theirs_commit = theirs,
            .conflict_policy = policy};
  }

  // Merges, and notes base and conflicts, these as "id ~-".
  absl::StatusOr<CommitInfo> Run(const MergeOptions& options) {
    base_.clear();
    conflicts_.clear();
    const std::map<Kind, std::string> signs = {
        {Kind::kInserted, "+"}, {Kind::kReplaced, "~"}, {Kind::kDeleted, "-"}};
    return test_->MergeCommits(
        options, {.on_base =
                      [&](absl::string_view commit, size_t count) {
                        base_ = std::string(commit);
                        base_count_ = count;
                        return absl::OkStatus();
                      },
                  .on_conflict =
                      [&](const MergeConflict& conflict) {
                        conflicts_.push_back(absl::StrCat(
                            conflict.document_id, " ", signs.at(conflict.ours),
                            signs.at(conflict.theirs)));
                        return absl::OkStatus();
                      }});
  }

  // The ID and content of all documents of a commit.
  Snapshot Read(const std::string& commit) {
    const absl::StatusOr<Snapshot> contents = test_.ReadAll("d", commit);
    EXPECT_THAT(contents, IsOk());
    return contents.ok() ? *contents : Snapshot();
  }

  // The rows of a commit.
  std::vector<Ordinal> Rows(const std::string& commit) {
    const auto reader = test_->OpenCommit("d", commit);
    EXPECT_THAT(reader, IsOk());
    return static_cast<const CommitReaderImpl&>(**reader).live().ToVector();
  }

  // The fingerprint of a commit made of `snapshot` alone.
  Fingerprint FromScratch(const Snapshot& snapshot) {
    std::vector<TestDocument> documents;
    for (const auto& [id, content] : snapshot) {
      documents.push_back({id, content});
    }
    const absl::StatusOr<CommitInfo> info = test_.Push(
        Options(absl::StrCat("scratch", scratch_count_++)), documents);
    EXPECT_THAT(info, IsOk());
    return info.ok() ? info->fingerprint : Fingerprint();
  }

  // Makes commits "base", "ours" and "theirs", with every way in which two
  // sides can treat a document.
  void PushAllCases() {
    ASSERT_THAT(test_.Push(Options("base"), {{"both-delete", 1},
                                             {"both-same", 1},
                                             {"delete-change", 1},
                                             {"change-delete", 1},
                                             {"conflict", 1},
                                             {"ours-change", 1},
                                             {"ours-delete", 1},
                                             {"same", 1},
                                             {"theirs-change", 1},
                                             {"theirs-delete", 1}}),
                IsOk());
    ASSERT_THAT(test_.Push(Options("ours", "base"),
                           {{"add-same", 7},
                            {"add-differs", 7},
                            {"both-same", 2},
                            {"change-delete", 2},
                            {"conflict", 2},
                            {"ours-add", 2},
                            {"ours-change", 2}},
                           {"both-delete", "delete-change", "ours-delete"}),
                IsOk());
    ASSERT_THAT(test_.Push(Options("theirs", "base"),
                           {{"add-same", 7},
                            {"add-differs", 8},
                            {"both-same", 2},
                            {"conflict", 3},
                            {"delete-change", 3},
                            {"theirs-add", 3},
                            {"theirs-change", 3}},
                           {"both-delete", "change-delete", "theirs-delete"}),
                IsOk());
  }

  std::string base_;
  size_t base_count_ = 0;
  std::vector<std::string> conflicts_;
  int scratch_count_ = 0;
};

// What is the same whoever wins.
Snapshot MergedWithoutConflicts() {
  return {{"add-same", 7},     {"both-same", 2}, {"ours-add", 2},
          {"ours-change", 2},  {"same", 1},      {"theirs-add", 3},
          {"theirs-change", 3}};
}

TEST_F(StoreMergeTest, RefusesConflictsAndListsThemInOrder) {
  PushAllCases();
  const absl::Status status = Run(Merge("m", "ours", "theirs")).status();
  EXPECT_THAT(status, FailsWith(kRefused, "MERGE_CONFLICTS"));
  EXPECT_THAT(status.message(),
              Eq("commits 'ours' and 'theirs' of domain 'd' changed 4 "
                 "documents differently"));
  EXPECT_EQ(base_, "base");
  EXPECT_EQ(base_count_, 1u);
  EXPECT_THAT(conflicts_, ElementsAre("add-differs ++", "change-delete ~-",
                                      "conflict ~~", "delete-change -~"));
  EXPECT_THAT(test_->GetCommit("d", "m"),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  // The commit is free again.
  EXPECT_THAT(Run(Merge("m", "ours", "theirs", ConflictPolicy::kOurs)), IsOk());
}

TEST_F(StoreMergeTest, ResolvesConflictsByOurs) {
  PushAllCases();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Run(Merge("m", "ours", "theirs", ConflictPolicy::kOurs)));
  EXPECT_EQ(conflicts_.size(), 4u);
  Snapshot expected = MergedWithoutConflicts();
  expected.insert({{"add-differs", 7}, {"change-delete", 2}, {"conflict", 2}});
  EXPECT_EQ(Read("m"), expected);
  EXPECT_EQ(info.fingerprint, FromScratch(expected));
  EXPECT_THAT(info.parent_commits, ElementsAre("ours", "theirs"));
  EXPECT_EQ(info.document_count, static_cast<int64_t>(expected.size()));
  EXPECT_EQ(info.inserted_count, 1);  // Against ours.
  EXPECT_EQ(info.replaced_count, 1);
  EXPECT_EQ(info.deleted_count, 1);
  EXPECT_EQ(info.token_count, 0);
}

TEST_F(StoreMergeTest, ResolvesConflictsByTheirs) {
  PushAllCases();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo info,
      Run(Merge("m", "ours", "theirs", ConflictPolicy::kTheirs)));
  EXPECT_EQ(conflicts_.size(), 4u);
  Snapshot expected = MergedWithoutConflicts();
  expected.insert({{"add-differs", 8}, {"conflict", 3}, {"delete-change", 3}});
  EXPECT_EQ(Read("m"), expected);
  EXPECT_EQ(info.fingerprint, FromScratch(expected));
  EXPECT_EQ(info.inserted_count, 2);
  EXPECT_EQ(info.replaced_count, 3);
  EXPECT_EQ(info.deleted_count, 2);
}

TEST_F(StoreMergeTest, WritesNoVector) {
  PushAllCases();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics before,
                             test_->GetDomainStatistics("d"));
  ASSERT_THAT(Run(Merge("m", "ours", "theirs", ConflictPolicy::kTheirs)),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics after,
                             test_->GetDomainStatistics("d"));
  EXPECT_EQ(after.row_count, before.row_count);
  EXPECT_EQ(after.vector_size_bytes, before.vector_size_bytes);
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
}

TEST_F(StoreMergeTest, AMergeOverOneOfItsSidesHasTheDataOfTheOther) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}, {"c", 1}}),
              IsOk());
  // The same content as before under another row, too.
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"b", 2}}, {"a", "c"}), IsOk());
  ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"a", 1}, {"d", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo tip, test_->GetCommit("d", "c3"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo forward,
                             Run(Merge("forward", "c1", "c3")));
  EXPECT_EQ(base_, "c1");
  EXPECT_EQ(forward.fingerprint, tip.fingerprint);
  EXPECT_EQ(Read("forward"), Read("c3"));
  EXPECT_EQ(Rows("forward"), Rows("c3"));
  EXPECT_THAT(forward.parent_commits, ElementsAre("c1", "c3"));
  EXPECT_EQ(forward.inserted_count, 1);
  EXPECT_EQ(forward.replaced_count, 1);
  EXPECT_EQ(forward.deleted_count, 1);
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo back,
                             Run(Merge("back", "c3", "c1")));
  EXPECT_EQ(back.fingerprint, tip.fingerprint);
  EXPECT_THAT(back.parent_commits, ElementsAre("c3", "c1"));
  EXPECT_EQ(back.inserted_count + back.replaced_count + back.deleted_count, 0);
  EXPECT_EQ(Rows("back"), Rows("c3"));
}

TEST_F(StoreMergeTest, AMergeOfACommitWithItselfHasOneParent) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             Run(Merge("m", "c1", "c1")));
  EXPECT_EQ(base_, "c1");
  EXPECT_THAT(info.parent_commits, ElementsAre("c1"));
  EXPECT_EQ(Read("m"), Read("c1"));
}

TEST_F(StoreMergeTest, RefusesWhatOursContainsIfAsked) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"a", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"a", 3}}), IsOk());
  for (const char* theirs : {"c1", "c2", "c3"}) {
    MergeOptions options = Merge("m", "c3", theirs);
    options.refuses_contained = true;
    EXPECT_THAT(Run(options), FailsWith(kRefused, "NOTHING_TO_MERGE"));
  }
  EXPECT_THAT(test_->GetCommit("d", "m"),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  // The other way there is much.
  MergeOptions forward = Merge("m", "c1", "c3");
  forward.refuses_contained = true;
  EXPECT_THAT(Run(forward), IsOk());
  EXPECT_EQ(Read("m"), Read("c3"));
}

TEST_F(StoreMergeTest, SaysThatASideWasDeleted) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"a", 2}}), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  constexpr char kDeleted[] = "commit 'c1' of domain 'd' was deleted";
  EXPECT_THAT(Run(Merge("m", "c2", "c1")), StatusIs(kMissing, kDeleted));
  EXPECT_THAT(test_->OpenCommit("d", "c1").status(),
              StatusIs(kMissing, kDeleted));
  EXPECT_THAT(test_->GetCommit("d", "c1").status(),
              StatusIs(kMissing, kDeleted));
}

TEST_F(StoreMergeTest, AChangeThatWasTakenBackIsNoChange) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}, {"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("o1", "base"), {{"a", 2}}, {"b"}), IsOk());
  ASSERT_THAT(test_.Push(Options("o2", "o1"), {{"a", 1}, {"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("t1", "base"), {{"a", 3}}, {"b"}), IsOk());
  ASSERT_THAT(Run(Merge("m1", "o2", "t1")), IsOk());
  EXPECT_EQ(Read("m1"), (Snapshot{{"a", 3}}));
  ASSERT_THAT(Run(Merge("m2", "t1", "o2")), IsOk());
  EXPECT_EQ(Read("m2"), (Snapshot{{"a", 3}}));
}

TEST_F(StoreMergeTest, ASecondMergeIsOverTheFirst) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("o1", "base"), {{"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("t1", "base"), {{"a", 2}}), IsOk());
  ASSERT_THAT(Run(Merge("m1", "o1", "t1")), IsOk());
  ASSERT_THAT(test_.Push(Options("o2", "m1"), {{"a", 3}}), IsOk());
  ASSERT_THAT(test_.Push(Options("t2", "t1"), {{"c", 1}}), IsOk());
  // Over "base" the change of "a" would be a conflict.
  ASSERT_THAT(Run(Merge("m2", "o2", "t2")), IsOk());
  EXPECT_EQ(base_, "t1");
  EXPECT_EQ(Read("m2"), (Snapshot{{"a", 3}, {"b", 1}, {"c", 1}}));
}

TEST_F(StoreMergeTest, OfACrissCrossHistoryTheNewestBaseIsTaken) {
  ASSERT_THAT(test_.Push(Options("root"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("x", "root"), {{"x", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("y", "root"), {{"y", 1}}), IsOk());
  ASSERT_THAT(Run(Merge("xy", "x", "y")), IsOk());
  ASSERT_THAT(Run(Merge("yx", "y", "x")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             Run(Merge("m", "xy", "yx")));
  EXPECT_EQ(base_, "y");
  EXPECT_EQ(base_count_, 2u);
  EXPECT_EQ(Read("m"), (Snapshot{{"a", 1}, {"x", 1}, {"y", 1}}));
  ASSERT_THAT(test_->DeleteCommit("d", "y"), IsOk());
  ASSERT_THAT(Run(Merge("m2", "xy", "yx")), IsOk());
  EXPECT_EQ(base_, "x");
}

TEST_F(StoreMergeTest, RefusesSidesWithoutACommonAncestor) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2"), {{"a", 1}}), IsOk());
  const absl::Status status = Run(Merge("m", "c1", "c2")).status();
  EXPECT_THAT(status, FailsWith(kRefused, "MERGE_BASE_NOT_FOUND"));
  EXPECT_THAT(status.message(), Eq("commits 'c1' and 'c2' of domain 'd' have "
                                   "no common ancestor"));
}

TEST_F(StoreMergeTest, FindsTheBaseBehindDeletedCommits) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("o1", "base"), {{"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("o2", "o1"), {{"c", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("t1", "base"), {{"d", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "o1"), IsOk());
  test_.Reopen();
  ASSERT_THAT(Run(Merge("m", "o2", "t1")), IsOk());
  EXPECT_EQ(base_, "base");
  EXPECT_EQ(Read("m"), (Snapshot{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}));
}

TEST_F(StoreMergeTest, RefusesABaseThatWasDeletedUntilItIsPushedAgain) {
  ASSERT_THAT(test_.Push(Options("root"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("base", "root"), {{"a", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("ours", "base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("theirs", "base"), {{"b", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "base"), IsOk());
  // Over "root" the change of "a" in "ours" would not be seen, and lost.
  const absl::Status status = Run(Merge("m", "ours", "theirs")).status();
  EXPECT_THAT(status, FailsWith(kRefused, "MERGE_BASE_DELETED"));
  EXPECT_THAT(status.message(), HasSubstr("merge base 'base' of domain 'd'"));
  ASSERT_THAT(test_.Push(Options("base", "root"), {{"a", 2}}), IsOk());
  ASSERT_THAT(Run(Merge("m", "ours", "theirs")), IsOk());
  EXPECT_EQ(Read("m"), (Snapshot{{"a", 1}, {"b", 1}}));
}

TEST_F(StoreMergeTest, NamesWhatIsUnknownOrTaken) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"a", 2}}), IsOk());
  EXPECT_THAT(Run(Merge("m", "x", "c2")),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(Run(Merge("m", "c1", "x")),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(Run(Merge("m", "", "c2")),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(Run(Merge("", "c1", "c2")),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(Run(Merge("c2", "c1", "c2")),
              FailsWith(absl::StatusCode::kAlreadyExists, "COMMIT_EXISTS"));
  MergeOptions options = Merge("m", "c1", "c2");
  options.commit.domain = "no";
  EXPECT_THAT(Run(options), FailsWith(kMissing, "DOMAIN_NOT_FOUND"));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("m", "c1")));
  EXPECT_THAT(Run(Merge("m", "c1", "c2")),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
}

TEST_F(StoreMergeTest, MovesItsBranchFromWhereItIsExpected) {
  ASSERT_THAT(test_.Push(Options("base", "", "main"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("ours", "base", "main"), {{"b", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("theirs", "base"), {{"c", 1}}), IsOk());
  MergeOptions options = Merge("m", "ours", "theirs");
  options.commit.branch = "main";
  options.commit.expected_branch_commit = "base";
  options.commit.author = "Ada";
  options.commit.message = "both";
  options.commit.commit_time = absl::FromUnixSeconds(7);
  EXPECT_THAT(Run(options),
              FailsWith(absl::StatusCode::kAborted, "BRANCH_MOVED"));
  EXPECT_THAT(test_->GetCommit("d", "m"),
              FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  options.commit.expected_branch_commit = "ours";
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, Run(options));
  EXPECT_EQ(info.branch, "main");
  EXPECT_EQ(info.author, "Ada");
  EXPECT_EQ(info.message, "both");
  EXPECT_EQ(info.commit_time, absl::FromUnixSeconds(7));
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo branch,
                             test_->GetBranch("d", "main"));
  EXPECT_EQ(branch.head_commit, "m");
}

TEST_F(StoreMergeTest, EndsWithTheFirstErrorOfItsVisitor) {
  PushAllCases();
  int conflict_count = 0;
  EXPECT_THAT(
      test_->MergeCommits(Merge("m", "ours", "theirs", ConflictPolicy::kTheirs),
                          {.on_conflict =
                               [&](const MergeConflict&) {
                                 ++conflict_count;
                                 return absl::CancelledError("enough");
                               }}),
      StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
  EXPECT_EQ(conflict_count, 1);
  // At whichever question it is cancelled, nothing is left of it.
  int question_count = 0;
  for (int answer = 0;; ++answer) {
    ASSERT_LT(answer, 100);
    int asked = 0;
    const absl::Status status =
        test_
            ->MergeCommits(
                Merge("m", "ours", "theirs", ConflictPolicy::kTheirs),
                {.check =
                     [&] {
                       return asked++ == answer ? absl::CancelledError("gone")
                                                : absl::OkStatus();
                     }})
            .status();
    if (status.ok()) {
      question_count = asked;
      break;
    }
    ASSERT_THAT(status, StatusIs(absl::StatusCode::kCancelled, Eq("gone")));
    ASSERT_THAT(test_->GetCommit("d", "m"),
                FailsWith(kMissing, "COMMIT_NOT_FOUND"));
  }
  EXPECT_GT(question_count, 4);
}

TEST_F(StoreMergeTest, ASideThatIsDeletedMeanwhileIsNamed) {
  PushAllCases();
  EXPECT_THAT(
      test_->MergeCommits(Merge("m", "ours", "theirs", ConflictPolicy::kOurs),
                          {.on_base =
                               [&](absl::string_view, size_t) {
                                 return test_->DeleteCommit("d", "theirs");
                               }}),
      FailsWith(kRefused, "PARENT_COMMIT_NOT_FOUND"));
}

// ---- Against a model -------------------------------------------------------

struct Parameters {
  uint32_t seed;
  uint32_t forest_row_count_min;
};

// Random pushes and merges, with maps in the place of commits. Merge bases are
// the store's own word (merge_base_test has their model); what is made of them
// is not.
class StoreMergeModelTest : public ::testing::TestWithParam<Parameters> {
 protected:
  StoreMergeModelTest()
      : random_(GetParam().seed),
        test_({.forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = GetParam().forest_row_count_min}) {
    test_.CreateDomain("d", Metric::kEuclidean, 4);
    test_.CreateDomain("scratch", Metric::kEuclidean, 4);
  }

  std::string DrawCommit() {
    auto commit = commits_.begin();
    std::advance(commit, random_() % commits_.size());
    return commit->first;
  }

  void Push();
  void Merge();
  void Check(const std::string& commit, const CommitInfo& info);

  std::mt19937 random_;
  TestStore test_;
  std::map<std::string, Snapshot> commits_;
  int next_commit_ = 0;
  int merge_count_ = 0;
  int conflict_count_ = 0;
};

void StoreMergeModelTest::Push() {
  CommitOptions options = Options(absl::StrCat("c", next_commit_++));
  Snapshot snapshot;
  if (!commits_.empty()) {
    options.parent_commit = DrawCommit();
    snapshot = commits_[options.parent_commit];
  }
  std::vector<TestDocument> upserts;
  std::vector<std::string> deletes;
  std::set<std::string> ids;
  for (uint32_t i = random_() % 16; i > 0; --i) {
    const std::string id = absl::StrCat("id", random_() % 24);
    if (!ids.insert(id).second) {
      continue;
    }
    if (random_() % 3 == 0) {
      deletes.push_back(id);
      snapshot.erase(id);
    } else {
      const uint32_t content = random_() % 3;
      upserts.push_back({id, content});
      snapshot[id] = content;
    }
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             test_.Push(options, upserts, deletes));
  commits_[options.commit] = snapshot;
  Check(options.commit, info);
}

// The content of a document, or nullopt for absence.
std::optional<uint32_t> ContentOf(const Snapshot& snapshot,
                                  const std::string& id) {
  const auto found = snapshot.find(id);
  return found == snapshot.end() ? std::nullopt
                                 : std::optional<uint32_t>(found->second);
}

struct ModelMerge {
  Snapshot snapshot;
  std::vector<std::string> conflicts;
};

ModelMerge MergeSnapshots(const Snapshot& base, const Snapshot& ours,
                          const Snapshot& theirs, bool theirs_wins) {
  std::set<std::string> ids;
  for (const Snapshot* side : {&base, &ours, &theirs}) {
    for (const auto& [id, content] : *side) {
      ids.insert(id);
    }
  }
  ModelMerge merge;
  for (const std::string& id : ids) {
    const std::optional<uint32_t> old = ContentOf(base, id);
    const std::optional<uint32_t> left = ContentOf(ours, id);
    const std::optional<uint32_t> right = ContentOf(theirs, id);
    const bool is_conflict = left != old && right != old && left != right;
    if (is_conflict) {
      merge.conflicts.push_back(id);
    }
    const bool takes_theirs = is_conflict ? theirs_wins : left == old;
    const std::optional<uint32_t> content = takes_theirs ? right : left;
    if (content.has_value()) {
      merge.snapshot[id] = *content;
    }
  }
  return merge;
}

void StoreMergeModelTest::Merge() {
  const std::string commit = absl::StrCat("c", next_commit_++);
  const uint32_t policy = random_() % 3;
  const MergeOptions options = {
      .commit = Options(commit, DrawCommit()),
      .theirs_commit = DrawCommit(),
      .conflict_policy = policy == 0   ? ConflictPolicy::kFail
                         : policy == 1 ? ConflictPolicy::kOurs
                                       : ConflictPolicy::kTheirs};
  std::string base;
  std::vector<std::string> conflicts;
  const absl::StatusOr<CommitInfo> info = test_->MergeCommits(
      options, {.on_base =
                    [&](absl::string_view found, size_t) {
                      base = std::string(found);
                      return absl::OkStatus();
                    },
                .on_conflict =
                    [&](const MergeConflict& conflict) {
                      conflicts.push_back(conflict.document_id);
                      return absl::OkStatus();
                    }});
  ASSERT_TRUE(commits_.contains(base)) << info.status();
  const ModelMerge model =
      MergeSnapshots(commits_[base], commits_[options.commit.parent_commit],
                     commits_[options.theirs_commit], policy == 2);
  EXPECT_THAT(conflicts, ElementsAreArray(model.conflicts));
  conflict_count_ += model.conflicts.empty() ? 0 : 1;
  if (policy == 0 && !model.conflicts.empty()) {
    ASSERT_THAT(info, FailsWith(kRefused, "MERGE_CONFLICTS"));
    return;
  }
  ASSERT_THAT(info, IsOk());
  ++merge_count_;
  commits_[commit] = model.snapshot;
  Check(commit, *info);
}

// Compares the commit with its model, and with one made of the model alone.
void StoreMergeModelTest::Check(const std::string& commit,
                                const CommitInfo& info) {
  const Snapshot& snapshot = commits_[commit];
  ASSERT_THAT(test_.ReadAll("d", commit),
              IsOkAndHolds(ElementsAreArray(snapshot)));
  ASSERT_EQ(info.document_count, static_cast<int64_t>(snapshot.size()));
  std::vector<TestDocument> documents;
  for (const auto& [id, content] : snapshot) {
    documents.push_back({id, content});
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo scratch,
      test_.Push({.domain = "scratch", .commit = commit}, documents));
  ASSERT_EQ(info.fingerprint, scratch.fingerprint);
  if (info.parent_commits.empty()) {
    return;
  }
  const Snapshot& parent = commits_[info.parent_commits.front()];
  int64_t inserted = 0;
  int64_t replaced = 0;
  int64_t kept = 0;
  for (const auto& [id, content] : snapshot) {
    const std::optional<uint32_t> old = ContentOf(parent, id);
    inserted += old.has_value() ? 0 : 1;
    replaced += old.has_value() && *old != content ? 1 : 0;
    kept += old.has_value() ? 1 : 0;
  }
  EXPECT_EQ(info.inserted_count, inserted);
  EXPECT_EQ(info.replaced_count, replaced);
  EXPECT_EQ(info.deleted_count, static_cast<int64_t>(parent.size()) - kept);
}

TEST_P(StoreMergeModelTest, BehavesAsTheModel) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam().seed));
  Push();
  for (int step = 0; step < 100 && !HasFatalFailure(); ++step) {
    const uint32_t draw = random_() % 20;
    if (draw == 0) {
      test_.Reopen();
    } else if (draw < 12) {
      Push();
    } else {
      Merge();
    }
  }
  EXPECT_GT(merge_count_, 8);
  EXPECT_GT(conflict_count_, 3);
  test_.Reopen();
  for (const auto& [commit, snapshot] : commits_) {
    ASSERT_THAT(test_.ReadAll("d", commit),
                IsOkAndHolds(ElementsAreArray(snapshot)));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Seeds, StoreMergeModelTest,
    ::testing::Values(Parameters{1, 2048}, Parameters{2, 2048},
                      Parameters{3, 2048}, Parameters{4, 8}, Parameters{5, 8}),
    [](const auto& test) { return absl::StrCat("Seed", test.param.seed); });

TEST_F(StoreMergeTest, AnotherCommitUnderTheNameOfTheBaseIsNotTheBase) {
  ASSERT_THAT(test_.Push(Options("root"), {{"doc", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("p", "root"), {{"keep1", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("mine", "p"), {{"m", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "p"), IsOk());
  ASSERT_THAT(test_.Push(Options("p", "root"), {{"keep2", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("theirs", "p"), {{"t", 1}}), IsOk());
  for (const bool reopens : {false, true}) {
    if (reopens) {
      test_.Reopen();
    }
    EXPECT_THAT(Run(Merge("merge", "theirs", "mine")),
                FailsWith(kRefused, "MERGE_BASE_DELETED"));
    EXPECT_THAT(Run(Merge("merge", "mine", "theirs")),
                FailsWith(kRefused, "MERGE_BASE_DELETED"));
  }
  // The skeletons know what they were, too.
  ASSERT_THAT(test_.Push(Options("mine2", "mine"), {{"m2", 1}}), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "mine"), IsOk());
  ASSERT_THAT(test_->DeleteCommit("d", "p"), IsOk());
  EXPECT_THAT(Run(Merge("merge", "theirs", "mine2")),
              FailsWith(kRefused, "MERGE_BASE_DELETED"));
  EXPECT_THAT(Run(Merge("merge", "mine2", "root")),
              FailsWith(kRefused, "MERGE_BASE_NOT_FOUND"));
}

TEST_F(StoreMergeTest, APushEndsWhoseParentHasBecomeAnotherCommit) {
  ASSERT_THAT(test_.Push(Options("p"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto same,
                             test_->BeginCommit(Options("same", "p")));
  ASSERT_THAT(test_->DeleteCommit("d", "p"), IsOk());
  ASSERT_THAT(test_.Push(Options("p"), {{"a", 1}}), IsOk());
  EXPECT_THAT(same->Commit({}, nullptr), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto other,
                             test_->BeginCommit(Options("other", "p")));
  ASSERT_THAT(test_->DeleteCommit("d", "p"), IsOk());
  ASSERT_THAT(test_.Push(Options("p"), {{"a", 2}}), IsOk());
  EXPECT_THAT(other->Commit({}, nullptr),
              FailsWith(kRefused, "PARENT_COMMIT_NOT_FOUND"));
}

}  // namespace
}  // namespace copse
