// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Any text, any options. Properties:
//
// * A text is refused if and only if it is not UTF-8.
// * Every byte that is not white space is in a chunk of kBoundary; chunks move
//   on, begin and end with a code point, and fit unless they are a single one.
// * A snippet of any chunk is inside it, and its matches are inside the
// snippet.

#include "sidecar/text/text_chunker.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "sidecar/text/approximate_tokenizer.h"
#include "sidecar/text/snippet.h"
#include "sidecar/text/upper_bound_counter.h"

namespace {

using copse::TextChunk;

bool IsOneCodePoint(absl::string_view text, copse::TextRange range) {
  size_t end = range.begin;
  return end < range.end && copse::NextCodePoint(text, end) >= 0 &&
         end == range.end;
}

void CheckBoundaryChunks(const copse::ChunkingOptions& options,
                         absl::string_view text,
                         const copse::ChunkedText& chunked) {
  COPSE_CHECK(!chunked.chunks.empty());
  size_t covered = copse::SkipWhiteSpace(text, 0);
  size_t last_begin = 0;
  for (const TextChunk& chunk : chunked.chunks) {
    COPSE_CHECK(chunk.range.end <= text.size());
    COPSE_CHECK(copse::IsCodePointStart(text, chunk.range.begin));
    COPSE_CHECK(copse::IsCodePointStart(text, chunk.range.end));
    COPSE_CHECK(chunk.range.begin <= covered || covered == text.size());
    COPSE_CHECK(&chunk == &chunked.chunks.front() ||
                chunk.range.begin > last_begin);
    COPSE_CHECK(chunk.token_count <= options.token_count_max ||
                IsOneCodePoint(text, chunk.range));
    covered = copse::SkipWhiteSpace(text, chunk.range.end);
    last_begin = chunk.range.begin;
  }
  COPSE_CHECK(covered == text.size());
}

void CheckSnippet(absl::string_view chunk) {
  const auto snippet = copse::FindSnippet(
      chunk, chunk.substr(0, copse::CodePointStart(chunk, chunk.size() / 4)),
      {.code_point_count_max = 1 + static_cast<int64_t>(chunk.size() % 50)});
  COPSE_CHECK(snippet.ok());
  COPSE_CHECK(snippet->range.begin <= snippet->range.end);
  COPSE_CHECK(snippet->range.end <= chunk.size());
  for (const copse::TextRange& match : snippet->matches) {
    COPSE_CHECK(match.begin >= snippet->range.begin);
    COPSE_CHECK(match.end <= snippet->range.end);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  const absl::string_view text(reinterpret_cast<const char*>(data) + 2,
                               size - 2);
  const copse::ApproximateTokenizer approximate;
  const copse::UpperBoundCounter bound(copse::TokenizerFamily::kAny);
  const bool is_text = copse::CheckUtf8(text).ok();
  for (const copse::TokenCounter* counter :
       {static_cast<const copse::TokenCounter*>(&approximate),
        static_cast<const copse::TokenCounter*>(&bound)}) {
    copse::ChunkingOptions options;
    options.token_count_max = 1 + data[0];
    options.mode = copse::ChunkingMode::kWindow;
    options.overlap_token_count = data[1] % options.token_count_max;
    COPSE_CHECK(copse::ChunkText(options, *counter, text).ok() == is_text);
    options.mode = copse::ChunkingMode::kBoundary;
    options.overlap_token_count = data[1] % (options.token_count_max / 4 + 1);
    const auto chunked = copse::ChunkText(options, *counter, text);
    COPSE_CHECK(chunked.ok() == is_text);
    if (is_text) {
      CheckBoundaryChunks(options, text, *chunked);
      CheckSnippet(chunked->chunks.back().range.In(text));
    }
  }
  return 0;
}
