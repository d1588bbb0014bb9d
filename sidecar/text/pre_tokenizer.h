// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The pre-tokenizers of a tokenizer.json: how a normalized text is split into
// the words that a model then makes tokens of, each for itself. Those that are
// known:
//
//   Sequence, BertPreTokenizer, Whitespace, WhitespaceSplit, Metaspace,
//   ByteLevel, Split, Digits, Punctuation, CharDelimiterSplit

#ifndef COPSE_SIDECAR_TEXT_PRE_TOKENIZER_H_
#define COPSE_SIDECAR_TEXT_PRE_TOKENIZER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/aligned_text.h"
#include "sidecar/text/json_fields.h"

namespace copse {

// A text and the words that it has been split into so far, in order, none of
// them empty.
struct SplitText {
  AlignedText text;
  std::vector<TextRange> words;
};

// Thread safety: const functions may be called from several threads at once.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  virtual ~PreTokenizer() = default;
  PreTokenizer(const PreTokenizer&) = delete;
  PreTokenizer& operator=(const PreTokenizer&) = delete;

  // Splits the words of `split`. Returns kInvalidArgument if a search takes too
  // long.
  virtual absl::Status Split(SplitText& split) const = 0;
};

// The parts of a pre-tokenizer, in order; of a Sequence those of its parts.
using PreTokenizers = std::vector<std::unique_ptr<const PreTokenizer>>;

// Reads the field `pre_tokenizer` of a tokenizer.json. Returns
// kInvalidArgument, which names the type or the field, if it cannot be read.
absl::StatusOr<PreTokenizers> ReadPreTokenizers(const JsonElement& json);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_PRE_TOKENIZER_H_
