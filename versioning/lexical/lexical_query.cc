// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/lexical_query.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

class QueryParser {
 public:
  QueryParser(LexicalAnalyzer& analyzer, TermKind word_kind)
      : analyzer_(analyzer), word_kind_(word_kind) {}

  void AddWords(absl::string_view text) {
    analyzer_.ForEach(text, [this](const LexicalTerm& term) {
      if (term.kind == word_kind_ || term.kind == TermKind::kIdentifier) {
        Add({.kind = term.kind, .terms = {std::string(term.term)}});
      }
    });
  }

  void AddPhrase(absl::string_view text) {
    LexicalQueryItem phrase = {.mode = LexicalQueryItem::Mode::kPhrase,
                               .kind = TermKind::kWord,
                               .terms = {}};
    analyzer_.ForEach(text, [&phrase](const LexicalTerm& term) {
      if (term.kind == TermKind::kWord &&
          phrase.terms.size() < kPhraseWordCountMax) {
        phrase.terms.emplace_back(term.term);
      }
    });
    if (phrase.terms.size() == 1) {
      phrase.mode = LexicalQueryItem::Mode::kTerm;
    }
    if (!phrase.terms.empty()) {
      Add(std::move(phrase));
    }
  }

  // `text` is without its *.
  void AddPrefix(absl::string_view text) {
    if (text.empty() || text.size() > kTermSizeBytesMax) {
      return;
    }
    std::string beginning = analyzer_.FoldWhole(text);
    if (beginning.empty()) {
      return;  // All words begin with an accent that is taken off.
    }
    Add({.mode = LexicalQueryItem::Mode::kPrefix,
         .kind = IsPlainWord(text) ? TermKind::kWord : TermKind::kIdentifier,
         .terms = {std::move(beginning)}});
  }

  // Reads words, phrases and beginnings.
  void AddWithOperators(absl::string_view text) {
    while (!text.empty()) {
      if (text.front() == '"') {
        text.remove_prefix(1);
        const size_t end = std::min(text.find('"'), text.size());
        AddPhrase(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        continue;
      }
      const auto* const stop = std::ranges::find_if(text, [](char c) {
        return c == '"' || absl::ascii_isspace(static_cast<unsigned char>(c));
      });
      const absl::string_view token =
          text.substr(0, static_cast<size_t>(stop - text.begin()));
      if (absl::EndsWith(token, "*")) {
        const absl::string_view last =
            LastToken(token.substr(0, token.size() - 1));
        AddWords(token.substr(0, token.size() - 1 - last.size()));
        AddPrefix(last);
      } else {
        AddWords(token);
      }
      text.remove_prefix(token.size());
      if (!text.empty() && text.front() != '"') {
        text.remove_prefix(1);
      }
    }
  }

  std::vector<LexicalQueryItem> TakeItems() { return std::move(items_); }

 private:
  void Add(LexicalQueryItem item) {
    if (items_.size() < kQueryItemCountMax &&
        std::ranges::find(items_, item) == items_.end()) {
      items_.push_back(std::move(item));
    }
  }

  LexicalAnalyzer& analyzer_;
  const TermKind word_kind_;
  std::vector<LexicalQueryItem> items_;
};

}  // namespace

std::vector<LexicalQueryItem> ParseLexicalQuery(
    absl::string_view text, LexicalAnalyzer& analyzer,
    const LexicalQueryOptions& options) {
  if (text.size() > kLexicalQuerySizeBytesMax) {
    text = text.substr(0, kLexicalQuerySizeBytesMax);
    text = text.substr(0, ValidUtf8Size(text));
  }
  QueryParser parser(analyzer,
                     analyzer.stems() ? TermKind::kStem : TermKind::kWord);
  if (options.has_operators) {
    parser.AddWithOperators(text);
  } else {
    parser.AddWords(text);
  }
  return parser.TakeItems();
}

}  // namespace copse
