// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The normalizers of a tokenizer.json: what is done to a text before it is
// split. Those that are known:
//
//   Sequence, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace,
//   Prepend, BertNormalizer, Nmt, ByteLevel, Precompiled
//
// Unicode's tables are those of ICU. For code points that were assigned after
// the tables of the model's own tokenizer were made, the two may differ.

#ifndef COPSE_SIDECAR_TEXT_TEXT_NORMALIZER_H_
#define COPSE_SIDECAR_TEXT_TEXT_NORMALIZER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/aligned_text.h"
#include "sidecar/text/json_fields.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class TextNormalizer {
 public:
  TextNormalizer() = default;
  virtual ~TextNormalizer() = default;
  TextNormalizer(const TextNormalizer&) = delete;
  TextNormalizer& operator=(const TextNormalizer&) = delete;

  // Rewrites `text`. Returns kInvalidArgument if a search takes too long or
  // the text becomes more than 32 times as long.
  virtual absl::Status Normalize(AlignedText& text) const = 0;
};

// The parts of a normalizer, in order; of a Sequence those of its parts.
using TextNormalizers = std::vector<std::unique_ptr<const TextNormalizer>>;

// Reads the field `normalizer` of a tokenizer.json. Returns kInvalidArgument,
// which names the type or the field, if it cannot be read.
absl::StatusOr<TextNormalizers> ReadNormalizers(const JsonElement& normalizer);

// Maps the bytes of `range` of what `builder` builds from, each to the
// character that stands for it in byte-level vocabularies.
void AppendByteLevel(absl::string_view text, TextRange range,
                     AlignedTextBuilder& builder);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEXT_NORMALIZER_H_
