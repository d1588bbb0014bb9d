// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the words of a text, folded.
//
//   WordReader words;
//   words.ForEach("The 8-day clocks", [](absl::string_view word, auto) {
//     ...  // "the", "8", "day", "clocks"
//   });
//
// How a text becomes words:
//
//   1. It is folded as Unicode's NFKC_Casefold says: "Straße" is "strasse", a
//      full-width letter is a plain one, soft hyphens vanish. Accents stay.
//   2. Words are runs of letters and digits, with the combining marks that
//      follow them.
//   3. In scripts that put no spaces between words (Han, kana, Thai, Lao,
//      Khmer, Burmese) each pair of neighbours in a run is a word, and a run of
//      one character is a word. A dictionary would find better words, but
//      other ones in each version of ICU.
//
// Invariants:
//
// * The same text gives the same words in the same order on every machine.
// * A text of ASCII, which is read several times as fast, gives the words that
//   the general path gives.

#ifndef COPSE_VERSIONING_LEXICAL_WORD_READER_H_
#define COPSE_VERSIONING_LEXICAL_WORD_READER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace copse {

enum class WordKind {
  kSpaced,
  kPair,  // Two neighbours, or one, of a script without spaces.
};

// Thread safety: none; each thread has its own.
class WordReader {
 public:
  using Visitor = absl::FunctionRef<void(absl::string_view word, WordKind)>;

  // Calls `visit` for each word of `text`, repetitions included. The word lasts
  // as long as the call. REQUIRES: `text` is valid UTF-8.
  void ForEach(absl::string_view text, Visitor visit);

  // The same without the path for ASCII; for the test that compares the two.
  void ForEachGeneral(absl::string_view text, Visitor visit);

 private:
  void ForEachSegment(absl::string_view text, bool use_ascii_path,
                      Visitor visit);
  void ReadAsciiWord(absl::string_view word, Visitor visit);
  void ReadSegment(absl::string_view segment, Visitor visit);

  std::string folded_;  // Kept for its memory, like `word_`.
  std::string word_;
};

// Puts into `folded` what step 1 makes of `text`, which is valid UTF-8 of at
// most 64 KiB.
void FoldText(absl::string_view text, std::string& folded);

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_WORD_READER_H_
