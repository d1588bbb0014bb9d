// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` makes of a git repository.

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"
#include "clients/cli/git_repository.h"
#include "clients/cli/git_test_repository.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CopseGitTest : public CopseCliTest {
 protected:
  Result Git(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"git", git_.path(), "--domain", "d"});
    return Run(std::move(more));
  }

  static std::string Hex(const GitId& id) { return GitIdToHex(id); }

  GitTestRepository git_;
};

TEST_F(CopseGitTest, IndexesEachCommitAndThenOnlyWhatIsNew) {
  TestCommitText text;
  text.message = "first\n";
  const GitId a = git_.Commit({{"x.md", {"1"}}, {"y", {""}}}, {}, text);
  const GitId b = git_.Commit({{"x.md", {"2"}}, {"z.txt", {"3"}}}, {a});
  git_.SetBranch("main", b);
  const Result first = Git({"--json"});
  EXPECT_EQ(first.exit_code, 0) << first.error;
  const json summary = json::parse(first.output);
  EXPECT_EQ(summary["commits_pushed"], 2);
  EXPECT_EQ(summary["branch"], "main");
  EXPECT_EQ(summary["head_commit"], Hex(b));
  EXPECT_EQ(summary["documents_inserted"], 2);
  EXPECT_EQ(summary["documents_replaced"], 1);
  EXPECT_EQ(summary["document_count"], 2);
  EXPECT_EQ(summary["files_skipped"]["empty"], 1);
  EXPECT_THAT(Documents(Hex(a)), ElementsAre(testing::Pair("x.md", "1")));
  EXPECT_THAT(Documents(Hex(b)), ElementsAre(testing::Pair("x.md", "2"),
                                             testing::Pair("z.txt", "3")));
  const v1::Commit& info = server_.store().commits["d"][Hex(a)].info;
  EXPECT_EQ(info.message(), "first\n");
  EXPECT_EQ(info.author(), "Ada <a@example.org>");
  EXPECT_EQ(info.commit_time().seconds(), 1700000000);

  const int64_t pushes = server_.store().call_counts["PushCommit"];
  EXPECT_THAT(Git().output, StartsWith("nothing new\n"));
  EXPECT_EQ(server_.store().call_counts["PushCommit"], pushes);
  EXPECT_EQ(server_.store().call_counts["ListCommits"], 0);

  const GitId c = git_.Commit({{"x.md", {"3"}}}, {b});
  git_.SetBranch("main", c);
  EXPECT_EQ(json::parse(Git({"--json"}).output)["commits_pushed"], 1);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(c));
}

TEST_F(CopseGitTest, KeepsTheCommonPartOfRewrittenHistory) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  const GitId b = git_.Commit({{"x", {"2"}}}, {a});
  git_.SetBranch("main", b);
  ASSERT_EQ(Git().exit_code, 0);
  const GitId other = git_.Commit({{"x", {"other"}}}, {a});
  git_.SetBranch("main", other);
  const Result refused = Git();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error,
              HasSubstr("branch main of domain 'd' is at " + Hex(b) +
                        ", which " + Hex(other) +
                        ", the head of the branch in the repository, does not "
                        "descend from"));
  EXPECT_THAT(refused.error, HasSubstr("--force"));
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(b));
  EXPECT_FALSE(server_.store().commits["d"].contains(Hex(other)));
  const Result forced = Git({"--json", "--force"});
  EXPECT_THAT(forced.error, HasSubstr("branch main was at " + Hex(b)));
  json summary = json::parse(forced.output);
  EXPECT_EQ(summary["commits_pushed"], 1);
  EXPECT_EQ(summary["moved_from"], Hex(b));
  EXPECT_THAT(server_.store().commits["d"][Hex(other)].info.parent_commits(),
              ElementsAre(Hex(a)));
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(other));
  // And back: nothing is pushed, the branch moves.
  git_.SetBranch("main", b);
  EXPECT_EQ(Git().exit_code, 1);
  summary = json::parse(Git({"--json", "--force"}).output);
  EXPECT_EQ(summary["commits_pushed"], 0);
  EXPECT_EQ(summary["document_count"], 1);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(b));
  // Nothing is forced, nothing is told.
  summary = json::parse(Git({"--json"}).output);
  EXPECT_FALSE(summary.contains("moved_from"));
  EXPECT_EQ(summary["document_count"], 1);
}

