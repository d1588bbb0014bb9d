// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program `copse` as a shell does, against a server made of maps: what
// holds for all commands.

#include <sstream>
#include <string>
#include <utility>
#include <vector>

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
using ::testing::StartsWith;

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

TEST_F(CopseCliTest, TheServerIsNoUrl) {
  address_ = "http://127.0.0.1:7373";
  const Result url = Run({"stats"});
  EXPECT_EQ(url.exit_code, 2);
  EXPECT_EQ(
      url.error,
      "copse: --server: found 'http://127.0.0.1:7373', wanted host:port "
      "of the gRPC port, such as 127.0.0.1:7373; see copse stats --help\n");
  address_ = "ipv4:" + server_.address();
  EXPECT_EQ(Run({"stats"}).exit_code, 0);
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
       {"git",    "push", "search",  "similar",    "export", "get",   "compare",
        "log",    "show", "diff",    "merge",      "assign", "stats", "verify",
        "recall", "gc",   "suggest", "duplicates", "match",  "help"}) {
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

TEST_F(CopseCliTest, AnUnknownCommandHasNoHelp) {
  const std::vector<std::vector<std::string>> cases = {
      {"serch", "--help"},
      {"--help", "serch"},
      {"serch", "-h", "--json"},
      {"serch", "d", "x", "--version"}};
  for (const std::vector<std::string>& arguments : cases) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.error,
              "copse: no command 'serch'; did you mean 'search'? See copse "
              "--help\n");
  }
  EXPECT_EQ(Run({"candidates", "--help"}).error,
            "copse: no command 'candidates'; see copse --help\n");
  const Result below = Run({"branch", "lsit", "--help"});
  EXPECT_EQ(below.exit_code, 2);
  EXPECT_EQ(below.output, "");
  EXPECT_EQ(below.error,
            "copse: no command 'lsit'; did you mean 'list'? See copse branch "
            "--help\n");
  EXPECT_EQ(Run({"log", "d", "more", "--help"}).exit_code, 0);
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

}  // namespace
}  // namespace copse
