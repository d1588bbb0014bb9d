// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The command line of copsed:
//
//   copsed --data PATH [--config FILE] [--ready-file FILE] [settings]
//   copsed verify --data PATH [--json] [settings]
//   copsed restore --backup-folder PATH [--backup ID] --data PATH [--json]
//   copsed backups --backup-folder PATH [--verify] [--json]
//   copsed --print-config | --print-sample-config | --help | --version

#ifndef COPSE_SIDECAR_CONFIG_COMMAND_LINE_H_
#define COPSE_SIDECAR_CONFIG_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sidecar/config/config.h"

namespace copse {

enum class DaemonCommand {
  kServe,
  kVerify,
  kRestore,
  kBackups,
  kPrintConfig,
  kPrintSampleConfig,
  kHelp,
  kVersion,
};

struct CommandLine {
  DaemonCommand command = DaemonCommand::kServe;

  // --config; empty for the variable COPSE_CONFIG, or none.
  std::string config_file;

  // --ready-file: written once the daemon serves; empty for none.
  std::string ready_file;

  // --json: whether `verify`, `restore` and `backups` report JSON.
  bool json = false;

  // --backup: which one `restore` takes; 0 for the newest.
  uint32_t backup_id = 0;

  // --verify: whether `backups` reads all of them.
  bool verify = false;

  // The flags that are settings.
  std::vector<RawSetting> settings;
};

// Parses `arguments`, the name of the program not among them. `--flag VALUE`
// and `--flag=VALUE` are the same; a flag that is true or false may stand
// alone. Fails with kInvalidArgument naming every argument that is wrong, one
// on a line.
absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments);

// Returns the text of --help.
std::string HelpText();

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_COMMAND_LINE_H_