TEST_F(CopseGitTest, RefusesToLeaveWhatIsNotInTheRepository) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  git_.SetBranch("main", a);
  ASSERT_EQ(Git().exit_code, 0);
  // Made in copse.
  ASSERT_EQ(Run({"push", "d", "--commit", "m", "--branch", "main"}).exit_code,
            0);
  const GitId b = git_.Commit({{"x", {"2"}}}, {a});
  git_.SetBranch("main", b);
  EXPECT_THAT(Git().error, HasSubstr("is at m, which " + Hex(b)));
  // A shallow clone cannot tell, and goes on with a warning.
  std::ofstream(git_.path() + "/shallow") << Hex(a) << "\n";
  const Result shallow = Git();
  EXPECT_EQ(shallow.exit_code, 0) << shallow.error;
  EXPECT_THAT(shallow.error, HasSubstr("branch main was at m, which "));
}

TEST_F(CopseGitTest, PassesOverCommitsThatAreIndexedMeanwhile) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  const GitId b = git_.Commit({{"x", {"2"}}}, {a});
  const GitId c = git_.Commit({{"x", {"3"}}}, {b});
  git_.SetBranch("main", a);
  git_.SetBranch("topic", c);
  ASSERT_EQ(Git().exit_code, 0);
  ASSERT_EQ(Git({"--branch", "topic"}).exit_code, 0);
  git_.SetBranch("main", c);
  const json summary = json::parse(Git({"--json"}).output);
  EXPECT_EQ(summary["commits_pushed"], 0);
  EXPECT_EQ(summary["commits_skipped"], 2);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(c));
}

TEST_F(CopseGitTest, WaitsForACommitInFlight) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  const GitId b = git_.Commit({{"x", {"2"}}}, {a});
  git_.SetBranch("main", b);
  server_.store().in_flight_answers[Hex(b)] = 1;
  EXPECT_EQ(json::parse(Git({"--json"}).output)["commits_pushed"], 2);
}

TEST_F(CopseGitTest, TakesTheNewestCommitsOfAnUnfinishedClone) {
  std::vector<GitId> line;
  line.reserve(4);
  for (int i = 0; i < 4; ++i) {
    line.push_back(git_.Commit(
        {{"x", {std::to_string(i)}}, {"same", {"s"}}},
        line.empty() ? std::vector<GitId>{} : std::vector{line.back()}));
  }
  git_.SetBranch("main", line[3]);
  git_.DeleteObject(line[0]);
  EXPECT_EQ(json::parse(
                Git({"--json", "--max-commits", "2"}).output)["commits_pushed"],
            2);
  EXPECT_EQ(Documents(Hex(line[2])).size(), 2u);
  EXPECT_THAT(server_.store().commits["d"][Hex(line[2])].info.parent_commits(),
              IsEmpty());
  EXPECT_FALSE(server_.store().commits["d"].contains(Hex(line[1])));
}

TEST_F(CopseGitTest, SplitsMarkdownAndRefusesAnotherSelectionLater) {
  git_.SetBranch("main", git_.Commit({{"x.md", {"# A\n1\n# B\n2\n"}}}, {}));
  ASSERT_EQ(Git({"--split", "markdown", "--include", "*.md"}).exit_code, 0);
  const GitId head = git_.Commit({{"x.md", {"# A\n"}}}, {});
  git_.SetBranch("main", head);
  const Result refused = Git();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error,
              HasSubstr("domain 'd' was made with `copse git --split markdown "
                        "--include *.md`, and this is `copse git`"));
  EXPECT_EQ(
      Git({"--include", "*.md", "--split", "markdown", "--force"}).exit_code,
      0);
  EXPECT_THAT(Documents(Hex(head)),
              ElementsAre(testing::Pair("x.md#a", "# A\n")));
}

