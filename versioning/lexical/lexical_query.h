// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A query by words, as people write it.
//
//   LexicalQuery query =
//       ParseLexicalQuery("merge \"working tree\" rebas*", analyzer,
//                         {.has_operators = true});
//
// A word is looked for as it is indexed, stemmed in domains with a language,
// and an identifier as itself besides its words. With operators, words between
// double quotes are a phrase, which must stand so, one word after the other;
// and a word or identifier that ends with * stands for all that begin with it.
// Phrases and beginnings are of words as they are written, not of stems. A row
// matches if it has any of these; more of them, and rarer ones, make it rank
// higher.

#ifndef COPSE_VERSIONING_LEXICAL_LEXICAL_QUERY_H_
#define COPSE_VERSIONING_LEXICAL_LEXICAL_QUERY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "versioning/lexical/lexical_analyzer.h"

namespace copse {

// What a longer query has beyond these is not looked for.
inline constexpr size_t kQueryItemCountMax = 256;
inline constexpr size_t kPhraseWordCountMax = 64;
inline constexpr size_t kLexicalQuerySizeBytesMax = size_t{64} << 10;

struct LexicalQueryItem {
  enum class Mode {
    kTerm,
    kPhrase,  // Of at least two terms, which are words.
    kPrefix,  // The term is what the terms of `kind` begin with.
  };

  Mode mode = Mode::kTerm;
  TermKind kind = TermKind::kWord;
  std::vector<std::string> terms;

  friend bool operator==(const LexicalQueryItem&,
                         const LexicalQueryItem&) = default;
};

struct LexicalQueryOptions {
  bool has_operators = false;
};

// Returns the items of `text`, each once, in the order of their first
// occurrence. REQUIRES: `text` is valid UTF-8.
std::vector<LexicalQueryItem> ParseLexicalQuery(
    absl::string_view text, LexicalAnalyzer& analyzer,
    const LexicalQueryOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_LEXICAL_QUERY_H_
