// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/bpe_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

// Words up to this size are remembered while a text is read: prose repeats
// most of its words.
constexpr size_t kRememberedSizeMax = 48;
constexpr size_t kRememberedCountMax = 20'000;

using VocabularyMap = absl::flat_hash_map<std::string, uint32_t>;

struct BpeMerge {
  uint32_t rank = 0;  // Lower ones first.
  uint32_t id = 0;    // What the pair becomes.
};

constexpr uint64_t PairOf(uint32_t left, uint32_t right) {
  return uint64_t{left} << 32 | right;
}

using MergeTable = absl::flat_hash_map<uint64_t, BpeMerge>;

struct BpeOptions {
  std::string continuing_prefix;
  std::string end_suffix;
  std::optional<uint32_t> unknown_id;
  bool fuses_unknown = false;
  bool ignores_merges = false;
  std::vector<uint32_t> byte_ids;  // Empty if bytes have no pieces.
};

// A part of a word; merged into its left neighbour it has no size.
struct Symbol {
  uint32_t id = 0;
  TextRange range;
  uint32_t previous = 0;
  uint32_t next = 0;
  bool is_gone = false;
};

constexpr uint32_t kNone = UINT32_MAX;

// Merges the symbols of one word.
class Merger {
 public:
  explicit Merger(const MergeTable& merges) : merges_(merges) {}

  void Clear() { symbols_.clear(); }

  void Add(uint32_t id, TextRange range) {
    symbols_.push_back({.id = id, .range = range});
  }

  void MergeAll() {
    queue_.clear();
    for (uint32_t i = 0; i < symbols_.size(); ++i) {
      symbols_[i].previous = i == 0 ? kNone : i - 1;
      symbols_[i].next = i + 1 == symbols_.size() ? kNone : i + 1;
      Push(i);
    }
    while (!queue_.empty()) {
      std::ranges::pop_heap(queue_, IsLater);
      const Candidate candidate = queue_.back();
      queue_.pop_back();
      Apply(candidate);
    }
  }

  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (const Symbol& symbol : symbols_) {
      if (!symbol.is_gone) {
        visit(symbol.id, symbol.range);
      }
    }
  }

 private:
  struct Candidate {
    BpeMerge merge;
    uint32_t left = 0;
  };

  static bool IsLater(const Candidate& a, const Candidate& b) {
    return std::tie(a.merge.rank, a.left) > std::tie(b.merge.rank, b.left);
  }

  const BpeMerge* Find(uint32_t left) const {
    const uint32_t right = symbols_[left].next;
    if (right == kNone) {
      return nullptr;
    }
    const auto found =
        merges_.find(PairOf(symbols_[left].id, symbols_[right].id));
    return found == merges_.end() ? nullptr : &found->second;
  }

  void Push(uint32_t left) {
    if (const BpeMerge* merge = Find(left)) {
      queue_.push_back({.merge = *merge, .left = left});
      std::ranges::push_heap(queue_, IsLater);
    }
  }

  void Apply(const Candidate& candidate) {
    Symbol& left = symbols_[candidate.left];
    if (left.is_gone) {
      return;
    }
    const BpeMerge* merge = Find(candidate.left);
    if (merge == nullptr || merge->id != candidate.merge.id) {
      return;  // One of the two has been merged since.
    }
    Symbol& right = symbols_[left.next];
    left.id = merge->id;
    left.range.end = right.range.end;
    left.next = right.next;
    right.is_gone = true;
    if (left.next != kNone) {
      symbols_[left.next].previous = candidate.left;
    }
    if (left.previous != kNone) {
      Push(left.previous);
    }
    Push(candidate.left);
  }

  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;  // A heap.
};

class BpeModel final : public TokenModel {
 public:
  BpeModel(VocabularyMap vocabulary, MergeTable merges, BpeOptions options)
      : vocabulary_(std::move(vocabulary)),
        merges_(std::move(merges)),
        options_(std::move(options)) {}

  absl::Status Tokenize(absl::string_view text,
                        const std::vector<TextRange>& words,
                        Visitor visit) const override {
    Merger merger(merges_);
    // Tokens of words that came before, relative to the word.
    std::vector<std::pair<uint32_t, TextRange>> tokens;
    absl::flat_hash_map<absl::string_view, TextRange> remembered;
    for (const TextRange& word : words) {
      const absl::string_view key = word.In(text);
      const bool is_short = key.size() <= kRememberedSizeMax;
      if (is_short) {
        const auto found = remembered.find(key);
        if (found != remembered.end()) {
          for (size_t i = found->second.begin; i < found->second.end; ++i) {
            const auto& [id, range] = tokens[i];
            visit(id, {word.begin + range.begin, word.begin + range.end});
          }
          continue;
        }
      }
      const bool is_kept = is_short && remembered.size() < kRememberedCountMax;
      const size_t first = tokens.size();
      VisitWord(key, merger, [&](uint32_t id, TextRange range) {
        visit(id, {word.begin + range.begin, word.begin + range.end});
        if (is_kept) {
          tokens.emplace_back(id, range);
        }
      });
      if (is_kept) {
        remembered.emplace(key, TextRange{first, tokens.size()});
      }
    }
    return absl::OkStatus();
  }

 private:
  std::optional<uint32_t> Find(absl::string_view piece) const {
    const auto found = vocabulary_.find(piece);
    return found == vocabulary_.end() ? std::nullopt
                                      : std::optional(found->second);
  }

  template <typename WordVisitor>
  void VisitWord(absl::string_view word, Merger& merger,
                 WordVisitor visit) const {
    if (options_.ignores_merges) {
      if (const std::optional<uint32_t> id = Find(word)) {
        visit(*id, TextRange{0, word.size()});
        return;
      }
    }
    merger.Clear();
    AddCharacters(word, merger);
    merger.MergeAll();
    merger.ForEach(visit);
  }

