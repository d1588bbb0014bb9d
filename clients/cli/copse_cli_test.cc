// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program `copse` as a shell does, against a server made of maps.

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(CopseCliTest, PushesLinesAsACommit) {
  const Result first = Run(
      {"push", "d", "--create", "--commit", "c1", "--branch", "main",
       "--author", "Ada", "--message", "m", "--time", "2026-03-01T12:00:00Z"},
      "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\r\n"
      "\n"
      "{\"op\":\"Insert\",\"id\":\"b\",\"string\":\"two\"}");
  EXPECT_EQ(first.exit_code, 0) << first.error;
  EXPECT_EQ(first.output, "indexed c1: 2 documents (+2 ~0 -0)\n");
  EXPECT_EQ(first.error, "");
  const v1::Commit& commit = server_.store().commits["d"]["c1"].info;
  EXPECT_EQ(commit.author(), "Ada");
  EXPECT_EQ(commit.commit_time().seconds(), 1772366400);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), "c1");

  const Result again =
      Run({"push", "d", "--commit", "c1"}, "{\"op\":\"Abort\"}");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.output,
            "already indexed: commit c1 is complete and stays as it is\n");
  const Result as_json = Run({"push", "d", "--commit", "c1", "--json"});
  EXPECT_EQ(json::parse(as_json.output)["status"], "already_indexed");
}

TEST_F(CopseCliTest, AMalformedLineMakesNoCommit) {
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1"},
          "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"b\"\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error,
              StartsWith("copse: line 3: malformed JSON at byte "));
  EXPECT_THAT(server_.store().commits["d"], IsEmpty());
}

TEST_F(CopseCliTest, NamesTheLineThatTheServerRefuses) {
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1"},
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"\",\"string\":\"one\"}\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.error,
            "copse: line 4: document_id is empty, wanted 1 to 4096 bytes "
            "(DOCUMENT_ID_INVALID)\n");
}

TEST_F(CopseCliTest, CountsErrorsAndHonoursAborts) {
  const std::string lines =
      "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\",\"odd\":1}\n"
      "{\"op\":\"Error\",\"id\":\"b\",\"message\":\"no text\"}\n";
  const Result strict = Run({"push", "d", "--create", "--commit", "c1"}, lines);
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_THAT(strict.error, HasSubstr("line 1: field 'odd' is not known"));
  EXPECT_THAT(strict.error, HasSubstr("document 'b' (operation 2): no text"));
  EXPECT_THAT(
      strict.error,
      EndsWith("copse: documents failed; with --skip-failed the push goes "
               "on without them (DOCUMENTS_FAILED)\n"));
  const Result lenient =
      Run({"push", "d", "--commit", "c1", "--skip-failed", "--json"}, lines);
  EXPECT_EQ(lenient.exit_code, 0) << lenient.error;
  EXPECT_EQ(json::parse(lenient.output)["skipped_document_count"], 1);
  const Result aborted =
      Run({"push", "d", "--commit", "c2"}, "{\"op\":\"Abort\"}\n");
  EXPECT_EQ(aborted.exit_code, 1);
  EXPECT_THAT(aborted.error, HasSubstr("PUSH_ABORTED"));
}

TEST_F(CopseCliTest, PushesMoreThanMemoryBatchesHold) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&lines, "{\"op\":\"Inserted\",\"id\":\"", i,
                    "\",\"string\":\"", std::string(300, 'x'), "\"}\n");
  }
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1", "--json"}, lines);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(json::parse(result.output)["document_count"], 5000);
}

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

TEST_F(CopseCliTest, ListsDuplicates) {
  ASSERT_EQ(Run({"push", "d", "--create", "--commit", "c1"},
                "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
                "{\"op\":\"Inserted\",\"id\":\"b\",\"string\":\"two\"}\n"
                "{\"op\":\"Inserted\",\"id\":\"c\",\"string\":\"four\"}\n")
                .exit_code,
            0);
  ASSERT_EQ(Run({"push", "d", "--commit", "c2", "--parent", "c1"},
                "{\"op\":\"Inserted\",\"id\":\"d\",\"string\":\"five\"}\n")
                .exit_code,
            0);
  const Result same = Run({"duplicates", "d", "--commit", "c1"});
  EXPECT_EQ(same.exit_code, 0) << same.error;
  EXPECT_EQ(same.output, "  0.0000  a  b (3/12)\n");
  EXPECT_EQ(same.error, "1 pair\n");
  EXPECT_EQ(
      Run({"duplicates", "d", "--commit", "c1", "--threshold", "0.1"}).output,
      "  0.0000  a  b (3/12)\n"
      "  0.1000  a  c (3/12)\n"
      "  0.1000  b  c (3/12)\n");
  EXPECT_EQ(Run({"duplicates", "d", "--commit", "c1", "--threshold", "0.1",
                 "-n", "2"})
                .error,
            "2 pairs\n");
  EXPECT_EQ(Run({"duplicates", "d", "--commit", "c1", "--cluster", "connected"})
                .output,
            "1: 2 documents, 0.0000 to 0.0000 apart\n"
            "  a\n"
            "  b\n");
  const json found = json::parse(
      Run({"duplicates", "d", "--commit", "c2", "--since", "c1", "--json"})
          .output);
  EXPECT_EQ(found["answered_by"]["commit"], "c2");
  EXPECT_EQ(found["since_answered_by"]["commit"], "c1");
  EXPECT_EQ(found["count"], 1);
  EXPECT_EQ(found["pairs"][0]["first"]["id"], "c");
  EXPECT_EQ(found["pairs"][0]["second"]["id"], "d");
  EXPECT_EQ(found["pairs"][0]["distance"], 0);
  EXPECT_EQ(
      Run({"duplicates", "d", "--commit", "c1", "--cluster", "some"}).exit_code,
      2);
}

