// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/occurrence.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "unicode/uchar.h"

#include "sidecar/text/code_points.h"

namespace copse {
namespace {

UChar32 Fold(UChar32 c) {
  return c < 0 ? c : u_foldCase(c, U_FOLD_CASE_DEFAULT);
}

bool EndsWord(UChar32 c) {
  return c == '.' || c == ',' || c == ';' || c == ':' ||
         u_isUWhiteSpace(c) != 0;
}

}  // namespace

CaselessFinder::CaselessFinder(absl::string_view sought) {
  for (size_t i = 0; i < sought.size();) {
    sought_.push_back(Fold(NextCodePoint(sought, i)));
  }
  shorter_.resize(sought_.size() + 1);
  size_t length = 0;
  for (size_t i = 1; i < sought_.size(); ++i) {
    while (length > 0 && sought_[i] != sought_[length]) {
      length = shorter_[length];
    }
    length += sought_[i] == sought_[length] ? 1 : 0;
    shorter_[i + 1] = length;
  }
}

std::optional<TextRange> CaselessFinder::Find(absl::string_view text,
                                              size_t offset) const {
  if (sought_.empty()) {
    return std::nullopt;
  }
  size_t length = 0;  // Of what agrees so far.
  while (offset < text.size()) {
    const UChar32 c = Fold(NextCodePoint(text, offset));
    while (length > 0 && c != sought_[length]) {
      length = shorter_[length];
    }
    length += c == sought_[length] ? 1 : 0;
    if (length == sought_.size()) {
      size_t begin = offset;
      for (; length > 0; --length) {
        begin = CodePointStart(text, begin - 1);
      }
      return TextRange{.begin = begin, .end = offset};
    }
  }
  return std::nullopt;
}

std::string FoldCase(absl::string_view text) {
  std::string folded;
  for (size_t i = 0; i < text.size();) {
    const UChar32 c = Fold(NextCodePoint(text, i));
    if (c >= 0) {
      AppendCodePoint(c, folded);
    }
  }
  return folded;
}

size_t WordEnd(absl::string_view text, size_t offset) {
  while (offset < text.size()) {
    size_t next = offset;
    if (EndsWord(NextCodePoint(text, next))) {
      break;
    }
    offset = next;
  }
  return offset;
}

size_t WordBegin(absl::string_view text, size_t offset) {
  while (offset > 0) {
    const size_t before = CodePointStart(text, offset - 1);
    size_t next = before;
    if (EndsWord(NextCodePoint(text, next))) {
      break;
    }
    offset = before;
  }
  return offset;
}

std::vector<TextRange> WordsAfter(absl::string_view text, size_t offset,
                                  size_t word_count) {
  std::vector<TextRange> words;
  while (offset < text.size() && words.size() < word_count) {
    const size_t end = WordEnd(text, offset);
    if (end > offset) {
      words.push_back({.begin = offset, .end = end});
      offset = end;
    } else {
      NextCodePoint(text, offset);
    }
  }
  return words;
}

}  // namespace copse
