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
// The words of the text (versioning/lexical/word_reader.h) are the terms, but
// that, where words are spaced, stop words of seven languages are left out, and
// the Snowball stemmer for English takes endings off. It hardly touches other
// languages.
//
// Invariants:
//
// * The same text gives the same terms in the same order on every machine.
// * A text of ASCII, which is read several times as fast, gives the terms that
//   the general path gives.

#ifndef COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_
#define COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

#include "versioning/lexical/stemmer.h"
#include "versioning/lexical/word_reader.h"

namespace copse {

// Thread safety: none; each thread has its own. Making one costs about a
// microsecond.
class LexicalTerms {
 public:
  using Visitor = absl::FunctionRef<void(absl::string_view term)>;

  LexicalTerms();

  // Calls `visit` for each term of `text`, repetitions included. The term lasts
  // as long as the call. REQUIRES: `text` is valid UTF-8.
  void ForEach(absl::string_view text, Visitor visit);

  // The same without the path for ASCII; for the test that compares the two.
  void ForEachGeneral(absl::string_view text, Visitor visit);

 private:
  void VisitWord(absl::string_view word, WordKind kind, Visitor visit);

  Stemmer stemmer_;
  WordReader words_;
};

// Returns whether `word`, folded, is a stop word.
bool IsStopWord(absl::string_view word);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_LEXICAL_TERMS_H_