TEST_F(CopseCliTest, ListsMatchesOfSets) {
  PushTwoCommits();
  const Result there = Run({"match", "d", "--commit", "c1", "--type", "A",
                            "--target-type", "B", "--threshold", "0.25"});
  EXPECT_EQ(there.exit_code, 0) << there.error;
  EXPECT_EQ(there.output, "  0.2500  a -> b\n");
  EXPECT_EQ(there.error, "1 match\n");
  EXPECT_EQ(
      Run({"match", "d", "--commit", "c1", "--target-threshold", "1"}).output,
      "  0.0000  a <- b\n");
  const json found =
      json::parse(Run({"match", "d", "--commit", "c1", "--json"}).output);
  EXPECT_EQ(found["answered_by"]["commit"], "c1");
  EXPECT_EQ(found["matches"][0]["document"]["id"], "a");
  EXPECT_EQ(found["matches"][0]["is_from_target"], false);
  EXPECT_EQ(found["count"], 1);
  EXPECT_EQ(Run({"match", "d", "-k", "0"}).exit_code, 2);
}

TEST_F(CopseCliTest, DuplicatesRefuseACommitInAPipeline) {
  PushTwoCommits();
  const std::vector<std::string> gate = {"duplicates", "d", "--commit", "c2",
                                         "--since"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), gate.begin(), gate.end());
    return Run(more);
  };
  EXPECT_EQ(run({"c1", "--threshold", "9"}).exit_code, 0);
  EXPECT_EQ(run({"c1", "--threshold", "9", "--fail-on-found"}).exit_code, 3);
  const Result none = run({"c2", "--threshold", "9", "--fail-on-found"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.output, "");
  EXPECT_EQ(none.error, "no duplicates found\n");
  EXPECT_EQ(run({"c9", "--fail-on-found"}).exit_code, 1);
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

TEST_F(CopseCliTest, ReadsDocumentsAtACommitOrBranch) {
  PushTwoCommits();
  EXPECT_THAT(Run({"search", "d", "uno"}).output, HasSubstr("a"));
  EXPECT_THAT(Run({"search", "d", "--commit", "c1", "two", "--text"}).output,
              AllOf(HasSubstr("T     b"), HasSubstr("two")));
  const json found = json::parse(
      Run({"search", "d", "--commit", "c1", "--json", "--type", "T", "two"})
          .output);
  EXPECT_EQ(found["answered_by"]["commit"], "c1");
  EXPECT_EQ(found["neighbors"][0]["id"], "b");
  EXPECT_THAT(Run({"search", "d", "--vector", "[0.25]"}).output,
              HasSubstr("0.2500"));
  EXPECT_EQ(Run({"search", "d", "--commit", "x", "--ancestor", "y",
                 "--ancestor", "c1", "one"})
                .error,
            "answered by commit c1, ancestor 2 of the one asked for\n");
  EXPECT_THAT(Run({"search", "d", "--mode", "hybrid", "--vector-weight", "0.25",
                   "--start", "0", "--commit", "c1", "two"})
                  .output,
              AllOf(HasSubstr("SCORE"), HasSubstr("0.2500")));
  const Result filtered =
      Run({"search", "d", "--commit", "c1", "--where", "has:n", "--where",
           "not has:m", "--id-prefix", "b", "--explain", "two"});
  EXPECT_THAT(filtered.output,
              AllOf(HasSubstr("T     b"),
                    HasSubstr("vectors: 1 of 2 chunks pass the filters"),
                    HasSubstr("b\n  vectors: rank 1, distance 0.0")));
  EXPECT_EQ(
      Run({"search", "d", "--commit", "c1", "--where", "not has:n", "two"})
          .error,
      "no documents found\n");
  const Result malformed = Run({"search", "d", "x", "--where", "year>="});
  EXPECT_EQ(malformed.exit_code, 2);
  EXPECT_EQ(malformed.error,
            "copse: --where 'year>=': at byte 7 is the end, wanted a value\n");
  EXPECT_THAT(Run({"suggest", "d", "-k", "3", "two", "wo"}).output,
              HasSubstr("     3      0  two wox"));
  EXPECT_THAT(Run({"similar", "d", "a"}).output, HasSubstr("c"));
  const Result got = Run({"get", "d", "--commit", "c1", "b", "nope"});
  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.output, HasSubstr("attributes    {\"n\":3.0}"));
  EXPECT_THAT(got.error, HasSubstr("does not hold document 'nope'"));
  const json missing = json::parse(
      Run({"get", "d", "--commit", "c1", "b", "nope", "--json"}).output);
  EXPECT_EQ(missing["documents"].size(), 1u);
  EXPECT_EQ(missing["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(missing["error"]["message"],
            "commit c1 does not hold document 'nope'");
  EXPECT_FALSE(
      json::parse(Run({"get", "d", "a", "--json"}).output).contains("error"));
  const Result vectors = Run({"search", "d", "--vectors", "uno"});
  EXPECT_EQ(vectors.exit_code, 2);
  EXPECT_EQ(vectors.error, "copse: --vectors needs --json\n");
  EXPECT_EQ(Run({"search", "d", "--vectors", "uno", "--json"}).exit_code, 0);
  EXPECT_EQ(Run({"get", "d", "a"}).exit_code, 0);
  EXPECT_EQ(Run({"compare", "d", "a", "c"}).output,
            "distance 0.500000, similarity 0.750000\n");
  EXPECT_EQ(Run({"compare", "d", "--text", "x", "x"}).output,
            "distance 0.000000\n");
}

TEST_F(CopseCliTest, ExportsOneObjectALine) {
  PushTwoCommits();
  const Result result = Run({"export", "d", "--commit", "c1", "--text"});
  const std::vector<std::string> lines = absl::StrSplit(result.output, '\n');
  ASSERT_EQ(lines.size(), 3u);
  std::string hash;
  for (int i = 0; i < 32; ++i) {
    hash += "5a";
  }
  EXPECT_EQ(lines[1],
            absl::StrCat("{\"id\":\"b\",\"type\":\"T\",\"chunk_count\":1,"
                         "\"content_hash\":\"",
                         hash,
                         "\",\"attributes\":{\"n\":3.0},"
                         "\"text\":\"two\"}"));
  const Result vectors = Run({"export", "d", "--commit", "c1", "--vectors"});
  EXPECT_TRUE(json::parse(vectors.output.substr(0, vectors.output.find('\n')))
                  .contains("vector"));
}

TEST_F(CopseCliTest, WhatATemplateMadeIsPushedAgainAsItIs) {
  ASSERT_EQ(Run({"push", "d", "--create", "--commit", "c1"},
                "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\","
                "\"text_is_rendered\":true}")
                .exit_code,
            0);
  const std::string line =
      Run({"export", "d", "--commit", "c1", "--text"}).output;
  EXPECT_THAT(line, HasSubstr("\"text\":\"one\",\"text_is_rendered\":true}"));
  const Result again = Run({"push", "d", "--commit", "c2"}, line);
  EXPECT_EQ(again.exit_code, 0) << again.error;
  EXPECT_EQ(again.error, "");
  const std::lock_guard<std::mutex> lock(server_.store().mutex);
  EXPECT_TRUE(
      server_.store().commits["d"]["c2"].documents["a"].text_is_rendered());
}

TEST_F(CopseCliTest, CreatesDomainsWithTemplates) {
  std::ofstream(folder_ + "/film") << "{{title}}\n{{year}}";
  std::ofstream(folder_ + "/other") << "{{name}}";
  EXPECT_EQ(Run({"domain", "create", "d", "--template",
                 "Film=" + folder_ + "/film", "--template", folder_ + "/other"})
                .exit_code,
            0);
  const Result shown = Run({"domain", "show", "d"});
  EXPECT_THAT(shown.output, HasSubstr("all other types: {{name}}\n"));
  EXPECT_THAT(shown.output, HasSubstr("Film: {{title}}\\n{{year}}\n"));
  const json domain =
      json::parse(Run({"domain", "show", "d", "--json"}).output);
  EXPECT_EQ(domain["settings"]["templates"]["Film"], "{{title}}\n{{year}}");
  EXPECT_EQ(domain["settings"]["templates"][""], "{{name}}");
  EXPECT_EQ(Run({"push", "e", "--create", "--commit", "c1", "--template",
                 folder_ + "/other"},
                "{\"op\":\"Abort\"}")
                .exit_code,
            1);
  EXPECT_THAT(
      Run({"push", "e", "--commit", "c1", "--template", folder_ + "/other"})
          .error,
      HasSubstr("--template need --create"));
  EXPECT_THAT(Run({"domain", "create", "f", "--template", "/none"}).error,
              HasSubstr("cannot open '/none': No such file"));
  EXPECT_THAT(Run({"domain", "create", "f", "--template", folder_ + "/film",
                   "--template", "=" + folder_ + "/other"})
                  .error,
              HasSubstr("type '' has two templates, wanted one"));
  std::ofstream(folder_ + "/large") << std::string(65'537, 'x');
  EXPECT_THAT(
      Run({"domain", "create", "f", "--template", folder_ + "/large"}).error,
      HasSubstr("is too long, wanted at most 65536 bytes"));
}

TEST_F(CopseCliTest, PreviewsALocalTemplate) {
  const std::string film = folder_ + "/film";
  std::ofstream(film) << "{{title}}{{#cast}}, {{.}}{{/cast}}";
  const std::string alien = R"({"title": "Alien", "cast": ["Weaver", "Hurt"]})";
  const Result shown = Run({"template", "preview", "--template", film}, alien);
  EXPECT_EQ(shown.exit_code, 0) << shown.error;
  EXPECT_EQ(shown.output, "Alien, Weaver, Hurt\n");
  EXPECT_EQ(shown.error, "");
  std::ofstream(folder_ + "/alien.json") << alien;
  EXPECT_EQ(json::parse(Run({"template", "preview", "--template", film,
                             folder_ + "/alien.json", "--json"})
                            .output)["text"],
            "Alien, Weaver, Hurt");
  const Result empty = Run({"template", "preview", "--template", film}, "{}");
  EXPECT_EQ(empty.exit_code, 0);
  EXPECT_THAT(empty.error, HasSubstr("makes no text of the document"));
  const Result no_json = Run({"template", "preview", "--template", film}, "x");
  EXPECT_EQ(no_json.exit_code, 1);
  EXPECT_THAT(no_json.error, HasSubstr("document is not JSON"));
  std::ofstream(film) << "a\n{{#cast}}";
  const Result wrong = Run({"template", "preview", "--template", film}, "{}");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.error, HasSubstr("film: line 2, column 1: "));
  EXPECT_EQ(
      Run({"template", "preview", "d", "x.json", "--template", film}).exit_code,
      2);
  EXPECT_EQ(Run({"template", "preview"}).exit_code, 2);
}

TEST_F(CopseCliTest, PreviewsTheTemplateOfADomain) {
  std::ofstream(folder_ + "/film") << "{{title}}";
  ASSERT_EQ(
      Run({"domain", "create", "d", "--template", "Film=" + folder_ + "/film"})
          .exit_code,
      0);
  const std::string alien = R"({"title": "Alien", "name": "x"})";
  EXPECT_EQ(Run({"template", "preview", "d", "--type", "Film"}, alien).output,
            "Alien\n");
  const Result none =
      Run({"template", "preview", "d", "--type", "Book"}, alien);
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.error, HasSubstr("domain 'd' has no template for documents "
                                    "of type 'Book'"));
  {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    auto& settings = *server_.store().domains["d"].mutable_settings();
    (*settings.mutable_templates())[""] = "{{name}}";
  }
  EXPECT_EQ(Run({"template", "preview", "d", "--type", "Book"}, alien).output,
            "x\n");
  EXPECT_EQ(Run({"template", "preview", "d", "-"}, alien).output, "x\n");
}

