// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/attribute_term.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

#include "versioning/document.h"

namespace copse {
namespace {

// Returns the part of the term behind the name, as hexadecimal digits.
std::string ValueHex(const AttributeValue& value) {
  const std::string term = AttributeTerm("n", value);
  return absl::BytesToHexString(
      absl::string_view(term).substr(AttributeNamePrefix("n").size()));
}

TEST(AttributeTermTest, HasTheBytesThatItsHeadSays) {
  EXPECT_EQ(absl::BytesToHexString(AttributeNamePrefix("year")),
            "796561720001");
  EXPECT_EQ(absl::BytesToHexString(AttributeNamePrefix(std::string("a\0b", 3))),
            "6100ff620001");
  EXPECT_EQ(ValueHex(std::string()), "01");
  EXPECT_EQ(ValueHex(std::string("en")), "01656e");
  EXPECT_EQ(ValueHex(int64_t{0}), "0280");
  EXPECT_EQ(ValueHex(int64_t{2024}), "028207e8");
  EXPECT_EQ(ValueHex(int64_t{-1}), "027f");
  EXPECT_EQ(ValueHex(int64_t{-2024}), "027df818");
  EXPECT_EQ(ValueHex(std::numeric_limits<int64_t>::min()),
            "02778000000000000000");
  EXPECT_EQ(ValueHex(std::numeric_limits<int64_t>::max()),
            "02887fffffffffffffff");
  EXPECT_EQ(ValueHex(1.5), "03bff8");
  EXPECT_EQ(ValueHex(-1.5), "034007ffffffffffff");
  EXPECT_EQ(ValueHex(0.0), "0380");
  EXPECT_EQ(ValueHex(-0.0), "0380");
  EXPECT_EQ(ValueHex(false), "0401");
  EXPECT_EQ(ValueHex(true), "0402");
  EXPECT_EQ(ValueHex(std::string(200, 'x')),
            "01" + absl::BytesToHexString(std::string(128, 'x')) + "ff");
  EXPECT_EQ(ValueHex(std::string(128, 'x')),
            "01" + absl::BytesToHexString(std::string(128, 'x')));
}

TEST(AttributeTermTest, SortsAsValuesDo) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr double kDoubleMax = std::numeric_limits<double>::max();
  const std::vector<std::vector<AttributeValue>> ascending = {
      {std::string(), std::string(1, '\0'), std::string("\0a", 2),
       std::string("a"), std::string("a\0", 2), std::string("a!"),
       std::string("b"), std::string(128, 'b'), std::string(128, 'c'),
       std::string(129, 'c'), std::string(127, 'c') + "d",
       std::string("\xc3\xa4")},
      {-kMax - 1, -kMax, int64_t{-65537}, int64_t{-65536}, int64_t{-65535},
       int64_t{-257}, int64_t{-256}, int64_t{-255}, int64_t{-2}, int64_t{-1},
       int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256}, int64_t{65535},
       int64_t{65536}, kMax - 1, kMax},
      {-kDoubleMax, -1e300, -2.0, -1.5, -1.0, -1e-300,
       -std::numeric_limits<double>::denorm_min(), 0.0,
       std::numeric_limits<double>::denorm_min(), 1e-300, 0.1, 1.0, 1.5, 2.0,
       1e300, kDoubleMax},
      {false, true}};
  for (const std::vector<AttributeValue>& values : ascending) {
    for (size_t i = 1; i < values.size(); ++i) {
      const std::string before = AttributeTerm("n", values[i - 1]);
      const std::string after = AttributeTerm("n", values[i]);
      EXPECT_LT(before, after) << i;
      EXPECT_TRUE(absl::StartsWith(after, AttributeTypePrefix("n", values[i])));
    }
  }
}

TEST(AttributeTermTest, OnlyCutTextsShareATerm) {
  const std::string text(128, 'x');
  EXPECT_FALSE(IsCutInTerm(text));
  EXPECT_TRUE(IsCutInTerm(text + "a"));
  EXPECT_EQ(AttributeTerm("n", text + "a"), AttributeTerm("n", text + "b"));
  EXPECT_NE(AttributeTerm("n", text + "a"), AttributeTerm("n", text));
  EXPECT_NE(AttributeTerm("n", int64_t{1}), AttributeTerm("n", 1.0));
  EXPECT_NE(AttributeTerm("n", std::string("1")),
            AttributeTerm("n", int64_t{1}));
  // No name and value are another name and another value.
  EXPECT_NE(AttributeTerm("n", std::string("a")),
            AttributeTerm("na", std::string()));
}

}  // namespace
}  // namespace copse
