// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts tokens exactly as a model does whose tokenizer.json is at hand, the
// file that the Hugging Face tokenizers library reads.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<HuggingFaceTokenizer> tokenizer,
//                          HuggingFaceTokenizer::Load("/etc/copse/e5.json"));
//
// What of the file is used: added_tokens, normalizer (text_normalizer.h),
// pre_tokenizer (pre_tokenizer.h) and model (token_model.h). A part that copse
// does not know is an error that names it, never a wrong count. What pads,
// truncates or surrounds texts is left alone.

#ifndef COPSE_SIDECAR_TEXT_HUGGING_FACE_TOKENIZER_H_
#define COPSE_SIDECAR_TEXT_HUGGING_FACE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/added_tokens.h"
#include "sidecar/text/pre_tokenizer.h"
#include "sidecar/text/text_normalizer.h"
#include "sidecar/text/token_counter.h"
#include "sidecar/text/token_model.h"

namespace copse {

struct EncodedToken {
  uint32_t id = 0;
  TextRange range;

  friend bool operator==(const EncodedToken&, const EncodedToken&) = default;
};

// Thread safety: as TokenCounter.
class HuggingFaceTokenizer final : public TokenCounter {
 public:
  // Larger files, after decompression, are refused.
  static constexpr size_t kFileSizeMax = size_t{64} << 20;

  // Reads the file at `path`; one that ends in .bz2 is decompressed. Returns
  // kNotFound if there is none, and otherwise as Parse(), with the path.
  static absl::StatusOr<std::unique_ptr<HuggingFaceTokenizer>> Load(
      const std::string& path);

  // Returns kInvalidArgument, which names the field, if `json` is not such a
  // file or has a part that copse does not know.
  static absl::StatusOr<std::unique_ptr<HuggingFaceTokenizer>> Parse(
      absl::string_view json);

  // Returns the tokens of `text` with their ids. Errors as ForEachToken().
  absl::StatusOr<std::vector<EncodedToken>> Encode(
      absl::string_view text) const;

 private:
  using EncodedVisitor = absl::FunctionRef<void(EncodedToken token)>;

  HuggingFaceTokenizer() = default;

  absl::Status VisitTokens(absl::string_view text,
                           Visitor visit) const override;
  absl::Status VisitEncoded(absl::string_view text, EncodedVisitor visit) const;
  absl::Status VisitPiece(absl::string_view piece, size_t offset,
                          EncodedVisitor visit) const;
  absl::Status VisitNormalized(const AlignedText& text,
                               EncodedVisitor visit) const;

  AddedTokenFinder plain_tokens_;       // Found in the text as it is.
  AddedTokenFinder normalized_tokens_;  // Found in the normalized text.
  TextNormalizers normalizers_;
  PreTokenizers pre_tokenizers_;
  std::unique_ptr<const TokenModel> model_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_HUGGING_FACE_TOKENIZER_H_
