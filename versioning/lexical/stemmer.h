// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Takes the endings off words, by the Snowball stemmer of a language.
//
//   std::optional<Stemmer> stemmer = Stemmer::For("english");
//   stemmer->Stem("clocks");  // "clock"

#ifndef COPSE_VERSIONING_LEXICAL_STEMMER_H_
#define COPSE_VERSIONING_LEXICAL_STEMMER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

struct sb_stemmer;

namespace copse {

// Thread safety: none; each thread has its own. Making one costs about a
// microsecond.
class Stemmer {
 public:
  // Returns nullopt if there is none for `language`, an English name in lower
  // case.
  static std::optional<Stemmer> For(const std::string& language);

  // Returns the names that For() takes, ascending.
  static std::vector<std::string> Languages();

  // Returns the stem of `word`, which is folded, until the next call. Longer
  // ones than 48 bytes are no words but hashes, keys and the like, and stay.
  absl::string_view Stem(absl::string_view word);

 private:
  struct Deleter {
    void operator()(sb_stemmer* stemmer) const;
  };

  explicit Stemmer(sb_stemmer* stemmer) : stemmer_(stemmer) {}

  std::unique_ptr<sb_stemmer, Deleter> stemmer_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_STEMMER_H_
