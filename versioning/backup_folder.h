// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The backup folder: what lies where, and which of it belongs to a backup.
//
//   LOCK           held with flock(2) by who writes; holds the process number
//   backups/<id>   the record of a backup, see backup_record.h
//   meta/          RocksDB's backups, with the same numbers
//   vectors/<n>/   copies of segments of domain number n, see segment_backup.h
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<BackupFolder> folder,
//                          BackupFolder::Open(path));
//   ... write copies ...
//   COPSE_RETURN_IF_ERROR(folder->Put(record));
//
// Invariants:
//
// * A backup exists when its record does. The record is written last and
//   removed first.
// * What no record names is a leftover, which is removed when the names of the
//   records are synced. Copies of vectors are only removed while every record
//   can be read.

#ifndef COPSE_VERSIONING_BACKUP_FOLDER_H_
#define COPSE_VERSIONING_BACKUP_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/backup.h"
#include "versioning/backup_record.h"
#include "versioning/files.h"
#include "versioning/meta_backups.h"

namespace copse {

// A record, or why it cannot be read.
struct StoredBackup {
  uint32_t id = 0;
  absl::StatusOr<BackupRecord> record;
};

// Returns what is in backup folder `path`, the oldest first; nothing if it does
// not exist.
absl::StatusOr<std::vector<StoredBackup>> ReadBackups(const std::string& path);

// Returns OK, or that this build cannot restore the backup: kUnimplemented,
// DATA_FORMAT_NEWER, or kFailedPrecondition, DATA_FORMAT_OLDER. Other versions
// of the data folder are not read, see data_folder.h.
absl::Status CheckRestorable(const BackupRecord& record);

// Returns OK, or why the backup cannot be restored, as far as its record says.
absl::Status StatusOf(const StoredBackup& backup);

// What callers see of a record.
BackupInfo ToInfo(const BackupRecord& record);

// Where RocksDB's backups are in backup folder `path`.
std::string BackupMetaPath(const std::string& path);

// Thread safety: one thread at a time.
class BackupFolder {
 public:
  // Opens `path` for writing, creating it if it does not exist, and removes
  // leftovers. Fails with kFailedPrecondition, BACKUP_FOLDER_FOREIGN, naming a
  // file that no backup has, and BACKUP_FOLDER_LOCKED, naming the process that
  // writes to it.
  static absl::StatusOr<std::unique_ptr<BackupFolder>> Open(
      const std::string& path);

  const std::string& path() const { return path_; }
  MetaBackups& meta() { return *meta_; }

  // The newest backup that can be restored, as far as records say, or null.
  const BackupRecord* newest() const;

  // Makes the folder for copies of a domain. Syncs the names in it.
  absl::Status CreateDomainFolder(uint32_t domain_number) const;
  absl::Status SyncDomainFolder(uint32_t domain_number) const;

  // Makes the backup exist, durably.
  absl::Status Put(const BackupRecord& record);

  // Deletes all backups that are older than the newest `kept_count`, and
  // returns how many. Those that cannot be restored do not count, and those of
  // a newer format stay.
  absl::StatusOr<int64_t> DeleteAllBut(int64_t kept_count);

  absl::Status Delete(uint32_t id);

  // Removes what no record names.
  absl::Status RemoveLeftovers();

 private:
  BackupFolder(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string RecordPath(uint32_t id) const;
  std::string DomainPath(uint32_t domain_number) const;
  bool Has(uint32_t id) const;
  absl::Status Unname(uint32_t id);
  absl::Status RemoveUnnamedVectors();

  const std::string path_;
  const FileDescriptor lock_;
  std::unique_ptr<MetaBackups> meta_;
  std::vector<StoredBackup> backups_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_BACKUP_FOLDER_H_
