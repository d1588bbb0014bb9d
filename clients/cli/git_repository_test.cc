// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_repository.h"

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/cli/git_plan.h"
#include "clients/cli/git_test_repository.h"
#include "clients/cli/utf8.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GitRepositoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<GitRepository> Open() {
    auto repository = GitRepository::Open(git_.path());
    EXPECT_THAT(repository, IsOk());
    return *std::move(repository);
  }

  // The first-parent line, newest first.
  std::vector<GitId> Line(const GitId& head) {
    std::vector<GitId> line;
    EXPECT_THAT(Open()->WalkFirstParents(head,
                                         [&](const GitId& id) {
                                           line.push_back(id);
                                           return true;
                                         }),
                IsOk());
    return line;
  }

  // Commits `count` in a row, each with one file.
  std::vector<GitId> CommitLine(int count) {
    std::vector<GitId> line;
    line.reserve(count);
    for (int i = 0; i < count; ++i) {
      line.push_back(git_.Commit(
          {{"f", {std::to_string(i)}}},
          line.empty() ? std::vector<GitId>{} : std::vector{line.back()}));
    }
    return line;
  }

  GitPlan Plan(const GitPlanOptions& options) {
    const auto plan = PlanGitPush(*Open(), options);
    EXPECT_THAT(plan, IsOk());
    return plan.ok() ? *plan : GitPlan();
  }

  GitTestRepository git_;
};

TEST_F(GitRepositoryTest, FindsMainThenHeadAndSaysSo) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  const GitId b = git_.Commit({{"f", {"b"}}}, {});
  git_.SetBranch("trunk", b);
  git_.SetHead("refs/heads/trunk");
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch trunk,
                             Open()->FindBranch(std::nullopt));
  EXPECT_EQ(trunk.name, "trunk");
  EXPECT_EQ(trunk.head, b);
  EXPECT_EQ(trunk.note,
            "the repository has no branch 'main': taking 'trunk', where HEAD "
            "is");
  git_.SetBranch("main", a);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch main,
                             Open()->FindBranch(std::nullopt));
  EXPECT_EQ(main.name, "main");
  EXPECT_EQ(main.head, a);
  EXPECT_EQ(main.note, "");
}

TEST_F(GitRepositoryTest, TakesADetachedHeadAsMain) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  git_.SetBranch("other", a);
  git_.DetachHead(a);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch branch,
                             Open()->FindBranch(std::nullopt));
  EXPECT_EQ(branch.name, "main");
  EXPECT_EQ(branch.head, a);
  EXPECT_THAT(branch.note, HasSubstr("the commit where HEAD is"));
  EXPECT_TRUE(branch.is_assumed);
}

TEST_F(GitRepositoryTest, ADetachedHeadIsOfTheBranchThatIsNamed) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  const GitId b = git_.Commit({{"f", {"b"}}}, {});
  git_.SetBranch("other", a);
  git_.DetachHead(b);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch named, Open()->FindBranch("pr-1"));
  EXPECT_EQ(named.name, "pr-1");
  EXPECT_EQ(named.head, b);
  EXPECT_EQ(named.note,
            "the repository has no branch 'pr-1': taking the commit where HEAD "
            "is, as branch 'pr-1'");
  EXPECT_FALSE(named.is_assumed);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch other,
                             Open()->FindBranch("other"));
  EXPECT_EQ(other.head, a);
}

TEST_F(GitRepositoryTest, TakesHeadByItsName) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  git_.SetBranch("trunk", a);
  git_.SetHead("refs/heads/trunk");
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch trunk, Open()->FindBranch("HEAD"));
  EXPECT_EQ(trunk.name, "trunk");
  git_.DetachHead(a);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch head, Open()->FindBranch("HEAD"));
  EXPECT_EQ(head.name, "HEAD");
  EXPECT_EQ(head.head, a);
}

TEST_F(GitRepositoryTest, FindsABranchOfTheRemoteByName) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  git_.SetReference("refs/remotes/origin/topic/x", a);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch branch,
                             Open()->FindBranch("topic/x"));
  EXPECT_EQ(branch.head, a);
  EXPECT_THAT(Open()->FindBranch("missing"),
              StatusIs(absl::StatusCode::kNotFound,
                       "no branch 'missing' in the repository; it has: "
                       "origin/topic/x"));
}

