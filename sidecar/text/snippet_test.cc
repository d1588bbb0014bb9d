// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/snippet.h"

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Found {
  std::string text;
  std::vector<std::string> matches;
};

Found Find(absl::string_view chunk, absl::string_view query,
           int64_t code_point_count_max) {
  const auto snippet =
      FindSnippet(chunk, query, {.code_point_count_max = code_point_count_max});
  EXPECT_THAT(snippet, IsOk());
  Found found;
  if (snippet.ok()) {
    found.text = std::string(snippet->range.In(chunk));
    for (const TextRange& match : snippet->matches) {
      found.matches.emplace_back(match.In(chunk));
    }
  }
  return found;
}

TEST(SnippetTest, ShowsTheWordsOfTheQuery) {
  const Found found =
      Find("A boat lay in the bay. The old harbour had oak piers. It rained.",
           "harbour oak", 30);
  EXPECT_EQ(found.text, "old harbour had oak piers. It");
  EXPECT_THAT(found.matches, ElementsAre("harbour", "oak"));
}

TEST(SnippetTest, PrefersDifferentWordsToTheSameAgain) {
  const Found found =
      Find("oak oak oak elm elm elm elm elm oak ash elm", "ash oak", 8);
  EXPECT_EQ(found.text, "oak ash");
  EXPECT_THAT(found.matches, ElementsAre("oak", "ash"));
}

TEST(SnippetTest, IgnoresCaseAndWidthOnly) {
  EXPECT_THAT(Find("Stra\u00dfe \uff2f\uff21\uff2b caf\u00e9 oaks",
                   "STRASSE oak cafe", 80)
                  .matches,
              ElementsAre("Stra\u00dfe", "\uff2f\uff21\uff2b"));
}

TEST(SnippetTest, FindsWordsThatHaveNoSpacesBetween) {
  EXPECT_THAT(
      Find("\u6771\u4eac\u306b\u884c\u304f", "\u6771\u4eac", 80).matches,
      ElementsAre("\u6771\u4eac"));
}

TEST(SnippetTest, ShowsTheBeginWithoutAMatch) {
  const Found found = Find(" \nOak trees grow, slowly.", "elm", 12);
  EXPECT_EQ(found.text, "Oak trees");
  EXPECT_THAT(found.matches, IsEmpty());
  EXPECT_EQ(Find("Oak.", "elm", 12).text, "Oak.");
  EXPECT_EQ(Find("", "elm", 12).text, "");
}

TEST(SnippetTest, CutsOnlyWordsThatAreTooLong) {
  EXPECT_EQ(Find("abcdefghij klm", "x", 4).text, "abcd");
  EXPECT_EQ(Find("oak abcdefghij", "abcdefghij", 4).text, "abcd");
}

TEST(SnippetTest, RefusesWrongArguments) {
  EXPECT_THAT(FindSnippet("a", "a", {.code_point_count_max = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("code_point_count_max is 0")));
  EXPECT_THAT(FindSnippet("a", "\xff", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("query: text is not UTF-8 at byte 0")));
}

TEST(SnippetTest, KeepsToItsSizeForAnyText) {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::vector<std::string> parts = {"oak",
                                          "elm",
                                          " ",
                                          ", ",
                                          "\n",
                                          "\u6797",
                                          "abcdefghijkl",
                                          "e\u0301",
                                          "\U0001f333",
                                          "...",
                                          "\u0e1b\u0e48\u0e32"};
  for (int round = 0; round < 2000; ++round) {
    std::string chunk;
    for (uint32_t i = random() % 40; i > 0; --i) {
      absl::StrAppend(&chunk, parts[random() % parts.size()]);
    }
    const auto count_max = static_cast<int64_t>(1 + random() % 30);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const TextSnippet snippet,
        FindSnippet(chunk, "oak \u6797", {.code_point_count_max = count_max}));
    ASSERT_LE(snippet.range.begin, snippet.range.end);
    ASSERT_LE(snippet.range.end, chunk.size());
    int64_t count = 0;
    for (size_t offset = snippet.range.begin; offset < snippet.range.end;
         ++count) {
      ASSERT_GE(NextCodePoint(chunk, offset), 0);
    }
    ASSERT_LE(count, count_max) << chunk;
    for (const TextRange& match : snippet.matches) {
      ASSERT_GE(match.begin, snippet.range.begin);
      ASSERT_LE(match.end, snippet.range.end);
    }
  }
}

}  // namespace
}  // namespace copse
