// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The errors that the storage floor makes, each with its reason and the values
// of its message (index/util/error_reason.h).
//
//   return DataDamagedError("segment vectors-000000.seg",
//                           "size is 4096 bytes, expected at least 8192");
//   if (pwrite(...) < 0) {
//     return FileError("write", path, errno);
//   }

#ifndef COPSE_VERSIONING_STORAGE_ERRORS_H_
#define COPSE_VERSIONING_STORAGE_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Returns kDataLoss, DATA_DAMAGED, with the message "`object`: `message`".
absl::Status DataDamagedError(absl::string_view object,
                              absl::string_view message);

// Gives `status` the reason DATA_DAMAGED if it is a kDataLoss without a reason,
// and puts "`object`: " before the message of any error. OK stays OK.
absl::Status AnnotateStored(const absl::Status& status,
                            absl::string_view object);

// Returns kResourceExhausted, DISK_FULL, naming `path`.
absl::Status DiskFullError(absl::string_view path, absl::string_view message);

// Returns the status for errno value `error` of `operation` on `path`, as
// "cannot `operation` 'path': ...": DISK_FULL for a full disk, a quota or
// a limit on file sizes, kNotFound for a missing file, kFailedPrecondition for
// missing rights, a read-only disk and too many open files, and kDataLoss,
// DATA_DAMAGED, for an I/O error.
absl::Status FileError(absl::string_view operation, absl::string_view path,
                       int error);

}  // namespace copse

#endif  // COPSE_VERSIONING_STORAGE_ERRORS_H_
