// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Bounds the number of tokens from above where the model's file is not at
// hand: a text that fits by this count fits the model.
//
//   family            no code point has more tokens than
//   kByteLevelBpe     bytes; the vocabulary has every byte, and merges only
//                     shrink (OpenAI, Qwen)
//   kSentencePiece    bytes, its own or those of its compatibility
//                     decomposition, whichever are more: unknown pieces may
//                     become bytes, and U+FDFA becomes 18 characters (XLM-R,
//                     Gemma, Llama); one more for the mark at the start
//   kWordPiece        code points of its canonical decomposition (BERT)
//   kAny              the largest of these

#ifndef COPSE_SIDECAR_TEXT_UPPER_BOUND_COUNTER_H_
#define COPSE_SIDECAR_TEXT_UPPER_BOUND_COUNTER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/token_counter.h"

namespace copse {

enum class TokenizerFamily { kAny, kByteLevelBpe, kSentencePiece, kWordPiece };

// Thread safety: as TokenCounter.
class UpperBoundCounter final : public TokenCounter {
 public:
  explicit UpperBoundCounter(TokenizerFamily family) : family_(family) {}

 private:
  absl::Status VisitTokens(absl::string_view text,
                           Visitor visit) const override;

  const TokenizerFamily family_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_UPPER_BOUND_COUNTER_H_
