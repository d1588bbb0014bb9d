// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/restore_command.h"

#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "index/util/status_macros.h"
#include "sidecar/config/command_line.h"
#include "sidecar/config/config.h"
#include "sidecar/verify_command.h"
#include "versioning/backup.h"

namespace copse {
namespace {

using Json = nlohmann::ordered_json;

absl::Status CheckBackupFolderSet(const Config& config) {
  return config.backup_folder.empty()
             ? absl::InvalidArgumentError(
                   "backup_folder is not set, expected the folder with the "
                   "backups: --backup-folder PATH, COPSE_BACKUP_FOLDER or "
                   "'backup_folder:' in the configuration file")
             : absl::OkStatus();
}

std::string ShownTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

Json ToJson(const BackupInfo& backup) {
  if (!backup.status.ok()) {
    return {{"id", backup.id}, {"error", backup.status.message()}};
  }
  return {{"id", backup.id},
          {"create_time", ShownTime(backup.create_time)},
          {"domain_count", backup.domain_count},
          {"commit_count", backup.commit_count},
          {"size_bytes", backup.size_bytes},
          {"new_size_bytes", backup.new_size_bytes}};
}

// Paths may not be UTF-8, which dump() would throw for.
void WriteJson(const Json& json, std::ostream& output) {
  output << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void WriteTable(const std::vector<BackupInfo>& backups, std::ostream& output) {
  output << absl::StrFormat("%6s  %-20s %8s %10s %15s %15s\n", "BACKUP",
                            "CREATED", "DOMAINS", "COMMITS", "SIZE BYTES",
                            "NEW BYTES");
  for (const BackupInfo& backup : backups) {
    if (!backup.status.ok()) {
      output << absl::StrFormat("%6d  %s\n", backup.id,
                                backup.status.message());
      continue;
    }
    output << absl::StrFormat("%6d  %-20s %8d %10d %15d %15d\n", backup.id,
                              ShownTime(backup.create_time),
                              backup.domain_count, backup.commit_count,
                              backup.size_bytes, backup.new_size_bytes);
  }
}

}  // namespace

absl::StatusOr<VerifySummary> RestoreDataFolder(const Config& config,
                                                const CommandLine& command_line,
                                                std::ostream& output) {
  COPSE_RETURN_IF_ERROR(CheckBackupFolderSet(config));
  const absl::Time start = absl::Now();
  COPSE_ASSIGN_OR_RETURN(const BackupInfo backup,
                         RestoreBackup({.backup_folder = config.backup_folder,
                                        .backup_id = command_line.backup_id,
                                        .data_folder = config.data}));
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  if (!command_line.json) {
    output << absl::StrFormat(
        "restored backup %d of %s into '%s': %d commits in %d domains, %d "
        "bytes in %.1f s\n",
        backup.id, ShownTime(backup.create_time), config.data,
        backup.commit_count, backup.domain_count, backup.size_bytes, seconds);
    return VerifyDataFolder(config, /*json=*/false, output);
  }
  std::ostringstream verified;
  COPSE_ASSIGN_OR_RETURN(const VerifySummary summary,
                         VerifyDataFolder(config, /*json=*/true, verified));
  WriteJson({{"backup", ToJson(backup)},
             {"seconds", seconds},
             {"verify", Json::parse(verified.str())}},
            output);
  return summary;
}

absl::StatusOr<VerifySummary> ListBackupFolder(const Config& config,
                                               const CommandLine& command_line,
                                               std::ostream& output) {
  COPSE_RETURN_IF_ERROR(CheckBackupFolderSet(config));
  COPSE_ASSIGN_OR_RETURN(std::vector<BackupInfo> backups,
                         ListBackups(config.backup_folder));
  VerifySummary summary;
  Json list = Json::array();
  for (BackupInfo& backup : backups) {
    if (command_line.verify && backup.status.ok()) {
      backup.status = VerifyBackup(config.backup_folder, backup.id).status();
    }
    summary.damaged = summary.damaged || !backup.status.ok();
    list.push_back(ToJson(backup));
  }
  if (command_line.json) {
    WriteJson({{"damaged", summary.damaged}, {"backups", std::move(list)}},
              output);
  } else {
    WriteTable(backups, output);
  }
  return summary;
}

}  // namespace copse
