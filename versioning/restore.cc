// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The way back from a backup; backup.h declares it.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/backup.h"
#include "versioning/backup_folder.h"
#include "versioning/backup_record.h"
#include "versioning/data_folder.h"
#include "versioning/domain_record.h"
#include "versioning/files.h"
#include "versioning/keys.h"
#include "versioning/meta_backups.h"
#include "versioning/meta_database.h"
#include "versioning/segment_backup.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

absl::Status BackupNotFoundError(const std::string& folder, uint32_t id) {
  return WithReason(
      absl::NotFoundError(
          id == 0 ? absl::StrFormat("backup folder '%s' has no backup", folder)
                  : absl::StrFormat("backup folder '%s' has no backup %d",
                                    folder, id)),
      "BACKUP_NOT_FOUND", {{"folder", folder}, {"backup", absl::StrCat(id)}});
}

// Returns the record of backup `id`; 0: the newest one.
absl::StatusOr<BackupRecord> FindBackup(const std::string& folder,
                                        uint32_t id) {
  COPSE_ASSIGN_OR_RETURN(std::vector<StoredBackup> backups,
                         ReadBackups(folder));
  for (auto backup = backups.rbegin(); backup != backups.rend(); ++backup) {
    if (id == 0 || backup->id == id) {
      return std::move(backup->record);
    }
  }
  return BackupNotFoundError(folder, id);
}

// The numbers of the domains of a restored database; deleted ones have none.
absl::StatusOr<std::vector<uint32_t>> ListDomains(
    const MetaDatabase& database) {
  std::vector<uint32_t> numbers;
  COPSE_RETURN_IF_ERROR(database.ForEach(
      MetaTable::kDomains, DomainNumberRange(),
      [&numbers](absl::string_view key,
                 absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const uint32_t number,
                               ParseDomainNumberKey(key));
        const absl::StatusOr<DomainRecord> record = DomainRecord::Parse(value);
        // A damaged record is reported when the domain is named.
        if (!record.ok() || record->state == DomainState::kLive) {
          numbers.push_back(number);
        }
        return absl::OkStatus();
      }));
  return numbers;
}

absl::Status RestoreDomain(const RestoreOptions& options,
                           const BackupRecord& record, const DataFolder& folder,
                           const MetaDatabase& database,
                           uint32_t domain_number) {
  COPSE_RETURN_IF_ERROR(folder.CreateDomainFolder(domain_number));
  // From there on ordinals are given again, and their places are empty.
  COPSE_ASSIGN_OR_RETURN(
      const uint64_t ordinal_end,
      database.GetCounter(CounterKind::kOrdinal, domain_number));
  const std::string path = folder.DomainPath(domain_number);
  for (const BackupSegment& segment : record.segments) {
    const uint64_t first =
        uint64_t{segment.segment_number} * segment.place_count;
    if (segment.domain_number != domain_number || first >= ordinal_end) {
      continue;
    }
    const uint64_t place_end =
        std::min<uint64_t>(segment.place_count, ordinal_end - first);
    COPSE_RETURN_IF_ERROR(RestoreSegment(segment, options.backup_folder, path,
                                         static_cast<uint32_t>(place_end),
                                         options.on_progress));
  }
  return SyncFolder(path);
}

// Without its job nobody fills a domain any more, and the backup has no vectors
// of it.
absl::Status DropReplacements(const MetaDatabase& database, MetaBatch& batch) {
  return database.ForEach(
      MetaTable::kDomains, DomainNumberRange(),
      [&batch](absl::string_view key, absl::string_view value) {
        absl::StatusOr<DomainRecord> record = DomainRecord::Parse(value);
        if (record.ok() && record->state == DomainState::kFilling) {
          record->state = DomainState::kDeleted;
          record->owner.clear();
          batch.Put(MetaTable::kDomains, key, record->Encode());
        }
        return absl::OkStatus();
      });
}

absl::Status RestoreInto(const RestoreOptions& options,
                         const BackupRecord& record, DataFolder& folder) {
  COPSE_RETURN_IF_ERROR(RestoreMetaBackup(BackupMetaPath(options.backup_folder),
                                          record.id, folder.meta_path()));
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<MetaDatabase> database,
                         MetaDatabase::Open({.folder = folder.meta_path()}));
  // Jobs are of the store that the backup was made of: it may have done since
  // what they had still to do, and their files are not here.
  MetaBatch batch(*database);
  batch.DeleteRange(MetaTable::kJobs, JobRange());
  COPSE_RETURN_IF_ERROR(DropReplacements(*database, batch));
  COPSE_RETURN_IF_ERROR(database->Write(batch, Durability::kSynced));
  COPSE_ASSIGN_OR_RETURN(const std::vector<uint32_t> domain_numbers,
                         ListDomains(*database));
  for (const uint32_t domain_number : domain_numbers) {
    COPSE_RETURN_IF_ERROR(
        RestoreDomain(options, record, folder, *database, domain_number));
  }
  return folder.MarkReady();
}

}  // namespace

absl::StatusOr<BackupInfo> RestoreBackup(const RestoreOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const BackupRecord record,
                         FindBackup(options.backup_folder, options.backup_id));
  COPSE_RETURN_IF_ERROR(CheckRestorable(record));
  COPSE_RETURN_IF_ERROR(
      CheckBackupFolder(options.backup_folder, options.data_folder));
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<DataFolder> folder,
                         DataFolder::BeginRestore(options.data_folder));
  const absl::Status restored = RestoreInto(options, record, *folder);
  if (!restored.ok()) {
    // What cannot be removed stays a folder that nobody opens.
    folder->AbandonRestore().IgnoreError();
    return restored;
  }
  return ToInfo(record);
}

absl::StatusOr<BackupInfo> VerifyBackup(
    const std::string& folder, uint32_t backup_id,
    const std::function<absl::Status(int64_t size_bytes)>& on_progress) {
  COPSE_ASSIGN_OR_RETURN(const BackupRecord record,
                         FindBackup(folder, backup_id));
  COPSE_RETURN_IF_ERROR(CheckRestorable(record));
  COPSE_RETURN_IF_ERROR(VerifyMetaBackup(BackupMetaPath(folder), record.id));
  for (const BackupSegment& segment : record.segments) {
    COPSE_RETURN_IF_ERROR(VerifySegment(segment, folder, on_progress));
  }
  return ToInfo(record);
}

}  // namespace copse
