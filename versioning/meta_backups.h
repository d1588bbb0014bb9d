// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Copies of the meta database, by RocksDB's backup engine: each is consistent
// as of one moment, tables and blobs that two of them have in common are stored
// once, and none is a link to a file of the database.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<MetaBackups> backups,
//                          MetaBackups::Open(backup_folder + "/meta"));
//   COPSE_ASSIGN_OR_RETURN(MetaBackup backup, backups->Create(database, told));

#ifndef COPSE_VERSIONING_META_BACKUPS_H_
#define COPSE_VERSIONING_META_BACKUPS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/meta_database.h"

namespace rocksdb {
class BackupEngine;
}  // namespace rocksdb

namespace copse {

struct MetaBackup {
  uint32_t id = 0;  // Above that of every backup there is.
  int64_t size_bytes = 0;
};

// Thread safety: one thread at a time.
class MetaBackups {
 public:
  // Opens the backups in `folder`, creating it if it does not exist.
  static absl::StatusOr<std::unique_ptr<MetaBackups>> Open(
      const std::string& folder);
  ~MetaBackups();

  // Copies `database`, as it is at some moment of the call, with its log, which
  // MetaDatabase::Flush() makes short. Reads and writes go on. `on_copied` is
  // told now and then of bytes that were copied since, on another thread; a
  // status that is not OK stops the copy and is returned.
  absl::StatusOr<MetaBackup> Create(
      MetaDatabase& database,
      const std::function<absl::Status(int64_t size_bytes)>& on_copied);

  // Returns the numbers of all copies, whether or not they can be read.
  std::vector<uint32_t> List() const;

  absl::Status Delete(uint32_t id);

  // Removes what copies that were cut short have left.
  absl::Status RemoveLeftovers();

 private:
  explicit MetaBackups(std::unique_ptr<rocksdb::BackupEngine> engine);

  std::unique_ptr<rocksdb::BackupEngine> engine_;
};

// Puts the database of a copy into `target`, which is empty, durably. Only
// reads `folder`. Fails with kDataLoss, DATA_DAMAGED, naming a file that is not
// what was written.
absl::Status RestoreMetaBackup(const std::string& folder, uint32_t id,
                               const std::string& target);

// Reads every file of a copy and compares it with its checksum.
absl::Status VerifyMetaBackup(const std::string& folder, uint32_t id);

}  // namespace copse

#endif  // COPSE_VERSIONING_META_BACKUPS_H_
