// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The added tokens of a tokenizer.json, such as <mask>: found in a text before
// the model sees it, the leftmost first, and of those the longest.

#ifndef COPSE_SIDECAR_TEXT_ADDED_TOKENS_H_
#define COPSE_SIDECAR_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"
#include "sidecar/text/json_fields.h"
#include "sidecar/text/piece_trie.h"

namespace copse {

struct AddedToken {
  std::string content;
  uint32_t id = 0;
  bool is_single_word = false;  // Not inside a word.
  bool strips_left = false;     // White space on its left is part of it.
  bool strips_right = false;
  bool is_normalized = true;  // Looked for in the normalized text.
};

// Reads the field `added_tokens`. Returns kInvalidArgument, which names the
// field, if it cannot be read.
absl::StatusOr<std::vector<AddedToken>> ReadAddedTokens(
    const JsonElement& added_tokens);

// Thread safety: as a value.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  bool is_empty() const { return tokens_.empty(); }

  // Calls `visit` for each part of `text` in order: with the id of the added
  // token that it is, or without one for what is between. No part is empty.
  void ForEachPart(
      absl::string_view text,
      absl::FunctionRef<void(std::optional<uint32_t> id, TextRange range)>
          visit) const;

 private:
  std::optional<TextRange> Extent(absl::string_view text, TextRange match,
                                  size_t last_end,
                                  const AddedToken& token) const;

  std::vector<AddedToken> tokens_;
  PieceTrie trie_;  // Of indexes into tokens_.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_ADDED_TOKENS_H_
