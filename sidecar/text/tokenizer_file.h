// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads files of tokenizers.

#ifndef COPSE_SIDECAR_TEXT_TOKENIZER_FILE_H_
#define COPSE_SIDECAR_TEXT_TOKENIZER_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace copse {

// Returns the bytes of the file at `path`, decompressed if it ends in .bz2.
// Returns kNotFound if there is none, kInvalidArgument if it has more than
// `size_max` bytes or is no bzip2 file, and kUnavailable if it cannot be read.
absl::StatusOr<std::string> ReadTokenizerFile(const std::string& path,
                                              size_t size_max);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TOKENIZER_FILE_H_
