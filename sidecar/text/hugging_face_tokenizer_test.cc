// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares with what the tokenizers library made of the same texts; the files
// in testdata are made, and the comparison repeated on more texts, by
// tests/checks/check_tokenizers.py.

#include "sidecar/text/hugging_face_tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "bzlib.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string DataPath(absl::string_view name) {
  return absl::StrCat(COPSE_SOURCE_DIR, "/sidecar/text/testdata/", name);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<EncodedToken> ParseTokens(absl::string_view line) {
  std::vector<EncodedToken> tokens;
  for (const absl::string_view part :
       absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(part, ':');
    EncodedToken token;
    EXPECT_TRUE(absl::SimpleAtoi(fields[0], &token.id) &&
                absl::SimpleAtoi(fields[1], &token.range.begin) &&
                absl::SimpleAtoi(fields[2], &token.range.end));
    tokens.push_back(token);
  }
  return tokens;
}

class HuggingFaceTokenizerTest : public ::testing::TestWithParam<const char*> {
};

TEST_P(HuggingFaceTokenizerTest, MakesTheTokensOfTheLibrary) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      HuggingFaceTokenizer::Load(DataPath(absl::StrCat(GetParam(), ".json"))));
  const auto texts = nlohmann::json::parse(ReadAll(DataPath("texts.json")))
                         .get<std::vector<std::string>>();
  const std::vector<std::string> lines = absl::StrSplit(
      ReadAll(DataPath(absl::StrCat(GetParam(), ".tokens"))), '\n');
  ASSERT_THAT(lines, SizeIs(texts.size() + 1));
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<EncodedToken> expected = ParseTokens(lines[i]);
    COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<EncodedToken> found,
                               tokenizer->Encode(texts[i]));
    ASSERT_EQ(found.size(), expected.size()) << texts[i];
    for (size_t token = 0; token < found.size(); ++token) {
      ASSERT_EQ(found[token].id, expected[token].id) << texts[i];
      // Wider where the library gives a composed character's first part only.
      ASSERT_LE(found[token].range.begin, expected[token].range.begin);
      ASSERT_GE(found[token].range.end, expected[token].range.end);
    }
    EXPECT_THAT(tokenizer->Count(texts[i]),
                IsOkAndHolds(Eq(static_cast<int64_t>(found.size()))));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, HuggingFaceTokenizerTest,
    ::testing::Values("wordpiece", "wordpiece_cased", "unigram",
                      "unigram_unsplit", "byte_level", "byte_level_split",
                      "byte_fallback", "word_suffix", "subword_prefix"),
    [](const auto& kind) { return std::string(kind.param); });

constexpr absl::string_view kUnigram = R"({
  "pre_tokenizer": {"type": "Metaspace"},
  "model": {"type": "Unigram", "unk_id": 0,
            "vocab": [["<unk>", 0], ["\u2581oak", -1], ["s", -2]]}})";

std::vector<std::string> TokensOf(const TokenCounter& counter,
                                  absl::string_view text) {
  std::vector<std::string> tokens;
  EXPECT_THAT(
      counter.ForEachToken(
          text, [&](TextRange token) { tokens.emplace_back(token.In(text)); }),
      IsOk());
  return tokens;
}

TEST(HuggingFaceTokenizerFileTest, SaysWhichPartOfTheTextEachTokenIs) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                             HuggingFaceTokenizer::Parse(kUnigram));
  EXPECT_THAT(TokensOf(*tokenizer, "oak oaks elm"),
              ElementsAre("oak", " oak", "s", " elm"));
}

TEST(HuggingFaceTokenizerFileTest, ReadsLongTextsPieceByPiece) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                             HuggingFaceTokenizer::Parse(kUnigram));
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) {
    text += i == 0 ? "oak" : " oak";
  }
  EXPECT_THAT(tokenizer->Count(text), IsOkAndHolds(Eq(1'000'000)));
  // One word of which nothing is known.
  EXPECT_THAT(tokenizer->Count(std::string(size_t{3} << 20, 'x')),
              IsOkAndHolds(Eq(3)));
}

