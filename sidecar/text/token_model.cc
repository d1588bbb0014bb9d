// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/token_model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"

#include "index/util/status_macros.h"
#include "sidecar/text/bpe_model.h"
#include "sidecar/text/unigram_model.h"
#include "sidecar/text/word_piece_model.h"

namespace copse {
namespace {

constexpr size_t kPieceSizeMax = 1024;
constexpr size_t kVocabularySizeMax = size_t{16} << 20;

// Files of old versions name no type.
absl::StatusOr<std::string> TypeOf(const JsonElement& model) {
  const std::optional<JsonElement> vocab = FindField(model, "vocab");
  absl::string_view guess;
  if (vocab.has_value() && vocab->is_array()) {
    guess = "Unigram";
  } else if (FindField(model, "merges").has_value()) {
    guess = "BPE";
  } else if (FindField(model, "continuing_subword_prefix").has_value()) {
    guess = "WordPiece";
  } else {
    return StringField(model, "type");
  }
  return StringField(model, "type", guess);
}

absl::StatusOr<std::unique_ptr<const TokenModel>> ReadOfType(
    absl::string_view type, const JsonElement& model) {
  if (type == "WordPiece") {
    return ReadWordPieceModel(model);
  }
  if (type == "Unigram") {
    return ReadUnigramModel(model);
  }
  if (type == "BPE") {
    return ReadBpeModel(model);
  }
  return absl::InvalidArgumentError(
      "copse does not know this model, but WordPiece, Unigram and BPE");
}

}  // namespace

absl::Status CheckPiece(absl::string_view piece, size_t& size) {
  size += piece.size();
  if (piece.size() > kPieceSizeMax || size > kVocabularySizeMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'vocab' has a piece of %d bytes that ends after %d, expected at most "
        "%d and %d",
        piece.size(), size, kPieceSizeMax, kVocabularySizeMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<Vocabulary> ReadVocabulary(const JsonElement& model) {
  const std::optional<JsonElement> vocab = FindField(model, "vocab");
  simdjson::dom::object object;
  if (!vocab.has_value() || vocab->get(object) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(
        "'vocab' is missing, expected an object from pieces to their ids");
  }
  Vocabulary vocabulary;
  size_t size = 0;
  for (const auto& [key, value] : object) {
    uint64_t id = 0;
    if (value.get(id) != simdjson::SUCCESS || id >= UINT32_MAX) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'vocab' has an id of '%s' that is %s, expected an integer from 0 to "
          "%d",
          std::string(key).substr(0, kPieceSizeMax), NameOfType(value),
          UINT32_MAX - 1));
    }
    COPSE_RETURN_IF_ERROR(CheckPiece({key.data(), key.size()}, size));
    vocabulary.emplace_back(std::string(key), static_cast<uint32_t>(id));
  }
  return vocabulary;
}

std::vector<uint32_t> FindBytePieces(
    const absl::flat_hash_map<std::string, uint32_t>& vocabulary) {
  std::vector<uint32_t> ids;
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = vocabulary.find(absl::StrFormat("<0x%02X>", byte));
    if (found == vocabulary.end()) {
      return {};
    }
    ids.push_back(found->second);
  }
  return ids;
}

absl::StatusOr<std::unique_ptr<const TokenModel>> ReadTokenModel(
    const JsonElement& model) {
  COPSE_ASSIGN_OR_RETURN(const std::string type, TypeOf(model));
  auto result = ReadOfType(type, model);
  if (!result.ok()) {
    return AnnotateStatus(result.status(), type);
  }
  return result;
}

}  // namespace copse
