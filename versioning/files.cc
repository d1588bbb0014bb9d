// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/util/status_macros.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr size_t kReadSizeBytesMin = 4096;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) {
    // What matters was synced before, and a retry could close a file that
    // another thread has just opened.
    ::close(descriptor_);
  }
}

absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    return FileError("open", path, errno);
  }
  return FileDescriptor(descriptor);
}

absl::Status WriteAll(int file, std::span<const std::byte> bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return FileError("write", path, errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t size_bytes_max) {
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(path, O_RDONLY));
  std::string bytes;
  size_t size = 0;
  // Up to one byte more than allowed, to see whether there is more.
  while (size <= size_bytes_max) {
    if (size == bytes.size()) {
      // In steps, as the bound is often far above the size.
      bytes.resize(
          std::min(std::max(2 * size, kReadSizeBytesMin), size_bytes_max + 1));
    }
    const ssize_t count =
        ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return FileError("read", path, errno);
    }
    if (count == 0) {
      break;
    }
    size += static_cast<size_t>(count);
  }
  if (size > size_bytes_max) {
    return DataDamagedError(
        absl::StrFormat("file '%s'", path),
        absl::StrFormat("size is more than %d bytes", size_bytes_max));
  }
  bytes.resize(size);
  return bytes;
}

absl::Status WriteFileAtomically(const std::string& path,
                                 std::span<const std::byte> bytes) {
  const std::string temporary_path = path + ".tmp";
  {
    COPSE_ASSIGN_OR_RETURN(
        const FileDescriptor file,
        OpenFile(temporary_path, O_WRONLY | O_CREAT | O_TRUNC));
    COPSE_RETURN_IF_ERROR(WriteAll(file.get(), bytes, temporary_path));
    if (::fsync(file.get()) != 0) {
      return FileError("sync", temporary_path, errno);
    }
  }
  if (::rename(temporary_path.c_str(), path.c_str()) != 0) {
    return FileError("rename", temporary_path, errno);
  }
  return SyncFolder(ParentOf(path));
}

absl::Status SyncFolder(const std::string& folder) {
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                         OpenFile(folder, O_RDONLY | O_DIRECTORY));
  if (::fsync(file.get()) != 0) {
    return FileError("sync", folder, errno);
  }
  return absl::OkStatus();
}

absl::Status CreateFolder(const std::string& folder) {
  // From the top down, each name made durable in the folder that holds it.
  for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    const std::string path = folder.substr(0, end);
    if (::mkdir(path.c_str(), kFolderMode) == 0) {
      COPSE_RETURN_IF_ERROR(SyncFolder(ParentOf(path)));
    } else if (errno != EEXIST) {
      const int error = errno;
      struct stat found = {};
      // A read-only folder above answers EROFS or EACCES for what exists.
      if (::stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
        return FileError("create folder", path, error);
      }
    }
    if (end == std::string::npos) {
      break;
    }
  }
  struct stat found = {};
  if (::stat(folder.c_str(), &found) != 0) {
    return FileError("read", folder, errno);
  }
  return S_ISDIR(found.st_mode) ? absl::OkStatus()
                                : FileError("create folder", folder, ENOTDIR);
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  const std::unique_ptr<DIR, CloseFolder> stream(::opendir(folder.c_str()));
  if (stream == nullptr) {
    return FileError("read folder", folder, errno);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) {
      return FileError("read folder", folder, errno);
    }
    if (entry == nullptr) {
      break;
    }
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status RemoveTree(const std::string& path) {
  // A folder is removed when it comes up for the second time, empty.
  std::vector<std::string> pending = {path};
  while (!pending.empty()) {
    const std::string current = pending.back();
    struct stat found = {};
    if (::lstat(current.c_str(), &found) != 0) {
      if (errno != ENOENT) {
        return FileError("remove", current, errno);
      }
      pending.pop_back();
      continue;
    }
    if (!S_ISDIR(found.st_mode)) {
      if (::unlink(current.c_str()) != 0 && errno != ENOENT) {
        return FileError("remove", current, errno);
      }
      pending.pop_back();
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           ListFolder(current));
    if (names.empty()) {
      if (::rmdir(current.c_str()) != 0 && errno != ENOENT) {
        return FileError("remove", current, errno);
      }
      pending.pop_back();
    }
    for (const std::string& name : names) {
      pending.push_back(absl::StrCat(current, "/", name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FreeSizeBytes(const std::string& path) {
  struct statvfs disk = {};
  if (::statvfs(path.c_str(), &disk) != 0) {
    return FileError("ask for the free space of", path, errno);
  }
  const uint64_t blocks = disk.f_bavail;
  const uint64_t block_size_bytes = disk.f_frsize;
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (block_size_bytes != 0 && blocks > kMax / block_size_bytes) {
    return std::numeric_limits<int64_t>::max();  // Some disks have no limit.
  }
  return static_cast<int64_t>(blocks * block_size_bytes);
}

absl::StatusOr<int64_t> AllocatedSizeBytes(const std::string& folder) {
  int64_t size_bytes = 0;
  std::vector<std::string> pending = {folder};
  while (!pending.empty()) {
    const std::string current = std::move(pending.back());
    pending.pop_back();
    struct stat found = {};
    if (::lstat(current.c_str(), &found) != 0) {
      if (errno != ENOENT || current == folder) {
        return FileError("read", current, errno);
      }
      continue;
    }
    if (!S_ISDIR(found.st_mode)) {
      constexpr int64_t kStatBlockSizeBytes = 512;  // As stat(2) fixes it.
      size_bytes += found.st_blocks * kStatBlockSizeBytes;
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> names = ListFolder(current);
    if (!names.ok() && !absl::IsNotFound(names.status())) {
      return names.status();
    }
    for (const std::string& name :
         names.ok() ? *names : std::vector<std::string>()) {
      pending.push_back(absl::StrCat(current, "/", name));
    }
  }
  return size_bytes;
}

}  // namespace copse
