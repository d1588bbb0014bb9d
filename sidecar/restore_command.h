// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// `copsed restore` and `copsed backups`: work on a backup folder without a
// daemon.

#ifndef COPSE_SIDECAR_RESTORE_COMMAND_H_
#define COPSE_SIDECAR_RESTORE_COMMAND_H_

#include <ostream>

#include "absl/status/statusor.h"

#include "sidecar/config/command_line.h"
#include "sidecar/config/config.h"
#include "sidecar/verify_command.h"

namespace copse {

// Makes the folder config.data out of a backup in config.backup_folder,
// verifies it, and writes what it did to `output`: text, or one JSON object.
absl::StatusOr<VerifySummary> RestoreDataFolder(const Config& config,
                                                const CommandLine& command_line,
                                                std::ostream& output);

// Writes a list of the backups in config.backup_folder to `output`: a table, or
// one JSON object. Reads and checks all of them if the command line says so;
// otherwise damage is what their records show. Fails if the folder does not
// exist or is none of backups.
absl::StatusOr<VerifySummary> ListBackupFolder(const Config& config,
                                               const CommandLine& command_line,
                                               std::ostream& output);

}  // namespace copse

#endif  // COPSE_SIDECAR_RESTORE_COMMAND_H_
