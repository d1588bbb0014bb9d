// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds what a text is about, as far as its words say so: the terms that the
// builtin embedder hashes.
//
//   LexicalTerms terms;
//   terms.ForEach("The 8-day clocks", [](absl::string_view term) {
//     ...  // "8", "day", "clock"
//   });
//
// How a text becomes terms:
//
//   1. It is folded as Unicode's NFKC_Casefold says: "Straße" is "strasse", a
//      full-width letter is a plain one, soft hyphens vanish. Accents stay.
//   2. Words are runs of letters and digits, with the combining marks that
//      follow them.
//   3. In scripts that put no spaces between words (Han, kana, Thai, Lao,
//      Khmer, Burmese) each pair of neighbours in a run is a term, and a run of
//      one character is a term. A dictionary would find better words, but
//      other ones in each version of ICU.
//   4. Elsewhere stop words of seven languages are left out, and the Snowball
//      stemmer for English takes endings off. It hardly touches other
//      languages.
//
// Invariants:
//
// * The same text gives the same terms in the same order on every machine.
// * A text of ASCII, which is read several times as fast, gives the terms that
//   the general path gives.

#ifndef COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_
#define COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

struct sb_stemmer;

namespace copse {

// Thread safety: none; each thread has its own. Making one costs about a
// microsecond.
class LexicalTerms {
 public:
  using Visitor = absl::FunctionRef<void(absl::string_view term)>;

  LexicalTerms();
  ~LexicalTerms();
  LexicalTerms(const LexicalTerms&) = delete;
  LexicalTerms& operator=(const LexicalTerms&) = delete;

  // Calls `visit` for each term of `text`, repetitions included. The term lasts
  // as long as the call. REQUIRES: `text` is valid UTF-8.
  void ForEach(absl::string_view text, Visitor visit);

  // The same without the path for ASCII; for the test that compares the two.
  void ForEachGeneral(absl::string_view text, Visitor visit);

 private:
  struct StemmerDeleter {
    void operator()(sb_stemmer* stemmer) const;
  };

  void ForEachSegment(absl::string_view text, bool use_ascii_path,
                      Visitor visit);
  void ReadAsciiWord(absl::string_view word, Visitor visit);
  void ReadSegment(absl::string_view segment, Visitor visit);
  void VisitWord(absl::string_view word, Visitor visit);

  std::unique_ptr<sb_stemmer, StemmerDeleter> stemmer_;
  std::string folded_;  // Kept for its memory, like `word_`.
  std::string word_;
};

// Returns whether `word`, folded, is a stop word.
bool IsStopWord(absl::string_view word);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_
