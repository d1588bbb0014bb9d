// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"
#include "unicode/uchar.h"
#include "unicode/ucnv.h"
#include "unicode/unistr.h"
#include "unicode/utf8.h"

namespace copse {
namespace {

// What a commit message may be at most; conversions work on 32-bit lengths.
constexpr size_t kConvertedSizeBytesMax = size_t{256} << 20;

bool IsKnownEncoding(const std::string& encoding) {
  UErrorCode code = U_ZERO_ERROR;
  UConverter* converter = ucnv_open(encoding.c_str(), &code);
  ucnv_close(converter);  // Takes a null pointer as well.
  return U_SUCCESS(code);
}

size_t CharacterWidth(UChar32 character) {
  const int8_t category = u_charType(character);
  if (category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK ||
      category == U_FORMAT_CHAR) {
    return 0;
  }
  const int32_t width =
      u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

// Decodes the character at `position` and moves behind it; an ill-formed byte
// is U+FFFD. REQUIRES: position < text.size()
UChar32 NextCharacter(absl::string_view text, size_t& position) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 character = 0;
  U8_NEXT_OR_FFFD(bytes, position, text.size(), character);
  return character;
}

}  // namespace

bool IsValidUtf8(absl::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

bool IsWhiteSpace(absl::string_view text) {
  for (size_t position = 0; position < text.size();) {
    if (u_isUWhiteSpace(NextCharacter(text, position)) == 0) {
      return false;
    }
  }
  return true;
}

std::string ToValidUtf8(absl::string_view bytes, absl::string_view encoding) {
  bytes = bytes.substr(0, kConvertedSizeBytesMax);
  const std::string name(encoding);
  if (name.empty() || !IsKnownEncoding(name)) {
    if (IsValidUtf8(bytes)) {
      return std::string(bytes);
    }
    std::string result;
    for (size_t position = 0; position < bytes.size();) {
      const size_t begin = position;
      if (NextCharacter(bytes, position) == 0xfffd) {
        result += "\xef\xbf\xbd";
      } else {
        absl::StrAppend(&result, bytes.substr(begin, position - begin));
      }
    }
    return result;
  }
  std::string result;
  icu::UnicodeString(bytes.data(), static_cast<int32_t>(bytes.size()),
                     name.c_str())
      .toUTF8String(result);
  return result;
}

absl::string_view TruncateUtf8(absl::string_view text, size_t size_bytes_max) {
  if (text.size() <= size_bytes_max) {
    return text;
  }
  size_t size = size_bytes_max;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xc0) == 0x80) {
    --size;
  }
  return text.substr(0, size);
}

std::string Printable(absl::string_view text) {
  std::string result;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const UChar32 character = NextCharacter(text, position);
    if (character == '\n') {
      result += "\\n";
    } else if (character == '\t') {
      result += "\\t";
    } else if (character == '\r') {
      result += "\\r";
    } else if (character < 0x20 || character == 0x7f) {
      result += absl::StrFormat("\\x%02x", static_cast<uint32_t>(character));
    } else if (u_charType(character) == U_CONTROL_CHAR ||
               u_charType(character) == U_FORMAT_CHAR || character == 0x2028 ||
               character == 0x2029) {
      result += absl::StrFormat("\\u%04x", static_cast<uint32_t>(character));
    } else if (character == 0xfffd) {
      result += "\xef\xbf\xbd";
    } else {
      absl::StrAppend(&result, text.substr(begin, position - begin));
    }
  }
  return result;
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (size_t position = 0; position < text.size();) {
    width += CharacterWidth(NextCharacter(text, position));
  }
  return width;
}

std::string TruncateToWidth(absl::string_view text, size_t width_max) {
  size_t width = 0;
  size_t cut = 0;  // Where the ellipsis would go.
  for (size_t position = 0; position < text.size();) {
    width += CharacterWidth(NextCharacter(text, position));
    if (width > width_max) {
      return std::string(text.substr(0, cut)) + "\xe2\x80\xa6";
    }
    if (width < width_max) {
      cut = position;
    }
  }
  return std::string(text);
}

}  // namespace copse
