// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_chunker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/text/approximate_tokenizer.h"
#include "sidecar/text/upper_bound_counter.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Repeat(absl::string_view word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, word);
  }
  return text;
}

ChunkingOptions Window() {
  return WindowChunking({.reserved_token_count = 4}).value();
}

ChunkedText Chunk(const ChunkingOptions& options, absl::string_view text) {
  const auto chunked = ChunkText(options, ApproximateTokenizer(), text);
  EXPECT_THAT(chunked, IsOk());
  return chunked.ok() ? *chunked : ChunkedText();
}

std::vector<std::string> TextsOf(const ChunkingOptions& options,
                                 absl::string_view text) {
  std::vector<std::string> texts;
  for (const TextChunk& chunk : Chunk(options, text).chunks) {
    texts.emplace_back(chunk.range.In(text));
  }
  return texts;
}

std::vector<int64_t> StartsOf(const ChunkedText& chunked) {
  std::vector<int64_t> starts;
  for (const TextChunk& chunk : chunked.chunks) {
    starts.push_back(chunk.first_token);
  }
  return starts;
}

TEST(TextChunkerTest, DerivesTheUsualWindow) {
  EXPECT_EQ(Window().token_count_max, 508);
  EXPECT_EQ(Window().overlap_token_count, 72);
}

TEST(TextChunkerTest, DerivesTheUsualBoundaryChunks) {
  const ChunkingOptions options =
      BoundaryChunking({.reserved_token_count = 4}).value();
  EXPECT_EQ(options.token_count_max, 381);
  EXPECT_EQ(options.overlap_token_count, 45);
}

TEST(TextChunkerTest, CutsTheWindowsOfTheContract) {
  const struct {
    std::string text;
    int64_t token_count;
    std::vector<int64_t> starts;
  } cases[] = {
      {Repeat("willow ", 254), 508, {0}},
      {Repeat("willow ", 254) + "bog", 509, {0, 436}},
      {Repeat("harbour ", 255), 510, {0, 436}},
      {Repeat("harbour ", 472), 944, {0, 436}},
      {Repeat("harbour ", 473), 946, {0, 436, 872}},
      {Repeat("harbour ", 1000), 2000, {0, 436, 872, 1308, 1744}},
  };
  for (const auto& expected : cases) {
    const ChunkedText chunked = Chunk(Window(), expected.text);
    EXPECT_EQ(chunked.token_count, expected.token_count);
    EXPECT_EQ(StartsOf(chunked), expected.starts);
    EXPECT_EQ(
        chunked.chunks.back().first_token + chunked.chunks.back().token_count,
        expected.token_count);
  }
}

TEST(TextChunkerTest, FindsAPhraseInTheOneWindowThatHasIt) {
  std::string text = Repeat("harbour ", 500);
  absl::StrAppend(&text, "otter den ", Repeat("harbour ", 498));
  const ChunkedText chunked = Chunk(Window(), text);
  ASSERT_THAT(chunked.chunks, SizeIs(5));
  std::vector<size_t> found;
  for (size_t i = 0; i < chunked.chunks.size(); ++i) {
    if (absl::StrContains(chunked.chunks[i].range.In(text), "otter den")) {
      found.push_back(i);
    }
  }
  EXPECT_THAT(found, ElementsAre(2));
  EXPECT_EQ(chunked.chunks[2].first_token, 872);
}

TEST(TextChunkerTest, LeavesAWholeTextAlone) {
  const ChunkedText chunked = Chunk({}, " oak\n");
  EXPECT_THAT(chunked.chunks,
              ElementsAre(TextChunk{.range = {.begin = 0, .end = 5},
                                    .token_count = 1}));
}

TEST(TextChunkerTest, MakesOneChunkOfATextWithoutTokens) {
  for (const ChunkingMode mode :
       {ChunkingMode::kWhole, ChunkingMode::kWindow, ChunkingMode::kBoundary}) {
    EXPECT_THAT(TextsOf({.mode = mode, .token_count_max = 8}, " \n"),
                ElementsAre(" \n"));
    EXPECT_THAT(TextsOf({.mode = mode, .token_count_max = 8}, ""),
                ElementsAre(""));
  }
}

ChunkingOptions Boundary(int64_t token_count_max, int64_t overlap = 0) {
  return {.mode = ChunkingMode::kBoundary,
          .token_count_max = token_count_max,
          .overlap_token_count = overlap};
}

TEST(TextChunkerTest, PrefersParagraphsToLines) {
  EXPECT_THAT(TextsOf(Boundary(8), "a b c d e f\n\ng\nh i j. k l"),
              ElementsAre("a b c d e f", "g\nh i j. k l"));
}

