// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/lexical_terms.h"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> TermsOf(absl::string_view text) {
  std::vector<std::string> terms;
  LexicalTerms().ForEach(
      text, [&](absl::string_view term) { terms.emplace_back(term); });
  return terms;
}

std::vector<std::string> TermsOfGeneral(absl::string_view text) {
  std::vector<std::string> terms;
  LexicalTerms().ForEachGeneral(
      text, [&](absl::string_view term) { terms.emplace_back(term); });
  return terms;
}

TEST(LexicalTermsTest, FindsRunsOfLettersAndDigits) {
  EXPECT_THAT(TermsOf("8-day clocks, x86_64 (v2)!"),
              ElementsAre("8", "day", "clock", "x86", "64", "v2"));
}

TEST(LexicalTermsTest, FoldsCaseAndKeepsAccents) {
  EXPECT_THAT(TermsOf("OAK Caf\u00c9 cafe STRASSE Stra\u00dfe"),
              ElementsAre("oak", "caf\u00e9", "cafe", "strass", "strass"));
}

TEST(LexicalTermsTest, FoldsWhatOnlyLooksDifferent) {
  EXPECT_THAT(TermsOf("\uff26\uff35\uff2c\uff2c \ufb01g so\u00adft"),
              ElementsAre("full", "fig", "soft"));
  EXPECT_EQ(TermsOf("nin\u0303o"), TermsOf("ni\u00f1o"));
}

TEST(LexicalTermsTest, LeavesStopWordsOut) {
  EXPECT_THAT(TermsOf("it's the one that I don't and won't have"),
              ElementsAre("one", "won"));
  EXPECT_THAT(TermsOf("und das sind nicht wir"), IsEmpty());
  EXPECT_THAT(TermsOf("c'est tr\u00e8s et \u00e0"), IsEmpty());
  EXPECT_THAT(TermsOf("\u00c9L EST\u00c1 M\u00c1S"), ElementsAre("\u00e9l"));
}

TEST(LexicalTermsTest, KeepsWordsThatMeanSomethingElsewhere) {
  for (const absl::string_view word :
       {"war", "man", "hat", "son", "sin", "die", "van", "bin", "dir", "ai"}) {
    EXPECT_FALSE(IsStopWord(word)) << word;
  }
  EXPECT_TRUE(IsStopWord("the"));
  EXPECT_FALSE(IsStopWord(""));
}

TEST(LexicalTermsTest, TakesEndingsOff) {
  EXPECT_THAT(TermsOf("turbine turbines running runs"),
              ElementsAre("turbin", "turbin", "run", "run"));
}

TEST(LexicalTermsTest, PairsNeighboursWhereNoSpacesAre) {
  EXPECT_THAT(TermsOf("\u6771\u4eac\u90fd"),
              ElementsAre("\u6771\u4eac", "\u4eac\u90fd"));
  EXPECT_THAT(TermsOf("\u6728"), ElementsAre("\u6728"));
  EXPECT_THAT(TermsOf("iPhone\u624b\u673a15"),
              ElementsAre("iphon", "\u624b\u673a", "15"));
}

TEST(LexicalTermsTest, KeepsMarksWithTheirLetters) {
  EXPECT_THAT(TermsOf("\u0939\u093f\u0928\u094d\u0926\u0940"), SizeIs(1));
  EXPECT_THAT(TermsOf("\u0301 oak"), ElementsAre("oak"));
}

TEST(LexicalTermsTest, DoesNotStemWhatIsNoWord) {
  const std::string key(60, 's');
  EXPECT_THAT(TermsOf(key), ElementsAre(key));
}

TEST(LexicalTermsTest, TakesRunsOfAnyLength) {
  std::string text;
  for (int i = 0; i < 100000; ++i) {
    text += "\u6728";
  }
  EXPECT_THAT(TermsOf(text).size(), ::testing::Ge(99990U));
  EXPECT_THAT(TermsOf(std::string(1 << 20, 'x')), SizeIs(::testing::Le(17)));
  // U+FDFA folds to 18 characters.
  text.clear();
  for (int i = 0; i < 50000; ++i) {
    text += "\ufdfa";
  }
  EXPECT_THAT(TermsOf(text), ::testing::Not(IsEmpty()));
}

TEST(LexicalTermsTest, FindsTheSameTermsOnTheAsciiPath) {
  std::mt19937 random(20260301);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t i = 0; i < 60; ++i) {
      // Half of them letters, the rest any ASCII, NUL included.
      text.push_back(static_cast<char>(random() % 2 == 0 ? 'A' + random() % 58
                                                         : random() % 128));
    }
    ASSERT_EQ(TermsOf(text), TermsOfGeneral(text))
        << ::testing::PrintToString(text);
  }
  for (size_t size = (64 << 10) - 2; size < (64 << 10) + 3; ++size) {
    const std::string text(size, 'y');
    ASSERT_EQ(TermsOf(text), TermsOfGeneral(text)) << size;
  }
}

}  // namespace
}  // namespace copse
