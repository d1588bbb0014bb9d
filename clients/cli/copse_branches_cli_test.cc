// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` does with branches and with what commits take.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class CopseBranchesTest : public CopseCliTest {
 protected:
  Result Push(const std::string& commit, std::vector<std::string> more,
              const std::string& id = "x") {
    more.insert(more.begin(), {"push", "d", "--create", "--commit", commit});
    return Run(more,
               json({{"op", "Insert"}, {"id", id}, {"string", "s"}}).dump());
  }

  std::vector<std::string> ParentsOf(const std::string& commit) {
    const auto& parents =
        server_.store().commits["d"][commit].info.parent_commits();
    return {parents.begin(), parents.end()};
  }

  std::string HeadOf(const std::string& branch) {
    return server_.store().branches["d"][branch].head_commit();
  }

  std::vector<std::string> Log(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"log", "d", "--json"});
    const json log = json::parse(Run(more).output);
    std::vector<std::string> commits;
    for (const json& commit : log["commits"]) {
      commits.push_back(commit["commit"]);
    }
    return commits;
  }
};

// ---- push ------------------------------------------------------------------

TEST_F(CopseBranchesTest, APushOntoABranchBuildsOnItsHead) {
  const Result first = Push("c1", {"--branch", "main"});
  EXPECT_EQ(first.exit_code, 0) << first.error;
  EXPECT_EQ(first.error, "");
  EXPECT_THAT(ParentsOf("c1"), IsEmpty());
  const Result second = Push("c2", {"--branch", "main"}, "y");
  EXPECT_EQ(second.exit_code, 0) << second.error;
  EXPECT_EQ(second.error,
            "building on c1, the head of branch main; --root begins anew\n");
  EXPECT_THAT(ParentsOf("c2"), ElementsAre("c1"));
  EXPECT_THAT(Documents("c2"), ElementsAre(Pair("x", "s"), Pair("y", "s")));
  EXPECT_EQ(HeadOf("main"), "c2");
  // A shell variable that is empty is no parent.
  EXPECT_EQ(Push("c3", {"--branch", "main", "--parent", ""}).exit_code, 0);
  EXPECT_THAT(ParentsOf("c3"), ElementsAre("c2"));
  const Result again = Push("c3", {"--branch", "main"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.output, StartsWith("already indexed"));
  EXPECT_EQ(again.error, "");
}

TEST_F(CopseBranchesTest, SaysThatAPushHasNothingOfTheDomain) {
  ASSERT_EQ(Push("c1", {"--branch", "main"}).exit_code, 0);
  const std::string way_on =
      "; --parent names a commit or a branch to build on\n";
  const Result misspelt = Push("c2", {"--branch", "mian"});
  EXPECT_EQ(misspelt.exit_code, 0) << misspelt.error;
  EXPECT_EQ(misspelt.error,
            "building from nothing: branch 'mian' is new" + way_on);
  const Result bare = Push("c3", {});
  EXPECT_EQ(bare.exit_code, 0) << bare.error;
  EXPECT_EQ(
      bare.error,
      "building from nothing: no --parent and no --branch is given" + way_on);
  EXPECT_EQ(Push("c3", {}).error, "") << "which is built already";
  EXPECT_EQ(Push("c4", {"--branch", "asked", "--root"}).error, "");
  EXPECT_EQ(Push("c5", {"--branch", "topic", "--parent", "c1"}).error, "");
}

TEST_F(CopseBranchesTest, SaysThatACompleteCommitMovesNoBranch) {
  ASSERT_EQ(Push("c1", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("c2", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("r1", {"--branch", "other", "--root"}).exit_code, 0);
  EXPECT_EQ(Push("c1", {"--branch", "main", "--root"}).error, "")
      << "which is at a commit that descends from it";
  const Result none = Push("c1", {"--branch", "new"});
  EXPECT_EQ(none.exit_code, 0) << none.error;
  EXPECT_EQ(none.error,
            "branch new does not exist: `copse branch set d new c1` creates "
            "it\n");
  const Result elsewhere = Push("c1", {"--branch", "other", "--parent", "r1"});
  EXPECT_EQ(elsewhere.exit_code, 0) << elsewhere.error;
  EXPECT_EQ(elsewhere.error,
            "branch other stays at r1, which does not descend from that: "
            "`copse branch set d other c1` moves it\n");
  EXPECT_EQ(HeadOf("other"), "r1");
}

TEST_F(CopseBranchesTest, ARootIsAskedFor) {
  ASSERT_EQ(Push("c1", {"--branch", "main"}).exit_code, 0);
  const Result root = Push("c2", {"--branch", "main", "--root"}, "y");
  EXPECT_EQ(root.exit_code, 0) << root.error;
  EXPECT_EQ(
      root.error,
      "branch main was at c1, which c2 does not descend from: it has left "
      "that history\n");
  EXPECT_THAT(ParentsOf("c2"), IsEmpty());
  EXPECT_THAT(Documents("c2"), ElementsAre(Pair("y", "s")));
  EXPECT_EQ(HeadOf("main"), "c2");
  EXPECT_EQ(Push("c3", {"--root", "--parent", "c1"}).exit_code, 2);
  // Without a branch there is no history to lose.
  EXPECT_EQ(Push("c4", {}).exit_code, 0);
  EXPECT_THAT(ParentsOf("c4"), IsEmpty());
}

TEST_F(CopseBranchesTest, AParentThatIsNamedMovesTheBranchFromAnywhere) {
  ASSERT_EQ(Push("c1", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("c2", {"--branch", "main"}).exit_code, 0);
  const Result other = Push("c3", {"--branch", "main", "--parent", "c1"});
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_EQ(
      other.error,
      "branch main was at c2, which c3 does not descend from: it has left "
      "that history\n");
  EXPECT_EQ(HeadOf("main"), "c3");
  const json moved = json::parse(
      Push("c4", {"--branch", "main", "--parent", "c2", "--json"}).output);
  EXPECT_EQ(moved["moved_from"], "c3");
  // A descendant, however far, leaves nothing.
  ASSERT_EQ(Push("c5", {"--parent", "c4"}).exit_code, 0);
  ASSERT_EQ(Push("c6", {"--parent", "c5"}).exit_code, 0);
  const Result forward =
      Push("c7", {"--branch", "main", "--parent", "c6", "--json"});
  EXPECT_EQ(forward.error, "");
  EXPECT_FALSE(json::parse(forward.output).contains("moved_from"));
  // A branch is a parent, too.
  EXPECT_EQ(Push("c8", {"--parent", "main"}).exit_code, 0);
  EXPECT_THAT(ParentsOf("c8"), ElementsAre("c7"));
}

// ---- names -----------------------------------------------------------------

TEST_F(CopseBranchesTest, ABranchIsNamedWhereverACommitIs) {
  PushTwoCommits();
  ASSERT_EQ(Run({"branch", "set", "d", "old", "c1"}).exit_code, 0);
  EXPECT_THAT(Run({"search", "d", "--commit", "old", "one"}).output,
              HasSubstr(" a\n"));
  EXPECT_THAT(Run({"get", "d", "--commit", "old", "b"}).output,
              HasSubstr("two"));
  EXPECT_EQ(Run({"get", "d", "--commit", "main", "b"}).exit_code, 1);
  EXPECT_THAT(Run({"export", "d", "--commit", "old"}).output,
              HasSubstr("\"b\""));
  EXPECT_EQ(
      Run({"similar", "d", "a", "--commit", "old", "--from-commit", "main"})
          .exit_code,
      0);
  EXPECT_EQ(Run({"compare", "d", "a", "a", "--commit", "old", "--other-commit",
                 "main"})
                .exit_code,
            0);
  EXPECT_EQ(Run({"lease", "create", "d", "job", "old"}).exit_code, 0);
  EXPECT_EQ(server_.store().leases["job"].commit(), "c1");
  EXPECT_EQ(Run({"branch", "set", "d", "next", "old"}).output,
            "next is at c1\n");
  EXPECT_THAT(Run({"assign", "d", "old", "c9"}).output,
              HasSubstr("commit c9 has the index of c1"));
  // A commit of the name comes first.
  ASSERT_EQ(Run({"branch", "set", "d", "c1", "c2"}).exit_code, 0);
  EXPECT_EQ(Run({"get", "d", "--commit", "c1", "b"}).exit_code, 0);
  for (const char* command : {"search", "similar", "export", "compare"}) {
    std::vector<std::string> arguments = {command, "d", "--commit", "nobody"};
    if (std::string(command) != "export") {
      arguments.emplace_back("a");
    }
    if (std::string(command) == "compare") {
      arguments.emplace_back("a");
    }
    EXPECT_EQ(
        Run(arguments).error,
        "copse: commit 'nobody' is not indexed, and there is no branch of "
        "that name (COMMIT_NOT_FOUND)\n");
  }
}

TEST_F(CopseBranchesTest, ShowsOfWhichBranchesACommitIsTheHead) {
  PushTwoCommits();
  ASSERT_EQ(Run({"branch", "set", "d", "stable", "c2"}).exit_code, 0);
  EXPECT_THAT(Run({"show", "d", "stable"}).output,
              HasSubstr("head of branch    main, stable\n"));
  const json head = json::parse(Run({"show", "d", "main", "--json"}).output);
  EXPECT_EQ(head["commit"], "c2");
  EXPECT_EQ(head["head_of_branches"], json({"main", "stable"}));
  EXPECT_EQ(json::parse(
                Run({"show", "d", "c1", "--json"}).output)["head_of_branches"],
            json::array());
}

// ---- branch ----------------------------------------------------------------

TEST_F(CopseBranchesTest, RenamesABranch) {
  PushTwoCommits();
  const Result renamed = Run({"branch", "rename", "d", "main", "trunk"});
  EXPECT_EQ(renamed.exit_code, 0) << renamed.error;
  EXPECT_EQ(renamed.output, "trunk is at c2\n");
  EXPECT_FALSE(server_.store().branches["d"].contains("main"));
  EXPECT_EQ(HeadOf("trunk"), "c2");
  EXPECT_EQ(Run({"branch", "rename", "d", "main", "x"}).error,
            "copse: branch 'main' does not exist (BRANCH_NOT_FOUND)\n");
  const Result existing = Run({"branch", "rename", "d", "trunk", "trunk"});
  EXPECT_EQ(existing.exit_code, 1);
  EXPECT_EQ(existing.error, "copse: branch exists (BRANCH_EXISTS)\n");
  const json object = json::parse(Run({"branch", "rename", "d", "trunk", "main",
                                       "--expect", "c2", "--json"})
                                      .output);
  EXPECT_EQ(object["branch"], "main");
  EXPECT_EQ(object["head_commit"], "c2");
}

TEST_F(CopseBranchesTest, AnExpectationThatDoesNotHoldIsAnErrorObject) {
  PushTwoCommits();
  const std::vector<std::vector<std::string>> cases = {
      {"branch", "set", "d", "main", "c1", "--expect", "c1", "--json"},
      {"branch", "rename", "d", "main", "x", "--expect", "c1", "--json"},
      {"merge", "d", "c2", "c2", "--allow-empty", "--commit", "m", "--branch",
       "main", "--expect", "c1", "--json"}};
  for (const std::vector<std::string>& arguments : cases) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.error, HasSubstr("does not hold: the branch has moved "
                                        "(BRANCH_MOVED)\n"));
    const json error = json::parse(result.output, nullptr, false)["error"];
    EXPECT_EQ(error["code"], "ABORTED") << result.output;
    EXPECT_EQ(error["reason"], "BRANCH_MOVED");
    EXPECT_THAT(error["message"].get<std::string>(),
                HasSubstr("the branch has moved"));
  }
  EXPECT_EQ(HeadOf("main"), "c2");
}

// ---- log -------------------------------------------------------------------

TEST_F(CopseBranchesTest, LogsTheFirstParentsOfABranch) {
  ASSERT_EQ(Push("c1", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("c2", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("d1", {"--branch", "draft", "--parent", "c1"}).exit_code, 0);
  ASSERT_EQ(Push("d2", {"--branch", "draft"}).exit_code, 0);
  EXPECT_THAT(Log({"--branch", "main"}), ElementsAre("c2", "c1"));
  EXPECT_THAT(Log({"--branch", "draft"}), ElementsAre("d2", "d1", "c1"));
  EXPECT_THAT(Log({"--branch", "draft", "-n", "2"}), ElementsAre("d2", "d1"));
  EXPECT_THAT(Run({"log", "d", "--branch", "main"}).output, HasSubstr("\nc1 "));
  EXPECT_EQ(Run({"log", "d", "--branch", "none"}).error,
            "copse: branch 'none' does not exist (BRANCH_NOT_FOUND)\n");
  ASSERT_EQ(Run({"commit", "delete", "d", "d1"}).exit_code, 0);
  const Result cut = Run({"log", "d", "--branch", "draft", "--json"});
  EXPECT_EQ(cut.exit_code, 0);
  EXPECT_EQ(cut.error, "the log ends before commit d1, which was deleted\n");
  EXPECT_EQ(json::parse(cut.output)["commits"].size(), 1u);
}

TEST_F(CopseBranchesTest, TheLogOfABranchEndsAtACommitThatIsInItAlready) {
  ASSERT_EQ(Push("a", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("b", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Run({"commit", "delete", "d", "a"}).exit_code, 0);
  ASSERT_EQ(Push("a", {"--branch", "main", "--parent", "b"}).exit_code, 0);
  const Result log = Run({"log", "d", "--branch", "main", "--json"});
  EXPECT_EQ(log.exit_code, 0);
  EXPECT_EQ(log.error,
            "the log ends before commit a, which is in it already: it was "
            "deleted and pushed again\n");
  EXPECT_EQ(json::parse(log.output)["commits"].size(), 2u);
}

TEST_F(CopseBranchesTest, ShowsWhatCommitsTake) {
  PushTwoCommits();
  EXPECT_THAT(Run({"log", "d"}).output, Not(HasSubstr("LOGICAL")));
  const Result log = Run({"log", "d", "--size"});
  EXPECT_EQ(log.exit_code, 0) << log.error;
  EXPECT_THAT(log.output, HasSubstr("LOGICAL   UNIQUE   SHARED  MESSAGE\n"));
  EXPECT_THAT(log.output, HasSubstr("3.0 KiB  1.0 KiB  2.0 KiB  first\n"));
  EXPECT_THAT(log.output,
              EndsWith("total of 2 commits in the domain: 8.0 KiB logical, "
                       "2.0 KiB unique and 4.0 KiB shared, which is 6.0 KiB "
                       "stored; 512 B of no commit\n"));
  const json object = json::parse(Run({"log", "d", "--size", "--json"}).output);
  for (const json& commit : object["commits"]) {
    if (commit["commit"] == "c1") {
      EXPECT_EQ(commit["logical_size_bytes"], 3072);
      EXPECT_EQ(commit["unique_size_bytes"], 1024);
      EXPECT_EQ(commit["shared_size_bytes"], 2048);
    } else {
      // Newer than the measurement.
      EXPECT_FALSE(commit.contains("logical_size_bytes"));
    }
  }
  EXPECT_EQ(object["total"]["logical_size_bytes"], 8192);
  EXPECT_EQ(object["total"]["other_size_bytes"], 512);
  EXPECT_EQ(Run({"log", "no", "--size"}).exit_code, 1);
  EXPECT_THAT(Run({"stats", "d", "--size"}).output,
              HasSubstr("logical size       8.0 KiB"));
  EXPECT_EQ(json::parse(Run({"stats", "d", "--size", "--json"})
                            .output)["domain"]["sizes"]["shared_size_bytes"],
            4096);
  EXPECT_EQ(Run({"stats", "--size"}).exit_code, 2);
}

// ---- diff and merge --------------------------------------------------------

TEST_F(CopseBranchesTest, ComparesBranches) {
  PushTwoCommits();
  ASSERT_EQ(Run({"branch", "set", "d", "old", "c1"}).exit_code, 0);
  const Result diff = Run({"diff", "d", "old", "main"});
  EXPECT_EQ(diff.exit_code, 0) << diff.error;
  EXPECT_EQ(diff.output, "~ a\n- b\n+ c\n");
  const json object =
      json::parse(Run({"diff", "d", "old", "c2", "--json"}).output);
  EXPECT_EQ(object["base_commit"], "c1");
  EXPECT_EQ(object["target_commit"], "c2");
  // A commit comes before a branch of its name.
  ASSERT_EQ(Run({"branch", "set", "d", "c1", "c2"}).exit_code, 0);
  EXPECT_EQ(Run({"diff", "d", "c1", "c2"}).output, diff.output);
  EXPECT_EQ(Run({"diff", "d", "nobody", "c2"}).error,
            "copse: commit 'nobody' is not indexed, and there is no branch of "
            "that name (COMMIT_NOT_FOUND)\n");
}

TEST_F(CopseBranchesTest, MergesABranchIntoTheOneThatIsNamed) {
  ASSERT_EQ(Push("base", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("o1", {"--branch", "main"}, "y").exit_code, 0);
  ASSERT_EQ(
      Push("t1", {"--branch", "draft", "--parent", "base"}, "z").exit_code, 0);
  const Result merged = Run({"merge", "d", "main", "draft", "--commit", "m"});
  EXPECT_EQ(merged.exit_code, 0) << merged.error;
  EXPECT_EQ(merged.error, "branch main is at m now\n");
  EXPECT_EQ(HeadOf("main"), "m");
  EXPECT_EQ(HeadOf("draft"), "t1");
  EXPECT_EQ(Documents("m").size(), 3u);
  // A commit as ours moves nothing, and --branch names another.
  EXPECT_EQ(Run({"merge", "d", "o1", "draft", "--commit", "m2"}).error, "");
  EXPECT_EQ(HeadOf("main"), "m");
  EXPECT_EQ(
      Run({"merge", "d", "o1", "draft", "--commit", "m3", "--branch", "next"})
          .exit_code,
      0);
  EXPECT_EQ(HeadOf("main"), "m");
  EXPECT_EQ(HeadOf("next"), "m3");
}

TEST_F(CopseBranchesTest, ThereMayBeNothingToMerge) {
  ASSERT_EQ(Push("base", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("o1", {"--branch", "main"}, "y").exit_code, 0);
  for (const char* theirs : {"base", "o1", "main"}) {
    const Result nothing = Run({"merge", "d", "main", theirs, "--commit", "m"});
    EXPECT_EQ(nothing.exit_code, 0);
    EXPECT_EQ(nothing.output, std::string("nothing to merge: main already "
                                          "contains ") +
                                  theirs + "\n");
    EXPECT_EQ(nothing.error, "");
  }
  const json object = json::parse(
      Run({"merge", "d", "main", "base", "--commit", "m", "--json"}).output);
  EXPECT_EQ(object["status"], "nothing_to_merge");
  EXPECT_FALSE(object.contains("error"));
  EXPECT_EQ(HeadOf("main"), "o1");
  EXPECT_FALSE(server_.store().commits["d"].contains("m"));
  EXPECT_THAT(
      Run({"merge", "d", "main", "base", "--commit", "m", "--allow-empty"})
          .output,
      StartsWith("merged m: "));
  EXPECT_EQ(HeadOf("main"), "m");
}

TEST_F(CopseBranchesTest, AMergeIsSafeToRepeat) {
  ASSERT_EQ(Push("base", {"--branch", "main"}).exit_code, 0);
  ASSERT_EQ(Push("o1", {"--branch", "main"}, "y").exit_code, 0);
  ASSERT_EQ(
      Push("t1", {"--branch", "draft", "--parent", "base"}, "z").exit_code, 0);
  ASSERT_EQ(Run({"merge", "d", "main", "draft", "--commit", "m"}).exit_code, 0);
  for (const char* ours : {"main", "o1"}) {
    const Result again = Run({"merge", "d", ours, "draft", "--commit", "m"});
    EXPECT_EQ(again.exit_code, 0) << again.error;
    EXPECT_EQ(again.output,
              "already merged: commit m is complete and stays as it is\n");
  }
  const json object = json::parse(
      Run({"merge", "d", "o1", "t1", "--commit", "m", "--json"}).output);
  EXPECT_EQ(object["status"], "already_merged");
  EXPECT_EQ(object["commit"]["commit"], "m");
  // Another merge does not get the name.
  const Result other = Run({"merge", "d", "o1", "base", "--commit", "m"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.error, HasSubstr("(COMMIT_EXISTS)"));
}

TEST_F(CopseBranchesTest, SaysHowManyChangesThereAre) {
  PushTwoCommits();
  const Result cut = Run({"diff", "d", "c1", "c2", "-n", "2"});
  EXPECT_EQ(cut.output, "~ a\n- b\n");
  EXPECT_EQ(cut.error,
            "listed 2 of 3 changes: 1 inserted, 1 replaced, 1 deleted\n");
  json object =
      json::parse(Run({"diff", "d", "c1", "c2", "-n", "2", "--json"}).output);
  EXPECT_EQ(object["changes"].size(), 2u);
  EXPECT_EQ(object["change_count"], 3);
  EXPECT_EQ(object["truncated"], true);
  object =
      json::parse(Run({"diff", "d", "c1", "c2", "-n", "3", "--json"}).output);
  EXPECT_EQ(object["truncated"], false);
  // What moved less is left out; what did not move at all, but came, stays.
  EXPECT_THAT(
      Run({"diff", "d", "c1", "c2", "--semantic", "--min-distance", "100"})
          .output,
      Not(HasSubstr("~")));
}

// ---- nearest ancestors -----------------------------------------------------

TEST_F(CopseBranchesTest, AnAnswerThatIsTooOldIsRefused) {
  PushTwoCommits();
  const auto search = [this](const std::string& max_lag) {
    return Run({"search", "d", "--commit", "new", "--ancestor", "newer",
                "--ancestor", "c2", "--max-lag", max_lag, "uno"});
  };
  const Result near = search("2");
  EXPECT_EQ(near.exit_code, 0) << near.error;
  EXPECT_EQ(near.error,
            "answered by commit c2, ancestor 2 of the one asked "
            "for\n");
  const Result far = search("1");
  EXPECT_EQ(far.exit_code, 1);
  EXPECT_EQ(far.error,
            "copse: commit 'new' is not indexed (COMMIT_NOT_FOUND)\n");
  EXPECT_EQ(search("-1").exit_code, 2);
  // Without a commit there is nothing to lag behind.
  EXPECT_EQ(Run({"search", "d", "--max-lag", "1", "uno"}).exit_code, 2);
}

}  // namespace
}  // namespace copse
