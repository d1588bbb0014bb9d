// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/json_writer.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace copse {
namespace {

void AppendEscaped(absl::string_view text, std::string& result) {
  size_t begin = 0;  // Of what needs no escape and is not yet appended.
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) {
      continue;
    }
    result.append(text.data() + begin, i - begin);
    begin = i + 1;
    switch (byte) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      default:
        absl::StrAppendFormat(&result, "\\u%04x", byte);
    }
  }
  result.append(text.data() + begin, text.size() - begin);
}

template <typename T>
std::string ShortestDigits(T value) {
  char digits[64];
  const std::to_chars_result end =
      std::to_chars(digits, digits + sizeof(digits), value);
  return std::string(digits, end.ptr);
}

}  // namespace

JsonWriter& JsonWriter::BeginObject() {
  Separate();
  text_ += '{';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  text_ += '}';
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  Separate();
  text_ += '[';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  text_ += ']';
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(absl::string_view name) {
  String(name);
  text_ += ':';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::String(absl::string_view text) {
  Separate();
  text_ += '"';
  AppendEscaped(text, text_);
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::Integer(int64_t value) {
  Separate();
  absl::StrAppend(&text_, value);
  return *this;
}

JsonWriter& JsonWriter::Unsigned(uint64_t value) {
  Separate();
  absl::StrAppend(&text_, value);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  Separate();
  text_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Null() {
  Separate();
  text_ += "null";
  return *this;
}

JsonWriter& JsonWriter::Double(double value) {
  if (!std::isfinite(value)) {
    return Null();
  }
  Separate();
  AppendDigits(ShortestDigits(value));
  return *this;
}

JsonWriter& JsonWriter::Float(float value) {
  if (!std::isfinite(value)) {
    return Null();
  }
  Separate();
  AppendDigits(ShortestDigits(value));
  return *this;
}

std::string JsonWriter::Take() {
  comma_due_ = false;
  return std::exchange(text_, std::string());
}

std::string JsonWriter::TakePart() {
  return std::exchange(text_, std::string());
}

void JsonWriter::Separate() {
  if (comma_due_) {
    text_ += ',';
  }
  comma_due_ = true;
}

void JsonWriter::AppendDigits(absl::string_view digits) {
  absl::StrAppend(&text_, digits);
  if (digits.find_first_of(".e") == absl::string_view::npos) {
    text_ += ".0";
  }
}

}  // namespace copse
