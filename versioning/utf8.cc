// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace copse {
namespace {

// Returns the size of the sequence at the start of `text`, or 0 if it is not
// valid. REQUIRES: !text.empty()
size_t SequenceSize(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  // The second byte's range refuses overlong forms, surrogates and what is
  // above 10FFFF (RFC 3629, section 4); the others are 80 to BF.
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xbf;
  size_t size = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    size = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    size = 3;
    second_min = first == 0xe0 ? 0xa0 : 0x80;
    second_max = first == 0xed ? 0x9f : 0xbf;
  } else if (first >= 0xf0 && first <= 0xf4) {
    size = 4;
    second_min = first == 0xf0 ? 0x90 : 0x80;
    second_max = first == 0xf4 ? 0x8f : 0xbf;
  } else {
    return 0;
  }
  if (text.size() < size || byte(1) < second_min || byte(1) > second_max) {
    return 0;
  }
  for (size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) {
      return 0;
    }
  }
  return size;
}

}  // namespace

size_t ValidUtf8Size(absl::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    // Most text is ASCII: eight bytes at once.
    uint64_t word = 0;
    if (text.size() - offset >= sizeof(word)) {
      std::memcpy(&word, text.data() + offset, sizeof(word));
      if ((word & 0x8080808080808080) == 0) {
        offset += sizeof(word);
        continue;
      }
    }
    const size_t size = SequenceSize(text.substr(offset));
    if (size == 0) {
      return offset;
    }
    offset += size;
  }
  return offset;
}

}  // namespace copse
