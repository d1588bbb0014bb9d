// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One process has a folder at a time: file LOCK in it is held with flock(2)
// and holds the number of the process. The lock ends with the process, however
// it ends.
//
//   COPSE_ASSIGN_OR_RETURN(
//       FileDescriptor lock,
//       LockFolder(path, {.what = "data folder",
//                         .reason = "DATA_FOLDER_LOCKED"}));

#ifndef COPSE_VERSIONING_FOLDER_LOCK_H_
#define COPSE_VERSIONING_FOLDER_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/files.h"

namespace copse {

// For the error.
struct FolderLockNames {
  absl::string_view what;
  absl::string_view reason;
};

// Holds the folder as long as the descriptor is open. Fails with
// kFailedPrecondition and the given reason, naming the process that has it.
absl::StatusOr<FileDescriptor> LockFolder(const std::string& path,
                                          const FolderLockNames& names);

}  // namespace copse

#endif  // COPSE_VERSIONING_FOLDER_LOCK_H_
