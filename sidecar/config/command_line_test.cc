// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/command_line.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/config/setting_table.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

// One setting as "KEY=TEXT from SOURCE".
std::vector<std::string> SettingsOf(const CommandLine& command_line) {
  std::vector<std::string> result;
  for (const RawSetting& setting : command_line.settings) {
    result.push_back(setting.key + "=" + setting.text + " from " +
                     setting.source);
  }
  return result;
}

void ExpectUsageError(const std::vector<std::string>& arguments,
                      const std::string& message) {
  EXPECT_THAT(ParseCommandLine(arguments),
              StatusIs(absl::StatusCode::kInvalidArgument, message));
}

TEST(CommandLineTest, ReadsBothFormsOfAFlag) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommandLine command_line,
      ParseCommandLine({"--data", "/d", "--forest-fan-out=64",
                        "--metrics-address", "",
                        "--embedding-url=http://a=b"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kServe);
  EXPECT_THAT(SettingsOf(command_line),
              ::testing::ElementsAre(
                  "data=/d from flag --data",
                  "forest.fan_out=64 from flag --forest-fan-out",
                  "metrics_address= from flag --metrics-address",
                  "embedding.url=http://a=b from flag --embedding-url"));
}

TEST(CommandLineTest, ReadsAFlagThatStandsAloneAsTrue) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommandLine command_line,
      ParseCommandLine({"--grpc-allow-unauthenticated",
                        "--embedding-allow-http", "false",
                        "--embedding-normalize=no"}));
  EXPECT_THAT(SettingsOf(command_line),
              ::testing::ElementsAre(
                  "grpc_allow_unauthenticated=true from flag "
                  "--grpc-allow-unauthenticated",
                  "embedding.allow_http=false from flag --embedding-allow-http",
                  "embedding.normalize=no from flag --embedding-normalize"));
}

TEST(CommandLineTest, ReadsItsOwnFlags) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommandLine command_line,
      ParseCommandLine({"--config", "a.yaml", "--ready-file", "r.json"}));
  EXPECT_EQ(command_line.config_file, "a.yaml");
  EXPECT_EQ(command_line.ready_file, "r.json");
  COPSE_ASSERT_OK_AND_ASSIGN(command_line,
                             ParseCommandLine({"--address-file=a.json"}));
  EXPECT_EQ(command_line.ready_file, "a.json");
  COPSE_ASSERT_OK_AND_ASSIGN(
      command_line, ParseCommandLine({"verify", "--data", "/d", "--json"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kVerify);
  EXPECT_TRUE(command_line.json);
  COPSE_ASSERT_OK_AND_ASSIGN(
      command_line, ParseCommandLine({"restore", "--backup-folder", "/b",
                                      "--backup", "12", "--data", "/d"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kRestore);
  EXPECT_EQ(command_line.backup_id, 12u);
  COPSE_ASSERT_OK_AND_ASSIGN(
      command_line,
      ParseCommandLine({"backups", "--backup-folder", "/b", "--verify"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kBackups);
  EXPECT_TRUE(command_line.verify);
  for (const std::string flag : {"-h", "--help"}) {
    COPSE_ASSERT_OK_AND_ASSIGN(command_line, ParseCommandLine({flag}));
    EXPECT_EQ(command_line.command, DaemonCommand::kHelp);
  }
  COPSE_ASSERT_OK_AND_ASSIGN(command_line, ParseCommandLine({"--version"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kVersion);
  COPSE_ASSERT_OK_AND_ASSIGN(command_line,
                             ParseCommandLine({"--print-config"}));
  EXPECT_EQ(command_line.command, DaemonCommand::kPrintConfig);
}

TEST(CommandLineTest, NamesEachArgumentThatIsWrong) {
  ExpectUsageError({"--grpc-adress", "a:1", "--dta=x"},
                   "--grpc-adress: unknown flag, did you mean "
                   "'--grpc-address'? (see copsed --help)\n"
                   "--dta: unknown flag, did you mean '--data'?");
  ExpectUsageError({"--data"}, "--data: has no value, expected --data PATH");
  ExpectUsageError({"--data", "--config", "x"},
                   "--data: has no value, expected --data PATH");
  ExpectUsageError({"--help=yes"}, "--help: is 'yes', expected no value");
  ExpectUsageError({"verfy"},
                   "verfy: unknown command, expected a flag or 'verify', "
                   "'restore' or 'backups', did you mean 'verify'?");
  ExpectUsageError({"restore", "--backup", "last"},
                   "--backup: is 'last', expected the number of a backup, "
                   "which 'copsed backups' lists");
  ExpectUsageError({"--backup", "1", "--verify"},
                   "--backup: is for 'copsed restore'\n"
                   "--verify: is for 'copsed backups'");
  ExpectUsageError({"--json"},
                   "--json: is for 'copsed verify'; log_format: json is the "
                   "log as JSON");
}

TEST(CommandLineTest, HelpNamesEveryFlag) {
  for (const std::string& key : FlatKeys()) {
    EXPECT_THAT(HelpText(), HasSubstr("  " + FlagOf(key) + " "));
  }
  EXPECT_THAT(HelpText(), HasSubstr("Exit codes:"));
}

}  // namespace
}  // namespace copse