TEST(TextChunkerTest, PrefersLinesToSentences) {
  EXPECT_THAT(TextsOf(Boundary(8), "a b c d e f\ng. H i j k l m"),
              ElementsAre("a b c d e f", "g. H i j k l m"));
}

TEST(TextChunkerTest, PrefersSentencesToWords) {
  EXPECT_THAT(TextsOf(Boundary(8), "a b c d e f g. H i j k l m n"),
              ElementsAre("a b c d e f g.", "H i j k l m n"));
  // Where no space stands between sentences.
  EXPECT_THAT(TextsOf(Boundary(8),
                      "\u6797\u6797\u6797\u6797\u6797\u3002\u6728\u6728\u6728"),
              ElementsAre("\u6797\u6797\u6797\u6797\u6797\u3002",
                          "\u6728\u6728\u6728"));
}

TEST(TextChunkerTest, CutsBetweenWordsWhereThereIsNothingBetter) {
  EXPECT_THAT(TextsOf(Boundary(8), "a b c d e f g abcdefgh, h"),
              ElementsAre("a b c d e f g", "abcdefgh, h"));
}

TEST(TextChunkerTest, CutsNoCharacterThatReadersSeeAsOne) {
  // A family of four, joined: seven code points.
  const std::string family =
      "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466";
  const std::vector<std::string> texts =
      TextsOf(Boundary(8), Repeat(family, 4));
  EXPECT_EQ(texts, std::vector<std::string>(texts.size(), family));
  EXPECT_THAT(texts, SizeIs(4));
}

TEST(TextChunkerTest, CutsWordsThatAreTooLong) {
  EXPECT_THAT(TextsOf(Boundary(2), "abcdefghijklmnopqr"),
              ElementsAre("abcdefghi", "jklmnopqr"));
}

TEST(TextChunkerTest, BeginsTheNextChunkWithTheLastSentence) {
  EXPECT_THAT(
      TextsOf(Boundary(12, 3), "a b c d e f g h i j. K l. M n o p q r s t u"),
      ElementsAre("a b c d e f g h i j. K l.", "K l. M n o p q r s t u"));
}

TEST(TextChunkerTest, GoesOnWhereOneCodePointHasTooManyTokens) {
  const UpperBoundCounter counter(TokenizerFamily::kSentencePiece);
  const auto chunked = ChunkText(Boundary(4, 1), counter, "\ufdfa\ufdfa a");
  ASSERT_THAT(chunked, IsOk());
  EXPECT_THAT(chunked->chunks, SizeIs(3));
  EXPECT_EQ(chunked->chunks[2].range, (TextRange{.begin = 7, .end = 8}));
}

TEST(TextChunkerTest, RefusesOptionsThatMakeNoSense) {
  const ApproximateTokenizer counter;
  EXPECT_THAT(ChunkText({.mode = ChunkingMode::kWindow}, counter, "a"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("token_count_max is 0, expected at least 1")));
  EXPECT_THAT(ChunkText({.mode = ChunkingMode::kWindow,
                         .token_count_max = 8,
                         .overlap_token_count = 8},
                        counter, "a"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("overlap_token_count is 8, expected 0 to 7")));
  EXPECT_THAT(ChunkText(Boundary(8, 3), counter, "a"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("overlap_token_count is 3, expected 0 to 2")));
  EXPECT_THAT(
      BoundaryChunking({.model_token_count_max = 4, .reserved_token_count = 4}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("reserved_token_count is 4")));
}

TEST(TextChunkerTest, RefusesTextsOfTooManyChunks) {
  for (const ChunkingMode mode :
       {ChunkingMode::kWindow, ChunkingMode::kBoundary}) {
    ChunkingOptions options = {
        .mode = mode, .token_count_max = 1, .chunk_count_max = 3};
    EXPECT_THAT(ChunkText(options, ApproximateTokenizer(), "a b c"), IsOk());
    EXPECT_THAT(ChunkText(options, ApproximateTokenizer(), "a b c d"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("more chunks of 1 tokens than 3")));
  }
}

// ---- Any text
// ----------------------------------------------------------------

std::string RandomText(std::mt19937& random) {
  static const std::vector<std::string> parts = {
      "oak",   "Willow ", " ",      "\n",           "\n\n",
      ". ",    "? ",      "\u6797", "\u3002",       "\u0e1b\u0e48\u0e32",
      "e",     "\u0301",  "\u200d", "\U0001f333",   "\ufdfa",
      "\r\n",  "\u00a0",  "\u2029", "abcdefghijkl", "\t",
      "\u3000"};
  std::string text;
  for (uint32_t i = random() % 200; i > 0; --i) {
    const std::string& part = parts[random() % parts.size()];
    absl::StrAppend(&text, Repeat(part, random() % 8 == 0 ? 30 : 1));
  }
  return text;
}

