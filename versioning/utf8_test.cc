// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/utf8.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace copse {
namespace {

// Encodes `code_point` as RFC 3629 draws it, surrogates and all, without
// asking whether it may exist.
std::string Encode(uint32_t code_point) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (code_point < 0x80) {
    return {byte(code_point)};
  }
  if (code_point < 0x800) {
    return {byte(0xc0 | (code_point >> 6)), byte(0x80 | (code_point & 0x3f))};
  }
  if (code_point < 0x10000) {
    return {byte(0xe0 | (code_point >> 12)),
            byte(0x80 | ((code_point >> 6) & 0x3f)),
            byte(0x80 | (code_point & 0x3f))};
  }
  return {byte(0xf0 | (code_point >> 18)),
          byte(0x80 | ((code_point >> 12) & 0x3f)),
          byte(0x80 | ((code_point >> 6) & 0x3f)),
          byte(0x80 | (code_point & 0x3f))};
}

TEST(Utf8Test, AcceptsEveryCodePointButSurrogates) {
  for (uint32_t code_point = 0; code_point < 0x120000; ++code_point) {
    const bool is_valid =
        code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
    ASSERT_EQ(IsValidUtf8(Encode(code_point)), is_valid)
        << std::hex << code_point;
  }
}

TEST(Utf8Test, RefusesOverlongForms) {
  for (const char* text :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_FALSE(IsValidUtf8(text));
  }
}

TEST(Utf8Test, RefusesEveryCutSequence) {
  for (const uint32_t code_point : {0xe9u, 0x20acu, 0x1f333u}) {
    const std::string whole = Encode(code_point);
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_EQ(ValidUtf8Size("tree " + whole.substr(0, size)), 5u);
      EXPECT_EQ(ValidUtf8Size("tree " + whole.substr(0, size) + "s"), 5u);
    }
  }
}

TEST(Utf8Test, FindsTheFirstWrongByteInLongText) {
  const std::string good(100, 'a');
  EXPECT_TRUE(IsValidUtf8(good));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = '\x80';
    EXPECT_EQ(ValidUtf8Size(bad), i);
  }
}

}  // namespace
}  // namespace copse
