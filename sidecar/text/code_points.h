// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads UTF-8 code point by code point.
//
//   for (size_t offset = 0; offset < text.size();) {
//     const UChar32 c = NextCodePoint(text, offset);
//     ...
//   }

#ifndef COPSE_SIDECAR_TEXT_CODE_POINTS_H_
#define COPSE_SIDECAR_TEXT_CODE_POINTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "unicode/uchar.h"
#include "unicode/utf8.h"

namespace copse {

// A part of a text, in bytes: [begin, end).
struct TextRange {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  absl::string_view In(absl::string_view text) const {
    return text.substr(begin, end - begin);
  }
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

// Returns the code point at `offset` and moves `offset` behind it; negative if
// there is none, and then behind the bytes that are not UTF-8. Piece by piece,
// because ICU counts in 32 bits. REQUIRES: offset < text.size()
inline UChar32 NextCodePoint(absl::string_view text, size_t& offset) {
  const auto byte = static_cast<unsigned char>(text[offset]);
  if (byte < 0x80) {
    ++offset;
    return byte;
  }
  const auto size =
      static_cast<int32_t>(std::min<size_t>(text.size() - offset, 4));
  int32_t i = 0;
  UChar32 c = 0;
  U8_NEXT(text.data() + offset, i, size, c);
  offset += static_cast<size_t>(i);
  return c;
}

// Returns whether a code point begins at `offset`, or the text ends there.
// REQUIRES: `text` is UTF-8 and offset <= text.size()
inline bool IsCodePointStart(absl::string_view text, size_t offset) {
  return offset == text.size() ||
         (static_cast<unsigned char>(text[offset]) & 0xC0) != 0x80;
}

// Returns `offset`, or the start of the code point that it is inside of.
// REQUIRES: as IsCodePointStart()
inline size_t CodePointStart(absl::string_view text, size_t offset) {
  while (!IsCodePointStart(text, offset)) {
    --offset;
  }
  return offset;
}

// Returns the offset of the first code point at or after `offset` that is not
// white space; the size of the text if there is none.
size_t SkipWhiteSpace(absl::string_view text, size_t offset);

// Returns the end of `range` without the white space that it ends with.
size_t TrimmedEnd(absl::string_view text, TextRange range);

// Returns the code point that is all of `text`; negative if there is none or
// more.
UChar32 OnlyCodePoint(absl::string_view text);

// Appends the UTF-8 of `c`. REQUIRES: `c` is a code point and no surrogate.
void AppendCodePoint(UChar32 c, std::string& text);

// Returns kInvalidArgument, with the offset, if `text` is not UTF-8.
absl::Status CheckUtf8(absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_CODE_POINTS_H_
