// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/stemmer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libstemmer.h"

#include "index/util/check.h"

namespace copse {
namespace {

constexpr size_t kStemmedSizeMax = 48;

}  // namespace

void Stemmer::Deleter::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

std::optional<Stemmer> Stemmer::For(const std::string& language) {
  // The library knows short names, too, of which a record must not have two for
  // one language.
  const std::vector<std::string> languages = Languages();
  if (!std::ranges::binary_search(languages, language)) {
    return std::nullopt;
  }
  sb_stemmer* stemmer = sb_stemmer_new(language.c_str(), "UTF_8");
  if (stemmer == nullptr) {
    return std::nullopt;
  }
  return Stemmer(stemmer);
}

std::vector<std::string> Stemmer::Languages() {
  std::vector<std::string> languages;
  for (const char* const* name = sb_stemmer_list(); *name != nullptr; ++name) {
    languages.emplace_back(*name);
  }
  std::ranges::sort(languages);
  return languages;
}

absl::string_view Stemmer::Stem(absl::string_view word) {
  if (word.size() > kStemmedSizeMax) {
    return word;
  }
  const sb_symbol* stem = sb_stemmer_stem(
      stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
      static_cast<int>(word.size()));
  COPSE_CHECK(stem != nullptr);  // Out of memory.
  return {reinterpret_cast<const char*>(stem),
          static_cast<size_t>(sb_stemmer_length(stemmer_.get()))};
}

}  // namespace copse
