// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/attribute_term.h"

#include <bit>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

#include "versioning/document.h"
#include "versioning/keys.h"

namespace copse {
namespace {

constexpr char kCutMark = '\xff';
constexpr int kPositiveSize = 0x80;
constexpr int kNegativeSize = 0x7f;

// Appends `count` bytes of `bits` from the highest, each turned over by `mask`.
void AppendBytes(uint64_t bits, int count, uint8_t mask, std::string& term) {
  for (int i = count; i-- > 0;) {
    term.push_back(
        static_cast<char>(static_cast<uint8_t>(bits >> (8 * i)) ^ mask));
  }
}

void AppendInteger(int64_t value, std::string& term) {
  const bool is_negative = value < 0;
  const auto magnitude = static_cast<uint64_t>(is_negative ? ~value : value);
  const int size = (static_cast<int>(std::bit_width(magnitude)) + 7) / 8;
  term.push_back(static_cast<char>(is_negative ? kNegativeSize - size
                                               : kPositiveSize + size));
  AppendBytes(magnitude, size, is_negative ? 0xff : 0, term);
}

void AppendDouble(double value, std::string& term) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const auto bits = std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
  AppendBytes((bits & kSign) != 0 ? ~bits : bits | kSign, sizeof(bits), 0,
              term);
  while (term.back() == '\0') {
    term.pop_back();  // Not the type, which is not 0.
  }
}

}  // namespace

std::string AttributeNamePrefix(absl::string_view name) {
  std::string term;
  AppendEscaped(name, term);
  return term;
}

std::string AttributeTypePrefix(absl::string_view name,
                                const AttributeValue& value) {
  std::string term = AttributeNamePrefix(name);
  term.push_back(static_cast<char>(value.index() + 1));
  return term;
}

std::string AttributeTerm(absl::string_view name, const AttributeValue& value) {
  std::string term = AttributeTypePrefix(name, value);
  if (const auto* text = std::get_if<std::string>(&value)) {
    term.append(*text, 0, kAttributeTermTextSizeBytesMax);
    if (IsCutInTerm(value)) {
      term.push_back(kCutMark);
    }
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    AppendInteger(*integer, term);
  } else if (const auto* number = std::get_if<double>(&value)) {
    AppendDouble(*number, term);
  } else {
    term.push_back(std::get<bool>(value) ? 2 : 1);
  }
  return term;
}

bool IsCutInTerm(const AttributeValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && text->size() > kAttributeTermTextSizeBytesMax;
}

}  // namespace copse
