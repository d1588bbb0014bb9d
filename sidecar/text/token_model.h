// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The models of a tokenizer.json: how a word becomes tokens.
//
//   WordPiece  the longest piece that the rest of the word begins with, again
//              and again (word_piece_model.h)
//   Unigram    the pieces whose scores add up to the most (unigram_model.h)
//   BPE        characters, merged pair by pair, the pairs learned first first
//              (bpe_model.h)

#ifndef COPSE_SIDECAR_TEXT_TOKEN_MODEL_H_
#define COPSE_SIDECAR_TEXT_TOKEN_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"
#include "sidecar/text/json_fields.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class TokenModel {
 public:
  // `range` is not empty and inside the word's text.
  using Visitor = absl::FunctionRef<void(uint32_t id, TextRange range)>;

  TokenModel() = default;
  virtual ~TokenModel() = default;
  TokenModel(const TokenModel&) = delete;
  TokenModel& operator=(const TokenModel&) = delete;

  // Calls `visit` for each token of each of `words`, which are ranges of
  // `text`, in order. Returns kInvalidArgument if something is unknown and the
  // model has no token for that.
  virtual absl::Status Tokenize(absl::string_view text,
                                const std::vector<TextRange>& words,
                                Visitor visit) const = 0;
};

// A vocabulary as a file has it: pieces and their ids.
using Vocabulary = std::vector<std::pair<std::string, uint32_t>>;

// Returns the field `vocab` that is an object from pieces to ids.
absl::StatusOr<Vocabulary> ReadVocabulary(const JsonElement& model);

// Returns kInvalidArgument if a piece is too long, or all together are. `size`
// adds up those that came before.
absl::Status CheckPiece(absl::string_view piece, size_t& size);

// Returns the ids of the pieces <0x00> to <0xFF> in `vocabulary`; empty if some
// are missing.
std::vector<uint32_t> FindBytePieces(
    const absl::flat_hash_map<std::string, uint32_t>& vocabulary);

// Reads the field `model` of a tokenizer.json. Returns kInvalidArgument, which
// names the type or the field, if it cannot be read.
absl::StatusOr<std::unique_ptr<const TokenModel>> ReadTokenModel(
    const JsonElement& model);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TOKEN_MODEL_H_
