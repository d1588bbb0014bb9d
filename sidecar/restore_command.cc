// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/restore_command.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
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

// The fields that `copse backup list --json` has.
Json ToJson(const BackupInfo& backup) {
  Json json = {{"id", backup.id}};
  if (backup.status.ok()) {
    json["create_time"] = absl::FormatTime(
        "%Y-%m-%dT%H:%M:%E*SZ", backup.create_time, absl::UTCTimeZone());
  }
  json["domain_count"] = backup.domain_count;
  json["commit_count"] = backup.commit_count;
  json["size_bytes"] = backup.size_bytes;
  json["new_size_bytes"] = backup.new_size_bytes;
  json["error"] = backup.status.message();
  return json;
}

// Paths may not be UTF-8, which dump() would throw for.
void WriteJson(const Json& json, std::ostream& output) {
  output << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

// "512 B" or "1.5 MiB", as the command line shows sizes.
std::string ShownSize(int64_t size_bytes) {
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB",
                                                 "PiB"};
  if (size_bytes < 1024) {
    return absl::StrCat(size_bytes, " B");
  }
  double size = static_cast<double>(size_bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) {
    size /= 1024;
  }
  return absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

// The columns that `copse backup list` has.
void WriteTable(const std::vector<BackupInfo>& backups, std::ostream& output) {
  output << absl::StrFormat("%6s  %-20s  %7s  %7s  %10s  %10s\n", "BACKUP",
                            "CREATED", "DOMAINS", "COMMITS", "SIZE", "NEW");
  for (const BackupInfo& backup : backups) {
    if (!backup.status.ok()) {
      output << absl::StrFormat("%6d  %s\n", backup.id,
                                backup.status.message());
      continue;
    }
    output << absl::StrFormat(
        "%6d  %-20s  %7d  %7d  %10s  %10s\n", backup.id,
        ShownTime(backup.create_time), backup.domain_count, backup.commit_count,
        ShownSize(backup.size_bytes), ShownSize(backup.new_size_bytes));
  }
}

// What --verify has looked at.
std::string DescribeCheck(const std::vector<BackupInfo>& backups) {
  int64_t size_bytes = 0;
  int64_t damaged_count = 0;
  for (const BackupInfo& backup : backups) {
    size_bytes += backup.size_bytes;
    damaged_count += backup.status.ok() ? 0 : 1;
  }
  return absl::StrFormat(
      "verified every checksum of %d backup%s, %s together: %d damaged\n",
      backups.size(), backups.size() == 1 ? "" : "s", ShownSize(size_bytes),
      damaged_count);
}

// The backups that can be restored in the place of the one that is damaged.
std::string DescribeOthers(const std::string& folder, uint32_t damaged_id) {
  const absl::StatusOr<std::vector<BackupInfo>> backups = ListBackups(folder);
  if (!backups.ok() || backups->empty()) {
    return "";
  }
  const uint32_t tried = damaged_id == 0 ? backups->back().id : damaged_id;
  std::vector<uint32_t> others;
  for (const BackupInfo& backup : *backups) {
    if (backup.id != tried && backup.status.ok()) {
      others.push_back(backup.id);
    }
  }
  return others.empty()
             ? "; there is no other backup"
             : absl::StrCat("; other backups: ", absl::StrJoin(others, ", "),
                            " (--backup ", others.back(), ")");
}

// What is left after a restore that failed, and what else can be done.
absl::Status ExplainFailure(const absl::Status& status, const Config& config,
                            uint32_t backup_id) {
  if (!absl::IsDataLoss(status)) {
    return status;
  }
  return absl::DataLossError(absl::StrCat(
      status.message(), "; nothing was restored into '", config.data, "'",
      DescribeOthers(config.backup_folder, backup_id)));
}

}  // namespace

absl::StatusOr<VerifySummary> RestoreDataFolder(const Config& config,
                                                const CommandLine& command_line,
                                                std::ostream& output) {
  COPSE_RETURN_IF_ERROR(CheckBackupFolderSet(config));
  const absl::Time start = absl::Now();
  const absl::StatusOr<BackupInfo> restored =
      RestoreBackup({.backup_folder = config.backup_folder,
                     .backup_id = command_line.backup_id,
                     .data_folder = config.data});
  if (!restored.ok()) {
    return ExplainFailure(restored.status(), config, command_line.backup_id);
  }
  const BackupInfo& backup = *restored;
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
  COPSE_RETURN_IF_ERROR(AnnotateStatus(
      CheckIsBackupFolder(config.backup_folder), "setting 'backup_folder'"));
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
    WriteJson({{"verified", command_line.verify},
               {"damaged", summary.damaged},
               {"backups", std::move(list)}},
              output);
    return summary;
  }
  if (backups.empty()) {
    output << "no backups\n";
  } else {
    WriteTable(backups, output);
  }
  if (command_line.verify) {
    output << DescribeCheck(backups);
  }
  return summary;
}

}  // namespace copse