TEST_F(CopseGitTest, RefusesAnotherProfileThanThatOfTheDomain) {
  git_.SetBranch("main", git_.Commit({{"x", {"1"}}}, {}));
  ASSERT_EQ(Git({"--profile", "words"}).exit_code, 0);
  const Result refused = Git({"--profile", "meaning"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error,
              HasSubstr("domain 'd' was made with the embedding profile "
                        "'words', found --profile 'meaning'"));
  EXPECT_EQ(Git({"--profile", "words"}).exit_code, 0);
  EXPECT_EQ(Git().exit_code, 0);
}

TEST_F(CopseGitTest, NamesSkippedFilesAndTheBranchTaken) {
  git_.SetBranch("trunk", git_.Commit({{"bin", {std::string("a\0b", 3)}},
                                       {"link", {"x", GIT_FILEMODE_LINK}}},
                                      {}));
  git_.SetHead("refs/heads/trunk");
  const Result result = Git({"--verbose"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("taking 'trunk', where HEAD is"));
  EXPECT_THAT(result.error, HasSubstr("skipped bin at "));
  EXPECT_THAT(result.error, HasSubstr(": symlink"));
  EXPECT_THAT(result.output, HasSubstr("skipped files: 1 symlink, 1 binary"));
  EXPECT_THAT(Git({"--verbose", "--quiet"}).error,
              Not(HasSubstr("taking 'trunk'")));
}

TEST_F(CopseGitTest, ADetachedHeadMovesNoBranchThatItWasNotToldTo) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  git_.DetachHead(a);
  const Result first = Git();
  EXPECT_EQ(first.exit_code, 0) << first.error;
  EXPECT_THAT(first.error, HasSubstr("the commit where HEAD is, as branch "
                                     "'main'"));
  EXPECT_EQ(Git().exit_code, 0);
  // What a pipeline checks out of a pull request: a merge onto main.
  const GitId merge = git_.Commit({{"x", {"2"}}}, {a});
  git_.SetReference("refs/remotes/pull/1/merge", merge);
  git_.DetachHead(merge);
  const Result refused = Git();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error,
              HasSubstr("HEAD is at commit " + Hex(merge) +
                        " and at no branch, and branch main of domain 'd' is "
                        "at " +
                        Hex(a) +
                        ": name the branch of this commit, such as --branch "
                        "pr-1, or move that one with --branch main"));
  EXPECT_THAT(refused.error, Not(HasSubstr("taking")));
  EXPECT_FALSE(server_.store().commits["d"].contains(Hex(merge)));

  const Result named = Git({"--branch", "pr-1"});
  EXPECT_EQ(named.exit_code, 0) << named.error;
  EXPECT_THAT(named.error,
              HasSubstr("the repository has no branch 'pr-1': taking the "
                        "commit where HEAD is, as branch 'pr-1'"));
  EXPECT_EQ(server_.store().branches["d"]["pr-1"].head_commit(), Hex(merge));
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(a));
  EXPECT_THAT(server_.store().commits["d"][Hex(merge)].info.parent_commits(),
              ElementsAre(Hex(a)));
  // Once it is merged.
  EXPECT_EQ(Git({"--branch", "main"}).exit_code, 0);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), Hex(merge));
}

TEST_F(CopseGitTest, LeavesOutAMalformedAuthorAndSaysSo) {
  const GitId a = git_.Commit({{"x", {"1"}}}, {});
  const GitId b =
      git_.CommitWithLine(git_.Commit({{"x", {"2"}}}, {a}), "author nobody");
  git_.SetBranch("main", b);
  const Result result = Git({"--verbose"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("commit " + Hex(b).substr(0, 12) +
                                      " has a malformed author or committer"));
  EXPECT_THAT(result.output,
              HasSubstr("commits with a malformed author or committer: 1, "
                        "pushed without it\n"));
  EXPECT_EQ(server_.store().commits["d"][Hex(b)].info.author(), "");
  EXPECT_EQ(json::parse(Git({"--json"}).output)["commits_malformed"], 0);
}

TEST_F(CopseGitTest, APlanThatFailsMakesNoDomain) {
  git_.SetBranch("main", git_.Commit({{"x", {"1"}}}, {}));
  const Result refused = Git({"--since", "nowhere"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("nowhere"));
  EXPECT_THAT(server_.store().domains, IsEmpty());
  EXPECT_EQ(Git().exit_code, 0);
}

TEST_F(CopseGitTest, SaysWhyThereIsNothingToIndex) {
  const Result empty = Git();
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.error, HasSubstr("the repository has no commits"));
  const Result none = Run({"git", folder_ + "/nowhere", "--domain", "d"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.error, HasSubstr("no git repository at"));
}

}  // namespace
}  // namespace copse
