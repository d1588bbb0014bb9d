// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/occurrence.h"

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::optional<TextRange> Find(absl::string_view text, absl::string_view sought,
                              size_t offset = 0) {
  return CaselessFinder(sought).Find(text, offset);
}

std::vector<std::string> Words(absl::string_view text, size_t offset,
                               size_t word_count) {
  std::vector<std::string> words;
  for (const TextRange& word : WordsAfter(text, offset, word_count)) {
    words.emplace_back(word.In(text));
  }
  return words;
}

TEST(CaselessFinderTest, FindsTheFirstOccurrence) {
  const absl::string_view text = "The Pilot cutter, a PILOT";
  EXPECT_EQ(Find(text, "pilot"), (TextRange{4, 9}));
  EXPECT_EQ(Find(text, "pilot", 4), (TextRange{4, 9}));
  EXPECT_EQ(Find(text, "pIlOt", 5), (TextRange{20, 25}));
  EXPECT_EQ(Find(text, "pilot boat"), std::nullopt);
  EXPECT_EQ(Find(text, ""), std::nullopt);
  EXPECT_EQ(Find("", "pilot"), std::nullopt);
}

TEST(CaselessFinderTest, OffsetsAreThoseOfTheTextAsItIs) {
  // U+0130 is one byte longer than its lower case, U+212A two than k.
  const absl::string_view text = "\u0130\u212a \u00c4RGER";
  EXPECT_EQ(Find(text, "\u00e4rger"), (TextRange{6, 12}));
  EXPECT_EQ(Find(text, "K"), (TextRange{2, 5}));
  EXPECT_EQ(Find("\u65e5\u672c\u8a9e", "\u672c"), (TextRange{3, 6}));
}

TEST(CaselessFinderTest, AgreesWithLookingEverywhere) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    const auto draw = [&random](size_t size_max) {
      std::string text(random() % (size_max + 1), 'a');
      for (char& c : text) {
        c = "abAB"[random() % 4];
      }
      return text;
    };
    const std::string text = draw(40);
    const std::string sought = draw(6);
    const size_t place =
        absl::AsciiStrToLower(text).find(absl::AsciiStrToLower(sought));
    const std::optional<TextRange> found = Find(text, sought);
    ASSERT_EQ(found.has_value(), place != std::string::npos && !sought.empty())
        << text << " " << sought;
    if (found.has_value()) {
      ASSERT_EQ(*found, (TextRange{place, place + sought.size()}));
    }
  }
}

TEST(FoldCaseTest, FoldsEachCodePoint) {
  EXPECT_EQ(FoldCase("Pilot \u00c4"), "pilot \u00e4");
}

TEST(WordsTest, EndAtWhiteSpaceAndPunctuation) {
  const absl::string_view text = "two-masted cutter; caf\u00e9\u3000end";
  EXPECT_EQ(WordEnd(text, 1), 10U);
  EXPECT_EQ(WordEnd(text, 10), 10U);
  EXPECT_EQ(WordBegin(text, 13), 11U);
  EXPECT_EQ(WordBegin(text, 11), 11U);
  EXPECT_EQ(WordBegin(text, 3), 0U);
  EXPECT_EQ(WordEnd(text, 20), 24U);
  EXPECT_EQ(WordEnd(text, text.size()), text.size());
  EXPECT_THAT(Words(text, 10, 5), ElementsAre("cutter", "caf\u00e9", "end"));
  EXPECT_THAT(Words(text, 10, 1), ElementsAre("cutter"));
  EXPECT_THAT(Words(" ., ;:\n", 0, 5), IsEmpty());
}

}  // namespace
}  // namespace copse
