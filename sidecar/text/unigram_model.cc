// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/unigram_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
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
#include "sidecar/text/piece_trie.h"

namespace copse {
namespace {

// How much less probable an unknown character is than the rarest piece.
constexpr double kUnknownPenalty = 10.0;

struct UnigramVocabulary {
  Vocabulary pieces;
  std::vector<double> scores;  // By id.
  double score_min = std::numeric_limits<double>::infinity();
};

class UnigramModel final : public TokenModel {
 public:
  UnigramModel(UnigramVocabulary vocabulary, std::optional<uint32_t> unknown_id,
               std::vector<uint32_t> byte_ids)
      : trie_(std::move(vocabulary.pieces)),
        scores_(std::move(vocabulary.scores)),
        unknown_score_(vocabulary.score_min - kUnknownPenalty),
        unknown_id_(unknown_id),
        byte_ids_(std::move(byte_ids)) {}

  absl::Status Tokenize(absl::string_view text,
                        const std::vector<TextRange>& words,
                        Visitor visit) const override {
    std::vector<Node> nodes;
    for (const TextRange& word : words) {
      FindBestPath(word.In(text), nodes);
      COPSE_RETURN_IF_ERROR(VisitPath(text, word, nodes, visit));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kNoStart = SIZE_MAX;
  static constexpr uint32_t kUnknown = UINT32_MAX;

  // The best way to put together what ends here, by its last piece.
  struct Node {
    double score = 0;
    size_t start = kNoStart;
    uint32_t id = kUnknown;
  };

  static void Improve(Node& node, double score, size_t start, uint32_t id) {
    if (node.start == kNoStart || score > node.score) {
      node = {.score = score, .start = start, .id = id};
    }
  }

  void FindBestPath(absl::string_view word, std::vector<Node>& nodes) const {
    nodes.assign(word.size() + 1, Node());
    for (size_t begin = 0; begin < word.size();) {
      size_t next = begin;
      NextCodePoint(word, next);
      const double score = nodes[begin].score;
      bool has_character = false;
      trie_.ForEachPrefix(word.substr(begin), [&](uint32_t id, size_t size) {
        Improve(nodes[begin + size], score + scores_[id], begin, id);
        has_character = has_character || begin + size == next;
      });
      if (!has_character) {
        Improve(nodes[next], score + unknown_score_, begin,
                unknown_id_.value_or(kUnknown));
      }
      begin = next;
    }
  }

  // Turns the path around, joining neighbours that are unknown.
  absl::Status VisitPath(absl::string_view text, TextRange word,
                         std::vector<Node>& nodes, Visitor visit) const {
    size_t next = kNoStart;
    for (size_t end = word.size(); end > 0;) {
      const size_t start = nodes[end].start;
      nodes[end].start = next;  // From here on where the next piece ends.
      next = end;
      end = start;
    }
    for (size_t begin = 0; begin < word.size();) {
      size_t end = next;
      const uint32_t id = nodes[end].id;
      next = nodes[end].start;
      if (unknown_id_.has_value() && id == *unknown_id_) {
        for (; next != kNoStart && nodes[next].id == *unknown_id_;
             next = nodes[next].start) {
          end = next;
        }
        VisitUnknown(text, {word.begin + begin, word.begin + end}, visit);
      } else if (id == kUnknown) {
        COPSE_RETURN_IF_ERROR(VisitWithoutId(
            text, {word.begin + begin, word.begin + end}, visit));
      } else {
        visit(id, {word.begin + begin, word.begin + end});
      }
      begin = end;
    }
    return absl::OkStatus();
  }

  void VisitUnknown(absl::string_view text, TextRange range,
                    Visitor visit) const {
    if (byte_ids_.empty()) {
      visit(*unknown_id_, range);
      return;
    }
    for (const char byte : range.In(text)) {
      visit(byte_ids_[static_cast<unsigned char>(byte)], range);
    }
  }

  absl::Status VisitWithoutId(absl::string_view text, TextRange range,
                              Visitor visit) const {
    if (byte_ids_.empty()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'%s' is not in the tokenizer's vocabulary, and it has no 'unk_id'",
          range.In(text)));
    }
    for (const char byte : range.In(text)) {
      visit(byte_ids_[static_cast<unsigned char>(byte)], range);
    }
    return absl::OkStatus();
  }

  const PieceTrie trie_;
  const std::vector<double> scores_;
  const double unknown_score_;
  const std::optional<uint32_t> unknown_id_;
  const std::vector<uint32_t> byte_ids_;  // Empty if bytes have no pieces.
};

absl::StatusOr<UnigramVocabulary> ReadScoredVocabulary(
    const JsonElement& model) {
  COPSE_ASSIGN_OR_RETURN(const simdjson::dom::array vocab,
                         ArrayField(model, "vocab"));
  UnigramVocabulary result;
  size_t size = 0;
  for (const JsonElement entry : vocab) {
    simdjson::dom::array pair;
    std::string_view piece;
    double score = 0;
    if (entry.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
        pair.at(0).get(piece) != simdjson::SUCCESS ||
        pair.at(1).get(score) != simdjson::SUCCESS) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'vocab' has an entry %d that is not a piece and its score",
          result.scores.size()));
    }
    COPSE_RETURN_IF_ERROR(CheckPiece({piece.data(), piece.size()}, size));
    result.pieces.emplace_back(std::string(piece),
                               static_cast<uint32_t>(result.scores.size()));
    result.scores.push_back(score);
    result.score_min = std::min(result.score_min, score);
  }
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const TokenModel>> ReadUnigramModel(
    const JsonElement& model) {
  COPSE_ASSIGN_OR_RETURN(UnigramVocabulary vocabulary,
                         ReadScoredVocabulary(model));
  std::optional<uint32_t> unknown_id;
  if (FindField(model, "unk_id").has_value()) {
    COPSE_ASSIGN_OR_RETURN(const int64_t id, IntegerField(model, "unk_id", 0));
    if (id < 0 || static_cast<size_t>(id) >= vocabulary.scores.size()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("'unk_id' is %d, expected 0 to %d", id,
                          int64_t{0} + vocabulary.scores.size() - 1));
    }
    unknown_id = static_cast<uint32_t>(id);
  }
  COPSE_ASSIGN_OR_RETURN(const bool has_byte_fallback,
                         BoolField(model, "byte_fallback", false));
  std::vector<uint32_t> byte_ids;
  if (has_byte_fallback) {
    byte_ids =
        FindBytePieces({vocabulary.pieces.begin(), vocabulary.pieces.end()});
  }
  return std::make_unique<UnigramModel>(std::move(vocabulary), unknown_id,
                                        std::move(byte_ids));
}

}  // namespace copse
