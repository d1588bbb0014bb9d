// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/lexical_analyzer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "unicode/bytestream.h"
#include "unicode/normalizer2.h"
#include "unicode/stringpiece.h"
#include "unicode/uchar.h"
#include "unicode/utf8.h"

#include "index/util/check.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

constexpr absl::string_view kJoiners = "_-.:/@+#$~%&=";
constexpr absl::string_view kFirstSigns = "-./@#$~_+";
constexpr absl::string_view kLastSigns = "+#_$";

// What bytes are to identifiers. All others end them.
enum class TokenByte : uint8_t { kSeparator, kWord, kJoiner };

constexpr std::array<TokenByte, 256> MakeTokenBytes() {
  std::array<TokenByte, 256> kinds = {};
  for (size_t byte = 0; byte < kinds.size(); ++byte) {
    const bool is_word = (byte >= '0' && byte <= '9') ||
                         (byte >= 'A' && byte <= 'Z') ||
                         (byte >= 'a' && byte <= 'z') || byte >= 0x80;
    kinds[byte] = is_word ? TokenByte::kWord : TokenByte::kSeparator;
  }
  for (const char c : kJoiners) {
    kinds[static_cast<unsigned char>(c)] = TokenByte::kJoiner;
  }
  return kinds;
}

constexpr std::array<TokenByte, 256> kTokenBytes = MakeTokenBytes();

TokenByte KindOf(char c) { return kTokenBytes[static_cast<unsigned char>(c)]; }

bool IsAscii(absl::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Returns `token` without the signs at its ends that are punctuation.
absl::string_view Trim(absl::string_view token) {
  while (!token.empty() && KindOf(token.front()) == TokenByte::kJoiner &&
         kFirstSigns.find(token.front()) == absl::string_view::npos) {
    token.remove_prefix(1);
  }
  while (!token.empty() && KindOf(token.back()) == TokenByte::kJoiner &&
         kLastSigns.find(token.back()) == absl::string_view::npos) {
    token.remove_suffix(1);
  }
  return token;
}

// Returns whether all of `folded` is letters, digits, marks and joiners.
bool HasWordsOnly(absl::string_view folded) {
  const auto size = static_cast<int32_t>(folded.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(folded.data(), i, size, c);
    if (c < 0) {
      return false;
    }
    if (c < 0x80 ? KindOf(static_cast<char>(c)) == TokenByte::kSeparator
                 : (U_GET_GC_MASK(c) &
                    (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) == 0) {
      return false;
    }
  }
  return true;
}

const icu::Normalizer2& Normalizer(
    const icu::Normalizer2* (*instance)(UErrorCode&)) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = instance(code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
  return *normalizer;
}

void Normalize(const icu::Normalizer2& normalizer, absl::string_view text,
               std::string& normalized) {
  normalized.clear();
  icu::StringByteSink<std::string> sink(&normalized);
  UErrorCode code = U_ZERO_ERROR;
  normalizer.normalizeUTF8(
      0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
      nullptr, code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
}

}  // namespace

struct LexicalAnalyzer::Walk {
  Visitor visit;
  uint32_t word_count = 0;
};

LexicalAnalyzer::LexicalAnalyzer(const LexicalOptions& options)
    : fold_accents_(options.fold_accents),
      stemmer_(Stemmer::For(options.language)) {}

uint32_t LexicalAnalyzer::ForEach(absl::string_view text, Visitor visit) {
  Walk walk = {.visit = visit};
  size_t i = 0;
  while (i < text.size() && walk.word_count < kRowWordCountMax) {
    const size_t start = i;
    while (i < text.size() && KindOf(text[i]) != TokenByte::kSeparator) {
      ++i;
    }
    if (i > start) {
      ReadToken(text.substr(start, i - start), walk);
    } else {
      ++i;
    }
  }
  return walk.word_count;
}

void LexicalAnalyzer::ReadToken(absl::string_view token, Walk& walk) {
  const uint32_t word_count = walk.word_count;
  words_.ForEach(
      token, [&](absl::string_view word, WordKind) { VisitWord(word, walk); });
  if (walk.word_count == word_count) {
    return;
  }
  const absl::string_view identifier = Trim(token);
  const bool has_signs = std::ranges::any_of(
      identifier, [](char c) { return KindOf(c) == TokenByte::kJoiner; });
  if (!has_signs || identifier.size() > kTermSizeBytesMax) {
    return;
  }
  const std::string folded = FoldWhole(identifier);
  if (folded.size() <= kTermSizeBytesMax && HasWordsOnly(folded)) {
    walk.visit({.kind = TermKind::kIdentifier,
                .term = folded,
                .position = walk.word_count - 1});
  }
}

void LexicalAnalyzer::VisitWord(absl::string_view word, Walk& walk) {
  if (walk.word_count >= kRowWordCountMax) {
    return;
  }
  word = FoldAccents(word);
  if (word.size() > kTermSizeBytesMax) {
    word = word.substr(0, kTermSizeBytesMax);
    word = word.substr(0, ValidUtf8Size(word));
  }
  const uint32_t position = walk.word_count++;
  if (word.empty()) {
    return;  // All of it is accents that are taken off: nothing to look for.
  }
  walk.visit({.kind = TermKind::kWord, .term = word, .position = position});
  if (stemmer_.has_value()) {
    walk.visit({.kind = TermKind::kStem,
                .term = stemmer_->Stem(word),
                .position = position});
  }
}

// Combining marks of other scripts, such as the vowels of Hindi, are no
// accents.
absl::string_view LexicalAnalyzer::FoldAccents(absl::string_view word) {
  if (!fold_accents_ || IsAscii(word)) {
    return word;
  }
  std::string decomposed;
  Normalize(Normalizer(icu::Normalizer2::getNFDInstance), word, decomposed);
  std::string bare;
  const auto size = static_cast<int32_t>(decomposed.size());
  for (int32_t i = 0; i < size;) {
    const int32_t start = i;
    UChar32 c = 0;
    U8_NEXT(decomposed.data(), i, size, c);
    if (c < 0x0300 || c > 0x036F) {
      bare.append(decomposed, static_cast<size_t>(start),
                  static_cast<size_t>(i - start));
    }
  }
  Normalize(Normalizer(icu::Normalizer2::getNFCInstance), bare, unaccented_);
  return unaccented_;
}

std::string LexicalAnalyzer::FoldWhole(absl::string_view text) {
  FoldText(text, folded_);
  return std::string(FoldAccents(folded_));
}

absl::string_view LastToken(absl::string_view text) {
  size_t size = 0;
  while (size < text.size() &&
         KindOf(text[text.size() - size - 1]) != TokenByte::kSeparator) {
    ++size;
  }
  return text.substr(text.size() - size);
}

bool IsPlainWord(absl::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return KindOf(c) == TokenByte::kWord; });
}

}  // namespace copse