TEST(HuggingFaceTokenizerFileTest, FindsManyAddedTokensInOnePass) {
  // Hours if each of them copied the text.
  COPSE_ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                             HuggingFaceTokenizer::Parse(
                                 R"({"normalizer": {"type": "Lowercase"},
              "added_tokens": [{"id": 7, "content": "OAK"}],
              "model": {"type": "Unigram", "vocab": [["a", -1]]}})"));
  std::string text;
  for (int i = 0; i < 200'000; ++i) {
    text += "oaka";
  }
  EXPECT_THAT(tokenizer->Count(text), IsOkAndHolds(Eq(400'000)));
}

TEST(HuggingFaceTokenizerFileTest, RunsPrecompiledRules) {
  // A trie of "A" -> "a": units of the root, of its child at its offset xor
  // 'A', and of the value.
  std::vector<uint32_t> units(68);
  units[0] = 1 << 10;  // The children are at 1 ^ byte.
  units[1 ^ 'A'] = (2 << 10) | (1 << 8) | 'A';
  units[(1 ^ 'A') ^ 2] = 0;  // The value: offset 0.
  std::string map = {16, 1, 0, 0};
  for (const uint32_t unit : units) {
    for (int shift = 0; shift < 32; shift += 8) {
      map.push_back(static_cast<char>(unit >> shift));
    }
  }
  map.append("a", 2);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      HuggingFaceTokenizer::Parse(absl::StrCat(
          R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": ")",
          absl::Base64Escape(map),
          R"("}, "model": {"type": "Unigram", "unk_id": 0,
                           "vocab": [["<unk>", 0], ["a", -1], ["aa", -1]]}})")));
  EXPECT_THAT(tokenizer->Encode("AaB"),
              IsOkAndHolds(ElementsAre(
                  EncodedToken{.id = 2, .range = {.begin = 0, .end = 2}},
                  EncodedToken{.id = 0, .range = {.begin = 2, .end = 3}})));
}

TEST(HuggingFaceTokenizerFileTest, ReadsBzip2) {
  std::string compressed(4096, '\0');
  auto size = static_cast<unsigned>(compressed.size());
  std::string json(kUnigram);
  ASSERT_EQ(
      BZ2_bzBuffToBuffCompress(compressed.data(), &size, json.data(),
                               static_cast<unsigned>(json.size()), 9, 0, 0),
      BZ_OK);
  compressed.resize(size);
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/copse_tokenizer.json.bz2");
  std::ofstream(path, std::ios::binary) << compressed;
  COPSE_ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                             HuggingFaceTokenizer::Load(path));
  EXPECT_THAT(tokenizer->Count("oaks"), IsOkAndHolds(Eq(2)));

  std::ofstream(path, std::ios::binary)
      << compressed.substr(0, compressed.size() - 5);
  EXPECT_THAT(HuggingFaceTokenizer::Load(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is not a whole bzip2 file")));
  std::remove(path.c_str());
}

TEST(HuggingFaceTokenizerFileTest, NamesWhatItCannotRead) {
  const struct {
    absl::string_view json;
    absl::string_view message;
  } cases[] = {
      {"[", "is not a tokenizer.json"},
      {"{}", "'model' is missing"},
      {R"({"model": {"type": "WordLevel", "vocab": {}}})",
       "'model': WordLevel: copse does not know this model"},
      {R"({"normalizer": {"type": "Sequence", "normalizers":
           [{"type": "NFC"}, {"type": "Rot13"}]}})",
       "'normalizer': Rot13: copse does not know this normalizer"},
      {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "("},
           "content": ""}})",
       "'normalizer': Replace: 'Regex' is '('"},
      {R"({"normalizer": {"type": "Precompiled",
           "precompiled_charsmap": "AAAA"}})",
       "'precompiled_charsmap' is no Base64 of at least 4 bytes"},
      {R"({"pre_tokenizer": {"type": "UnicodeScripts"}})",
       "'pre_tokenizer': UnicodeScripts: copse does not know"},
      {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": ""}})",
       "'pre_tokenizer': Metaspace: 'replacement' is ''"},
      {R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}})",
       "'model': BPE: 'merges' has an entry 0, 'a' and 'b'"},
      {R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})",
       "'model': WordPiece: 'unk_token' is '[UNK]', which is not in 'vocab'"},
      {R"({"model": {"type": "Unigram", "vocab": [["a"]]}})",
       "'model': Unigram: 'vocab' has an entry 0 that is not a piece and its"},
      {R"({"model": {"type": "Unigram", "unk_id": 1, "vocab": [["a", 0]]}})",
       "'model': Unigram: 'unk_id' is 1, expected 0 to 0"},
      {R"({"added_tokens": [{"id": 1}]})",
       "'added_tokens', entry 0: 'content' is missing, expected a string"},
  };
  for (const auto& expected : cases) {
    EXPECT_THAT(HuggingFaceTokenizer::Parse(expected.json),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(std::string(expected.message))));
  }
  EXPECT_THAT(HuggingFaceTokenizer::Load("/nonexistent/tokenizer.json"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("'/nonexistent/tokenizer.json'")));
}

TEST(HuggingFaceTokenizerFileTest, SaysWhatHasNoToken) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      HuggingFaceTokenizer::Parse(
          R"({"model": {"type": "Unigram", "vocab": [["a", -1]]}})"));
  EXPECT_THAT(tokenizer->Count("ab"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'b' is not in the tokenizer's vocabulary")));
}

TEST(HuggingFaceTokenizerFileTest, GivesUpExpressionsThatTakeTooLong) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                             HuggingFaceTokenizer::Parse(
                                 R"({"pre_tokenizer": {"type": "Split",
                 "pattern": {"Regex": "(a+)+b"}, "behavior": "Isolated"},
              "model": {"type": "Unigram", "vocab": [["a", -1]]}})"));
  EXPECT_THAT(tokenizer->Count(std::string(100, 'a')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("regular expression was given up")));
}

}  // namespace
}  // namespace copse
