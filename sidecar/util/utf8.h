// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Walks through text that may not be UTF-8, one character at a time.

#ifndef COPSE_SIDECAR_UTIL_UTF8_H_
#define COPSE_SIDECAR_UTIL_UTF8_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace copse {

struct Utf8Character {
  bool valid = false;
  size_t size_bytes = 1;    // 1 if it is not valid.
  uint32_t code_point = 0;  // 0 if it is not valid.
};

// Returns the first character of `text`. Overlong forms, surrogates and values
// above U+10FFFF are not valid. REQUIRES: !text.empty()
Utf8Character FirstUtf8Character(absl::string_view text);

// Returns the longest prefix of `text` that has at most `size_bytes_max` bytes
// and does not end inside a character.
absl::string_view CutUtf8(absl::string_view text, size_t size_bytes_max);

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_UTF8_H_
