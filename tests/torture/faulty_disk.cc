// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/faulty_disk.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/mutex.h"
#include "tests/torture/unsynced_data.h"
#include "versioning/testing/system_calls.h"

namespace copse {
namespace {

// The calls below get no argument that leads to it.
std::atomic<FaultyDisk*> active_disk = nullptr;

std::string PathOf(int file) {
  const std::string link = absl::StrCat("/proc/self/fd/", file);
  char path[4096];
  const ssize_t size = ::readlink(link.c_str(), path, sizeof(path));
  return size <= 0 ? "" : std::string(path, static_cast<size_t>(size));
}

}  // namespace

absl::string_view FaultKindName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNone:
      return "none";
    case FaultKind::kIoError:
      return "io_error";
    case FaultKind::kNoSpace:
      return "no_space";
    case FaultKind::kShortWrite:
      return "short_write";
    case FaultKind::kKill:
      return "kill";
    case FaultKind::kTornWrite:
      return "torn_write";
  }
  return "unknown";
}

absl::string_view DiskCallName(DiskCall call) {
  switch (call) {
    case DiskCall::kWrite:
      return "write";
    case DiskCall::kResize:
      return "resize";
    case DiskCall::kSync:
      return "sync";
    case DiskCall::kName:
      return "name";
  }
  return "unknown";
}

FaultyDisk::FaultyDisk(const FaultPlan& plan, FaultRecord* record)
    : plan_(plan), record_(record), unsynced_(plan.folder + ".graves") {
  FaultyDisk* expected = nullptr;
  COPSE_CHECK(active_disk.compare_exchange_strong(expected, this));
}

FaultyDisk::~FaultyDisk() { active_disk.store(nullptr); }

bool FaultyDisk::Owns(absl::string_view path) const {
  return absl::StartsWith(path, plan_.folder) &&
         (path.size() == plan_.folder.size() ||
          path[plan_.folder.size()] == '/');
}

bool FaultyDisk::Owns(int file) const { return Owns(PathOf(file)); }

FaultyDisk::Fate FaultyDisk::Decide(DiskCall call, bool takes_space) {
  const int64_t number = record_->call_count.fetch_add(1) + 1;
  if (plan_.call_number == 0 || number < plan_.call_number ||
      is_repaired_.load() ||
      (plan_.kind == FaultKind::kNoSpace && !takes_space) ||
      (plan_.kind == FaultKind::kShortWrite && call != DiskCall::kWrite)) {
    return Fate::kProceed;
  }
  if (record_->hit_count.load() > 0 && !plan_.is_lasting) {
    return Fate::kProceed;
  }
  const bool is_first = record_->hit_count.fetch_add(1) == 0;
  if (is_first) {
    record_->call.store(call);
  }
  switch (plan_.kind) {
    case FaultKind::kNone:
      return Fate::kProceed;
    case FaultKind::kNoSpace:
      // The last write on a disk that is full often gets a part.
      return call == DiskCall::kWrite && is_first && plan_.seed % 2 == 0
                 ? Fate::kShorten
                 : Fate::kFail;
    case FaultKind::kIoError:
      return Fate::kFail;
    case FaultKind::kShortWrite:
      return Fate::kShorten;
    case FaultKind::kKill:
    case FaultKind::kTornWrite:
      return Fate::kDie;
  }
  return Fate::kProceed;
}

bool FaultyDisk::Fails(DiskCall call, bool takes_space) {
  switch (Decide(call, takes_space)) {
    case Fate::kFail:
      errno = plan_.kind == FaultKind::kNoSpace ? ENOSPC : EIO;
      return true;
    case Fate::kDie:
      DieLocked();
    case Fate::kProceed:
    case Fate::kShorten:
      return false;
  }
  return false;
}

void FaultyDisk::Die() {
  MutexLock lock(mutex_);
  DieLocked();
}

// Under the lock, so that nobody writes any more.
void FaultyDisk::DieLocked() {
  if (plan_.loses_power) {
    unsynced_.Lose(plan_.seed);
  }
  system_calls::ExitNow(kDiedExitCode);
}

