// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Byte pair encoding (Sennrich, Haddow and Birch, Neural Machine Translation of
// Rare Words with Subword Units, 2016, section 3.2): over characters that stand
// for bytes, as GPT-2 has it, or over characters with bytes for those that are
// unknown, as Llama and Gemma have it. A word of n characters takes O(n log n).

#ifndef COPSE_SIDECAR_TEXT_BPE_MODEL_H_
#define COPSE_SIDECAR_TEXT_BPE_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"

#include "sidecar/text/json_fields.h"
#include "sidecar/text/token_model.h"

namespace copse {

// Reads the field `model` of a tokenizer.json. Returns kInvalidArgument, which
// names the field, if it is not such a model.
absl::StatusOr<std::unique_ptr<const TokenModel>> ReadBpeModel(
    const JsonElement& model);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_BPE_MODEL_H_
