// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/backup_folder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/backup_record.h"
#include "versioning/data_folder.h"
#include "versioning/files.h"
#include "versioning/folder_lock.h"
#include "versioning/meta_backups.h"
#include "versioning/record_codec.h"
#include "versioning/segment_backup.h"
#include "versioning/segment_file.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr std::array<absl::string_view, 5> kKnownNames = {
    "LOCK", "backups", "lost+found", "meta", "vectors"};

// Returns whether `name` is a number as we write it: not "07", not " 7".
bool ParseNumber(absl::string_view name, uint32_t& number) {
  return absl::SimpleAtoi(name, &number) && absl::StrCat(number) == name;
}

absl::Status CheckNames(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(path));
  for (const std::string& name : names) {
    if (std::ranges::find(kKnownNames, name) == kKnownNames.end()) {
      return WithReason(
          absl::FailedPreconditionError(absl::StrFormat(
              "backup folder '%s' holds '%s', which is no part of a backup: "
              "choose an empty folder, or one with backups of copse",
              path, name)),
          "BACKUP_FOLDER_FOREIGN", {{"folder", path}, {"file", name}});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BackupRecord> ReadRecord(const std::string& path, uint32_t id) {
  const std::string name = absl::StrFormat("backup file '%s'", path);
  COPSE_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadSmallFile(path, kRecordSizeBytesMax));
  absl::StatusOr<BackupRecord> record = BackupRecord::Parse(bytes);
  if (absl::IsUnimplemented(record.status())) {
    return WithReason(AnnotateStatus(record.status(), name),
                      "DATA_FORMAT_NEWER", {{"path", path}});
  }
  if (!record.ok()) {
    return AnnotateStored(record.status(), name);
  }
  if (record->id != id) {
    return DataDamagedError(
        name,
        absl::StrFormat("it is of backup %d, expected %d", record->id, id));
  }
  return record;
}

}  // namespace

absl::Status StatusOf(const StoredBackup& backup) {
  return backup.record.ok() ? CheckRestorable(*backup.record)
                            : backup.record.status();
}

BackupInfo ToInfo(const BackupRecord& record) {
  return {.id = record.id,
          .create_time = record.create_time,
          .domain_count = record.domain_count,
          .commit_count = record.commit_count,
          .size_bytes = record.size_bytes,
          .new_size_bytes = record.new_size_bytes};
}

absl::Status CheckRestorable(const BackupRecord& record) {
  const uint32_t found = record.data_format_version;
  if (found == kDataFormatVersion) {
    return absl::OkStatus();
  }
  const std::string message =
      absl::StrFormat("backup %d is of a data folder of format %d, expected %d",
                      record.id, found, kDataFormatVersion);
  if (found > kDataFormatVersion) {
    return WithReason(
        absl::UnimplementedError(absl::StrCat(
            message, ": a newer copse made it, upgrade copse to restore it")),
        "DATA_FORMAT_NEWER",
        {{"format", absl::StrCat(found)},
         {"format_max", absl::StrCat(kDataFormatVersion)}});
  }
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        message, ": restore it with the copse that made it")),
                    "DATA_FORMAT_OLDER",
                    {{"format", absl::StrCat(found)},
                     {"format_min", absl::StrCat(kDataFormatVersion)}});
}

std::string BackupMetaPath(const std::string& path) {
  return absl::StrCat(path, "/meta");
}

absl::StatusOr<std::vector<StoredBackup>> ReadBackups(const std::string& path) {
  const std::string folder = absl::StrCat(path, "/backups");
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  if (absl::IsNotFound(names.status())) {
    return std::vector<StoredBackup>();
  }
  COPSE_RETURN_IF_ERROR(names.status());
  std::vector<StoredBackup> backups;
  for (const std::string& name : *names) {
    uint32_t id = 0;
    if (ParseNumber(name, id)) {
      backups.push_back(
          {.id = id,
           .record = ReadRecord(absl::StrCat(folder, "/", name), id)});
    }
  }
  std::ranges::sort(backups, {}, &StoredBackup::id);
  return backups;
}

absl::Status CheckIsBackupFolder(const std::string& folder) {
  const absl::Status checked = CheckNames(folder);
  if (!absl::IsNotFound(checked)) {
    return checked;
  }
  return WithReason(absl::NotFoundError(absl::StrFormat(
                        "backup folder '%s' does not exist", folder)),
                    "BACKUP_FOLDER_NOT_FOUND", {{"folder", folder}});
}

absl::StatusOr<std::unique_ptr<BackupFolder>> BackupFolder::Open(
    const std::string& path) {
  COPSE_RETURN_IF_ERROR(CreateFolder(path));
  // Before the lock, whose file would be the first one there.
  COPSE_RETURN_IF_ERROR(CheckNames(path));
  COPSE_ASSIGN_OR_RETURN(FileDescriptor lock,
                         LockFolder(path, {.what = "backup folder",
                                           .reason = "BACKUP_FOLDER_LOCKED"}));
  std::unique_ptr<BackupFolder> folder(new BackupFolder(path, std::move(lock)));
  COPSE_RETURN_IF_ERROR(CreateFolder(absl::StrCat(path, "/backups")));
  COPSE_RETURN_IF_ERROR(CreateFolder(absl::StrCat(path, "/vectors")));
  COPSE_ASSIGN_OR_RETURN(folder->backups_, ReadBackups(path));
  COPSE_RETURN_IF_ERROR(CreateFolder(BackupMetaPath(path)));
  COPSE_ASSIGN_OR_RETURN(folder->meta_,
                         MetaBackups::Open(BackupMetaPath(path)));
  COPSE_RETURN_IF_ERROR(folder->RemoveLeftovers());
  return folder;
}

