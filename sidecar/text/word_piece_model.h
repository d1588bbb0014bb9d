// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// WordPiece, as BERT has it: pieces that do not begin a word carry a prefix,
// and a word that cannot be put together, or is too long, is one unknown token.

#ifndef COPSE_SIDECAR_TEXT_WORD_PIECE_MODEL_H_
#define COPSE_SIDECAR_TEXT_WORD_PIECE_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"

#include "sidecar/text/json_fields.h"
#include "sidecar/text/token_model.h"

namespace copse {

// Reads the field `model` of a tokenizer.json. Returns kInvalidArgument, which
// names the field, if it is not such a model.
absl::StatusOr<std::unique_ptr<const TokenModel>> ReadWordPieceModel(
    const JsonElement& model);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_WORD_PIECE_MODEL_H_
