// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/files.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

std::string ReadProcessNumber(int lock_file) {
  char text[32];
  const ssize_t size = ::pread(lock_file, text, sizeof(text), 0);
  uint64_t process_number = 0;
  if (size <= 0 ||
      !absl::SimpleAtoi(absl::string_view(text, static_cast<size_t>(size)),
                        &process_number)) {
    return "unknown";  // It has locked, and not written its number yet.
  }
  return absl::StrCat(process_number);
}

}  // namespace

absl::StatusOr<FileDescriptor> LockFolder(const std::string& path,
                                          const FolderLockNames& names) {
  const std::string lock_path = path + "/LOCK";
  COPSE_ASSIGN_OR_RETURN(FileDescriptor file,
                         OpenFile(lock_path, O_RDWR | O_CREAT));
  int result = 0;
  do {
    result = ::flock(file.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    const std::string process_number = ReadProcessNumber(file.get());
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "%s '%s' is in use by process %s: stop it, or choose another "
            "folder",
            names.what, path, process_number)),
        names.reason, {{"folder", path}, {"process", process_number}});
  }
  if (result != 0) {
    return FileError("lock", lock_path, errno);
  }
  const std::string text = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(file.get(), 0) != 0) {
    return FileError("write", lock_path, errno);
  }
  COPSE_RETURN_IF_ERROR(
      WriteAll(file.get(), std::as_bytes(std::span(text)), lock_path));
  return file;
}

}  // namespace copse
