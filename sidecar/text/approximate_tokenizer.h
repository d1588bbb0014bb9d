// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tokens without a model's file, of about the number that a SentencePiece
// vocabulary of 250,000 pieces gives for prose:
//
// * Each word between white space of n code points has ceil((n + 1) / 5)
//   tokens of five code points each, the first of them the mark of a new word.
// * Code points from U+2E80 upward (Han, kana, Hangul, emoji) are not in n and
//   are one token each.
//
// The same on every machine and for ever: chunks depend on it.

#ifndef COPSE_SIDECAR_TEXT_APPROXIMATE_TOKENIZER_H_
#define COPSE_SIDECAR_TEXT_APPROXIMATE_TOKENIZER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/token_counter.h"

namespace copse {

// Thread safety: as TokenCounter.
class ApproximateTokenizer final : public TokenCounter {
 private:
  absl::Status VisitTokens(absl::string_view text,
                           Visitor visit) const override;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_APPROXIMATE_TOKENIZER_H_
