// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/storage_errors.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {

absl::Status DataDamagedError(absl::string_view object,
                              absl::string_view message) {
  return WithReason(absl::DataLossError(absl::StrCat(object, ": ", message)),
                    "DATA_DAMAGED", {{"object", std::string(object)}});
}

absl::Status AnnotateStored(const absl::Status& status,
                            absl::string_view object) {
  absl::Status annotated = AnnotateStatus(status, object);
  if (absl::IsDataLoss(annotated) && !ReasonOf(annotated).has_value()) {
    return WithReason(annotated, "DATA_DAMAGED",
                      {{"object", std::string(object)}});
  }
  return annotated;
}

absl::Status DiskFullError(absl::string_view path, absl::string_view message) {
  return WithReason(
      absl::ResourceExhaustedError(
          absl::StrCat(message, ": free space on the disk of the data folder")),
      "DISK_FULL", {{"path", std::string(path)}});
}

absl::Status FileError(absl::string_view operation, absl::string_view path,
                       int error) {
  // The list of errors is looked up, not written: strerror_r has no lock.
  char buffer[128];
  const absl::string_view reason = strerror_r(error, buffer, sizeof(buffer));
  const std::string message =
      absl::StrCat("cannot ", operation, " '", path, "': ", reason);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return DiskFullError(path, message);
    case EFBIG:
      return WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              message,
              ": raise the limit on file sizes of the process or of "
              "the file system")),
          "DISK_FULL", {{"path", std::string(path)}});
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return absl::FailedPreconditionError(message);
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case EIO:
      return WithReason(absl::DataLossError(message), "DATA_DAMAGED",
                        {{"object", std::string(path)}});
    default:
      return absl::InternalError(message);
  }
}

}  // namespace copse