  void AddCharacters(absl::string_view word, Merger& merger) const {
    TextRange unknown;  // What is unknown before `offset`.
    const auto flush_unknown = [&] {
      if (unknown.size() > 0) {
        merger.Add(*options_.unknown_id, unknown);
        unknown = {};
      }
    };
    for (size_t offset = 0; offset < word.size();) {
      TextRange range = {.begin = offset};
      NextCodePoint(word, offset);
      range.end = offset;
      if (const std::optional<uint32_t> id = FindCharacter(word, range)) {
        flush_unknown();
        merger.Add(*id, range);
      } else if (!options_.byte_ids.empty()) {
        for (size_t i = range.begin; i < range.end; ++i) {
          merger.Add(options_.byte_ids[static_cast<unsigned char>(word[i])],
                     {.begin = i, .end = i + 1});
        }
      } else if (options_.unknown_id.has_value()) {
        if (!options_.fuses_unknown) {
          flush_unknown();
        }
        unknown = {.begin = unknown.size() > 0 ? unknown.begin : range.begin,
                   .end = range.end};
      }
    }
    flush_unknown();
  }

  std::optional<uint32_t> FindCharacter(absl::string_view word,
                                        TextRange range) const {
    const bool has_prefix =
        range.begin > 0 && !options_.continuing_prefix.empty();
    const bool has_suffix =
        range.end == word.size() && !options_.end_suffix.empty();
    if (!has_prefix && !has_suffix) {
      return Find(range.In(word));
    }
    return Find(absl::StrCat(has_prefix ? options_.continuing_prefix : "",
                             range.In(word),
                             has_suffix ? options_.end_suffix : ""));
  }

  const VocabularyMap vocabulary_;
  const MergeTable merges_;
  const BpeOptions options_;
};

// ---- Reading
// -----------------------------------------------------------------

// A merge is "left right" or ["left", "right"].
std::optional<std::pair<absl::string_view, absl::string_view>> ReadPair(
    const JsonElement& entry) {
  if (entry.is_string()) {
    const absl::string_view text = StringOf(entry);
    const size_t space = text.find(' ');
    if (space == absl::string_view::npos) {
      return std::nullopt;
    }
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  simdjson::dom::array pair;
  if (entry.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
      !pair.at(0).is_string() || !pair.at(1).is_string()) {
    return std::nullopt;
  }
  return std::pair(StringOf(pair.at(0).value_unsafe()),
                   StringOf(pair.at(1).value_unsafe()));
}

absl::StatusOr<MergeTable> ReadMerges(const JsonElement& model,
                                      const VocabularyMap& vocabulary,
                                      absl::string_view continuing_prefix) {
  COPSE_ASSIGN_OR_RETURN(const simdjson::dom::array entries,
                         ArrayField(model, "merges"));
  MergeTable merges;
  uint32_t rank = 0;
  for (const JsonElement entry : entries) {
    const auto pair = ReadPair(entry);
    if (!pair.has_value()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'merges' has an entry %d that is not a pair of pieces", rank));
    }
    const auto [left, right] = *pair;
    const size_t dropped = std::min(continuing_prefix.size(), right.size());
    const auto left_id = vocabulary.find(left);
    const auto right_id = vocabulary.find(right);
    const auto merged_id =
        vocabulary.find(absl::StrCat(left, right.substr(dropped)));
    if (left_id == vocabulary.end() || right_id == vocabulary.end() ||
        merged_id == vocabulary.end()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'merges' has an entry %d, '%s' and '%s', of which one or the result "
          "is not in 'vocab'",
          rank, left, right));
    }
    merges[PairOf(left_id->second, right_id->second)] = {
        .rank = rank, .id = merged_id->second};
    ++rank;
  }
  return merges;
}

absl::StatusOr<BpeOptions> ReadOptions(const JsonElement& model,
                                       const VocabularyMap& vocabulary) {
  BpeOptions options;
  COPSE_ASSIGN_OR_RETURN(options.continuing_prefix,
                         StringField(model, "continuing_subword_prefix", ""));
  COPSE_ASSIGN_OR_RETURN(options.end_suffix,
                         StringField(model, "end_of_word_suffix", ""));
  COPSE_ASSIGN_OR_RETURN(options.fuses_unknown,
                         BoolField(model, "fuse_unk", false));
  COPSE_ASSIGN_OR_RETURN(options.ignores_merges,
                         BoolField(model, "ignore_merges", false));
  COPSE_ASSIGN_OR_RETURN(const bool has_byte_fallback,
                         BoolField(model, "byte_fallback", false));
  if (has_byte_fallback) {
    options.byte_ids = FindBytePieces(vocabulary);
  }
  if (FindField(model, "unk_token").has_value()) {
    COPSE_ASSIGN_OR_RETURN(const std::string unknown,
                           StringField(model, "unk_token"));
    const auto found = vocabulary.find(unknown);
    if (found == vocabulary.end()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "'unk_token' is '%s', which is not in 'vocab'", unknown));
    }
    options.unknown_id = found->second;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const TokenModel>> ReadBpeModel(
    const JsonElement& model) {
  COPSE_ASSIGN_OR_RETURN(const Vocabulary pieces, ReadVocabulary(model));
  VocabularyMap vocabulary(pieces.begin(), pieces.end());
  COPSE_ASSIGN_OR_RETURN(BpeOptions options, ReadOptions(model, vocabulary));
  COPSE_ASSIGN_OR_RETURN(
      MergeTable merges,
      ReadMerges(model, vocabulary, options.continuing_prefix));
  return std::make_unique<BpeModel>(std::move(vocabulary), std::move(merges),
                                    std::move(options));
}

}  // namespace copse
