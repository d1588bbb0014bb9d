// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` says of documents that are near each other.

#include <cstddef>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"

namespace copse {
namespace {

using nlohmann::json;

class CopseDuplicatesTest : public CopseCliTest {
 protected:
  // Makes commit c1, the head of main, with documents a, b and c.
  void PushThreeDocuments() {
    ASSERT_EQ(
        Run({"push", "d", "--create", "--commit", "c1", "--branch", "main"},
            "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
            "{\"op\":\"Inserted\",\"id\":\"b\",\"string\":\"two\"}\n"
            "{\"op\":\"Inserted\",\"id\":\"c\",\"string\":\"four\"}\n")
            .exit_code,
        0);
  }
};

TEST_F(CopseDuplicatesTest, ListsDuplicates) {
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

TEST_F(CopseDuplicatesTest, ListsMatchesOfTwoSetsTheOneSetOnTheLeft) {
  PushThreeDocuments();
  const Result both = Run({"match", "d", "--type", "A", "--target-type", "B",
                           "--threshold", "0.25"});
  EXPECT_EQ(both.exit_code, 0) << both.error;
  EXPECT_EQ(both.output,
            "  0.2500  a <-> c\n"
            "  0.2500  b -> c\n");
  EXPECT_EQ(both.error, "2 pairs\n");
  EXPECT_EQ(
      Run({"match", "d", "--target-id", "c", "--target-threshold", "1"}).output,
      "  0.0000  a <- c\n");
  const json found =
      json::parse(Run({"match", "d", "--target-type", "B", "--json"}).output);
  EXPECT_EQ(found["answered_by"]["commit"], "c1");
  EXPECT_EQ(found["count"], 3);
  EXPECT_EQ(found["matches"][0]["document"]["id"], "a");
  EXPECT_EQ(found["matches"][0]["is_from_target"], false);
  EXPECT_EQ(found["matches"][1]["document"]["id"], "c");
  EXPECT_EQ(found["matches"][1]["is_from_target"], true);
  EXPECT_EQ(Run({"match", "d", "-k", "0"}).exit_code, 2);
}

TEST_F(CopseDuplicatesTest, ListsTheMatchesOfTheOneSetOnly) {
  PushThreeDocuments();
  const std::vector<std::string> one_way = {"match", "d", "--target-type", "B",
                                            "--one-way"};
  // Also where the server knows two ways only, as this one.
  const Result text = Run(one_way);
  EXPECT_EQ(text.exit_code, 0) << text.error;
  EXPECT_EQ(text.output,
            "  0.0000  a -> c\n"
            "  0.0000  b -> c\n");
  EXPECT_TRUE(server_.store().match_request.one_way());
  std::vector<std::string> as_json = one_way;
  as_json.emplace_back("--json");
  EXPECT_EQ(json::parse(Run(as_json).output)["count"], 2);
  const Result one_set = Run({"match", "d", "--one-way"});
  EXPECT_EQ(one_set.exit_code, 2);
  EXPECT_EQ(one_set.error,
            "copse: --one-way needs another set: --target-type or "
            "--target-id\n");
  std::vector<std::string> both = one_way;
  both.insert(both.end(), {"--target-threshold", "1"});
  const Result contradiction = Run(both);
  EXPECT_EQ(contradiction.exit_code, 2);
  EXPECT_EQ(contradiction.error,
            "copse: --target-threshold is for what --one-way leaves out: give "
            "one of them\n");
}

TEST_F(CopseDuplicatesTest, ListsEachPairOfOneSetOnce) {
  PushThreeDocuments();
  const Result result = Run({"match", "d"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.output,
            "  0.0000  a <-> c\n"
            "  0.0000  b -> c\n");
  EXPECT_EQ(result.error, "2 pairs\n");
  const json found = json::parse(Run({"match", "d", "--json"}).output);
  EXPECT_EQ(found["count"], 3);
  ASSERT_EQ(found["matches"].size(), 3u);
  for (const json& match : found["matches"]) {
    EXPECT_EQ(match["is_from_target"], false);
  }
  const Result threshold = Run({"match", "d", "--target-threshold", "1"});
  EXPECT_EQ(threshold.exit_code, 2);
  EXPECT_EQ(threshold.error,
            "copse: --target-threshold needs another set: --target-type or "
            "--target-id\n");
}

TEST_F(CopseDuplicatesTest, AnErrorAfterPairsEndsTheirJson) {
  PushThreeDocuments();
  server_.store().stream_error = "the disk is too small";
  const auto expect_error = [](const Result& result, const char* name,
                               size_t count) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.error, "copse: the disk is too small (SPILL_FULL)\n");
    const json object = json::parse(result.output);
    EXPECT_EQ(object["answered_by"]["commit"], "c1");
    EXPECT_EQ(object[name].size(), count);
    EXPECT_FALSE(object.contains("count"));
    EXPECT_EQ(object["error"]["code"], "RESOURCE_EXHAUSTED");
    EXPECT_EQ(object["error"]["message"], "the disk is too small");
    EXPECT_EQ(object["error"]["reason"], "SPILL_FULL");
  };
  const std::vector<std::string> duplicates = {"duplicates", "d", "--json",
                                               "--threshold", "1"};
  expect_error(Run(duplicates), "pairs", 3);
  std::vector<std::string> clusters = duplicates;
  clusters.insert(clusters.end(), {"--cluster", "connected"});
  expect_error(Run(clusters), "clusters", 6);
  expect_error(Run({"match", "d", "--json"}), "matches", 3);
  // What people have read by then stands there.
  EXPECT_EQ(Run({"match", "d"}).output,
            "  0.0000  a <-> c\n"
            "  0.0000  b -> c\n");
  // Nothing was written: the error is all there is.
  const json object =
      json::parse(Run({"duplicates", "d", "--json", "--since", "c1"}).output);
  EXPECT_EQ(object.size(), 1u);
  EXPECT_EQ(object["error"]["reason"], "SPILL_FULL");
}

TEST_F(CopseDuplicatesTest, WarnsOfTypesThatNothingWasCheckedOf) {
  PushThreeDocuments();
  server_.store().warnings = {"no document of commit c1 has type 'Paeg'"};
  for (const char* command : {"duplicates", "match"}) {
    const Result text = Run({command, "d", "--type", "Paeg", "--quiet"});
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_EQ(text.error,
              "warning: no document of commit c1 has type 'Paeg'\n");
    const json found =
        json::parse(Run({command, "d", "--type", "Paeg", "--json"}).output);
    EXPECT_EQ(found["warnings"],
              json({"no document of commit c1 has type 'Paeg'"}));
  }
}

TEST_F(CopseDuplicatesTest, DoesNotPassWhatWasNotChecked) {
  PushTwoCommits();
  server_.store().warnings = {"no document of commit c2 has ID 'x'"};
  const std::vector<std::string> nothing = {
      "duplicates", "d", "--commit",    "c2", "--since",        "c2",
      "--id",       "x", "--threshold", "9",  "--fail-on-found"};
  const Result text = Run(nothing);
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_EQ(text.output, "");
  EXPECT_EQ(text.error,
            "warning: no document of commit c2 has ID 'x'\n"
            "no duplicates found\n"
            "copse: could not tell whether there are duplicates: nothing was "
            "checked of what the warnings name\n");
  std::vector<std::string> as_json = nothing;
  as_json.emplace_back("--json");
  const Result object = Run(as_json);
  EXPECT_EQ(object.exit_code, 1);
  EXPECT_EQ(json::parse(object.output)["count"], 0);
  // What was found of the rest is the answer.
  EXPECT_EQ(Run({"duplicates", "d", "--commit", "c2", "--threshold", "9",
                 "--fail-on-found"})
                .exit_code,
            3);
}

TEST_F(CopseDuplicatesTest, DuplicatesRefuseACommitInAPipeline) {
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

}  // namespace
}  // namespace copse
