// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/file_util.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

// REQUIRES: called right after what failed, while errno is its own.
absl::Status SystemError(absl::string_view what, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " '", path, "'"));
}

absl::Status WriteAll(int file, absl::string_view content,
                      absl::string_view path) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return SystemError("cannot write", path);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file) != 0) {
    return SystemError("cannot sync", path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t size_bytes_max) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return SystemError("cannot open", path);
  }
  const absl::Cleanup close_file = [file] { ::close(file); };
  struct stat status = {};
  if (::fstat(file, &status) != 0) {
    return SystemError("cannot stat", path);
  }
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'%s' is a folder or a device, expected a file", path));
  }
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(file, buffer.data(), buffer.size());
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return SystemError("cannot read", path);
    }
    if (count == 0) {
      return content;
    }
    content.append(buffer.data(), static_cast<size_t>(count));
    if (content.size() > size_bytes_max) {
      return absl::InvalidArgumentError(
          absl::StrFormat("'%s' is longer than %d bytes, the most allowed",
                          path, size_bytes_max));
    }
  }
}

absl::Status ReplaceTextFile(const std::string& path,
                             absl::string_view content) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  const int file =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) {
    return SystemError("cannot create", temporary);
  }
  absl::Status status = WriteAll(file, content, temporary);
  if (::close(file) != 0 && status.ok()) {
    status = SystemError("cannot close", temporary);
  }
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError("cannot rename a temporary file to", path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
  }
  return status;
}

}  // namespace copse
