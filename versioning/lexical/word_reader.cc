// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/word_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "unicode/bytestream.h"
#include "unicode/normalizer2.h"
#include "unicode/stringpiece.h"
#include "unicode/uchar.h"
#include "unicode/utf8.h"

#include "index/util/check.h"

namespace copse {
namespace {

// Folding may make a text 18 times as long (U+FDFA), so it is done piece by
// piece. Nothing that people write has a run this long without ASCII space.
constexpr size_t kSegmentSizeMax = size_t{64} << 10;

enum class ByteKind : uint8_t { kSeparator, kWord, kNotAscii };

constexpr std::array<ByteKind, 256> MakeByteKinds() {
  std::array<ByteKind, 256> kinds = {};
  for (size_t byte = 0; byte < kinds.size(); ++byte) {
    const bool is_word = (byte >= '0' && byte <= '9') ||
                         (byte >= 'A' && byte <= 'Z') ||
                         (byte >= 'a' && byte <= 'z');
    kinds[byte] = byte >= 0x80 ? ByteKind::kNotAscii
                  : is_word    ? ByteKind::kWord
                               : ByteKind::kSeparator;
  }
  return kinds;
}

constexpr std::array<ByteKind, 256> kByteKinds = MakeByteKinds();

// The blocks of the scripts without spaces. Blocks and not the script property:
// they never change, so all versions of ICU agree.
bool IsUnspaced(UChar32 c) {
  return (c >= 0x0E00 && c <= 0x0EFF) ||  // Thai, Lao
         (c >= 0x1000 && c <= 0x109F) ||  // Burmese
         (c >= 0x1780 && c <= 0x17FF) ||  // Khmer
         (c >= 0x3040 && c <= 0x30FF) ||  // hiragana, katakana
         (c >= 0x31F0 && c <= 0x31FF) ||  // small katakana
         (c >= 0x3400 && c <= 0x4DBF) ||  // Han
         (c >= 0x4E00 && c <= 0x9FFF) ||  // Han
         (c >= 0xF900 && c <= 0xFAFF) ||  // Han
         (c >= 0x20000 && c <= 0x3FFFF);  // Han
}

enum class Kind { kSeparator, kMark, kSpaced, kUnspaced };

Kind KindOf(UChar32 c) {
  const uint32_t mask = U_GET_GC_MASK(c);
  if ((mask & U_GC_M_MASK) != 0) {
    return Kind::kMark;
  }
  if ((mask & (U_GC_L_MASK | U_GC_N_MASK)) == 0) {
    return Kind::kSeparator;
  }
  return IsUnspaced(c) ? Kind::kUnspaced : Kind::kSpaced;
}

// Calls `visit` for each pair of neighbours in `run`, or for its only
// character.
void VisitPairs(absl::string_view run, WordReader::Visitor visit) {
  const auto size = static_cast<int32_t>(run.size());
  int32_t first = 0;   // Start of the earlier character of the pair.
  int32_t second = 0;  // Start of the later one.
  U8_FWD_1(run.data(), second, size);
  if (second == size) {
    visit(run, WordKind::kPair);
    return;
  }
  while (second < size) {
    int32_t end = second;
    U8_FWD_1(run.data(), end, size);
    visit(run.substr(static_cast<size_t>(first),
                     static_cast<size_t>(end - first)),
          WordKind::kPair);
    first = second;
    second = end;
  }
}

const icu::Normalizer2& Folding() {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* folding =
      icu::Normalizer2::getNFKCCasefoldInstance(code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
  return *folding;
}

}  // namespace

void FoldText(absl::string_view text, std::string& folded) {
  folded.clear();
  icu::StringByteSink<std::string> sink(&folded);
  UErrorCode code = U_ZERO_ERROR;
  Folding().normalizeUTF8(
      0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
      nullptr, code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
}

void WordReader::ForEach(absl::string_view text, Visitor visit) {
  ForEachSegment(text, /*use_ascii_path=*/true, visit);
}

void WordReader::ForEachGeneral(absl::string_view text, Visitor visit) {
  ForEachSegment(text, /*use_ascii_path=*/false, visit);
}

// An ASCII character that is no letter and no digit ends a word whatever stands
// beside it, also after folding, so the runs between them can be read one by
// one, and those of ASCII without ICU.
void WordReader::ForEachSegment(absl::string_view text, bool use_ascii_path,
                                Visitor visit) {
  size_t i = 0;
  while (i < text.size()) {
    const size_t start = i;
    bool is_ascii = true;
    for (; i < text.size(); ++i) {
      const ByteKind kind = kByteKinds[static_cast<unsigned char>(text[i])];
      if (kind == ByteKind::kSeparator) {
        break;
      }
      is_ascii = is_ascii && kind == ByteKind::kWord;
      // Never inside a character: its later bytes are 10xxxxxx.
      if (i - start >= kSegmentSizeMax &&
          (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
        break;
      }
    }
    if (i == start) {
      ++i;  // A separator.
      continue;
    }
    const absl::string_view segment = text.substr(start, i - start);
    if (is_ascii && use_ascii_path) {
      ReadAsciiWord(segment, visit);
    } else {
      ReadSegment(segment, visit);
    }
  }
}

void WordReader::ReadAsciiWord(absl::string_view word, Visitor visit) {
  word_.resize(word.size());
  std::transform(word.begin(), word.end(), word_.begin(), [](char c) {
    return absl::ascii_tolower(static_cast<unsigned char>(c));
  });
  visit(word_, WordKind::kSpaced);
}

void WordReader::ReadSegment(absl::string_view segment, Visitor visit) {
  FoldText(segment, folded_);
  const absl::string_view folded = folded_;
  const auto size = static_cast<int32_t>(folded.size());
  Kind run_kind = Kind::kSeparator;
  int32_t run_start = 0;
  const auto end_run = [&](int32_t end) {
    const absl::string_view run = folded.substr(
        static_cast<size_t>(run_start), static_cast<size_t>(end - run_start));
    if (run_kind == Kind::kSpaced) {
      visit(run, WordKind::kSpaced);
    } else if (run_kind == Kind::kUnspaced) {
      VisitPairs(run, visit);
    }
  };
  for (int32_t i = 0; i < size;) {
    const int32_t start = i;
    UChar32 c = 0;
    U8_NEXT(folded.data(), i, size, c);
    Kind kind = c < 0 ? Kind::kSeparator : KindOf(c);
    if (kind == Kind::kMark) {
      kind = run_kind;  // It belongs to what it stands on, or to nothing.
    }
    if (kind != run_kind) {
      end_run(start);
      run_kind = kind;
      run_start = start;
    }
  }
  end_run(size);
}

}  // namespace copse
