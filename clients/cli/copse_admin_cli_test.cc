// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` checks, counts, keeps and removes.

#include <mutex>
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
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(CopseCliTest, ChecksAndCounts) {
  PushTwoCommits();
  EXPECT_THAT(Run({"stats"}).output, HasSubstr("copse 9.9.9"));
  EXPECT_THAT(Run({"stats", "d"}).output,
              AllOf(StartsWith("domain"), HasSubstr("copse 9.9.9")));
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

}  // namespace
}  // namespace copse
