// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/upper_bound_counter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "unicode/normalizer2.h"
#include "unicode/uchar.h"
#include "unicode/unistr.h"
#include "unicode/utf8.h"

#include "index/util/check.h"

namespace copse {
namespace {

const icu::Normalizer2& Decomposition(bool is_compatible) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer =
      is_compatible ? icu::Normalizer2::getNFKDInstance(code)
                    : icu::Normalizer2::getNFDInstance(code);
  COPSE_CHECK(U_SUCCESS(code), u_errorName(code));
  return *normalizer;
}

struct DecomposedSize {
  size_t code_point_count = 1;
  size_t byte_count = 0;
};

DecomposedSize SizeOfDecomposed(UChar32 c, bool is_compatible) {
  icu::UnicodeString parts;
  if (!Decomposition(is_compatible).getDecomposition(c, parts)) {
    return {.byte_count = static_cast<size_t>(U8_LENGTH(c))};
  }
  DecomposedSize size = {.code_point_count = 0};
  for (int32_t i = 0; i < parts.length(); i += U16_LENGTH(parts.char32At(i))) {
    ++size.code_point_count;
    size.byte_count += static_cast<size_t>(U8_LENGTH(parts.char32At(i)));
  }
  return size;
}

size_t TokenCountMax(UChar32 c, TokenizerFamily family) {
  const auto byte_count = static_cast<size_t>(U8_LENGTH(c));
  if (byte_count == 1 || family == TokenizerFamily::kByteLevelBpe) {
    return byte_count;
  }
  if (family == TokenizerFamily::kWordPiece) {
    return SizeOfDecomposed(c, /*is_compatible=*/false).code_point_count;
  }
  return std::max(byte_count,
                  SizeOfDecomposed(c, /*is_compatible=*/true).byte_count);
}

}  // namespace

absl::Status UpperBoundCounter::VisitTokens(absl::string_view text,
                                            Visitor visit) const {
  const bool has_mark = family_ == TokenizerFamily::kSentencePiece ||
                        family_ == TokenizerFamily::kAny;
  for (size_t offset = 0; offset < text.size();) {
    TextRange range = {.begin = offset};
    const UChar32 c = NextCodePoint(text, offset);
    range.end = offset;
    size_t count = TokenCountMax(c, family_);
    if (has_mark && range.begin == 0) {
      ++count;
    }
    for (size_t i = 0; i < count; ++i) {
      visit(range);
    }
  }
  return absl::OkStatus();
}

}  // namespace copse
