// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts the tokens that an embedding model makes of a text, and says where in
// the text each comes from.
//
//   std::unique_ptr<TokenCounter> counter = ...;
//   COPSE_ASSIGN_OR_RETURN(int64_t token_count, counter->Count(text));
//
// Implementations, the most exact first:
//
//   HuggingFaceTokenizer    the model's tokenizer.json
//   SentencePieceTokenizer  the model's SentencePiece file
//   ApproximateTokenizer    no file; the middle of what models make of prose
//   UpperBoundCounter       no file; never fewer than the model makes
//
// Tokens that a model puts around each text ([CLS], </s>) are not counted: who
// fills a model up to its maximum leaves room for them and for its prefix.

#ifndef COPSE_SIDECAR_TEXT_TOKEN_COUNTER_H_
#define COPSE_SIDECAR_TEXT_TOKEN_COUNTER_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class TokenCounter {
 public:
  using Visitor = absl::FunctionRef<void(TextRange token)>;

  // Longer texts are refused.
  static constexpr size_t kTextSizeMax = size_t{256} << 20;

  TokenCounter() = default;
  virtual ~TokenCounter() = default;
  TokenCounter(const TokenCounter&) = delete;
  TokenCounter& operator=(const TokenCounter&) = delete;

  // Calls `visit` for each token of `text` in order. Begins and ends are those
  // of code points and never decrease; several tokens may have one range, and
  // what a model leaves out, such as white space, is in none. Holds no more
  // than about 100 bytes of memory for each byte of 1 MiB of the text.
  //
  // Returns kInvalidArgument if `text` is not UTF-8 or too long, or if the
  // model has no token for it and none for the unknown.
  absl::Status ForEachToken(absl::string_view text, Visitor visit) const;

  // Returns how many tokens `text` has. Errors as ForEachToken().
  absl::StatusOr<int64_t> Count(absl::string_view text) const;

 private:
  // REQUIRES: `text` is UTF-8 of at most kTextSizeMax bytes.
  virtual absl::Status VisitTokens(absl::string_view text,
                                   Visitor visit) const = 0;
};

// Calls `visit` with the offset of each piece of `text`, in order. A text of
// more than 1 MiB is cut after the last line end of a piece, or else after its
// last space, or anywhere: so tokenizers need memory for one piece, and only
// tokens that cross one of these places differ.
absl::Status ForEachPiece(
    absl::string_view text,
    absl::FunctionRef<absl::Status(absl::string_view piece, size_t offset)>
        visit);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TOKEN_COUNTER_H_
