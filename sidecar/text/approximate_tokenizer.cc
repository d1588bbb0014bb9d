// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/approximate_tokenizer.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "unicode/uchar.h"

namespace copse {
namespace {

constexpr UChar32 kFirstWideCodePoint = 0x2E80;
constexpr int kTokenCodePointCount = 5;

// Puts code points together to tokens. A code point that opens no token widens
// the last one, so that tokens never overlap.
class TokenMaker {
 public:
  explicit TokenMaker(TokenCounter::Visitor visit) : visit_(visit) {}

  void EndWord() {
    Emit();
    is_in_word_ = false;
  }

  void Add(UChar32 c, TextRange range) {
    if (!is_in_word_) {
      is_in_word_ = true;
      free_count_ = kTokenCodePointCount - 1;  // The mark takes one place.
      Open(range);
    } else if (c < kFirstWideCodePoint && free_count_ == 0) {
      free_count_ = kTokenCodePointCount;
      Open(range);
    }
    if (c >= kFirstWideCodePoint) {
      Open(range);
      return;
    }
    --free_count_;
    token_.end = range.end;
  }

 private:
  void Open(TextRange range) {
    Emit();
    token_ = range;
    is_open_ = true;
  }

  void Emit() {
    if (is_open_) {
      visit_(token_);
      is_open_ = false;
    }
  }

  TokenCounter::Visitor visit_;
  TextRange token_;
  bool is_open_ = false;
  bool is_in_word_ = false;
  int free_count_ = 0;  // Of the last token of narrow code points.
};

}  // namespace

absl::Status ApproximateTokenizer::VisitTokens(absl::string_view text,
                                               Visitor visit) const {
  TokenMaker maker(visit);
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    const UChar32 c = NextCodePoint(text, offset);
    if (u_isUWhiteSpace(c)) {
      maker.EndWord();
    } else {
      maker.Add(c, {.begin = begin, .end = offset});
    }
  }
  maker.EndWord();
  return absl::OkStatus();
}

}  // namespace copse
