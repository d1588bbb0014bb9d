// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/json_text.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace copse {
namespace {

bool IsEscaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

}  // namespace

// Copies runs, since few characters need an escape.
void AppendJsonEscaped(absl::string_view text, std::string& body) {
  constexpr char kHex[] = "0123456789abcdef";
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!IsEscaped(c)) {
      continue;
    }
    body.append(text.data() + done, i - done);
    done = i + 1;
    body.push_back('\\');
    switch (c) {
      case '"':
      case '\\':
        body.push_back(c);
        break;
      case '\n':
        body.push_back('n');
        break;
      case '\t':
        body.push_back('t');
        break;
      case '\r':
        body.push_back('r');
        break;
      default:
        body.append("u00");
        body.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
        body.push_back(kHex[static_cast<unsigned char>(c) & 0xF]);
        break;
    }
  }
  body.append(text.data() + done, text.size() - done);
}

void AppendJsonString(absl::string_view prefix, absl::string_view text,
                      std::string& body) {
  body.push_back('"');
  AppendJsonEscaped(prefix, body);
  AppendJsonEscaped(text, body);
  body.push_back('"');
}

int64_t JsonSizeBytes(absl::string_view text) {
  int64_t size = static_cast<int64_t>(text.size()) + 3;  // Quotes and comma.
  for (const char c : text) {
    if (IsEscaped(c)) {
      size +=
          c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r' ? 1 : 5;
    }
  }
  return size;
}

}  // namespace copse
