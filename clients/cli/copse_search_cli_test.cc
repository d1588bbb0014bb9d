// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` finds and reads.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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
                    HasSubstr("b\n  vectors: place 1, distance 0.0")));
  EXPECT_EQ(
      Run({"search", "d", "--commit", "c1", "--where", "not has:n", "two"})
          .error,
      "no documents found\n");
  const Result malformed = Run({"search", "d", "x", "--where", "year>="});
  EXPECT_EQ(malformed.exit_code, 2);
  EXPECT_EQ(malformed.error,
            "copse: --where 'year>=': at byte 7 is the end, wanted a value\n");
  EXPECT_THAT(Run({"suggest", "d", "-k", "3", "two", "wo"}).output,
              HasSubstr("3 chunks      0  two wox"));
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

TEST_F(CopseCliTest, WarnsOfNamesThatNoDocumentHas) {
  PushTwoCommits();
  server_.store().warnings = {"no document of commit c2 has type 'Paeg'",
                              "no document of commit c2 has attribute '\x1b'"};
  const std::vector<std::vector<std::string>> commands = {
      {"search", "d", "--type", "Paeg", "nothing"},
      {"similar", "d", "--type", "Paeg", "a"}};
  for (std::vector<std::string> arguments : commands) {
    const Result text = Run(arguments);
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_THAT(
        text.error,
        StartsWith("warning: no document of commit c2 has type 'Paeg'\n"
                   "warning: no document of commit c2 has attribute '"));
    EXPECT_THAT(text.error, Not(HasSubstr("\x1b")));
    arguments.emplace_back("--json");
    EXPECT_EQ(json::parse(Run(arguments).output)["warnings"][0],
              "no document of commit c2 has type 'Paeg'");
  }
}

TEST_F(CopseCliTest, FlagsOfAnotherModeAreRefusedBeforeAnythingIsAsked) {
  server_.Stop();
  const auto error = [this](std::vector<std::string> more) {
    more.insert(more.begin(), {"search", "d", "x"});
    const Result result = Run(more);
    EXPECT_EQ(result.exit_code, 2);
    return result.error;
  };
  EXPECT_EQ(error({"--fusion", "rank"}),
            "copse: --fusion is for --mode hybrid, and the mode is vector "
            "unless --mode is given\n");
  EXPECT_EQ(error({"--vector-weight", "0", "--mode", "text"}),
            "copse: --vector-weight is for --mode hybrid, and the mode is "
            "text\n");
  EXPECT_EQ(error({"--plain"}),
            "copse: --plain is for --mode text or hybrid, and the mode is "
            "vector unless --mode is given\n");
  EXPECT_EQ(error({"--max-distance", "0", "--mode", "hybrid"}),
            "copse: --max-distance is for --mode vector or text, and the mode "
            "is hybrid\n");
  for (const std::vector<std::string>& flag :
       std::vector<std::vector<std::string>>{
           {"--exact"}, {"--scan-budget", "0"}, {"--recall-target", "1"}}) {
    std::vector<std::string> more = flag;
    more.insert(more.end(), {"--mode", "text"});
    EXPECT_EQ(error(more),
              "copse: " + flag[0] +
                  " is for --mode vector or hybrid, and the mode is text\n");
  }
  const Result vector =
      Run({"search", "d", "--vector", "[1]", "--mode", "hybrid"});
  EXPECT_EQ(vector.exit_code, 2);
  EXPECT_EQ(vector.error,
            "copse: --vector is for --mode vector, and the mode is hybrid\n");
}

TEST_F(CopseCliTest, FlagsThatTakeTheEffectOfOthersAreRefused) {
  const std::vector<std::vector<std::string>> cases = {
      {"search", "d", "x", "--exact", "--scan-budget", "5"},
      {"search", "d", "x", "--exact", "--recall-target", "0.9"},
      {"similar", "d", "x", "--scan-budget", "5", "--recall-target", "0.9"},
      {"search", "d", "--vector", "[1]", "--snippets"}};
  for (const std::vector<std::string>& arguments : cases) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr(" excludes "));
  }
}

TEST_F(CopseCliTest, JsonHasAttributesWhereTheyAreAskedFor) {
  PushTwoCommits();
  const auto neighbor = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--commit", "c1", "--json"});
    return json::parse(Run(arguments).output)["neighbors"][0];
  };
  EXPECT_FALSE(neighbor({"search", "d", "two"}).contains("attributes"));
  EXPECT_FALSE(neighbor({"similar", "d", "a"}).contains("attributes"));
  EXPECT_EQ(neighbor({"search", "d", "two", "--attributes"})["attributes"],
            json({{"n", 3.0}}));
  EXPECT_EQ(neighbor({"search", "d", "one", "--attributes"})["attributes"],
            json::object());
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

}  // namespace
}  // namespace copse
