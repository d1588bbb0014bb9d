// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` says of documents that are near each other.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"

namespace copse {
namespace {

using nlohmann::json;

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

}  // namespace
}  // namespace copse
