// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where a text has another one, whatever the case of the letters, and the words
// around that place.
//
//   const CaselessFinder finder("PILOT");
//   const std::optional<TextRange> place = finder.Find(text);
//   const size_t end = WordEnd(text, place->end);
//   for (const TextRange& word : WordsAfter(text, end, 5)) { ... }
//
// Offsets are those of the text as it is: code points are compared one by one
// by their simple case folding (Unicode 3.13), so that none changes its length.
// Words are what stands between white space and . , ; : alone.

#ifndef COPSE_SIDECAR_TEXT_OCCURRENCE_H_
#define COPSE_SIDECAR_TEXT_OCCURRENCE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "unicode/umachine.h"

#include "sidecar/text/code_points.h"

namespace copse {

// Takes time with the size of the text, whatever is looked for.
//
// Thread safety: immutable.
class CaselessFinder {
 public:
  // REQUIRES: `sought` is UTF-8.
  explicit CaselessFinder(absl::string_view sought);

  // Returns the first occurrence that begins at `offset` or behind it; nullopt
  // if there is none, or what is sought is empty. REQUIRES: `text` is UTF-8,
  // and a code point begins at `offset`.
  std::optional<TextRange> Find(absl::string_view text,
                                size_t offset = 0) const;

 private:
  std::vector<UChar32> sought_;
  // For each beginning of sought_, the length of the longest shorter one that
  // it ends with (Knuth, Morris and Pratt 1977).
  std::vector<size_t> shorter_;
};

// Returns `text`, UTF-8, with each code point folded.
std::string FoldCase(absl::string_view text);

// Returns the end of the word that `offset` is in, which is `offset` where a
// word ends or none is. REQUIRES: as Find().
size_t WordEnd(absl::string_view text, size_t offset);

// Returns the begin of the word that `offset` is in, as WordEnd().
size_t WordBegin(absl::string_view text, size_t offset);

// Returns the first words that begin at `offset` or behind it, at most
// `word_count`. REQUIRES: as Find().
std::vector<TextRange> WordsAfter(absl::string_view text, size_t offset,
                                  size_t word_count);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_OCCURRENCE_H_