void CheckInvariants(const ChunkingOptions& options, absl::string_view text,
                     const ChunkedText& chunked) {
  std::vector<bool> is_in_chunk(text.size());
  TextChunk last;
  for (size_t i = 0; i < chunked.chunks.size(); ++i) {
    const TextChunk& chunk = chunked.chunks[i];
    ASSERT_LE(chunk.range.end, text.size());
    ASSERT_TRUE(IsCodePointStart(text, chunk.range.begin));
    ASSERT_TRUE(IsCodePointStart(text, chunk.range.end));
    ASSERT_LE(chunk.first_token + chunk.token_count, chunked.token_count);
    if (i > 0) {
      // Tokens that share a code point may be in two windows.
      const size_t step_min = options.mode == ChunkingMode::kWindow ? 0 : 1;
      ASSERT_GE(chunk.range.begin, last.range.begin + step_min);
      ASSERT_GE(chunk.range.end, last.range.end + step_min);
      ASSERT_GE(chunk.first_token, last.first_token);
    }
    std::fill(is_in_chunk.begin() + static_cast<int64_t>(chunk.range.begin),
              is_in_chunk.begin() + static_cast<int64_t>(chunk.range.end),
              true);
    size_t second = chunk.range.begin;
    const bool is_one_code_point = chunk.range.size() > 0 &&
                                   NextCodePoint(text, second) >= 0 &&
                                   second == chunk.range.end;
    ASSERT_TRUE(chunk.token_count <= options.token_count_max ||
                (options.mode == ChunkingMode::kBoundary && is_one_code_point))
        << chunk.token_count;
    last = chunk;
  }
  for (size_t i = 0; i < text.size();) {
    const size_t next = SkipWhiteSpace(text, i);
    if (next == i) {
      ASSERT_TRUE(is_in_chunk[i]) << "byte " << i;
    }
    i = std::max(next, i + 1);
  }
}

TEST(TextChunkerTest, KeepsItsInvariantsForAnyText) {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const ApproximateTokenizer approximate;
  const UpperBoundCounter bound(TokenizerFamily::kAny);
  for (int round = 0; round < 1000; ++round) {
    const std::string text = RandomText(random);
    ChunkingOptions options;
    options.mode =
        round % 2 == 0 ? ChunkingMode::kWindow : ChunkingMode::kBoundary;
    options.token_count_max = static_cast<int64_t>(1 + random() % 60);
    const int64_t overlap_limit = options.mode == ChunkingMode::kWindow
                                      ? options.token_count_max
                                      : options.token_count_max / 4 + 1;
    options.overlap_token_count =
        static_cast<int64_t>(random()) % overlap_limit;
    // Windows leave a code point that has more tokens than they, so only the
    // tokenizer whose tokens have code points of their own is used there.
    const TokenCounter& counter =
        options.mode == ChunkingMode::kWindow || round % 3 == 0
            ? static_cast<const TokenCounter&>(approximate)
            : bound;
    COPSE_ASSERT_OK_AND_ASSIGN(const ChunkedText chunked,
                               ChunkText(options, counter, text));
    ASSERT_NO_FATAL_FAILURE(CheckInvariants(options, text, chunked))
        << "round " << round << ", text '" << text << "', "
        << options.token_count_max << " tokens, " << options.overlap_token_count
        << " overlap";
  }
}

TEST(TextChunkerTest, TakesTimeForTheTextAndNotForItsSquare) {
  // 1 MiB without a place to cut, and of nothing but spaces: minutes if each
  // chunk read the rest of the text.
  const std::string word(size_t{1} << 20, 'a');
  EXPECT_THAT(Chunk(Boundary(381, 45), word).chunks, SizeIs(testing::Gt(500)));
  const std::string thai = Repeat("\u0e1b\u0e48\u0e32", 100'000);
  EXPECT_THAT(Chunk(Boundary(381, 45), thai).chunks, SizeIs(testing::Gt(150)));
  const std::string spaces(size_t{1} << 20, ' ');
  const UpperBoundCounter bound(TokenizerFamily::kAny);
  EXPECT_THAT(ChunkText(Boundary(381, 45), bound, "a" + spaces), IsOk());
}

}  // namespace
}  // namespace copse
