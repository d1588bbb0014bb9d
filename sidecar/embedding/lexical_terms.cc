// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/lexical_terms.h"

#include "absl/strings/string_view.h"

#include "versioning/lexical/stemmer.h"
#include "versioning/lexical/word_reader.h"

namespace copse {

LexicalTerms::LexicalTerms() : stemmer_(*Stemmer::For("english")) {}

void LexicalTerms::ForEach(absl::string_view text, Visitor visit) {
  words_.ForEach(text, [&](absl::string_view word, WordKind kind) {
    VisitWord(word, kind, visit);
  });
}

void LexicalTerms::ForEachGeneral(absl::string_view text, Visitor visit) {
  words_.ForEachGeneral(text, [&](absl::string_view word, WordKind kind) {
    VisitWord(word, kind, visit);
  });
}

void LexicalTerms::VisitWord(absl::string_view word, WordKind kind,
                             Visitor visit) {
  if (kind == WordKind::kPair) {
    visit(word);
  } else if (!IsStopWord(word)) {
    visit(stemmer_.Stem(word));
  }
}

}  // namespace copse
