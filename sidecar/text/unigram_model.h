// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Unigram language models, as sentencepiece trains them (Kudo, Subword
// Regularization, 2018, section 3.2): of all ways to put a word together from
// pieces the most probable, found by Viterbi's algorithm in time proportional
// to the word times its longest piece.

#ifndef COPSE_SIDECAR_TEXT_UNIGRAM_MODEL_H_
#define COPSE_SIDECAR_TEXT_UNIGRAM_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"

#include "sidecar/text/json_fields.h"
#include "sidecar/text/token_model.h"

namespace copse {

// Reads the field `model` of a tokenizer.json. Returns kInvalidArgument, which
// names the field, if it is not such a model.
absl::StatusOr<std::unique_ptr<const TokenModel>> ReadUnigramModel(
    const JsonElement& model);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_UNIGRAM_MODEL_H_
