// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How the texts of a domain become words, fixed when it is created.

#ifndef COPSE_VERSIONING_LEXICAL_LEXICAL_OPTIONS_H_
#define COPSE_VERSIONING_LEXICAL_LEXICAL_OPTIONS_H_

#include <cstddef>
#include <string>

namespace copse {

struct LexicalOptions {
  // Whether words are indexed at all. If not, `language` is empty and accents
  // stay.
  bool is_enabled = true;

  // Whose endings are taken off: a language of Stemmer, such as "english", or
  // empty for none.
  std::string language = {};

  // Whether the accents of Latin, Greek and Cyrillic letters are taken off.
  bool fold_accents = false;

  friend bool operator==(const LexicalOptions&,
                         const LexicalOptions&) = default;
};

inline constexpr size_t kLanguageSizeBytesMax = 32;

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_LEXICAL_OPTIONS_H_
