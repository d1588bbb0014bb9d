// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` does with commits, and with two of them.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST_F(CopseCliTest, ShowsCommitsAndTheirDifferences) {
  PushTwoCommits();
  const Result log = Run({"log", "d"});
  EXPECT_THAT(log.output, HasSubstr("COMMIT"));
  EXPECT_THAT(log.output, HasSubstr("first"));
  EXPECT_EQ(json::parse(Run({"log", "d", "--json"}).output)["commits"].size(),
            2u);
  EXPECT_EQ(
      json::parse(Run({"log", "d", "-n", "1", "--json"}).output)["commits"]
          .size(),
      1u);
  EXPECT_THAT(Run({"show", "d", "c1"}).output, HasSubstr("\n    first\n"));
  const Result diff = Run({"diff", "d", "c1", "c2"});
  EXPECT_EQ(diff.output, "~ a\n- b\n+ c\n");
  EXPECT_EQ(diff.error, "1 inserted, 1 replaced, 1 deleted\n");
  const json changes =
      json::parse(Run({"diff", "d", "c1", "c2", "--json"}).output);
  EXPECT_EQ(changes["changes"][1]["id"], "b");
  EXPECT_EQ(changes["changes"][1]["kind"], "deleted");
  EXPECT_EQ(Run({"assign", "d", "c2", "c3"}).exit_code, 0);
  EXPECT_EQ(Run({"diff", "d", "c2", "c3"}).output, "");
  EXPECT_EQ(Run({"commit", "delete", "d", "c3"}).exit_code, 0);
  EXPECT_EQ(Run({"commit", "delete", "d", "c3"}).exit_code, 1);
  EXPECT_EQ(Run({"commit", "delete", "d", "c3", "--if-exists"}).exit_code, 0);
}

TEST_F(CopseCliTest, ShowsWhichEditsChangedTheMeaning) {
  ASSERT_EQ(Run({"push", "d", "--create", "--commit", "c1"},
                "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
                "{\"op\":\"Inserted\",\"id\":\"b\",\"string\":\"one\"}\n"
                "{\"op\":\"Inserted\",\"id\":\"d\",\"string\":\"one\"}\n")
                .exit_code,
            0);
  ASSERT_EQ(Run({"push", "d", "--commit", "c2", "--parent", "c1"},
                "{\"op\":\"Changed\",\"id\":\"a\",\"string\":\"two\"}\n"
                "{\"op\":\"Changed\",\"id\":\"b\",\"string\":\"twelve\"}\n"
                "{\"op\":\"Inserted\",\"id\":\"c\",\"string\":\"one\"}\n"
                "{\"op\":\"Deleted\",\"id\":\"d\"}\n")
                .exit_code,
            0);
  const Result semantic = Run({"diff", "d", "c1", "c2", "--semantic"});
  EXPECT_EQ(semantic.exit_code, 0) << semantic.error;
  EXPECT_EQ(semantic.output,
            "~     0.6000  b\n"
            "~     0.3000  a\n"
            "+             c\n"
            "-             d\n");
  EXPECT_EQ(Run({"diff", "d", "c1", "c2", "--semantic", "--sort", "id"}).output,
            "~     0.3000  a\n"
            "~     0.6000  b\n"
            "+             c\n"
            "-             d\n");
  const Result first =
      Run({"diff", "d", "c1", "c2", "--sort", "distance", "--limit", "1"});
  EXPECT_EQ(first.output, "~     0.6000  b\n");
  EXPECT_EQ(first.error,
            "listed 1 of 4 changes: 1 inserted, 2 replaced, 1 deleted\n");
  const json changes = json::parse(
      Run({"diff", "d", "c1", "c2", "--semantic", "--json"}).output)["changes"];
  EXPECT_EQ(changes[0]["distance"], 0.6);
  EXPECT_FALSE(changes[2].contains("distance"));
  EXPECT_EQ(Run({"diff", "d", "c1", "c2", "--sort", "size"}).exit_code, 2);
  EXPECT_EQ(Run({"diff", "d", "c1", "c2", "--limit", "0"}).exit_code, 2);
  EXPECT_EQ(Run({"diff", "d", "c1", "c2", "--min-distance", "1"}).exit_code, 2);
}

TEST_F(CopseCliTest, ADifferenceIsAnExitCodeIfThatIsAskedFor) {
  PushTwoCommits();
  EXPECT_EQ(Run({"diff", "d", "c1", "c2"}).exit_code, 0);
  EXPECT_EQ(Run({"diff", "d", "c1", "c2", "--exit-code"}).exit_code, 3);
  EXPECT_EQ(Run({"diff", "d", "c1", "c1", "--exit-code"}).exit_code, 0);
  EXPECT_EQ(Run({"diff", "d", "c1", "c9", "--exit-code"}).exit_code, 1);
}

class CopseMergeTest : public CopseCliTest {
 protected:
  // Makes commits "base" (a, b), and of it "ours" (a changed), "theirs" (a
  // changed, b changed) and "other" (b changed, c new).
  void SetUp() override {
    CopseCliTest::SetUp();
    Push("base", "", {{"a", "one"}, {"b", "two"}});
    Push("ours", "base", {{"a", "uno"}});
    Push("theirs", "base", {{"a", "eins"}, {"b", "zwei"}});
    Push("other", "base", {{"b", "due"}, {"c", "tre"}});
  }