// What the replaced calls do. Each returns as the call does.
class DiskCalls {
 public:
  // `offset` is negative for a write where the file stands.
  static ssize_t Write(int file, const void* data, size_t size_bytes,
                       off_t offset) {
    const auto write = [&](size_t part_size_bytes) {
      return offset < 0
                 ? system_calls::Write(file, data, part_size_bytes)
                 : system_calls::PWrite(file, data, part_size_bytes, offset);
    };
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(file)) {
      return write(size_bytes);
    }
    MutexLock lock(disk->mutex_);
    const size_t half = std::max<size_t>(size_bytes / 2, 1);
    const FaultyDisk::Fate fate = disk->Decide(DiskCall::kWrite, true);
    if (fate == FaultyDisk::Fate::kFail) {
      errno = disk->plan_.kind == FaultKind::kNoSpace ? ENOSPC : EIO;
      return -1;
    }
    const size_t part = fate == FaultyDisk::Fate::kProceed ? size_bytes : half;
    const bool dies = fate == FaultyDisk::Fate::kDie;
    if (!dies || disk->plan_.kind == FaultKind::kTornWrite) {
      if (disk->plan_.loses_power) {
        const off_t at = offset < 0 ? ::lseek(file, 0, SEEK_CUR) : offset;
        disk->unsynced_.WillWrite(file, at, part);
      }
      const ssize_t result = write(part);
      if (!dies) {
        return result;
      }
    }
    disk->DieLocked();
  }

  static int Resize(int file, off_t size_bytes) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(file)) {
      return system_calls::Truncate(file, size_bytes);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kResize, true)) {
      return -1;
    }
    if (disk->plan_.loses_power) {
      disk->unsynced_.WillTruncate(file, size_bytes);
    }
    return system_calls::Truncate(file, size_bytes);
  }

  static int Allocate(int file, int mode, off_t offset, off_t size_bytes) {
    FaultyDisk* const disk = active_disk.load();
    if (disk != nullptr && disk->Owns(file)) {
      MutexLock lock(disk->mutex_);
      if (disk->Fails(DiskCall::kResize, true)) {
        return -1;
      }
    }
    return system_calls::Allocate(file, mode, offset, size_bytes);
  }

  static int Sync(int file, int (*sync)(int)) {
    FaultyDisk* const disk = active_disk.load();
    const std::string path = disk == nullptr ? "" : PathOf(file);
    if (disk == nullptr || !disk->Owns(path)) {
      return sync(file);
    }
    MutexLock lock(disk->mutex_);
    struct stat found = {};
    const bool is_folder = ::fstat(file, &found) == 0 && S_ISDIR(found.st_mode);
    if (disk->Fails(DiskCall::kSync, false)) {
      if (disk->plan_.loses_power && !is_folder) {
        disk->unsynced_.SyncFailed(file);
      }
      return -1;
    }
    const int result = sync(file);
    if (result == 0 && disk->plan_.loses_power) {
      if (is_folder) {
        disk->unsynced_.FolderSynced(path);
      } else {
        disk->unsynced_.Synced(file);
      }
    }
    return result;
  }

  static int Create(const char* path, int flags, mode_t mode) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || (flags & O_CREAT) == 0 || !disk->Owns(path) ||
        ::access(path, F_OK) == 0) {
      return system_calls::Open(path, flags, mode);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, true)) {
      return -1;
    }
    const int file = system_calls::Open(path, flags, mode);
    if (file >= 0 && disk->plan_.loses_power) {
      disk->unsynced_.Created(path);
    }
    return file;
  }

  static int Link(const char* source, const char* target) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(target)) {
      return system_calls::Link(source, target);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, true)) {
      return -1;
    }
    const int result = system_calls::Link(source, target);
    if (result == 0 && disk->plan_.loses_power) {
      disk->unsynced_.Created(target);
    }
    return result;
  }

  static int Rename(const char* source, const char* target) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(target)) {
      return system_calls::Rename(source, target);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, false)) {
      return -1;
    }
    return disk->plan_.loses_power ? disk->unsynced_.Rename(source, target)
                                   : system_calls::Rename(source, target);
  }

  static int Unlink(const char* path) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(path)) {
      return system_calls::Unlink(path);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, false)) {
      return -1;
    }
    return disk->plan_.loses_power ? disk->unsynced_.Unlink(path)
                                   : system_calls::Unlink(path);
  }

  static int MakeFolder(const char* path, mode_t mode) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(path) || ::access(path, F_OK) == 0) {
      return system_calls::MakeFolder(path, mode);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, true)) {
      return -1;
    }
    const int result = system_calls::MakeFolder(path, mode);
    if (result == 0 && disk->plan_.loses_power) {
      disk->unsynced_.FolderMade(path);
    }
    return result;
  }

  static int RemoveFolder(const char* path) {
    FaultyDisk* const disk = active_disk.load();
    if (disk == nullptr || !disk->Owns(path)) {
      return system_calls::RemoveFolder(path);
    }
    MutexLock lock(disk->mutex_);
    if (disk->Fails(DiskCall::kName, false)) {
      return -1;
    }
    const int result = system_calls::RemoveFolder(path);
    if (result == 0 && disk->plan_.loses_power) {
      disk->unsynced_.FolderRemoved(path);
    }
    return result;
  }
};

}  // namespace copse

// In the place of those of libc, for RocksDB, too.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C
// library calls them __fd and the like.
extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  return copse::DiskCalls::Write(file, data, size, -1);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  return copse::DiskCalls::Write(file, data, size, offset);
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
  return copse::DiskCalls::Write(file, data, size, offset);
}

int ftruncate(int file, off_t size) noexcept {
  return copse::DiskCalls::Resize(file, size);
}

int fallocate(int file, int mode, off_t offset, off_t size) {
  return copse::DiskCalls::Allocate(file, mode, offset, size);
}

int fdatasync(int file) {
  return copse::DiskCalls::Sync(file, copse::system_calls::FDataSync);
}

int fsync(int file) {
  return copse::DiskCalls::Sync(file, copse::system_calls::FSync);
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  return copse::DiskCalls::Create(path, flags, mode);
}

int link(const char* source, const char* target) noexcept {
  return copse::DiskCalls::Link(source, target);
}

int rename(const char* source, const char* target) noexcept {
  return copse::DiskCalls::Rename(source, target);
}

int unlink(const char* path) noexcept { return copse::DiskCalls::Unlink(path); }

int mkdir(const char* path, mode_t mode) noexcept {
  return copse::DiskCalls::MakeFolder(path, mode);
}

int rmdir(const char* path) noexcept {
  return copse::DiskCalls::RemoveFolder(path);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
