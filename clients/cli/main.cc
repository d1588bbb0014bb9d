// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse, the command line.

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/help.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/options.h"
#include "clients/cli/output.h"
#include "clients/cli/progress_line.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"

namespace copse {
namespace {

// Returns the name of an option of the chosen command whose value is not valid
// UTF-8, or "". Paths may be any bytes; all else goes over the wire as text.
std::string FindInvalidValue(const CLI::App& app) {
  for (const CLI::App* part = &app;; part = part->get_subcommands().front()) {
    for (const CLI::Option* option : part->get_options()) {
      const bool is_path =
          option->get_name() == "REPO" || option->get_name() == "FILE";
      for (const std::string& value : option->results()) {
        if (!is_path && !IsValidUtf8(value)) {
          return option->get_name();
        }
      }
    }
    if (part->get_subcommands().empty()) {
      return "";
    }
  }
}

// Returns whether --json is among the arguments. What was parsed before an
// error does not tell.
bool IsJsonAskedFor(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--" || argument == "--json") {
      return argument == "--json";
    }
  }
  return false;
}

// Takes what gRPC does, and no URL: its port would be that of HTTP.
std::string CheckServer(const std::string& address) {
  return absl::StartsWith(address, "http://") ||
                 absl::StartsWith(address, "https://")
             ? absl::StrFormat(
                   "found '%s', wanted host:port of the gRPC port, such as "
                   "127.0.0.1:7373",
                   Printable(address))
             : std::string();
}

void AddGlobalOptions(CommandLine& line) {
  CLI::App& app = line.app;
  app.name("copse");
  app.set_version_flag("--version", "copse " COPSE_VERSION);
  app.formatter(MakeHelpFormatter());
  app.add_option("--server", line.options.server,
                 "The address of copsed: host:port or unix:/path "
                 "[COPSE_SERVER, or 127.0.0.1:7373]")
      ->type_name("ADDRESS")
      ->check(CLI::Validator(CheckServer, ""))
      ->envname("COPSE_SERVER");
  app.add_flag("--json", line.options.json,
               "Write JSON to standard output, errors as well");
  app.add_flag("--quiet,-q", line.options.quiet, "No progress and no notes");
  app.add_option("--timeout", line.options.timeout_seconds,
                 "Give up a request after so many seconds; not for push, git, "
                 "export, diff, merge, verify, gc, backup, job watch and "
                 "log --size [never]")
      ->type_name("SECONDS")
      ->check(AtLeast(0));
  // Commands take the global options behind their name as well.
  app.fallthrough();
  app.require_subcommand(1);
}

// After all commands, which would have the same examples otherwise.
void AddGlobalExamples(CommandLine& line) {
  AddExamples(
      line.app,
      {"copse git . --domain my/project     # index a git repository",
       "copse search my/project 'how do I install it?'",
       "copse log my/project -n 5",
       "copse COMMAND --help                # more of each command"},
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check said no,\n"
      "4 server unavailable");
}

// Whether --timeout has passed without an answer.
bool IsTimeout(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) && ErrorReasonOf(status).empty();
}

ExitCode ToExitCode(const absl::Status& status) {
  if (IsUsageError(status)) {
    return ExitCode::kWrongUsage;
  }
  if (IsGateRefusal(status)) {
    return ExitCode::kGateRefused;
  }
  return IsServerUnavailable(status) || IsTimeout(status)
             ? ExitCode::kServerUnavailable
             : ExitCode::kFailed;
}

// What keeps a connection from being made, without the words that gRPC puts
// before it.
absl::string_view ConnectionProblem(const absl::Status& status) {
  constexpr absl::string_view kBefore = "Failed to connect to remote host: ";
  const absl::string_view message = status.message();
  const size_t place = message.rfind(kBefore);
  return place == absl::string_view::npos
             ? message
             : message.substr(place + kBefore.size());
}

// Whether a commit was not found that may be the beginning of an ID of git.
bool IsShortenedCommit(const absl::Status& status) {
  constexpr size_t kSizeMin = 4;
  constexpr size_t kSizeWhole = 40;
  if (ErrorReasonOf(status) != "COMMIT_NOT_FOUND" ||
      ErrorMetadataOf(status, "deleted") == "true") {
    return false;
  }
  const auto metadata = ErrorInfoOf(status)->metadata();
  const auto commit = metadata.find("commit");
  return commit != metadata.end() && commit->second.size() >= kSizeMin &&
         commit->second.size() < kSizeWhole &&
         commit->second.find_first_not_of("0123456789abcdef") ==
             std::string::npos;
}

