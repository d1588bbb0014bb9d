// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/lexical_analyzer.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "versioning/lexical/lexical_options.h"
#include "versioning/lexical/lexical_query.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> TermsOf(absl::string_view text, TermKind kind,
                                 const LexicalOptions& options = {}) {
  LexicalAnalyzer analyzer(options);
  std::vector<std::string> terms;
  analyzer.ForEach(text, [&](const LexicalTerm& term) {
    if (term.kind == kind) {
      terms.emplace_back(term.term);
    }
  });
  return terms;
}

TEST(LexicalAnalyzerTest, FoldsWordsAndKeepsAccents) {
  EXPECT_THAT(TermsOf("The Straße, ÉTÉ!", TermKind::kWord),
              ElementsAre("the", "strasse", "été"));
}

TEST(LexicalAnalyzerTest, TakesAccentsOffWhereTheDomainSaysSo) {
  const LexicalOptions options = {.fold_accents = true};
  EXPECT_THAT(TermsOf("ÉTÉ Ελλάδα йод naïve-café", TermKind::kWord, options),
              ElementsAre("ete", "ελλαδα", "иод", "naive", "cafe"));
  EXPECT_THAT(TermsOf("naïve-café", TermKind::kIdentifier, options),
              ElementsAre("naive-cafe"));
  // A vowel sign is no accent.
  EXPECT_THAT(TermsOf("हिन्दी", TermKind::kWord, options), ElementsAre("हिन्दी"));
}

// The marks of a Thai letter that no dictionary has are a word of their own.
TEST(LexicalAnalyzerTest, WordsOfAccentsAloneAreCountedAndAreNoTerms) {
  LexicalAnalyzer analyzer({.language = "english", .fold_accents = true});
  std::vector<std::string> terms;
  EXPECT_EQ(analyzer.ForEach("m*\u0e22\u031e\u031e",
                             [&terms](const LexicalTerm& term) {
                               terms.emplace_back(term.term);
                             }),
            3U);
  EXPECT_THAT(terms, ElementsAre("m", "m", "\u0e22", "\u0e22"));
}

TEST(LexicalAnalyzerTest, KeepsIdentifiersBesideTheirWords) {
  constexpr absl::string_view kText =
      "Use std::vector, --strip-components=1 and C++ (not foo_bar.baz).";
  EXPECT_THAT(TermsOf(kText, TermKind::kWord),
              ElementsAre("use", "std", "vector", "strip", "components", "1",
                          "and", "c", "not", "foo", "bar", "baz"));
  EXPECT_THAT(
      TermsOf(kText, TermKind::kIdentifier),
      ElementsAre("std::vector", "--strip-components=1", "c++", "foo_bar.baz"));
}

TEST(LexicalAnalyzerTest, PunctuationMakesNoIdentifier) {
  EXPECT_THAT(
      TermsOf("word. word: - ... word/ “word.” =word", TermKind::kIdentifier),
      IsEmpty());
}

TEST(LexicalAnalyzerTest, LongIdentifiersAreTheirWordsOnly) {
  const std::string text =
      absl::StrCat(std::string(100, 'a'), "_", std::string(100, 'b'));
  EXPECT_THAT(TermsOf(text, TermKind::kIdentifier), IsEmpty());
  EXPECT_THAT(TermsOf(text, TermKind::kWord), SizeIs(2));
}

TEST(LexicalAnalyzerTest, StemsStandBesideWords) {
  const LexicalOptions options = {.language = "english"};
  EXPECT_THAT(TermsOf("Running dogs", TermKind::kWord, options),
              ElementsAre("running", "dogs"));
  EXPECT_THAT(TermsOf("Running dogs", TermKind::kStem, options),
              ElementsAre("run", "dog"));
  EXPECT_THAT(TermsOf("Running dogs", TermKind::kStem), IsEmpty());
}

