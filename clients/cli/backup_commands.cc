// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse backup create|list

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"

namespace copse {
namespace {

using Progress = v1::CreateBackupResponse::Progress;

struct BackupFlags {
  int32_t kept_count = 0;
};

std::string Size(int64_t size_bytes) {
  return FormatSize(static_cast<double>(size_bytes));
}

// Bytes a second since the phase began.
class PhaseRate {
 public:
  double Of(const Progress& progress) {
    const absl::Time now = absl::Now();
    if (progress.phase() != phase_) {
      phase_ = progress.phase();
      start_ = now;
    }
    const double seconds = absl::ToDoubleSeconds(now - start_);
    return seconds > 0
               ? static_cast<double>(progress.done_size_bytes()) / seconds
               : 0;
  }

 private:
  Progress::Phase phase_ = Progress::PHASE_UNSPECIFIED;
  absl::Time start_;
};

std::string FormatProgress(const Progress& progress, double rate) {
  const auto* value =
      Progress::Phase_descriptor()->FindValueByNumber(progress.phase());
  return absl::StrFormat("%s: %s of at most %s, %s/s",
                         value == nullptr ? "working" : EnumValueName(*value),
                         Size(progress.done_size_bytes()),
                         Size(progress.total_size_bytes()), FormatSize(rate));
}

absl::StatusOr<ExitCode> CreateBackup(Context& context,
                                      const BackupFlags& flags) {
  v1::CreateBackupRequest request;
  request.set_kept_count(flags.kept_count);
  v1::Backup backup;
  PhaseRate rate;
  const absl::Time start = absl::Now();
  const absl::Status status = context.client().CreateBackup(
      request, [&](const v1::CreateBackupResponse& response) {
        if (response.has_progress()) {
          const double now = rate.Of(response.progress());
          context.progress().Show(
              [&] { return FormatProgress(response.progress(), now); });
        }
        if (response.has_backup()) {
          backup = response.backup();
        }
        return absl::OkStatus();
      });
  context.progress().Clear();
  COPSE_CLIENT_RETURN_IF_ERROR(status);
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(backup));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(absl::StrFormat(
      "backup %d: %s in %s, %s, of which %s are new, in %.1f s\n", backup.id(),
      FormatCounted(backup.commit_count(), "commit"),
      FormatCounted(backup.domain_count(), "domain"), Size(backup.size_bytes()),
      Size(backup.new_size_bytes()),
      absl::ToDoubleSeconds(absl::Now() - start))));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> ListBackups(Context& context) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::ListBackupsResponse response,
                                context.client().ListBackups({}));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(response));
    return ExitCode::kDone;
  }
  if (response.backups().empty()) {
    context.Note("no backups");
    return ExitCode::kDone;
  }
  TextTable table({{"BACKUP", TextTable::Align::kRight},
                   {"CREATED"},
                   {"DOMAINS", TextTable::Align::kRight},
                   {"COMMITS", TextTable::Align::kRight},
                   {"SIZE", TextTable::Align::kRight},
                   {"NEW", TextTable::Align::kRight}});
  for (const v1::Backup& backup : response.backups()) {
    if (!backup.error().empty()) {
      table.AddRow({absl::StrCat(backup.id()), "damaged", "-", "-", "-", "-"});
      context.Warn(absl::StrCat("backup ", backup.id(), ": ",
                                Printable(backup.error())));
      continue;
    }
    table.AddRow(
        {absl::StrCat(backup.id()), FormatTimestampShort(backup.create_time()),
         FormatCount(backup.domain_count()), FormatCount(backup.commit_count()),
         Size(backup.size_bytes()), Size(backup.new_size_bytes())});
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.output().Write(table.Format(context.output().width())));
  return ExitCode::kDone;
}

}  // namespace

void AddBackupCommands(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "backup", "Make and list backups of all that the server holds");
  group.require_subcommand(1);
  const auto flags = std::make_shared<BackupFlags>();

  CLI::App& create =
      *group.add_subcommand("create", "Copy what no backup has yet");
  create
      .add_option("--keep", flags->kept_count,
                  "Delete all but the newest N, when this one is complete")
      ->type_name("N")
      ->check(InRange(1, std::numeric_limits<int32_t>::max()));
  AddExamples(
      create, {"copse backup create", "copse backup create --keep 14"},
      "The server must have the setting backup_folder. Reads and pushes "
      "go on.\nTo go back: copsed restore, see copsed --help.");
  line.OnChosen(create, [flags](Context& context) {
    return CreateBackup(context, *flags);
  });

  CLI::App& list = *group.add_subcommand("list", "List the backups");
  AddExamples(list, {"copse backup list --json"});
  line.OnChosen(list, [](Context& context) { return ListBackups(context); });
}

}  // namespace copse
