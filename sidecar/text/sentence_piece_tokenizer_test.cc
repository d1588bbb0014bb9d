// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// prose.model was trained by spm_train on this project's documents: 300 pieces,
// Unigram, no normalization.

#include "sidecar/text/sentence_piece_tokenizer.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

std::string DataPath(absl::string_view name) {
  return absl::StrCat(COPSE_SOURCE_DIR, "/sidecar/text/testdata/", name);
}

TEST(SentencePieceTokenizerTest, SaysWhichPartOfTheTextEachTokenIs) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      SentencePieceTokenizer::Load(DataPath("prose.model")));
  const absl::string_view text = "the commits of \u6797\u6728";
  std::vector<std::string> tokens;
  EXPECT_THAT(
      tokenizer->ForEachToken(
          text, [&](TextRange token) { tokens.emplace_back(token.In(text)); }),
      IsOk());
  EXPECT_EQ(absl::StrJoin(tokens, ""), text);
  EXPECT_EQ(tokens.front(), "the");
  EXPECT_EQ(tokens.back(), "\u6797\u6728");  // One unknown token.
}

TEST(SentencePieceTokenizerTest, CountsLongTextsPieceByPiece) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      SentencePieceTokenizer::Load(DataPath("prose.model")));
  std::string text;
  for (int i = 0; i < 400'000; ++i) {
    text += i == 0 ? "the" : " the";
  }
  EXPECT_THAT(tokenizer->Count(text), IsOkAndHolds(Eq(400'000)));
  EXPECT_THAT(tokenizer->Count(""), IsOkAndHolds(Eq(0)));
}

TEST(SentencePieceTokenizerTest, RefusesWhatIsNoModel) {
  EXPECT_THAT(SentencePieceTokenizer::Load("/nonexistent/a.model"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("'/nonexistent/a.model'")));
  EXPECT_THAT(SentencePieceTokenizer::Load(DataPath("texts.json")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not a SentencePiece model")));
}

}  // namespace
}  // namespace copse