TEST(LexicalAnalyzerTest, CutsLongWordsBetweenCharacters) {
  std::string text = "a";
  for (int i = 0; i < 100; ++i) {
    text += "é";
  }
  EXPECT_THAT(TermsOf(text, TermKind::kWord), ElementsAre(text.substr(0, 127)));
}

TEST(LexicalAnalyzerTest, CountsWordsAndBoundsThem) {
  LexicalAnalyzer analyzer({});
  EXPECT_EQ(analyzer.ForEach("東京都 two words", [](const LexicalTerm&) {}),
            4U);
  std::string text;
  for (uint32_t i = 0; i < kRowWordCountMax + 10; ++i) {
    text += "a ";
  }
  uint32_t word_count = 0;
  EXPECT_EQ(analyzer.ForEach(text, [&](const LexicalTerm&) { ++word_count; }),
            kRowWordCountMax);
  EXPECT_EQ(word_count, kRowWordCountMax);
}

// ---- Queries ---------------------------------------------------------------

std::vector<std::string> ItemsOf(absl::string_view query,
                                 bool has_operators = true,
                                 const LexicalOptions& options = {}) {
  LexicalAnalyzer analyzer(options);
  std::vector<std::string> shown;
  for (const LexicalQueryItem& item :
       ParseLexicalQuery(query, analyzer, {.has_operators = has_operators})) {
    std::string text;
    for (const std::string& term : item.terms) {
      absl::StrAppend(&text, text.empty() ? "" : " ", term);
    }
    using Mode = LexicalQueryItem::Mode;
    shown.push_back(
        absl::StrCat(item.kind == TermKind::kIdentifier ? "id " : "",
                     item.kind == TermKind::kStem ? "stem " : "",
                     item.mode == Mode::kPhrase   ? "phrase "
                     : item.mode == Mode::kPrefix ? "prefix "
                                                  : "",
                     text));
  }
  return shown;
}

TEST(LexicalQueryTest, HasWordsPhrasesAndBeginnings) {
  EXPECT_THAT(ItemsOf("Merge \"Working  tree\" rebas* git-re* --no-ff"),
              ElementsAre("merge", "phrase working tree", "prefix rebas",
                          "id prefix git-re", "no", "ff", "id --no-ff"));
}

TEST(LexicalQueryTest, ABeginningIsWhatStandsBeforeTheStar) {
  EXPECT_THAT(ItemsOf("(foo* a(b*)"), ElementsAre("prefix foo", "a", "b"));
}

TEST(LexicalQueryTest, HasEachItemOnce) {
  EXPECT_THAT(ItemsOf("a b A \"a b\" \"a b\" \"b\""),
              ElementsAre("a", "b", "phrase a b"));
}

TEST(LexicalQueryTest, QuotesAndStarsAreNothingWithoutOperators) {
  EXPECT_THAT(ItemsOf("\"working tree\" re*", false),
              ElementsAre("working", "tree", "re"));
}

TEST(LexicalQueryTest, AnOpenQuoteGoesToTheEnd) {
  EXPECT_THAT(ItemsOf("x\"working tree"),
              ElementsAre("x", "phrase working tree"));
  EXPECT_THAT(ItemsOf("\""), IsEmpty());
  EXPECT_THAT(ItemsOf("* \"\" !!"), IsEmpty());
}

TEST(LexicalQueryTest, OnlyWordsAreStemmed) {
  EXPECT_THAT(
      ItemsOf("dogs \"running dogs\" dogs*", true, {.language = "english"}),
      ElementsAre("stem dog", "phrase running dogs", "prefix dogs"));
}

TEST(LexicalQueryTest, IsBounded) {
  std::string query;
  for (int i = 0; i < 100000; ++i) {
    absl::StrAppend(&query, "w", i, " ");
  }
  EXPECT_THAT(ItemsOf(query), SizeIs(kQueryItemCountMax));
}

}  // namespace
}  // namespace copse
