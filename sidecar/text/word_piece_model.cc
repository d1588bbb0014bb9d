// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/word_piece_model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/piece_trie.h"

namespace copse {
namespace {

class WordPieceModel final : public TokenModel {
 public:
  WordPieceModel(Vocabulary first, Vocabulary later, uint32_t unknown_id,
                 size_t code_point_count_max)
      : first_(std::move(first)),
        later_(std::move(later)),
        unknown_id_(unknown_id),
        code_point_count_max_(code_point_count_max) {}

  absl::Status Tokenize(absl::string_view text,
                        const std::vector<TextRange>& words,
                        Visitor visit) const override {
    std::vector<std::pair<uint32_t, TextRange>> tokens;
    for (const TextRange& word : words) {
      tokens.clear();
      if (FindPieces(text, word, tokens)) {
        for (const auto& [id, range] : tokens) {
          visit(id, range);
        }
      } else {
        visit(unknown_id_, word);
      }
    }
    return absl::OkStatus();
  }

 private:
  bool IsTooLong(absl::string_view word) const {
    size_t count = 0;
    for (size_t offset = 0; offset < word.size(); ++count) {
      if (count == code_point_count_max_) {
        return true;
      }
      NextCodePoint(word, offset);
    }
    return false;
  }

  bool FindPieces(absl::string_view text, TextRange word,
                  std::vector<std::pair<uint32_t, TextRange>>& tokens) const {
    if (IsTooLong(word.In(text))) {
      return false;
    }
    for (size_t begin = word.begin; begin < word.end;) {
      const PieceTrie& trie = begin == word.begin ? first_ : later_;
      const auto piece =
          trie.LongestPrefix(text.substr(begin, word.end - begin));
      if (!piece.has_value()) {
        return false;
      }
      tokens.emplace_back(piece->id, TextRange{begin, begin + piece->size});
      begin += piece->size;
    }
    return true;
  }

  const PieceTrie first_;  // Pieces that begin a word.
  const PieceTrie later_;  // The others, without their prefix.
  const uint32_t unknown_id_;
  const size_t code_point_count_max_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const TokenModel>> ReadWordPieceModel(
    const JsonElement& model) {
  COPSE_ASSIGN_OR_RETURN(const std::string prefix,
                         StringField(model, "continuing_subword_prefix", "##"));
  COPSE_ASSIGN_OR_RETURN(const std::string unknown,
                         StringField(model, "unk_token", "[UNK]"));
  COPSE_ASSIGN_OR_RETURN(const int64_t code_point_count_max,
                         IntegerField(model, "max_input_chars_per_word", 100));
  if (code_point_count_max < 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'max_input_chars_per_word' is %d, expected at least 0",
                        code_point_count_max));
  }
  COPSE_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary(model));
  std::optional<uint32_t> unknown_id;
  Vocabulary later;
  for (const auto& [piece, id] : vocabulary) {
    if (piece == unknown) {
      unknown_id = id;
    }
    if (absl::StartsWith(piece, prefix)) {
      later.emplace_back(piece.substr(prefix.size()), id);
    }
  }
  if (!unknown_id.has_value()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'unk_token' is '%s', which is not in 'vocab'", unknown));
  }
  return std::make_unique<WordPieceModel>(
      std::move(vocabulary), std::move(later), *unknown_id,
      static_cast<size_t>(code_point_count_max));
}

}  // namespace copse