TEST_F(CopseCliTest, ManagesDomainsAndBranches) {
  EXPECT_EQ(Run({"domain", "create", "d", "--metric", "dot_product",
                 "--dimension", "3", "--vectors-only"})
                .exit_code,
            0);
  EXPECT_EQ(Run({"domain", "create", "d"}).exit_code, 1);
  const json domains = json::parse(Run({"domain", "list", "--json"}).output);
  EXPECT_EQ(domains["domains"][0]["settings"]["metric"], "dot_product");
  EXPECT_EQ(Run({"domain", "update", "d", "--description", "x"}).exit_code, 0);
  EXPECT_THAT(Run({"domain", "show", "d"}).output, HasSubstr("x"));
  PushTwoCommits();
  EXPECT_EQ(Run({"branch", "set", "d", "old", "c1"}).output, "old is at c1\n");
  EXPECT_EQ(
      Run({"branch", "set", "d", "old", "c2", "--expect", "c1"}).exit_code, 0);
  const Result refused =
      Run({"branch", "set", "d", "old", "c2", "--expect", "c1"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.error, HasSubstr("--expect does not hold"));
  EXPECT_EQ(Run({"branch", "set", "d", "old", "c2", "--expect", ""}).exit_code,
            3);
  EXPECT_THAT(Run({"branch", "list", "d"}).output, HasSubstr("main"));
  EXPECT_EQ(Run({"branch", "delete", "d", "old"}).exit_code, 0);
  EXPECT_EQ(Run({"branch", "show", "d", "old"}).exit_code, 1);
  EXPECT_EQ(Run({"domain", "delete", "d"}).exit_code, 0);
  EXPECT_EQ(Run({"domain", "delete", "d"}).exit_code, 1);
}

TEST_F(CopseCliTest, ChecksAndCounts) {
  PushTwoCommits();
  EXPECT_THAT(Run({"stats"}).output, HasSubstr("copse 9.9.9"));
  EXPECT_EQ(json::parse(
                Run({"stats", "d", "--json"}).output)["server"]["domain_count"],
            1);
  EXPECT_EQ(Run({"verify", "d"}).exit_code, 0);
  server_.store().finding_count = 2;
  const Result damaged = Run({"verify", "d"});
  EXPECT_EQ(damaged.exit_code, 3);
  EXPECT_THAT(damaged.output, StartsWith("page 17"));
  EXPECT_EQ(
      json::parse(Run({"verify", "d", "--json"}).output)["findings"].size(),
      2u);
}

TEST_F(CopseCliTest, CollectsGarbage) {
  PushTwoCommits();
  const Result table = Run({"gc", "d", "--dry-run"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.output, HasSubstr("WOULD GO"));
  EXPECT_THAT(table.output, HasSubstr("678"));
  EXPECT_THAT(table.output,
              HasSubstr("vectors on disk: 3.0 MiB before, 1.0 MiB expected"));
  EXPECT_TRUE(server_.store().garbage_request.dry_run());
  EXPECT_FALSE(server_.store().garbage_request.has_retention());
  const json result =
      json::parse(Run({"gc", "--all", "--keep-last", "3", "--keep-younger-than",
                       "2d", "--keep-branch", "main", "--json"})
                      .output);
  EXPECT_EQ(result["dry_run"], false);
  EXPECT_EQ(result["domains"][0]["domain"], "d");
  EXPECT_EQ(result["domains"][0]["rows"]["removed_count"], 678);
  const v1::RetentionPolicy& retention =
      server_.store().garbage_request.retention();
  EXPECT_EQ(retention.keep_last_count(), 3);
  EXPECT_EQ(retention.keep_younger_than_seconds(), 172'800);
  EXPECT_EQ(retention.keep_branches(0), "main");
  EXPECT_EQ(result["warnings"].size(), 0u);
  EXPECT_EQ(result["total"]["removed_row_count"], 678);
  const Result all = Run({"gc", "--all"});
  EXPECT_THAT(all.output, HasSubstr("\nd                        0   678"));
  EXPECT_THAT(all.output, HasSubstr("\ntotal of 1 domain        0   678"));
  EXPECT_THAT(Run({"gc"}).error, HasSubstr("--all"));
  EXPECT_EQ(Run({"gc"}).exit_code, 2);
  EXPECT_THAT(Run({"gc", "d", "--keep-younger-than", "soon"}).error,
              HasSubstr("--keep-younger-than: found 'soon', wanted an age such "
                        "as 30d, 12h, 90m or 3600s"));
}

TEST_F(CopseCliTest, AnAgeNeedsItsUnit) {
  PushTwoCommits();
  const std::vector<std::vector<std::string>> commands = {
      {"gc", "d", "--keep-younger-than"},
      {"domain", "update", "d", "--keep-younger-than"},
      {"lease", "create", "d", "job", "c1", "--for"}};
  for (std::vector<std::string> arguments : commands) {
    arguments.emplace_back();
    for (const char* age : {"30", "0d", "d", "1.5d"}) {
      arguments.back() = age;
      const Result result = Run(arguments);
      EXPECT_EQ(result.exit_code, 2) << age;
      EXPECT_THAT(result.error, HasSubstr(std::string("found '") + age +
                                          "', wanted an age such as 30d, 12h"));
    }
    arguments.back() = "30d";
    EXPECT_EQ(Run(arguments).exit_code, 0);
  }
}

TEST_F(CopseCliTest, WarnsOfRulesThatKeepNothing) {
  PushTwoCommits();
  constexpr char kWarning[] =
      "branch 'nope' of domain 'd' does not exist: the rule to keep its "
      "history "
      "keeps nothing until it does";
  const auto rules = [](std::vector<std::string> arguments) {
    for (const char* word :
         {"--keep-branch", "main", "--keep-branch", "nope"}) {
      arguments.emplace_back(word);
    }
    return arguments;
  };
  const std::vector<std::vector<std::string>> commands = {
      rules({"gc", "d", "-n"}),
      rules({"domain", "update", "d"}),
      {"gc", "d", "-n"},  // By the rules that the domain has now.
      {"gc", "--all"}};
  for (std::vector<std::string> arguments : commands) {
    const Result text = Run(arguments);
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_EQ(text.error, std::string("warning: ") + kWarning + "\n");
    arguments.emplace_back("--json");
    const json object = json::parse(Run(arguments).output);
    ASSERT_EQ(object["warnings"].size(), 1u);
    EXPECT_EQ(object["warnings"][0], kWarning);
  }
}

TEST_F(CopseCliTest, MakesAndListsBackups) {
  EXPECT_THAT(Run({"backup", "list"}).error, HasSubstr("no backups"));
  const Result made = Run({"backup", "create", "--keep", "7"});
  EXPECT_EQ(made.exit_code, 0) << made.error;
  EXPECT_THAT(made.output,
              StartsWith("backup 1: 12,345 commits in 1 domain, 3.0 MiB, of "
                         "which 1.0 MiB are new, in "));
  EXPECT_EQ(server_.store().backup_request.kept_count(), 7);
  EXPECT_EQ(json::parse(Run({"backup", "create", "--json"}).output)["id"], 2);
  {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    v1::Backup& damaged = server_.store().backups.emplace_back();
    damaged.set_id(3);
    damaged.set_error("checksum is 12, expected 34");
  }
  const Result list = Run({"backup", "list"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.output, HasSubstr("2023-11-14"));
  EXPECT_THAT(list.output, HasSubstr("damaged"));
  EXPECT_THAT(list.error, HasSubstr("backup 3: checksum is 12, expected 34"));
  EXPECT_EQ(
      json::parse(Run({"backup", "list", "--json"}).output)["backups"].size(),
      3u);
  const Result none = Run({"backup", "create", "--keep", "0"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(
      none.error,
      "copse: --keep: found '0', wanted a number from 1 to 2147483647; see "
      "copse backup create --help\n");
}

TEST_F(CopseCliTest, KeepsLeasesAndRetentionRules) {
  PushTwoCommits();
  EXPECT_THAT(Run({"lease", "create", "d", "job", "c1", "--for", "2h"}).output,
              StartsWith("job keeps c1 until "));
  EXPECT_THAT(Run({"lease", "list", "d"}).output, HasSubstr("job"));
  EXPECT_EQ(json::parse(Run({"lease", "list", "d", "--json"}).output)["leases"]
                .size(),
            1u);
  EXPECT_EQ(Run({"lease", "delete", "d", "job"}).exit_code, 0);
  EXPECT_EQ(Run({"lease", "delete", "d", "job"}).exit_code, 1);
  EXPECT_EQ(Run({"lease", "delete", "d", "job", "--if-exists"}).exit_code, 0);
  EXPECT_THAT(Run({"domain", "update", "d"}).error,
              HasSubstr("nothing to change"));
  EXPECT_EQ(Run({"domain", "update", "d"}).exit_code, 2);
  EXPECT_THAT(Run({"domain", "update", "d", "--keep-last", "5",
                   "--keep-younger-than", "36h"})
                  .output,
              HasSubstr("the last 5, younger than 36h"));
  EXPECT_THAT(Run({"domain", "update", "d", "--keep-all"}).output,
              Not(HasSubstr("the last 5")));
}

TEST_F(CopseCliTest, ErrorsAreOneLineAndOneObject) {
  const Result result = Run({"show", "d", "c9", "--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.error,
            "copse: commit 'c9' is not indexed, and there is no branch of that "
            "name (COMMIT_NOT_FOUND)\n");
  const json error = json::parse(result.output)["error"];
  EXPECT_EQ(error["code"], "NOT_FOUND");
  EXPECT_EQ(error["message"],
            "commit 'c9' is not indexed, and there is no branch of that name");
  EXPECT_EQ(error["reason"], "COMMIT_NOT_FOUND");
  EXPECT_EQ(error["metadata"]["commit"], "c9");
}

TEST_F(CopseCliTest, WrongUsageExitsWithTwo) {
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({"nonsense"}).exit_code, 2);
  EXPECT_EQ(Run({"search", "d"}).exit_code, 2);
  EXPECT_EQ(Run({"search", "d", "--vector", "[1", "--json"}).exit_code, 2);
  EXPECT_EQ(
      Run({"search", "d", "x", "--commit", "a", "--branch", "b"}).exit_code, 2);
  EXPECT_EQ(Run({"search", "d", "x", "--mode", "fuzzy"}).exit_code, 2);
  EXPECT_EQ(Run({"search", "d", "x", "--start", "-1"}).exit_code, 2);
  EXPECT_EQ(Run({"suggest", "d"}).exit_code, 2);
  EXPECT_EQ(Run({"push", "d"}).exit_code, 2);
  EXPECT_EQ(Run({"push", "d", "--commit", "c", "--time", "noon"}).exit_code, 2);
  EXPECT_EQ(Run({"push", "d", "--commit", "c", "--metric", "cosine"}).exit_code,
            2);
  EXPECT_EQ(Run({"git", ".", "--domain", "d", "--include", "["}).exit_code, 2);
  EXPECT_EQ(
      Run({"git", ".", "--domain", "d", "--max-file-size", "1TB"}).exit_code,
      2);
  const Result invalid = Run({"log", "caf\xe9"});
  EXPECT_EQ(invalid.exit_code, 2);
  EXPECT_EQ(invalid.error, "copse: DOMAIN is not valid UTF-8\n");
  EXPECT_THAT(Run({"domain", "create"}).error,
              EndsWith("; see copse domain create --help\n"));
}

TEST_F(CopseCliTest, WrongUsageIsOneObjectAsWell) {
  const std::vector<std::vector<std::string>> cases = {
      {"--json"},
      {"nonsense", "--json"},
      {"--json", "search", "d", "x", "-k", "abc"},
      {"search", "d", "x", "-k", "0", "--json"},
      {"log", "caf\xe9", "--json"},
      {"search", "d", "--json"}};
  for (const std::vector<std::string>& arguments : cases) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, StartsWith("copse: "));
    const json error = json::parse(result.output, nullptr, false)["error"];
    EXPECT_EQ(error["code"], "INVALID_ARGUMENT") << result.output;
    EXPECT_EQ("copse: " + error["message"].get<std::string>() + "\n",
              result.error);
  }
  EXPECT_EQ(Run({"nonsense"}).output, "");
  // Behind "--" nothing is an option.
  EXPECT_EQ(Run({"nonsense", "--", "--json"}).output, "");
}

TEST_F(CopseCliTest, ARangeIsToldInFewWords) {
  const std::vector<std::vector<std::string>> cases = {
      {"git", ".", "--domain", "d", "--max-commits", "0"},
      {"log", "d", "-n", "0"},
      {"export", "d", "--commit", "c", "--max-lag", "-1"},
      {"search", "d", "x", "--scan-budget", "-1"},
      {"log", "d", "--timeout", "-1"}};
  for (const std::vector<std::string>& arguments : cases) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr(", wanted a number of at least "));
    EXPECT_LT(result.error.size(), 120u) << result.error;
  }
}

TEST_F(CopseCliTest, ARangeOfTwoEndsIsToldWithBoth) {
  const auto error = [this](std::vector<std::string> arguments) {
    const Result result = Run(std::move(arguments));
    EXPECT_EQ(result.exit_code, 2);
    return result.error;
  };
  EXPECT_EQ(error({"search", "d", "x", "--neighbors", "100000"}),
            "copse: --neighbors: found '100000', wanted a number from 1 to "
            "10000; see copse search --help\n");
  EXPECT_EQ(error({"search", "d", "x", "--recall-target", "1.5"}),
            "copse: --recall-target: found '1.5', wanted a number from 0 to 1; "
            "see copse search --help\n");
  EXPECT_EQ(error({"recall", "d", "--samples", "nan"}),
            "copse: --samples: found 'nan', wanted a number from 1 to 1000; "
            "see copse recall --help\n");
  EXPECT_EQ(error({"domain", "create", "d", "--dimension", "0"}),
            "copse: --dimension: found '0', wanted a number from 1 to 4096; "
            "see copse domain create --help\n");
}

TEST_F(CopseCliTest, HelpIsACommandAsWell) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{
           {}, {"search"}, {"branch"}, {"branch", "set"}, {"help"}}) {
    std::vector<std::string> by_name = command;
    by_name.insert(by_name.begin(), "help");
    std::vector<std::string> by_option = command;
    by_option.push_back("--help");
    const Result result = Run(by_name);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(result.output, Run(by_option).output);
  }
  const Result unknown = Run({"help", "branch", "sett"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.error,
            "copse: no command 'sett'; did you mean 'set'? See copse branch "
            "--help\n");
}

TEST_F(CopseCliTest, SaysWhatDistanceAndSimilarityMean) {
  for (const char* command : {"search", "similar", "compare"}) {
    EXPECT_THAT(Run({command, "--help"}).output,
                HasSubstr("similarity is 1 - distance / 2"));
  }
}

TEST_F(CopseCliTest, HelpAndVersionExitWithZero) {
  EXPECT_THAT(Run({"--version"}).output, StartsWith("copse "));
  EXPECT_EQ(Run({"--help"}).exit_code, 0);
  for (const char* command :
       {"git", "push", "search", "similar", "export", "get", "compare", "log",
        "show", "diff", "merge", "assign", "stats", "verify", "recall", "gc",
        "help"}) {
    const Result result = Run({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.output, HasSubstr("Example")) << command;
  }
}

TEST_F(CopseCliTest, HelpFitsEightyColumns) {
  std::vector<std::vector<std::string>> commands = {{},
                                                    {"commit"},
                                                    {"commit", "delete"},
                                                    {"branch"},
                                                    {"branch", "list"},
                                                    {"branch", "show"},
                                                    {"branch", "set"},
                                                    {"branch", "rename"},
                                                    {"branch", "delete"},
                                                    {"lease"},
                                                    {"lease", "create"},
                                                    {"lease", "list"},
                                                    {"lease", "delete"},
                                                    {"domain"},
                                                    {"domain", "create"},
                                                    {"domain", "list"},
                                                    {"domain", "show"},
                                                    {"template", "preview"},
                                                    {"domain", "update"},
                                                    {"domain", "delete"}};
  for (const char* command :
       {"git", "push", "search", "similar", "export", "get", "compare", "log",
        "show", "diff", "merge", "assign", "stats", "verify", "recall", "gc",
        "help"}) {
    commands.push_back({command});
  }
  for (std::vector<std::string>& command : commands) {
    command.push_back("--help");
    std::istringstream help(Run(command).output);
    for (std::string line; std::getline(help, line);) {
      EXPECT_LE(line.size(), 80u) << command[0] << ": " << line;
    }
  }
}

TEST_F(CopseCliTest, NamesTheCommandOrOptionThatWasProbablyMeant) {
  const auto error = [this](std::vector<std::string> arguments) {
    const Result result = Run(std::move(arguments));
    EXPECT_EQ(result.exit_code, 2);
    return result.error;
  };
  EXPECT_EQ(error({"serch", "d", "x"}),
            "copse: no command 'serch'; did you mean 'search'? See copse "
            "--help\n");
  EXPECT_EQ(error({"frobnicate"}),
            "copse: no command 'frobnicate'; see copse --help\n");
  EXPECT_EQ(error({"branch", "lsit", "d"}),
            "copse: no command 'lsit'; did you mean 'list'? See copse branch "
            "--help\n");
  EXPECT_EQ(error({"search", "d", "x", "--brnach=main"}),
            "copse: no option '--brnach=main'; did you mean '--branch'? See "
            "copse search --help\n");
  EXPECT_EQ(error({"log", "d", "--sever", "x"}),
            "copse: no option '--sever'; did you mean '--server'? See copse "
            "log --help\n");
  EXPECT_EQ(error({"show", "d", "c", "more"}),
            "copse: unexpected argument 'more'; see copse show --help\n");
  EXPECT_EQ(error({}), "copse: a command is missing; see copse --help\n");
}

TEST_F(CopseCliTest, SaysThatCommitIdsAreNotShortened) {
  PushTwoCommits();
  EXPECT_EQ(
      Run({"show", "d", "9f31c07a"}).error,
      "copse: commit '9f31c07a' is not indexed, and there is no branch of "
      "that name; IDs are not shortened, "
      "`copse log` lists them (COMMIT_NOT_FOUND)\n");
  EXPECT_EQ(
      Run({"show", "d", "v1.0"}).error,
      "copse: commit 'v1.0' is not indexed, and there is no branch of that "
      "name (COMMIT_NOT_FOUND)\n");
}

TEST_F(CopseCliTest, NamesOfCommandsAreOrdinaryValues) {
  PushTwoCommits();
  EXPECT_EQ(Run({"search", "d", "log", "domain", "git"}).exit_code, 0);
  EXPECT_EQ(Run({"domain", "create", "search"}).exit_code, 0);
  EXPECT_EQ(Run({"log", "search"}).exit_code, 0);
}

TEST_F(CopseCliTest, AServerThatIsGoneExitsWithFour) {
  server_.Stop();
  const Result result = Run({"log", "d"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.error,
              AllOf(StartsWith("copse: cannot reach the server at "),
                    HasSubstr(": Connection refused; start copsed, or name "
                              "another with --server or COPSE_SERVER\n")));
}

TEST_F(CopseCliTest, AFullDiskBelowTheOutputIsAFailure) {
  PushTwoCommits();
  const Result result = Run({"log", "d"}, "", "/dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("No space left on device"));
}

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
