// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What every command has: the connection, the output, the global options.
//
// A command is a function of a Context. Commands are added to a CommandLine,
// which knows them by their options and runs the one that was chosen.

#ifndef COPSE_CLIENTS_CLI_CONTEXT_H_
#define COPSE_CLIENTS_CLI_CONTEXT_H_

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"

#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/output.h"
#include "clients/cli/progress_line.h"
#include "clients/cpp/client.h"

namespace copse {

// What a shell sees. The numbers are a promise.
enum class ExitCode {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kGateRefused = 3,  // The question was answered, and the answer is no.
  kServerUnavailable = 4,
};

struct GlobalOptions {
  std::string server = "127.0.0.1:7373";
  bool json = false;
  bool quiet = false;
  double timeout_seconds = 0;  // 0 for none.
};

// Thread safety: one thread at a time, but `progress` is free.
class Context {
 public:
  // `output` and `progress` are not owned.
  Context(const GlobalOptions& options, Output& output, ProgressLine& progress);

  const GlobalOptions& options() const { return options_; }
  bool json() const { return options_.json; }
  Client& client() { return client_; }
  Output& output() { return output_; }
  ProgressLine& progress() { return progress_; }

  // Prints `message` as one line of JSON.
  absl::Status PrintJson(const google::protobuf::Message& message,
                         const DocumentFields& fields = {});

  // Prints `line` to standard error unless --quiet is given.
  void Note(absl::string_view line);

  // Prints `line` to standard error whatever is given.
  void Warn(absl::string_view line);

  // Does so with each of the server's `warnings`.
  void PrintWarnings(
      const google::protobuf::RepeatedPtrField<std::string>& warnings);

 private:
  const GlobalOptions options_;
  Client client_;
  Output& output_;
  ProgressLine& progress_;
};

using Command = std::function<absl::StatusOr<ExitCode>(Context&)>;

// The parser of the command line and the command that it chose.
struct CommandLine {
  // Makes `command` what runs when `subcommand` is given.
  void OnChosen(CLI::App& subcommand, Command command);

  CLI::App app{
      "A versioned vector index beside your database: searches any commit."};
  GlobalOptions options;
  Command chosen;
};

// Returns an error that exits with kWrongUsage.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

// Returns `status` as an error that exits with kGateRefused.
absl::Status GateRefusal(absl::Status status);
bool IsGateRefusal(const absl::Status& status);

// Writes `status`, which is told as `message`, as a JSON object: code, message,
// reason and metadata.
void WriteError(const absl::Status& status, const std::string& message,
                JsonWriter& json);

// Writes the field `warnings`, an array.
void WriteWarnings(const std::vector<std::string>& warnings, JsonWriter& json);

// Adds the commands of one kind each.
void AddDomainCommands(CommandLine& line);
void AddBranchCommands(CommandLine& line);
void AddLogCommand(CommandLine& line);
void AddCommitCommands(CommandLine& line);
void AddMergeCommand(CommandLine& line);
void AddPullCommand(CommandLine& line);
void AddPushCommand(CommandLine& line);
void AddSearchCommands(CommandLine& line);
void AddSuggestCommand(CommandLine& line);
void AddDuplicateCommands(CommandLine& line);
void AddDocumentCommands(CommandLine& line);
void AddAdminCommands(CommandLine& line);
void AddGarbageCommands(CommandLine& line);
void AddBackupCommands(CommandLine& line);
void AddJobCommands(CommandLine& line);
void AddEmbeddingsCommands(CommandLine& line);
void AddTemplateCommand(CommandLine& line);
void AddGitCommand(CommandLine& line);
// After all others.
void AddHelpCommand(CommandLine& line);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_CONTEXT_H_
