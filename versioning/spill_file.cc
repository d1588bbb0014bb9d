// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/files.h"
#include "versioning/storage_errors.h"

namespace copse {

absl::Status SpillBudget::Take(int64_t size_bytes) {
  if (size_bytes <= size_bytes_max_ - size_bytes_) {
    size_bytes_ += size_bytes;
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrFormat(
          "what is found takes more than the %d bytes of disk that %s allows: "
          "raise it, or ask for less",
          size_bytes_max_, setting_)),
      "SPILL_FULL",
      {{"setting", setting_}, {"wanted", absl::StrCat(size_bytes_max_)}});
}

absl::StatusOr<SpillFile> SpillFile::Create(const std::string& folder) {
  COPSE_RETURN_IF_ERROR(CreateFolder(folder));
  std::string path = folder + "/run-XXXXXX";
  FileDescriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (file.get() < 0) {
    return FileError("create", path, errno);
  }
  if (::unlink(path.c_str()) != 0) {
    return FileError("remove", path, errno);
  }
  return SpillFile(std::move(file), std::move(path));
}

absl::Status SpillFile::Append(std::span<const std::byte> bytes) {
  COPSE_RETURN_IF_ERROR(WriteAll(file_.get(), bytes, path_));
  size_bytes_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status SpillFile::Read(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pread(file_.get(), bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return FileError("read", path_, errno);
    }
    if (count == 0) {
      return DataDamagedError(absl::StrCat("file '", path_, "'"),
                              absl::StrCat("it ends at byte ", offset));
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

}  // namespace copse
