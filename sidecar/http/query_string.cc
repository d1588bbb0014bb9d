// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/query_string.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "sidecar/util/utf8.h"

namespace copse {
namespace {

// Returns the value of a hexadecimal digit, or -1.
int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = FirstUtf8Character(text);
    if (!character.valid) {
      return false;
    }
    text.remove_prefix(character.size_bytes);
  }
  return true;
}

std::optional<std::string> DecodeForm(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const bool complete = text.size() - i > 2;
      const int high = complete ? HexValue(text[i + 1]) : -1;
      const int low = complete ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

std::vector<QueryField> ParseQuery(absl::string_view query) {
  std::vector<QueryField> fields;
  for (const absl::string_view part :
       absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const size_t equals = part.find('=');
    std::optional<std::string> name = DecodeForm(part.substr(0, equals));
    if (!name.has_value() || !IsUtf8(*name)) {
      continue;
    }
    const absl::string_view encoded = equals == absl::string_view::npos
                                          ? absl::string_view()
                                          : part.substr(equals + 1);
    std::optional<std::string> value = DecodeForm(encoded);
    QueryField field = {.name = *std::move(name),
                        .is_decoded = value.has_value(),
                        .is_utf8 = IsUtf8(value.value_or(""))};
    if (field.is_decoded && field.is_utf8) {
      field.value = *std::move(value);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace copse
