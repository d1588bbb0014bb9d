// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/text_cutter.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedding_profile.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TextCutter MakeCutter(Chunking::Mode mode, uint32_t chunk_token_count,
                      uint32_t overlap_token_count = 0) {
  const ProfileTokenizer tokenizer = Tokenizers().Find({}, mode);
  return {{.mode = mode,
           .chunk_token_count = chunk_token_count,
           .overlap_token_count = overlap_token_count,
           .tokenizer = tokenizer.name},
          tokenizer.counter};
}

// Counts as for a provider whose tokenizer is not known.
TextCutter CutterOfBytes(Chunking::Mode mode, uint32_t chunk_token_count) {
  EmbeddingProfileOptions profile;
  profile.dialect = EmbeddingDialect::kOpenAi;
  const ProfileTokenizer tokenizer = Tokenizers().Find(profile, mode);
  return {{.mode = mode,
           .chunk_token_count = chunk_token_count,
           .overlap_token_count = 0,
           .tokenizer = tokenizer.name},
          tokenizer.counter};
}

std::vector<std::string> TextsOf(absl::string_view text,
                                 const std::vector<ChunkPlace>& places) {
  std::vector<std::string> texts;
  for (const ChunkPlace& place : places) {
    texts.emplace_back(TextAt(text, place));
  }
  return texts;
}

TEST(TextCutterTest, CutsAtBoundariesOrIntoWindows) {
  const absl::string_view text =
      "one two six ten one two six.\n\none two six ten.";
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<ChunkPlace> boundary,
      MakeCutter(Chunking::Mode::kBoundary, 8).Cut(text));
  EXPECT_THAT(TextsOf(text, boundary),
              ElementsAre("one two six ten one two six.", "one two six ten."));
  ASSERT_EQ(boundary.size(), 2u);
  EXPECT_EQ(boundary[1].first_token, boundary[0].token_count);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<ChunkPlace> window,
      MakeCutter(Chunking::Mode::kWindow, 2, 1).Cut(text));
  EXPECT_GT(window.size(), 2u);
  EXPECT_EQ(window[1].first_token, 1u);
}

TEST(TextCutterTest, LeavesOutWindowsOfWhiteSpace) {
  const std::string spaces(20, ' ');
  const std::string text =
      absl::StrCat("oak", spaces, "elm\u3000\u3000\u3000", spaces);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<ChunkPlace> places,
      CutterOfBytes(Chunking::Mode::kWindow, 4).Cut(text));
  EXPECT_THAT(TextsOf(text, places), ElementsAre("oak", "elm\u3000"));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::vector<ChunkPlace> none,
      CutterOfBytes(Chunking::Mode::kWindow, 4).Cut(spaces));
  EXPECT_THAT(none, IsEmpty()) << "the whole text fails";
}