TEST_F(GitRepositoryTest, FindsABranchOfAnyRemoteAsItListsThem) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  const GitId b = git_.Commit({{"f", {"b"}}}, {});
  git_.SetBranch("topic/x", a);
  git_.SetReference("refs/remotes/fork/topic/x", b);
  COPSE_ASSERT_OK_AND_ASSIGN(const GitBranch branch,
                             Open()->FindBranch("fork/topic/x"));
  EXPECT_EQ(branch.name, "topic/x");
  EXPECT_EQ(branch.head, b);
  EXPECT_EQ(branch.note, "taking 'fork/topic/x' as branch 'topic/x'");
}

TEST_F(GitRepositoryTest, SaysThatARepositoryHasNoCommits) {
  EXPECT_THAT(Open()->FindBranch(std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("the repository has no commits")));
}

TEST_F(GitRepositoryTest, SaysThatThereIsNoRepository) {
  EXPECT_THAT(GitRepository::Open("/nonexistent/path"),
              StatusIs(absl::StatusCode::kNotFound,
                       "no git repository at '/nonexistent/path'"));
}

TEST_F(GitRepositoryTest, WalksFirstParentsOfMerges) {
  const GitId a = git_.Commit({{"f", {"a"}}}, {});
  const GitId b = git_.Commit({{"f", {"b"}}}, {a});
  const GitId side = git_.Commit({{"f", {"side"}}}, {a});
  const GitId merge = git_.Commit({{"f", {"m"}}}, {b, side});
  EXPECT_THAT(Line(merge), ElementsAre(merge, b, a));
}

TEST_F(GitRepositoryTest, EndsWhereAShallowCloneEnds) {
  const std::vector<GitId> line = CommitLine(4);
  git_.DeleteObject(line[1]);
  EXPECT_THAT(Line(line[3]), ElementsAre(line[3], line[2]));
  EXPECT_EQ(Open()->ReadCommit(line[2])->first_parent, std::nullopt);
  // The file `shallow` counts, even where the object is there.
  std::ofstream(git_.path() + "/shallow") << GitIdToHex(line[3]) << "\n";
  EXPECT_THAT(Line(line[3]), ElementsAre(line[3]));
  EXPECT_EQ(Open()->ReadCommit(line[3])->first_parent, std::nullopt);
}

TEST_F(GitRepositoryTest, ReadsTimeAuthorAndMessageAsUtf8) {
  TestCommitText text;
  text.author = "J\xf6rg";
  text.message = "caf\xe9\n";
  text.encoding = "ISO-8859-1";
  text.time_seconds = 1234567890;
  const GitId latin = git_.Commit({{"f", {"a"}}}, {}, text);
  COPSE_ASSERT_OK_AND_ASSIGN(GitCommit commit, Open()->ReadCommit(latin));
  EXPECT_EQ(commit.author, "J\xc3\xb6rg <a@example.org>");
  EXPECT_EQ(commit.message, "caf\xc3\xa9\n");
  EXPECT_EQ(commit.time_seconds, 1234567890);
  text.encoding = nullptr;
  const GitId unknown = git_.Commit({{"f", {"b"}}}, {}, text);
  COPSE_ASSERT_OK_AND_ASSIGN(commit, Open()->ReadCommit(unknown));
  EXPECT_EQ(commit.author, "J\xef\xbf\xbdrg <a@example.org>");
  EXPECT_TRUE(IsValidUtf8(commit.message));
}

TEST_F(GitRepositoryTest, ReadsCommitsWhoseAuthorOrTimeIsMalformed) {
  TestCommitText text;
  text.time_seconds = 1234567890;
  const GitId good = git_.Commit({{"f", {"a"}}}, {}, text);
  const GitId no_mail = git_.CommitWithLine(good, "author nobody");
  const GitId no_time =
      git_.CommitWithLine(good, "committer Ada <a@example.org> soon");
  COPSE_ASSERT_OK_AND_ASSIGN(GitCommit commit, Open()->ReadCommit(no_mail));
  EXPECT_EQ(commit.author, std::nullopt);
  EXPECT_EQ(commit.time_seconds, 1234567890);
  EXPECT_EQ(commit.message, "message");
  EXPECT_EQ(commit.tree, Open()->ReadCommit(good)->tree);
  COPSE_ASSERT_OK_AND_ASSIGN(commit, Open()->ReadCommit(no_time));
  EXPECT_EQ(commit.author, "Ada <a@example.org>");
  EXPECT_EQ(commit.time_seconds, std::nullopt);
  EXPECT_THAT(Line(no_mail), ElementsAre(no_mail));
}

