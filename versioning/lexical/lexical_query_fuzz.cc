// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Any text as a query by words, with operators and without, in a domain with
// stems and one without. Properties:
//
// * no more items and terms than the limits, none of them empty, none twice;
// * a phrase has two terms at least, anything else has one;
// * the same text gives the same items.

#include "versioning/lexical/lexical_query.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "unicode/unistr.h"

#include "index/util/check.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_options.h"

namespace copse {
namespace {

// `bytes` with what is no UTF-8 replaced.
std::string ToUtf8(absl::string_view bytes) {
  std::string text;
  icu::UnicodeString::fromUTF8(
      {bytes.data(), static_cast<int32_t>(bytes.size())})
      .toUTF8String(text);
  return text;
}

void CheckItems(const std::vector<LexicalQueryItem>& items) {
  COPSE_CHECK(items.size() <= kQueryItemCountMax);
  for (const LexicalQueryItem& item : items) {
    const bool is_phrase = item.mode == LexicalQueryItem::Mode::kPhrase;
    COPSE_CHECK(is_phrase ? item.terms.size() >= 2 : item.terms.size() == 1);
    COPSE_CHECK(item.terms.size() <= kPhraseWordCountMax);
    COPSE_CHECK(std::ranges::none_of(item.terms, &std::string::empty));
    COPSE_CHECK(std::ranges::count(items, item) == 1);
  }
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static copse::LexicalAnalyzer plain{copse::LexicalOptions{}};
  static copse::LexicalAnalyzer english{
      {.language = "english", .fold_accents = true}};
  const std::string text = copse::ToUtf8(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  for (copse::LexicalAnalyzer* analyzer : {&plain, &english}) {
    for (const bool has_operators : {false, true}) {
      const auto items = copse::ParseLexicalQuery(
          text, *analyzer, {.has_operators = has_operators});
      copse::CheckItems(items);
      COPSE_CHECK(items ==
                  copse::ParseLexicalQuery(text, *analyzer,
                                           {.has_operators = has_operators}));
    }
  }
  return 0;
}
