// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Backups of a data folder, and the way back.
//
//   COPSE_ASSIGN_OR_RETURN(BackupInfo backup,
//                          store->CreateBackup({.folder = "/backup/copse"}));
//   ...
//   COPSE_ASSIGN_OR_RETURN(BackupInfo restored,
//                          RestoreBackup({.backup_folder = "/backup/copse",
//                                         .data_folder = "/var/lib/copse"}));
//
// A backup has every domain, commit and branch as of one moment, also while
// pushes run. It copies what the backup folder does not have yet, and links to
// nothing: whatever happens to the data folder afterwards, the backup stays as
// it is. The folder belongs to one store, and to those that were restored from
// it. backup_folder.h says what lies where.
//
// Invariants:
//
// * Order: collections are held up where they would take vectors away, and so
//   is the removal of deleted domains; the meta database is copied, then the
//   segments, whose rows were synced before a manifest named them; all is
//   synced; then one record makes the backup exist.
// * A backup exists whole or not at all. What one leaves that was cut short is
//   removed by the next, and by itself where it can.
// * Nothing that an earlier backup needs is written to again.

#ifndef COPSE_VERSIONING_BACKUP_H_
#define COPSE_VERSIONING_BACKUP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace copse {

struct BackupInfo {
  uint32_t id = 0;
  absl::Time create_time = absl::UnixEpoch();

  // When it was begun: pushes that ended meanwhile may be in it, too.
  int64_t domain_count = 0;
  int64_t commit_count = 0;

  int64_t size_bytes = 0;      // Of all that it needs.
  int64_t new_size_bytes = 0;  // By how much the backup folder grew.

  // OK, or why it cannot be restored; then the others are not known.
  absl::Status status = absl::OkStatus();
};

// In the order in which a backup comes to them.
enum class BackupPhase {
  kWaiting,      // For a collection that rewrites a segment.
  kCopyingMeta,  // Everything but vectors.
  kCopyingVectors,
  kVerifying,  // Before older ones are deleted: reads all of it.
};

struct BackupProgress {
  BackupPhase phase = BackupPhase::kWaiting;

  // Of this phase. Of the meta database the total is a bound: what the backup
  // folder has already is not copied.
  int64_t done_size_bytes = 0;
  int64_t total_size_bytes = 0;
};

struct BackupOptions {
  // Created if it does not exist. Neither in the data folder nor around it.
  std::string folder = {};

  // How many backups are kept; older ones are deleted when the new one exists
  // and all its files, also those that older ones have made, are what was
  // written. If they are not, nothing older is deleted and there is no new one.
  // Counted as by DeleteBackups(). 0: all.
  int64_t kept_count = 0;

  // Called now and then, also from another thread, but never twice at once; a
  // status that is not OK stops the backup. May be null.
  std::function<absl::Status(const BackupProgress&)> on_progress = nullptr;
};

struct RestoreOptions {
  std::string backup_folder = {};

  // 0: the newest.
  uint32_t backup_id = 0;

  // Empty, or does not exist.
  std::string data_folder = {};

  // Called now and then with the bytes of vectors that were read; a status that
  // is not OK stops the restore. May be null.
  std::function<absl::Status(int64_t size_bytes)> on_progress = nullptr;
};

// Fails with kInvalidArgument, BACKUP_FOLDER_INVALID, if one of the folders
// lies in the other, or they are the same.
absl::Status CheckBackupFolder(const std::string& backup_folder,
                               const std::string& data_folder);

// Fails with kNotFound, BACKUP_FOLDER_NOT_FOUND, if `folder` does not exist,
// and with kFailedPrecondition, BACKUP_FOLDER_FOREIGN, naming a file in it that
// no backup has.
absl::Status CheckIsBackupFolder(const std::string& folder);

// Returns the backups in `folder`, the oldest first. One that cannot be read,
// or not by this build, is listed with the reason. A folder that does not exist
// has none.
absl::StatusOr<std::vector<BackupInfo>> ListBackups(const std::string& folder);

// Reads all files of a backup (0: the newest) and compares them with their
// checksums. Fails as RestoreBackup(). `on_progress` is as in RestoreOptions.
absl::StatusOr<BackupInfo> VerifyBackup(
    const std::string& folder, uint32_t backup_id,
    const std::function<absl::Status(int64_t size_bytes)>& on_progress =
        nullptr);

// Deletes all backups that are older than the newest `kept_count`, of which
// there is at least one, and returns how many. Those that cannot be restored
// do not count; those that a newer copse made stay. Fails with
// kFailedPrecondition, BACKUP_FOLDER_LOCKED, while another process uses the
// folder.
absl::StatusOr<int64_t> DeleteBackups(const std::string& folder,
                                      int64_t kept_count);

// Makes a data folder out of a backup. Until it is whole nobody can open it; if
// it does not become so, what was made is removed.
// Reads the backup folder only. What was damaged in the data folder when the
// backup was made is damaged in the new one: Store::VerifyDomain() finds it.
// Fails with
//
//   kNotFound, BACKUP_NOT_FOUND                  no such backup;
//   kFailedPrecondition, DATA_FOLDER_NOT_EMPTY   naming a file that is there;
//   kUnimplemented, DATA_FORMAT_NEWER            a newer copse made the backup;
//   kFailedPrecondition, DATA_FORMAT_OLDER       one from before 0.1 did;
//   kDataLoss, DATA_DAMAGED                      naming the damaged file;
//   kResourceExhausted, DISK_FULL                on the disk of the data
//   folder.
absl::StatusOr<BackupInfo> RestoreBackup(const RestoreOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_BACKUP_H_
