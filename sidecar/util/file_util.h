// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Small files, read and written whole.

#ifndef COPSE_SIDECAR_UTIL_FILE_UTIL_H_
#define COPSE_SIDECAR_UTIL_FILE_UTIL_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// Returns the content of the file at `path`. Fails with kNotFound if there is
// none, kPermissionDenied if it may not be read, and kInvalidArgument if it is
// not a regular file or a pipe, or longer than `size_bytes_max`.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t size_bytes_max);

// Puts a file with `content` at `path`, replacing what is there in one step: a
// reader sees the old file or the whole new one. Fails with what the operating
// system says, naming the path; then no temporary file is left behind.
absl::Status ReplaceTextFile(const std::string& path,
                             absl::string_view content);

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_FILE_UTIL_H_