// What is wrong, in one line.
std::string DescribeError(const Context& context, const absl::Status& status) {
  if (IsServerUnavailable(status) && ErrorReasonOf(status).empty()) {
    return absl::StrFormat(
        "cannot reach the server at %s: %s; start copsed, or name another with "
        "--server or COPSE_SERVER",
        context.options().server, ConnectionProblem(status));
  }
  if (IsTimeout(status)) {
    return absl::StrFormat("the server at %s did not answer within %g s",
                           context.options().server,
                           context.options().timeout_seconds);
  }
  if (ErrorReasonOf(status) == "DOCUMENTS_FAILED") {
    return absl::StrCat(status.message(),
                        "; with --skip-failed the push goes on without them");
  }
  if (IsShortenedCommit(status)) {
    return absl::StrCat(status.message(),
                        "; IDs are not shortened, `copse log` lists them");
  }
  return status.message().empty() ? absl::StatusCodeToString(status.code())
                                  : std::string(status.message());
}

std::string ErrorJson(const absl::Status& status, const std::string& message) {
  JsonWriter json;
  json.BeginObject().Key("error");
  WriteError(status, message, json);
  json.EndObject();
  return json.Take();
}

ExitCode ReportUsage(const std::string& message, bool is_json) {
  if (is_json) {
    const std::string object =
        ErrorJson(absl::InvalidArgumentError(message), message);
    WriteBestEffort(STDOUT_FILENO, absl::StrCat(object, "\n"));
  }
  WriteBestEffort(STDERR_FILENO, absl::StrCat("copse: ", message, "\n"));
  return ExitCode::kWrongUsage;
}

ExitCode Run(const CommandLine& line) {
  Output output(STDOUT_FILENO);
  ProgressLineOptions progress_options;
  progress_options.width = TerminalWidth(STDERR_FILENO);
  progress_options.is_quiet = line.options.quiet;
  ProgressLine progress(progress_options);
  Context context(line.options, output, progress);
  absl::StatusOr<ExitCode> code = line.chosen(context);
  progress.Clear();
  absl::Status status = code.status();
  if (status.ok()) {
    status = output.Flush();
  }
  if (output.reader_is_gone()) {
    return ExitCode::kDone;  // It has seen enough.
  }
  if (status.ok()) {
    return *code;
  }
  const std::string message = DescribeError(context, status);
  if (line.options.json && output.is_untouched()) {
    output.WriteLine(ErrorJson(status, message)).IgnoreError();
  }
  output.Flush().IgnoreError();
  const std::string reason = ErrorReasonOf(status);
  context.Warn(absl::StrCat("copse: ", message, reason.empty() ? "" : " (",
                            reason, reason.empty() ? "" : ")"));
  return ToExitCode(status);
}

int Main(int argc, char** argv) {
  // A closed pipe is an error of write(), which Output knows.
  std::signal(SIGPIPE, SIG_IGN);
  CommandLine line;
  AddGlobalOptions(line);
  AddGitCommand(line);
  AddPushCommand(line);
  AddPullCommand(line);
  AddSearchCommands(line);
  AddSuggestCommand(line);
  AddDuplicateCommands(line);
  AddDocumentCommands(line);
  AddLogCommand(line);
  AddCommitCommands(line);
  AddMergeCommand(line);
  AddBranchCommands(line);
  AddDomainCommands(line);
  AddAdminCommands(line);
  AddGarbageCommands(line);
  AddBackupCommands(line);
  AddJobCommands(line);
  AddEmbeddingsCommands(line);
  AddTemplateCommand(line);
  AddHelpCommand(line);
  AddGlobalExamples(line);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0 && !NamesUnknownCommand(line.app)) {
      line.app.exit(error);  // Prints the help or the version.
      return static_cast<int>(ExitCode::kDone);
    }
    return static_cast<int>(ReportUsage(DescribeUsage(line.app, error),
                                        IsJsonAskedFor(argc, argv)));
  }
  if (const std::string name = FindInvalidValue(line.app); !name.empty()) {
    return static_cast<int>(ReportUsage(
        absl::StrCat(name, " is not valid UTF-8"), line.options.json));
  }
  return static_cast<int>(Run(line));
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) {
  try {
    return copse::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "copse: " << error.what() << std::endl;
    return static_cast<int>(copse::ExitCode::kFailed);
  }
}