std::string BackupFolder::RecordPath(uint32_t id) const {
  return absl::StrCat(path_, "/backups/", id);
}

std::string BackupFolder::DomainPath(uint32_t domain_number) const {
  return absl::StrCat(path_, "/vectors/", domain_number);
}

bool BackupFolder::Has(uint32_t id) const {
  return std::ranges::find(backups_, id, &StoredBackup::id) != backups_.end();
}

const BackupRecord* BackupFolder::newest() const {
  for (auto backup = backups_.rbegin(); backup != backups_.rend(); ++backup) {
    if (StatusOf(*backup).ok()) {
      return &*backup->record;
    }
  }
  return nullptr;
}

absl::Status BackupFolder::CreateDomainFolder(uint32_t domain_number) const {
  return CreateFolder(DomainPath(domain_number));
}

absl::Status BackupFolder::SyncDomainFolder(uint32_t domain_number) const {
  return SyncFolder(DomainPath(domain_number));
}

absl::Status BackupFolder::Put(const BackupRecord& record) {
  const std::string bytes = record.Encode();
  if (bytes.size() > kRecordSizeBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("the record of the backup has %d bytes, expected at "
                        "most %d: the store has too many segments",
                        bytes.size(), kRecordSizeBytesMax));
  }
  COPSE_RETURN_IF_ERROR(WriteFileAtomically(RecordPath(record.id),
                                            std::as_bytes(std::span(bytes))));
  backups_.push_back({.id = record.id, .record = record});
  return absl::OkStatus();
}

absl::StatusOr<int64_t> BackupFolder::DeleteAllBut(int64_t kept_count) {
  // From the newest one on; what is older than the last one kept goes.
  int64_t left_count = kept_count;
  auto first_kept = backups_.end();
  while (first_kept != backups_.begin() && left_count > 0) {
    --first_kept;
    left_count -= StatusOf(*first_kept).ok() ? 1 : 0;
  }
  std::vector<uint32_t> ids;
  for (auto backup = backups_.begin(); backup != first_kept; ++backup) {
    if (!absl::IsUnimplemented(StatusOf(*backup))) {
      ids.push_back(backup->id);
    }
  }
  for (const uint32_t id : ids) {
    COPSE_RETURN_IF_ERROR(Unname(id));
  }
  const auto deleted_count = static_cast<int64_t>(ids.size());
  if (deleted_count > 0) {
    COPSE_RETURN_IF_ERROR(RemoveLeftovers());
  }
  return deleted_count;
}

absl::Status BackupFolder::Delete(uint32_t id) {
  COPSE_RETURN_IF_ERROR(Unname(id));
  return RemoveLeftovers();
}

absl::Status BackupFolder::Unname(uint32_t id) {
  COPSE_RETURN_IF_ERROR(RemoveTree(RecordPath(id)));
  COPSE_RETURN_IF_ERROR(SyncFolder(absl::StrCat(path_, "/backups")));
  std::erase_if(backups_,
                [id](const StoredBackup& backup) { return backup.id == id; });
  return absl::OkStatus();
}

absl::Status BackupFolder::RemoveLeftovers() {
  // First of all the records, durably: one that could not be synced, when it
  // was made or when it was deleted, must not be there after a power cut
  // without what it needs.
  const std::string records = absl::StrCat(path_, "/backups");
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(records));
  for (const std::string& name : names) {
    uint32_t id = 0;
    if (!ParseNumber(name, id) || !Has(id)) {
      COPSE_RETURN_IF_ERROR(RemoveTree(absl::StrCat(records, "/", name)));
    }
  }
  COPSE_RETURN_IF_ERROR(SyncFolder(records));
  for (const uint32_t id : meta_->List()) {
    if (!Has(id)) {
      COPSE_RETURN_IF_ERROR(meta_->Delete(id));
    }
  }
  COPSE_RETURN_IF_ERROR(meta_->RemoveLeftovers());
  return RemoveUnnamedVectors();
}

absl::Status BackupFolder::RemoveUnnamedVectors() {
  absl::flat_hash_set<std::string> named;
  for (const StoredBackup& backup : backups_) {
    if (!backup.record.ok()) {
      return absl::OkStatus();  // Nobody knows what it needs.
    }
    for (const BackupSegment& segment : backup.record->segments) {
      for (const BackupPiece& piece : segment.pieces) {
        for (const SegmentKind kind :
             {SegmentKind::kVectors, SegmentKind::kChecks}) {
          named.insert(PiecePath(path_, segment, piece.backup_id, kind));
        }
      }
    }
  }
  const std::string vectors = absl::StrCat(path_, "/vectors");
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> domains,
                         ListFolder(vectors));
  for (const std::string& domain : domains) {
    const std::string folder = absl::StrCat(vectors, "/", domain);
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           ListFolder(folder));
    size_t removed_count = 0;
    for (const std::string& name : names) {
      const std::string file = absl::StrCat(folder, "/", name);
      if (!named.contains(file)) {
        COPSE_RETURN_IF_ERROR(RemoveTree(file));
        ++removed_count;
      }
    }
    if (removed_count == names.size()) {
      COPSE_RETURN_IF_ERROR(RemoveTree(folder));
    }
  }
  return absl::OkStatus();
}

}  // namespace copse
