// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts tokens exactly as a model does that comes with a SentencePiece file
// (spiece.model, sentencepiece.bpe.model), through libsentencepiece.

#ifndef COPSE_SIDECAR_TEXT_SENTENCE_PIECE_TOKENIZER_H_
#define COPSE_SIDECAR_TEXT_SENTENCE_PIECE_TOKENIZER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/token_counter.h"

namespace copse {

namespace internal {
class SentencePieceLibrary;
}  // namespace internal

// Thread safety: as TokenCounter.
class SentencePieceTokenizer final : public TokenCounter {
 public:
  // Larger files are refused.
  static constexpr size_t kFileSizeMax = size_t{64} << 20;

  // Reads the model at `path`. Returns kNotFound if there is none, and
  // kInvalidArgument, with the path, if it is no model.
  static absl::StatusOr<std::unique_ptr<SentencePieceTokenizer>> Load(
      const std::string& path);

  ~SentencePieceTokenizer() override;

 private:
  explicit SentencePieceTokenizer(
      std::unique_ptr<const internal::SentencePieceLibrary> library);

  absl::Status VisitTokens(absl::string_view text,
                           Visitor visit) const override;

  std::unique_ptr<const internal::SentencePieceLibrary> library_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_SENTENCE_PIECE_TOKENIZER_H_
