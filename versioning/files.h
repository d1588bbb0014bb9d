// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The little that the storage floor needs from POSIX files: descriptors that
// close themselves, whole reads and writes, and names that survive a crash.
// Errors are those of FileError().

#ifndef COPSE_VERSIONING_FILES_H_
#define COPSE_VERSIONING_FILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileDescriptor();

  // Negative if there is none.
  int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

// Opens `path` with the flags of open(2), O_CLOEXEC always among them.
absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags);

// Writes `bytes` where `file`, which is `path`, stands. A write that took only a
// part is followed by another, which tells why.
absl::Status WriteAll(int file, std::span<const std::byte> bytes,
                      const std::string& path);

// Reads `path` whole. Fails with kDataLoss if it is longer than
// `size_bytes_max`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t size_bytes_max);

// Puts `bytes` in the place of file `path` such that after a crash the old or
// the new content is there, whole. Durable when it returns. Leaves at most
// "`path`.tmp" behind.
absl::Status WriteFileAtomically(const std::string& path,
                                 std::span<const std::byte> bytes);

// Makes the names in `folder` durable.
absl::Status SyncFolder(const std::string& folder);

// Creates `folder` and the missing ones above it, with mode 0700, durably. An
// existing one is left as it is.
absl::Status CreateFolder(const std::string& folder);

// Returns the names in `folder`, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

// Removes `path` and everything below it; links are removed, not followed. A
// missing `path` is no error.
absl::Status RemoveTree(const std::string& path);

// Returns the bytes that the disk of `path` has free for this process.
absl::StatusOr<int64_t> FreeSizeBytes(const std::string& path);

// Returns the bytes of disk allocated to the files below `folder`; holes do
// not count. A file that vanishes meanwhile counts as nothing.
absl::StatusOr<int64_t> AllocatedSizeBytes(const std::string& folder);

}  // namespace copse

#endif  // COPSE_VERSIONING_FILES_H_