TEST(TextCutterTest, ATextThatFitsIsNotCut) {
  for (const Chunking::Mode mode :
       {Chunking::Mode::kBoundary, Chunking::Mode::kWindow}) {
    EXPECT_THAT(MakeCutter(mode, 512).Cut(" some text \n"),
                IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(MakeCutter(mode, 512).Cut(""), IsOkAndHolds(IsEmpty()));
  }
  EXPECT_THAT(TextCutter({}, nullptr).Cut(std::string(100'000, 'x')),
              IsOkAndHolds(IsEmpty()));
}

TEST(TextCutterTest, HalvesAtWhiteSpaceOrBetweenCharacters) {
  const auto halve = [](absl::string_view text) {
    std::vector<std::string> halves;
    const auto pair = TextCutter::Halve(
        text, {.size_bytes = static_cast<uint32_t>(text.size()),
               .first_token = 7,
               .token_count = 5});
    if (pair.has_value()) {
      halves = TextsOf(text, {pair->first, pair->second});
      EXPECT_EQ(pair->first.first_token, 7u);
      EXPECT_EQ(pair->second.first_token, 9u);
      EXPECT_EQ(pair->second.token_count, 3u);
    }
    return halves;
  };
  EXPECT_THAT(halve("abcd efghij"), ElementsAre("abcd", " efghij"));
  EXPECT_THAT(halve("abcdef"), ElementsAre("abc", "def"));
  EXPECT_THAT(halve("a bcdefghij"), ElementsAre("a bcd", "efghij"));
  EXPECT_THAT(halve("\xC3\xA4\xC3\xB6"), ElementsAre("\xC3\xA4", "\xC3\xB6"));
  EXPECT_THAT(halve("\xF0\x9F\x8C\xB3x"), ElementsAre("\xF0\x9F\x8C\xB3", "x"));
  EXPECT_THAT(halve("ab"), ElementsAre("a", "b"));
  EXPECT_THAT(halve("\xF0\x9F\x8C\xB3"), IsEmpty());
  EXPECT_THAT(halve("a"), IsEmpty());
  EXPECT_THAT(halve(""), IsEmpty());
}

TEST(TokenizersTest, ChunksFitTheModel) {
  EmbeddingProfileOptions remote;
  remote.dialect = EmbeddingDialect::kOpenAi;
  const auto count = [&remote](Chunking::Mode mode) {
    return ChunkTokenCountDefault(remote, mode);
  };
  EXPECT_EQ(ChunkTokenCountDefault({}, Chunking::Mode::kBoundary), 512u);
  EXPECT_EQ(ChunkTokenCountDefault({}, Chunking::Mode::kWindow), 508u);
  EXPECT_EQ(count(Chunking::Mode::kBoundary), 381u);
  EXPECT_EQ(count(Chunking::Mode::kWindow), 508u);
  remote.tokens_per_text_max = 8192;
  EXPECT_EQ(count(Chunking::Mode::kBoundary), 381u);
  remote.tokens_per_text_max = 256;
  EXPECT_EQ(count(Chunking::Mode::kBoundary), 189u);
  EXPECT_EQ(count(Chunking::Mode::kWindow), 252u);
  remote.tokens_per_text_max = 1;
  EXPECT_EQ(count(Chunking::Mode::kBoundary), 1u);
}

TEST(TokenizersTest, ChunksOfAGivenSizeAreMadeSmallerOnlyIfTheyMust) {
  EmbeddingProfileOptions profile;
  using Mode = Chunking::Mode;
  EXPECT_EQ(FitChunkTokenCount(2000, profile, Mode::kBoundary), 2000u);
  profile.tokens_per_text_max = 1024;
  EXPECT_EQ(FitChunkTokenCount(1020, profile, Mode::kBoundary), 1020u);
  EXPECT_EQ(FitChunkTokenCount(1021, profile, Mode::kBoundary), 765u);
  EXPECT_EQ(FitChunkTokenCount(7, profile, Mode::kBoundary), 7u);
  EXPECT_EQ(FitChunkTokenCount(1020, profile, Mode::kWindow), 1020u);
  EXPECT_EQ(FitChunkTokenCount(1021, profile, Mode::kWindow), 1020u);
}

TEST(TokenizersTest, TakeTheFileOfTheProfileOrAnEstimate) {
  EmbeddingProfileOptions remote;
  remote.name = "remote";
  remote.dialect = EmbeddingDialect::kOpenAi;
  const Tokenizers none;
  EXPECT_EQ(none.Find({}, Chunking::Mode::kWindow).name, "approximate");
  EXPECT_EQ(none.Find(remote, Chunking::Mode::kBoundary).name, "approximate");
  EXPECT_EQ(none.Find(remote, Chunking::Mode::kWindow).name, "upper-bound");
  ProfileTokenizer file = none.Find(remote, Chunking::Mode::kBoundary);
  file.name = "file:0123456789abcdef";
  const Tokenizers some({{"remote", file}});
  EXPECT_EQ(some.Find(remote, Chunking::Mode::kWindow).name, file.name);
  EXPECT_EQ(some.Find({}, Chunking::Mode::kWindow).name, "approximate");
  EXPECT_THAT(LoadTokenizer("/nonexistent/tokenizer.json"),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace copse
