// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds where a text is best cut in two. Of two places the better is that of
// the better kind:
//
//   1. a paragraph: after a blank line, or U+2029
//   2. a line: after a line end
//   3. a sentence, as Unicode Standard Annex 29 says
//   4. a word: where Annex 14 would break a line, so never before a full stop,
//      and also between words that have no space between them
//   5. a character as a reader sees it: Annex 29's grapheme cluster
//   6. a code point
//
// It looks at the asked part of the text and 64 bytes on each side of it, so
// that a call takes time for that and not for the text.

#ifndef COPSE_SIDECAR_TEXT_TEXT_BOUNDARIES_H_
#define COPSE_SIDECAR_TEXT_TEXT_BOUNDARIES_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "unicode/brkiter.h"

#include "sidecar/text/code_points.h"

namespace copse {

// Thread safety: none. Making one costs some 10 microseconds.
class TextBoundaries {
 public:
  // `text` is not owned. Returns kInternal if ICU lacks its data.
  // REQUIRES: `text` is UTF-8.
  static absl::StatusOr<TextBoundaries> Make(absl::string_view text);

  // Returns the last of the best places in (range.begin, range.end]. So that no
  // character is cut that begins further left, those are looked for from
  // `character_begin` on. REQUIRES: character_begin <= range.begin < range.end,
  // and all are starts of code points.
  absl::StatusOr<size_t> LastIn(TextRange range, size_t character_begin);

  // Returns the first place in [range.begin, range.end) where a sentence, a
  // line or a paragraph begins, or else a word, or else a character, or else
  // range.end. REQUIRES: range.begin < range.end, starts of code points.
  absl::StatusOr<size_t> FirstIn(TextRange range);

 private:
  explicit TextBoundaries(absl::string_view text) : text_(text) {}

  std::optional<size_t> LastLineStartIn(TextRange range) const;

  // The last or first boundary of `iterator` in `range`, ends included.
  absl::StatusOr<std::optional<size_t>> BoundaryIn(icu::BreakIterator& iterator,
                                                   TextRange range,
                                                   bool is_last) const;

  absl::string_view text_;  // Not owned.
  std::unique_ptr<icu::BreakIterator> sentences_;
  std::unique_ptr<icu::BreakIterator> words_;
  std::unique_ptr<icu::BreakIterator> characters_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEXT_BOUNDARIES_H_
