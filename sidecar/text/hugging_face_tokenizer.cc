// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/hugging_face_tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"

#include "index/util/status_macros.h"
#include "sidecar/text/json_fields.h"
#include "sidecar/text/tokenizer_file.h"

namespace copse {
namespace {

constexpr size_t kJsonDepthMax = 32;

// A token that begins or ends inside a code point has all of it.
TextRange Widened(absl::string_view text, TextRange range) {
  range.begin = CodePointStart(text, range.begin);
  while (!IsCodePointStart(text, range.end)) {
    ++range.end;
  }
  return range;
}

absl::Status Normalize(const TextNormalizers& normalizers, AlignedText& text) {
  for (const auto& normalizer : normalizers) {
    COPSE_RETURN_IF_ERROR(normalizer->Normalize(text));
  }
  return absl::OkStatus();
}

// The tokens that are looked for in the normalized text are normalized, too.
absl::Status SortAddedTokens(const std::vector<AddedToken>& tokens,
                             const TextNormalizers& normalizers,
                             std::vector<AddedToken>& plain,
                             std::vector<AddedToken>& normalized) {
  for (const AddedToken& token : tokens) {
    if (!token.is_normalized) {
      plain.push_back(token);
      continue;
    }
    AlignedText content(token.content, 0);
    COPSE_RETURN_IF_ERROR(Normalize(normalizers, content));
    normalized.push_back(token);
    normalized.back().content = std::string(content.text());
  }
  return absl::OkStatus();
}

absl::Status AnnotateField(const absl::Status& status,
                           absl::string_view field) {
  return AnnotateStatus(status, absl::StrFormat("'%s'", field));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HuggingFaceTokenizer>>
HuggingFaceTokenizer::Load(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::string json,
                         ReadTokenizerFile(path, kFileSizeMax));
  auto tokenizer = Parse(json);
  if (!tokenizer.ok()) {
    return AnnotateField(tokenizer.status(), path);
  }
  return tokenizer;
}

absl::StatusOr<std::unique_ptr<HuggingFaceTokenizer>>
HuggingFaceTokenizer::Parse(absl::string_view json) {
  simdjson::dom::parser parser(kFileSizeMax);
  JsonElement root;
  simdjson::error_code code = parser.allocate(json.size(), kJsonDepthMax);
  if (code == simdjson::SUCCESS) {
    code = parser.parse(json.data(), json.size()).get(root);
  }
  if (code != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "is not a tokenizer.json: %s", simdjson::error_message(code)));
  }
  auto tokenizer = absl::WrapUnique(new HuggingFaceTokenizer);
  if (const auto normalizer = FindField(root, "normalizer")) {
    auto normalizers = ReadNormalizers(*normalizer);
    if (!normalizers.ok()) {
      return AnnotateField(normalizers.status(), "normalizer");
    }
    tokenizer->normalizers_ = *std::move(normalizers);
  }
  if (const auto pre_tokenizer = FindField(root, "pre_tokenizer")) {
    auto pre_tokenizers = ReadPreTokenizers(*pre_tokenizer);
    if (!pre_tokenizers.ok()) {
      return AnnotateField(pre_tokenizers.status(), "pre_tokenizer");
    }
    tokenizer->pre_tokenizers_ = *std::move(pre_tokenizers);
  }
  if (const auto added_tokens = FindField(root, "added_tokens")) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<AddedToken> tokens,
                           ReadAddedTokens(*added_tokens));
    std::vector<AddedToken> plain;
    std::vector<AddedToken> normalized;
    COPSE_RETURN_IF_ERROR(
        SortAddedTokens(tokens, tokenizer->normalizers_, plain, normalized));
    tokenizer->plain_tokens_ = AddedTokenFinder(std::move(plain));
    tokenizer->normalized_tokens_ = AddedTokenFinder(std::move(normalized));
  }
  const auto model = FindField(root, "model");
  if (!model.has_value()) {
    return absl::InvalidArgumentError(
        "'model' is missing, expected WordPiece, Unigram or BPE");
  }
  auto token_model = ReadTokenModel(*model);
  if (!token_model.ok()) {
    return AnnotateField(token_model.status(), "model");
  }
  tokenizer->model_ = *std::move(token_model);
  return tokenizer;
}

absl::StatusOr<std::vector<EncodedToken>> HuggingFaceTokenizer::Encode(
    absl::string_view text) const {
  COPSE_RETURN_IF_ERROR(CheckUtf8(text));
  std::vector<EncodedToken> tokens;
  COPSE_RETURN_IF_ERROR(
      VisitEncoded(text, [&](EncodedToken token) { tokens.push_back(token); }));
  return tokens;
}

absl::Status HuggingFaceTokenizer::VisitTokens(absl::string_view text,
                                               Visitor visit) const {
  return VisitEncoded(text, [&](EncodedToken token) { visit(token.range); });
}

absl::Status HuggingFaceTokenizer::VisitEncoded(absl::string_view text,
                                                EncodedVisitor visit) const {
  return ForEachPiece(text, [&](absl::string_view piece, size_t offset) {
    return VisitPiece(piece, offset, visit);
  });
}

absl::Status HuggingFaceTokenizer::VisitPiece(absl::string_view piece,
                                              size_t offset,
                                              EncodedVisitor visit) const {
  absl::Status status;
  plain_tokens_.ForEachPart(piece, [&](std::optional<uint32_t> id,
                                       TextRange range) {
    if (!status.ok()) {
      return;
    }
    if (id.has_value()) {
      visit({.id = *id, .range = {range.begin + offset, range.end + offset}});
      return;
    }
    AlignedText text(range.In(piece), offset + range.begin);
    status = Normalize(normalizers_, text);
    if (status.ok()) {
      status = VisitNormalized(text, visit);
    }
  });
  return status;
}

absl::Status HuggingFaceTokenizer::VisitNormalized(const AlignedText& text,
                                                   EncodedVisitor visit) const {
  absl::Status status;
  normalized_tokens_.ForEachPart(
      text.text(), [&](std::optional<uint32_t> id, TextRange range) {
        if (!status.ok()) {
          return;
        }
        if (id.has_value()) {
          visit({.id = *id, .range = text.Source(range)});
          return;
        }
        SplitText split = {.text = text.Slice(range),
                           .words = {{.begin = 0, .end = range.size()}}};
        for (const auto& pre_tokenizer : pre_tokenizers_) {
          status = pre_tokenizer->Split(split);
          if (!status.ok()) {
            return;
          }
        }
        const absl::string_view words = split.text.text();
        status = model_->Tokenize(
            words, split.words, [&](uint32_t token_id, TextRange token) {
              visit({.id = token_id,
                     .range = split.text.Source(Widened(words, token))});
            });
      });
  return status;
}

}  // namespace copse