  void Push(const std::string& commit, const std::string& parent,
            const std::map<std::string, std::string>& texts) {
    std::string lines;
    for (const auto& [id, text] : texts) {
      absl::StrAppend(
          &lines, json({{"op", "Insert"}, {"id", id}, {"string", text}}).dump(),
          "\n");
    }
    ASSERT_EQ(Run({"push", "d", "--create", "--commit", commit, "--parent",
                   parent, "--branch", "main"},
                  lines)
                  .exit_code,
              0);
  }
};

TEST_F(CopseMergeTest, MakesACommitOfTwo) {
  const Result result =
      Run({"merge", "d", "ours", "other", "--commit", "m", "--branch", "main",
           "--expected-branch-commit", "other", "--author", "Ada", "--message",
           "both", "--commit-time", "2026-03-01T12:00:00Z"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.output, "merged m: 3 documents (+0 ~1 -0), over base\n");
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(Documents("m"), (std::map<std::string, std::string>{
                                {"a", "uno"}, {"b", "due"}, {"c", "tre"}}));
  const v1::Commit& commit = server_.store().commits["d"]["m"].info;
  EXPECT_EQ(commit.author(), "Ada");
  EXPECT_EQ(commit.message(), "both");
  EXPECT_EQ(commit.commit_time().seconds(), 1772366400);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), "m");
}

TEST_F(CopseMergeTest, ListsConflictsAndExitsWithThree) {
  const Result result = Run({"merge", "d", "ours", "theirs", "--commit", "m"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output,
            "OURS      THEIRS    DOCUMENT\n"
            "replaced  replaced  a\n");
  EXPECT_EQ(result.error,
            "copse: the two commits differ; --on-conflict ours or theirs "
            "resolves that (MERGE_CONFLICTS)\n");
  EXPECT_FALSE(server_.store().commits["d"].contains("m"));
  const Result as_json =
      Run({"merge", "d", "ours", "theirs", "--commit", "m", "--json"});
  EXPECT_EQ(as_json.exit_code, 3);
  const json object = json::parse(as_json.output);
  EXPECT_EQ(object["status"], "conflicts");
  EXPECT_EQ(object["base_commit"], "base");
  EXPECT_EQ(object["conflict_count"], 1);
  EXPECT_EQ(object["conflicts"][0]["id"], "a");
  EXPECT_EQ(object["conflicts"][0]["ours"], "replaced");
  EXPECT_FALSE(object.contains("commit"));
}

TEST_F(CopseMergeTest, ResolvesConflictsAsItIsTold) {
  const Result ours = Run({"merge", "d", "ours", "theirs", "--commit", "m1",
                           "--on-conflict", "ours"});
  EXPECT_EQ(ours.exit_code, 0) << ours.error;
  EXPECT_THAT(ours.output,
              EndsWith("over base, 1 conflict resolved by ours\n"));
  EXPECT_EQ(Documents("m1"),
            (std::map<std::string, std::string>{{"a", "uno"}, {"b", "zwei"}}));
  const Result theirs = Run({"merge", "d", "ours", "theirs", "--commit", "m2",
                             "--on-conflict", "theirs", "--json"});
  EXPECT_EQ(theirs.exit_code, 0) << theirs.error;
  EXPECT_EQ(Documents("m2"),
            (std::map<std::string, std::string>{{"a", "eins"}, {"b", "zwei"}}));
  const json object = json::parse(theirs.output);
  EXPECT_EQ(object["status"], "merged");
  EXPECT_EQ(object["commit"]["commit"], "m2");
  EXPECT_EQ(object["conflict_count"], 1);
}

TEST_F(CopseMergeTest, ABranchThatMovedExitsWithThree) {
  const std::vector<std::string> arguments = {
      "merge", "d",        "ours", "other",    "--commit",
      "m",     "--branch", "main", "--expect", "base"};
  const Result result = Run(arguments);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.error,
            "copse: --expected-branch-commit does not hold: the branch has "
            "moved (BRANCH_MOVED)\n");
  std::vector<std::string> as_json = arguments;
  as_json.push_back("--json");
  EXPECT_EQ(json::parse(Run(as_json).output)["status"], "branch_moved");
}

TEST_F(CopseMergeTest, RefusesWhatCannotBe) {
  EXPECT_EQ(Run({"merge", "d", "ours", "theirs"}).exit_code, 2);
  EXPECT_EQ(Run({"merge", "d", "ours", "theirs", "--commit", "m",
                 "--on-conflict", "both"})
                .exit_code,
            2);
  EXPECT_EQ(
      Run({"merge", "d", "ours", "theirs", "--commit", "m", "--expect", "x"})
          .error,
      "copse: --expected-branch-commit needs --branch, or a branch as OURS\n");
  EXPECT_EQ(
      Run({"merge", "d", "ours", "theirs", "--commit", "m", "--time", "noon"})
          .exit_code,
      2);
  const Result unknown = Run({"merge", "d", "ours", "zzz", "--commit", "m"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_EQ(
      unknown.error,
      "copse: commit 'zzz' is not indexed, and there is no branch of that "
      "name (COMMIT_NOT_FOUND)\n");
}

}  // namespace
}  // namespace copse
