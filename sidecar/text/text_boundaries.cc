// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_boundaries.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "unicode/brkiter.h"
#include "unicode/locid.h"
#include "unicode/uchar.h"
#include "unicode/utext.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kContextSize = 64;

absl::Status IcuError(UErrorCode code) {
  return absl::InternalError(
      absl::StrCat("ICU cannot find text boundaries: ", u_errorName(code)));
}

bool EndsLine(UChar32 c) {
  return c == '\n' || c == '\r' || c == 0x0B || c == 0x0C || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

// How many lines end in the run of white space at `offset`; moves `offset`
// behind it.
int CountLineEnds(absl::string_view text, size_t& offset) {
  int count = 0;
  UChar32 last = 0;
  while (offset < text.size()) {
    size_t next = offset;
    const UChar32 c = NextCodePoint(text, next);
    if (!u_isUWhiteSpace(c)) {
      break;
    }
    if (EndsLine(c) && !(c == '\n' && last == '\r')) {
      count += c == 0x2029 ? 2 : 1;
    }
    last = c;
    offset = next;
  }
  return count;
}

}  // namespace

absl::StatusOr<TextBoundaries> TextBoundaries::Make(absl::string_view text) {
  TextBoundaries boundaries(text);
  UErrorCode code = U_ZERO_ERROR;
  const icu::Locale& root = icu::Locale::getRoot();
  boundaries.sentences_.reset(
      icu::BreakIterator::createSentenceInstance(root, code));
  boundaries.words_.reset(icu::BreakIterator::createLineInstance(root, code));
  boundaries.characters_.reset(
      icu::BreakIterator::createCharacterInstance(root, code));
  if (U_FAILURE(code)) {
    return IcuError(code);
  }
  return boundaries;
}

std::optional<size_t> TextBoundaries::LastLineStartIn(TextRange range) const {
  // A run that goes on behind the range is counted to its end, as far as the
  // context reaches.
  const absl::string_view text = text_.substr(
      0,
      CodePointStart(text_, std::min(range.end + kContextSize, text_.size())));
  std::optional<size_t> line;
  std::optional<size_t> paragraph;
  for (size_t offset = range.begin; offset < range.end;) {
    size_t end = offset;
    const int line_end_count = CountLineEnds(text, end);
    const size_t place = std::min(end, range.end);
    if (line_end_count >= 2) {
      paragraph = place;
    } else if (line_end_count == 1) {
      line = place;
    }
    offset = end;
    if (offset < range.end) {
      NextCodePoint(text, offset);
    }
  }
  return paragraph.has_value() ? paragraph : line;
}

absl::StatusOr<std::optional<size_t>> TextBoundaries::BoundaryIn(
    icu::BreakIterator& iterator, TextRange range, bool is_last) const {
  const size_t begin =
      CodePointStart(text_, range.begin - std::min(range.begin, kContextSize));
  const size_t end =
      CodePointStart(text_, std::min(range.end + kContextSize, text_.size()));
  UErrorCode code = U_ZERO_ERROR;
  UText view = UTEXT_INITIALIZER;
  utext_openUTF8(&view, text_.data() + begin, static_cast<int64_t>(end - begin),
                 &code);
  iterator.setText(&view, code);
  if (U_FAILURE(code)) {
    utext_close(&view);
    return IcuError(code);
  }
  const auto from =
      static_cast<int32_t>((is_last ? range.end : range.begin) - begin);
  int32_t found = from;
  if (!iterator.isBoundary(from)) {
    found = is_last ? iterator.preceding(from) : iterator.following(from);
  }
  utext_close(&view);
  if (found == icu::BreakIterator::DONE) {
    return std::nullopt;
  }
  // The ends of the view are boundaries only because it ends there.
  const size_t place = begin + static_cast<size_t>(found);
  const bool is_real =
      (place > begin || begin == 0) && (place < end || end == text_.size());
  if (!is_real || place < range.begin || place > range.end) {
    return std::nullopt;
  }
  return place;
}

absl::StatusOr<size_t> TextBoundaries::LastIn(TextRange range,
                                              size_t character_begin) {
  if (const std::optional<size_t> line = LastLineStartIn(range)) {
    return *line;
  }
  for (const auto& iterator : {&sentences_, &words_, &characters_}) {
    if (iterator == &characters_) {
      range.begin = character_begin;
    }
    COPSE_ASSIGN_OR_RETURN(const std::optional<size_t> place,
                           BoundaryIn(**iterator, range, /*is_last=*/true));
    if (place.has_value() && *place > range.begin) {
      return *place;
    }
  }
  return range.end;
}

absl::StatusOr<size_t> TextBoundaries::FirstIn(TextRange range) {
  for (const auto& iterator : {&sentences_, &words_, &characters_}) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<size_t> place,
                           BoundaryIn(**iterator, range, /*is_last=*/false));
    if (place.has_value() && *place < range.end) {
      return *place;
    }
  }
  return range.end;
}

}  // namespace copse
