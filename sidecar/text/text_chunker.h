// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Cuts a text into chunks that an embedding model can take.
//
//   COPSE_ASSIGN_OR_RETURN(
//       const ChunkingOptions options,
//       BoundaryChunking({.model_token_count_max = 512}));
//   COPSE_ASSIGN_OR_RETURN(const ChunkedText chunked,
//                          ChunkText(options, tokenizer, text));
//   for (const TextChunk& chunk : chunked.chunks) {
//     Embed(chunk.range.In(text));
//   }
//
// Modes:
//
//   kWhole     one chunk, the text as it is
//   kWindow    windows of token_count_max tokens, each token_count_max -
//              overlap_token_count behind the last, until one reaches the end.
//              A chunk goes from the begin of its first token to the end of its
//              last, wherever that is
//   kBoundary  at most token_count_max tokens, cut at the best place of
//              text_boundaries.h in the last quarter of them. The next chunk
//              begins where a sentence, or else a word, of the last
//              overlap_token_count tokens begins
//
// Invariants, whatever text and options are:
//
// * There is at least one chunk; a text without tokens is one chunk.
// * Begins and ends are starts of code points and never decrease; those of
//   kBoundary increase.
// * kBoundary: each byte that is not white space is in some chunk, no chunk
//   begins or ends with white space, and none has more than token_count_max
//   tokens unless a single code point has.
// * kWindow: each token is in some chunk.
//
// Tokens are counted in the text. A chunk alone may have a few more, where it
// is cut inside a word, which is one reason why kBoundary aims at 75 % of what
// the model takes.

#ifndef COPSE_SIDECAR_TEXT_TEXT_CHUNKER_H_
#define COPSE_SIDECAR_TEXT_TEXT_CHUNKER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"
#include "sidecar/text/token_counter.h"

namespace copse {

enum class ChunkingMode { kWhole, kWindow, kBoundary };

struct ChunkingOptions {
  ChunkingMode mode = ChunkingMode::kWhole;

  // At least 1. Not used by kWhole.
  int64_t token_count_max = 0;

  // Less than token_count_max for kWindow, and at most a quarter of it for
  // kBoundary.
  int64_t overlap_token_count = 0;

  // A text that has more chunks is refused.
  int64_t chunk_count_max = 1'000'000;
};

// What a model takes, from which the usual options follow.
struct ModelLimits {
  // Tokens of a text, such as 512.
  int64_t model_token_count_max = 512;

  // Tokens that go off for the prefix and for what the model puts around each
  // text; 4 for `search_document: `.
  int64_t reserved_token_count = 0;
};

// All that the model takes, and a seventh of it as overlap: 508 and 72 for
// {512, 4}. Returns kInvalidArgument if nothing is left for the text.
absl::StatusOr<ChunkingOptions> WindowChunking(const ModelLimits& limits);

// 75 % of what the model takes, and 12 % of that as overlap: 381 and 45 for
// {512, 4}. Errors as above.
absl::StatusOr<ChunkingOptions> BoundaryChunking(const ModelLimits& limits);

struct TextChunk {
  TextRange range;

  // The number in the text of the chunk's first token, and how many tokens
  // the chunk has.
  int64_t first_token = 0;
  int64_t token_count = 0;

  friend bool operator==(const TextChunk&, const TextChunk&) = default;
};

struct ChunkedText {
  std::vector<TextChunk> chunks;

  // Tokens of the whole text.
  int64_t token_count = 0;
};

// Returns kInvalidArgument if the options are, if the text is not UTF-8 or too
// long, or has more than chunk_count_max chunks.
absl::StatusOr<ChunkedText> ChunkText(const ChunkingOptions& options,
                                      const TokenCounter& counter,
                                      absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEXT_CHUNKER_H_
