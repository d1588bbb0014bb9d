// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Makes of a text the terms under which it is indexed, and of a query those it
// is looked for by.
//
//   LexicalAnalyzer analyzer(domain_options.lexical);
//   analyzer.ForEach("tar's --strip-components", [](const LexicalTerm& term) {
//     ...  // words "tar", "s", "strip", "components",
//   });    // identifier "--strip-components"
//
// Words are those of word_reader.h, whose accents are taken off if the domain
// says so. In a domain with a language the stem of each is a term, too.
//
// An identifier is what people write without spaces and mean as a whole: words
// joined by any of _ - . : / @ + # $ ~ % & =, or one word with a sign before or
// after it, such as "std::vector", "v1.2", "--force" and "C++". Its words are
// terms, and so is the identifier itself, folded like them and never stemmed.
// Signs at its ends that are punctuation elsewhere are left out: it begins with
// a word, or one of - . / @ # $ ~ _ +, and ends with a word, or one of + # _ $.
// It has at most 128 bytes, all of words but for the signs.
//
// Longer words than 128 bytes are cut; so they are in queries.

#ifndef COPSE_VERSIONING_LEXICAL_LEXICAL_ANALYZER_H_
#define COPSE_VERSIONING_LEXICAL_LEXICAL_ANALYZER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

#include "versioning/lexical/lexical_options.h"
#include "versioning/lexical/stemmer.h"
#include "versioning/lexical/word_reader.h"

namespace copse {

// Kinds of terms; equal ones of different kinds are different terms. The values
// are stored.
enum class TermKind : uint8_t {
  kLength = 1,  // The empty term of every row with words: counts them.
  kWord = 2,    // Has positions.
  kIdentifier = 3,
  kStem = 4,
  kAttribute = 5,  // Of a document, see attribute_term.h; counts its rows.
};

inline constexpr size_t kTermSizeBytesMax = 128;

// Of one row; what comes behind is not indexed.
inline constexpr uint32_t kRowWordCountMax = uint32_t{1} << 20;

struct LexicalTerm {
  TermKind kind = TermKind::kWord;
  absl::string_view term;

  // The number of the word, or of the last word of the identifier, from 0.
  uint32_t position = 0;
};

// Thread safety: none; each thread has its own.
class LexicalAnalyzer {
 public:
  using Visitor = absl::FunctionRef<void(const LexicalTerm& term)>;

  explicit LexicalAnalyzer(const LexicalOptions& options);

  // Calls `visit` for each term of `text`, repetitions included, and returns
  // the number of words. The term lasts as long as the call. REQUIRES: `text`
  // is valid UTF-8.
  uint32_t ForEach(absl::string_view text, Visitor visit);

  // Whether words have stems.
  bool stems() const { return stemmer_.has_value(); }

  // Returns `text` folded as an identifier is.
  std::string FoldWhole(absl::string_view text);

 private:
  struct Walk;

  void ReadToken(absl::string_view token, Walk& walk);
  void VisitWord(absl::string_view word, Walk& walk);
  absl::string_view FoldAccents(absl::string_view word);

  const bool fold_accents_;
  std::optional<Stemmer> stemmer_;
  WordReader words_;
  std::string folded_;  // Kept for its memory, like `unaccented_`.
  std::string unaccented_;
};

// Returns what may be a word or an identifier at the end of `text`: what stands
// behind the last character that belongs to neither.
absl::string_view LastToken(absl::string_view text);

// Returns whether `text` is one word or the beginning of one: it has no signs.
bool IsPlainWord(absl::string_view text);

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_LEXICAL_ANALYZER_H_
