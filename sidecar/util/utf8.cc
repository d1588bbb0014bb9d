// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/utf8.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace copse {
namespace {

bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

}  // namespace

Utf8Character FirstUtf8Character(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) {
    return {.valid = true, .size_bytes = 1, .code_point = lead};
  }
  size_t size = 0;
  uint32_t code_point = 0;
  uint32_t code_point_min = 0;
  if ((lead & 0xe0) == 0xc0) {
    size = 2;
    code_point = lead & 0x1f;
    code_point_min = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    size = 3;
    code_point = lead & 0x0f;
    code_point_min = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    size = 4;
    code_point = lead & 0x07;
    code_point_min = 0x10000;
  }
  if (size == 0 || text.size() < size) {
    return {};
  }
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[i])) {
      return {};
    }
    code_point = (code_point << 6) | (static_cast<unsigned char>(text[i]) & 63);
  }
  const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < code_point_min || is_surrogate || code_point > 0x10ffff) {
    return {};
  }
  return {.valid = true, .size_bytes = size, .code_point = code_point};
}

absl::string_view CutUtf8(absl::string_view text, size_t size_bytes_max) {
  if (text.size() <= size_bytes_max) {
    return text;
  }
  size_t size = size_bytes_max;
  // A character has at most three bytes after its first.
  for (int i = 0; i < 3 && size > 0 && IsContinuation(text[size]); ++i) {
    --size;
  }
  return text.substr(0, size);
}

}  // namespace copse
