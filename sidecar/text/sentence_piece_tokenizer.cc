// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/sentence_piece_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/sentence_piece_library.h"
#include "sidecar/text/tokenizer_file.h"

namespace copse {

absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>>
SentencePieceTokenizer::Load(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::string model,
                         ReadTokenizerFile(path, kFileSizeMax));
  auto library = std::make_unique<internal::SentencePieceLibrary>();
  const std::string failure = library->Load(model);
  if (!failure.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'%s' is not a SentencePiece model: %s", path, failure));
  }
  return absl::WrapUnique(new SentencePieceTokenizer(std::move(library)));
}

SentencePieceTokenizer::SentencePieceTokenizer(
    std::unique_ptr<const internal::SentencePieceLibrary> library)
    : library_(std::move(library)) {}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

absl::Status SentencePieceTokenizer::VisitTokens(absl::string_view text,
                                                 Visitor visit) const {
  std::vector<internal::SentencePiece> pieces;
  return ForEachPiece(
      text, [&](absl::string_view part, size_t offset) -> absl::Status {
        const std::string failure =
            library_->Encode(part.data(), part.size(), pieces);
        if (!failure.empty()) {
          return absl::InvalidArgumentError(absl::StrFormat(
              "libsentencepiece cannot read the text: %s", failure));
        }
        for (const internal::SentencePiece& piece : pieces) {
          // The bytes of an unknown character but its last have no range.
          const size_t begin = std::min(piece.begin, part.size());
          const size_t end = std::clamp(piece.end, begin, part.size());
          visit({.begin = CodePointStart(part, begin) + offset,
                 .end = CodePointStart(part, end) + offset});
        }
        return absl::OkStatus();
      });
}

}  // namespace copse