TEST_F(GitRepositoryTest, ConvertsIdsToHexAndBack) {
  const GitId id = git_.Commit({}, {});
  EXPECT_EQ(GitIdFromHex(GitIdToHex(id)), id);
  EXPECT_EQ(GitIdFromHex("xyz"), std::nullopt);
  EXPECT_EQ(GitIdFromHex(std::string(40, 'g')), std::nullopt);
}

TEST_F(GitRepositoryTest, PlansEverythingForANewDomain) {
  const std::vector<GitId> line = CommitLine(3);
  const GitPlan plan =
      Plan({.head = line[2], .is_indexed = [](const GitId&) { return false; }});
  EXPECT_EQ(plan.commits, line);
  EXPECT_EQ(plan.base, std::nullopt);
}

TEST_F(GitRepositoryTest, PlansWhatFollowsTheNewestIndexedCommit) {
  const std::vector<GitId> line = CommitLine(5);
  const auto is_indexed = [&](const GitId& id) {
    return id == line[1] || id == line[2];
  };
  const GitPlan plan = Plan({.head = line[4], .is_indexed = is_indexed});
  EXPECT_THAT(plan.commits, ElementsAre(line[3], line[4]));
  EXPECT_EQ(plan.base, line[2]);
  const GitPlan nothing = Plan({.head = line[2], .is_indexed = is_indexed});
  EXPECT_THAT(nothing.commits, IsEmpty());
  EXPECT_EQ(nothing.base, line[2]);
}

TEST_F(GitRepositoryTest, PlansRewrittenHistoryOnTheCommonPart) {
  const std::vector<GitId> line = CommitLine(3);
  const GitId rewritten = git_.Commit({{"f", {"other"}}}, {line[1]});
  const auto is_indexed = [&](const GitId& id) {
    return id == line[0] || id == line[1] || id == line[2];
  };
  const GitPlan plan = Plan({.head = rewritten, .is_indexed = is_indexed});
  EXPECT_THAT(plan.commits, ElementsAre(rewritten));
  EXPECT_EQ(plan.base, line[1]);
}

TEST_F(GitRepositoryTest, PlansOnlyTheNewestCommits) {
  const std::vector<GitId> line = CommitLine(5);
  const auto nothing = [](const GitId&) { return false; };
  const GitPlan whole =
      Plan({.head = line[4], .commit_count_max = 2, .is_indexed = nothing});
  EXPECT_THAT(whole.commits, ElementsAre(line[3], line[4]));
  EXPECT_EQ(whole.base, std::nullopt);
  // On an older commit that is indexed, the first is a difference.
  const GitPlan on_older =
      Plan({.head = line[4],
            .commit_count_max = 2,
            .is_indexed = [&](const GitId& id) { return id == line[0]; }});
  EXPECT_THAT(on_older.commits, ElementsAre(line[3], line[4]));
  EXPECT_EQ(on_older.base, line[0]);
}

TEST_F(GitRepositoryTest, PlansFromACommitOn) {
  const std::vector<GitId> line = CommitLine(5);
  const auto nothing = [](const GitId&) { return false; };
  EXPECT_THAT(
      Plan({.head = line[4], .since = line[2], .is_indexed = nothing}).commits,
      ElementsAre(line[2], line[3], line[4]));
  // What is indexed already counts more.
  const GitPlan later = Plan(
      {.head = line[4], .since = line[1], .is_indexed = [&](const GitId& id) {
         return id == line[3];
       }});
  EXPECT_THAT(later.commits, ElementsAre(line[4]));
  EXPECT_EQ(later.base, line[3]);
  const GitId elsewhere = git_.Commit({{"g", {"x"}}}, {});
  EXPECT_THAT(PlanGitPush(*Open(), {.head = line[4],
                                    .since = elsewhere,
                                    .is_indexed = nothing,
                                    .may_have_older_base = false}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not on the first-parent line")));
}

TEST_F(GitRepositoryTest, FindsACommitByRevision) {
  const std::vector<GitId> line = CommitLine(3);
  git_.SetBranch("main", line[2]);
  EXPECT_THAT(Open()->FindCommit("main~1"), IsOkAndHolds(line[1]));
  EXPECT_THAT(Open()->FindCommit(GitIdToHex(line[0]).substr(0, 12)),
              IsOkAndHolds(line[0]));
  EXPECT_THAT(
      Open()->FindCommit("nowhere"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("commit 'nowhere'")));
}

}  // namespace
}  // namespace copse
