// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/code_points.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"
#include "unicode/uchar.h"
#include "unicode/utf8.h"

namespace copse {

size_t SkipWhiteSpace(absl::string_view text, size_t offset) {
  while (offset < text.size()) {
    size_t next = offset;
    if (!u_isUWhiteSpace(NextCodePoint(text, next))) {
      break;
    }
    offset = next;
  }
  return offset;
}

size_t TrimmedEnd(absl::string_view text, TextRange range) {
  size_t end = range.end;
  while (end > range.begin) {
    const size_t start = CodePointStart(text, end - 1);
    size_t next = start;
    if (!u_isUWhiteSpace(NextCodePoint(text, next))) {
      break;
    }
    end = start;
  }
  return end;
}

UChar32 OnlyCodePoint(absl::string_view text) {
  UChar32 c = -1;
  size_t end = 0;
  if (end < text.size()) {
    c = NextCodePoint(text, end);
  }
  return end == text.size() ? c : -1;
}

void AppendCodePoint(UChar32 c, std::string& text) {
  std::array<char, U8_MAX_LENGTH> bytes = {};
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes.data(), size, c);
  text.append(bytes.data(), static_cast<size_t>(size));
}

absl::Status CheckUtf8(absl::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    return absl::OkStatus();
  }
  size_t offset = 0;
  for (size_t next = 0; next < text.size(); offset = next) {
    if (NextCodePoint(text, next) < 0) {
      break;
    }
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "text is not UTF-8 at byte %d, expected valid UTF-8", offset));
}

}  // namespace copse
