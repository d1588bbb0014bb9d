// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/meta_backups.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
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
#include "rocksdb/env.h"
#include "rocksdb/io_status.h"
#include "rocksdb/utilities/backup_engine.h"

#include "index/util/status_macros.h"
#include "versioning/files.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_fence.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr int64_t kNoticeSizeBytes = int64_t{1} << 20;

rocksdb::BackupEngineOptions EngineOptions(const std::string& folder) {
  rocksdb::BackupEngineOptions options(folder);
  options.callback_trigger_interval_size =
      static_cast<uint64_t>(kNoticeSizeBytes);
  return options;
}

absl::Status BackupStatus(const std::string& folder, uint32_t id,
                          const rocksdb::Status& status) {
  const std::string name = absl::StrFormat("backup %d in '%s'", id, folder);
  if (status.IsNotFound()) {
    return DataDamagedError(name, "it is missing");
  }
  return AnnotateStatus(FromRocksStatus(status), name);
}

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenReadOnly(
    const std::string& folder) {
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::IOStatus status = rocksdb::BackupEngineReadOnly::Open(
      EngineOptions(folder), rocksdb::Env::Default(), &engine);
  std::unique_ptr<rocksdb::BackupEngineReadOnly> owned(engine);
  if (!status.ok()) {
    return AnnotateStored(FromRocksStatus(status),
                          absl::StrFormat("backups in '%s'", folder));
  }
  return owned;
}

absl::Status SyncFiles(const std::string& folder) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(folder));
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name);
    COPSE_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(path, O_RDONLY));
    if (::fsync(file.get()) != 0) {
      return FileError("sync", path, errno);
    }
  }
  return SyncFolder(folder);
}

}  // namespace

MetaBackups::MetaBackups(std::unique_ptr<rocksdb::BackupEngine> engine)
    : engine_(std::move(engine)) {}

MetaBackups::~MetaBackups() = default;

absl::StatusOr<std::unique_ptr<MetaBackups>> MetaBackups::Open(
    const std::string& folder) {
  std::unique_ptr<rocksdb::BackupEngine> owned;
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    rocksdb::BackupEngine* engine = nullptr;
    const rocksdb::IOStatus status = rocksdb::BackupEngine::Open(
        EngineOptions(folder), rocksdb::Env::Default(), &engine);
    owned.reset(engine);
    return AnnotateStored(FromRocksStatus(status),
                          absl::StrFormat("backups in '%s'", folder));
  });
  COPSE_RETURN_IF_ERROR(fenced);
  return std::unique_ptr<MetaBackups>(new MetaBackups(std::move(owned)));
}

absl::StatusOr<MetaBackup> MetaBackups::Create(
    MetaDatabase& database,
    const std::function<absl::Status(int64_t size_bytes)>& on_copied) {
  absl::Status told;  // Written by one thread at a time, under RocksDB's lock.
  rocksdb::CreateBackupOptions options;
  // The log goes along: what is flushed table by table is of no one moment. And
  // a flush that MetaDatabase does not know of would leave it with nothing to
  // get over a full disk by.
  options.flush_before_backup = false;
  options.progress_callback = [&] {
    if (told.ok()) {
      told = on_copied(kNoticeSizeBytes);
    }
    if (!told.ok()) {
      engine_->StopBackup();
    }
  };
  MetaBackup backup;
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    const rocksdb::IOStatus status =
        engine_->CreateNewBackup(options, &database.engine(), &backup.id);
    COPSE_RETURN_IF_ERROR(told);
    COPSE_RETURN_IF_ERROR(FromRocksStatus(status));
    rocksdb::BackupInfo info;
    COPSE_RETURN_IF_ERROR(
        FromRocksStatus(engine_->GetBackupInfo(backup.id, &info)));
    backup.size_bytes = static_cast<int64_t>(info.size);
    return absl::OkStatus();
  });
  COPSE_RETURN_IF_ERROR(fenced);
  return backup;
}

std::vector<uint32_t> MetaBackups::List() const {
  std::vector<rocksdb::BackupInfo> infos;
  engine_->GetBackupInfo(&infos);
  std::vector<uint32_t> ids;
  engine_->GetCorruptedBackups(&ids);
  for (const rocksdb::BackupInfo& info : infos) {
    ids.push_back(info.backup_id);
  }
  return ids;
}

absl::Status MetaBackups::Delete(uint32_t id) {
  return Fenced([&]() -> absl::Status {
    return FromRocksStatus(engine_->DeleteBackup(id));
  });
}

absl::Status MetaBackups::RemoveLeftovers() {
  return Fenced([&]() -> absl::Status {
    return FromRocksStatus(engine_->GarbageCollect());
  });
}

absl::Status RestoreMetaBackup(const std::string& folder, uint32_t id,
                               const std::string& target) {
  const absl::Status fenced = Fenced([&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const auto engine, OpenReadOnly(folder));
    const rocksdb::IOStatus status = engine->RestoreDBFromBackup(
        rocksdb::RestoreOptions(), id, target, target);
    if (status.IsCorruption()) {
      // It knows which file.
      const rocksdb::IOStatus found =
          engine->VerifyBackup(id, /*verify_with_checksum=*/true);
      COPSE_RETURN_IF_ERROR(BackupStatus(folder, id, found));
    }
    return BackupStatus(folder, id, status);
  });
  COPSE_RETURN_IF_ERROR(fenced);
  return SyncFiles(target);
}

absl::Status VerifyMetaBackup(const std::string& folder, uint32_t id) {
  return Fenced([&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const auto engine, OpenReadOnly(folder));
    return BackupStatus(
        folder, id, engine->VerifyBackup(id, /*verify_with_checksum=*/true));
  });
}

}  // namespace copse
