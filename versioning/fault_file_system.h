// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// For tests: the file system below RocksDB, with disks that are full or fail.
//
//   FaultFileSystem* faults = nullptr;
//   std::unique_ptr<rocksdb::Env> env = MakeFaultEnv(&faults);
//   MetaDatabase::Open({.folder = folder, .env = env.get()});
//   faults->FailAppends(FaultFileSystem::Fault::kNoSpace);

#ifndef COPSE_VERSIONING_FAULT_FILE_SYSTEM_H_
#define COPSE_VERSIONING_FAULT_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/io_status.h"

namespace copse {

// Thread safety: any number of threads may use one FaultFileSystem.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault { kNone, kNoSpace, kIoError };

  explicit FaultFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target)
      : rocksdb::FileSystemWrapper(target) {}

  const char* Name() const override { return "FaultFileSystem"; }

  // Makes every later append, or sync, or creation of a file fail, or (kNone)
  // succeed.
  void FailAppends(Fault fault) { append_fault_.store(fault); }
  void FailSyncs(Fault fault) { sync_fault_.store(fault); }
  void FailCreations(Fault fault) { creation_fault_.store(fault); }

  // The same for appends to the list of tables.
  void FailManifests(Fault fault) { manifest_fault_.store(fault); }

  // Makes every append wait until this is set to false.
  void HoldAppends(bool is_held) {
    is_held_.store(is_held);
    is_held_.notify_all();
  }

  // Makes the disk say that it has so many free bytes. Negative: the truth.
  void SetFreeSize(int64_t size_bytes) { free_size_bytes_.store(size_bytes); }

  // Returns how many syncs of files were asked for.
  int64_t sync_count() const { return sync_count_.load(); }

  rocksdb::IOStatus NewWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus fault = StatusOf(creation_fault_.load());
    if (!fault.ok()) {
      return fault;
    }
    std::unique_ptr<rocksdb::FSWritableFile> file;
    rocksdb::IOStatus status =
        target()->NewWritableFile(path, options, &file, debug);
    if (status.ok()) {
      const bool is_manifest = path.find("/MANIFEST-") != std::string::npos;
      *result =
          std::make_unique<FaultFile>(std::move(file), *this, is_manifest);
    }
    return status;
  }

  rocksdb::IOStatus GetFreeSpace(const std::string& path,
                                 const rocksdb::IOOptions& options,
                                 uint64_t* free_size_bytes,
                                 rocksdb::IODebugContext* debug) override {
    const int64_t told = free_size_bytes_.load();
    if (told < 0) {
      return target()->GetFreeSpace(path, options, free_size_bytes, debug);
    }
    *free_size_bytes = static_cast<uint64_t>(told);
    return rocksdb::IOStatus::OK();
  }

 private:
  static rocksdb::IOStatus StatusOf(Fault fault) {
    switch (fault) {
      case Fault::kNone:
        return rocksdb::IOStatus::OK();
      case Fault::kNoSpace: {
        // As RocksDB's own file system has it.
        rocksdb::IOStatus status = rocksdb::IOStatus::NoSpace("injected");
        status.SetRetryable(true);
        return status;
      }
      case Fault::kIoError:
        return rocksdb::IOStatus::IOError("injected");
    }
    return rocksdb::IOStatus::OK();
  }

  class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    FaultFile(std::unique_ptr<rocksdb::FSWritableFile> file,
              FaultFileSystem& owner, bool is_manifest)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)),
          owner_(owner),
          is_manifest_(is_manifest) {}

    using rocksdb::FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      owner_.is_held_.wait(true);
      rocksdb::IOStatus fault = StatusOf(owner_.append_fault_.load());
      if (fault.ok() && is_manifest_) {
        fault = StatusOf(owner_.manifest_fault_.load());
      }
      return fault.ok() ? rocksdb::FSWritableFileOwnerWrapper::Append(
                              data, options, debug)
                        : fault;
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      owner_.sync_count_.fetch_add(1);
      rocksdb::IOStatus fault = StatusOf(owner_.sync_fault_.load());
      return fault.ok()
                 ? rocksdb::FSWritableFileOwnerWrapper::Sync(options, debug)
                 : fault;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      owner_.sync_count_.fetch_add(1);
      rocksdb::IOStatus fault = StatusOf(owner_.sync_fault_.load());
      return fault.ok()
                 ? rocksdb::FSWritableFileOwnerWrapper::Fsync(options, debug)
                 : fault;
    }

   private:
    FaultFileSystem& owner_;
    const bool is_manifest_;
  };

  std::atomic<Fault> append_fault_ = Fault::kNone;
  std::atomic<Fault> sync_fault_ = Fault::kNone;
  std::atomic<Fault> creation_fault_ = Fault::kNone;
  std::atomic<Fault> manifest_fault_ = Fault::kNone;
  std::atomic<bool> is_held_ = false;
  std::atomic<int64_t> sync_count_ = 0;
  std::atomic<int64_t> free_size_bytes_ = -1;
};

// Returns an environment over the operating system's files; `*faults` belongs
// to it.
inline std::unique_ptr<rocksdb::Env> MakeFaultEnv(FaultFileSystem** faults) {
  auto file_system =
      std::make_shared<FaultFileSystem>(rocksdb::FileSystem::Default());
  *faults = file_system.get();
  return rocksdb::NewCompositeEnv(file_system);
}

}  // namespace copse

#endif  // COPSE_VERSIONING_FAULT_FILE_SYSTEM_H_
