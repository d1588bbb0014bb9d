// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/approximate_tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> TokensOf(absl::string_view text) {
  std::vector<std::string> tokens;
  EXPECT_THAT(
      ApproximateTokenizer().ForEachToken(
          text, [&](TextRange token) { tokens.emplace_back(token.In(text)); }),
      IsOk());
  return tokens;
}

TEST(ApproximateTokenizerTest, TakesFiveCodePointsOfMarkAndWord) {
  EXPECT_THAT(TokensOf("a oaks maple"), ElementsAre("a", "oaks", "mapl", "e"));
  EXPECT_THAT(TokensOf("abcdefghijklmn"),
              ElementsAre("abcd", "efghi", "jklmn"));
  EXPECT_THAT(TokensOf("\u00e9t\u00e9s\u00e9"),
              ElementsAre("\u00e9t\u00e9s", "\u00e9"));
}

TEST(ApproximateTokenizerTest, CountsWideCodePointsOneByOne) {
  // The mark of the word, and each character.
  EXPECT_THAT(TokensOf("\u6797\u6728"),
              ElementsAre("\u6797", "\u6797", "\u6728"));
  // What is narrow is counted as if it stood together.
  EXPECT_THAT(TokensOf("ab\u6797cd"), ElementsAre("ab", "\u6797cd"));
}

TEST(ApproximateTokenizerTest, SplitsAtWhiteSpaceOfAnyScript) {
  EXPECT_THAT(TokensOf(" a\u3000b\u00a0\n c "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(TokensOf(" \n"), IsEmpty());
  EXPECT_THAT(TokensOf(""), IsEmpty());
}

TEST(ApproximateTokenizerTest, RefusesWhatIsNotUtf8) {
  EXPECT_THAT(ApproximateTokenizer().Count("oak\xffs"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not UTF-8 at byte 3")));
}

}  // namespace
}  // namespace copse
