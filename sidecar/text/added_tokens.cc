// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/added_tokens.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"
#include "unicode/uchar.h"

#include "index/util/status_macros.h"
#include "sidecar/text/token_model.h"

namespace copse {
namespace {

// As \w of the regular expressions of Rust.
bool IsWordCharacter(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || c == 0x200C ||
         c == 0x200D ||
         (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

bool IsInsideWord(absl::string_view text, TextRange match) {
  if (match.begin > 0) {
    size_t before = CodePointStart(text, match.begin - 1);
    if (IsWordCharacter(NextCodePoint(text, before))) {
      return true;
    }
  }
  size_t after = match.end;
  return after < text.size() && IsWordCharacter(NextCodePoint(text, after));
}

absl::StatusOr<AddedToken> ReadAddedToken(const JsonElement& json) {
  AddedToken token;
  COPSE_ASSIGN_OR_RETURN(token.content, StringField(json, "content"));
  COPSE_ASSIGN_OR_RETURN(const int64_t id, IntegerField(json, "id", -1));
  if (id < 0 || id >= UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'id' is %d, expected 0 to %d", id, UINT32_MAX - 1));
  }
  token.id = static_cast<uint32_t>(id);
  COPSE_ASSIGN_OR_RETURN(token.is_single_word,
                         BoolField(json, "single_word", false));
  COPSE_ASSIGN_OR_RETURN(token.strips_left, BoolField(json, "lstrip", false));
  COPSE_ASSIGN_OR_RETURN(token.strips_right, BoolField(json, "rstrip", false));
  COPSE_ASSIGN_OR_RETURN(const bool is_special,
                         BoolField(json, "special", false));
  COPSE_ASSIGN_OR_RETURN(token.is_normalized,
                         BoolField(json, "normalized", !is_special));
  return token;
}

}  // namespace

absl::StatusOr<std::vector<AddedToken>> ReadAddedTokens(
    const JsonElement& added_tokens) {
  simdjson::dom::array array;
  if (added_tokens.get(array) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'added_tokens' is %s, expected an array", NameOfType(added_tokens)));
  }
  std::vector<AddedToken> tokens;
  size_t size = 0;
  for (const JsonElement json : array) {
    auto token = ReadAddedToken(json);
    if (!token.ok()) {
      return AnnotateStatus(
          token.status(),
          absl::StrFormat("'added_tokens', entry %d", tokens.size()));
    }
    COPSE_RETURN_IF_ERROR(CheckPiece(token->content, size));
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)) {
  std::vector<std::pair<std::string, uint32_t>> pieces;
  for (const AddedToken& token : tokens_) {
    pieces.emplace_back(token.content, static_cast<uint32_t>(pieces.size()));
  }
  trie_ = PieceTrie(std::move(pieces));
}

// What of the text the token takes up, unless it stands inside a word.
std::optional<TextRange> AddedTokenFinder::Extent(
    absl::string_view text, TextRange match, size_t last_end,
    const AddedToken& token) const {
  if (token.is_single_word && IsInsideWord(text, match)) {
    return std::nullopt;
  }
  if (token.strips_left) {
    match.begin = TrimmedEnd(text, {.begin = last_end, .end = match.begin});
  }
  if (token.strips_right) {
    match.end = SkipWhiteSpace(text, match.end);
  }
  return match;
}

void AddedTokenFinder::ForEachPart(
    absl::string_view text,
    absl::FunctionRef<void(std::optional<uint32_t> id, TextRange range)> visit)
    const {
  size_t last_end = 0;
  for (size_t offset = 0; !tokens_.empty() && offset < text.size();) {
    const auto found = trie_.LongestPrefix(text.substr(offset));
    if (!found.has_value()) {
      ++offset;
      continue;
    }
    const TextRange match = {.begin = offset, .end = offset + found->size};
    offset = match.end;
    const AddedToken& token = tokens_[found->id];
    if (const auto extent = Extent(text, match, last_end, token)) {
      if (last_end < extent->begin) {
        visit(std::nullopt, {.begin = last_end, .end = extent->begin});
      }
      visit(token.id, *extent);
      last_end = extent->end;
      offset = std::max(offset, last_end);
    }
  }
  if (last_end < text.size()) {
    visit(std::nullopt, {.begin = last_end, .end = text.size()});
  }
}

}  // namespace copse
