// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/text_cutter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/text/approximate_tokenizer.h"
#include "sidecar/text/code_points.h"
#include "sidecar/text/hugging_face_tokenizer.h"
#include "sidecar/text/text_chunker.h"
#include "sidecar/text/token_counter.h"
#include "sidecar/text/tokenizer_file.h"
#include "sidecar/text/upper_bound_counter.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/sha256.h"

namespace copse {
namespace {

// The builtin embedder takes any text; so much of one is about one thing.
constexpr uint32_t kBuiltinTokenCount = 512;

// What most models take, and as much as is about one thing; and the tokens that
// go off for a prefix and those around a text.
constexpr uint32_t kModelTokenCount = 512;
constexpr uint32_t kReservedTokenCount = 4;

// Returns how many tokens of a text fit a model that takes `taken`.
uint32_t WindowOf(uint32_t taken) {
  return std::max(taken, kReservedTokenCount + 2) - kReservedTokenCount;
}

// Returns how many tokens a chunk should have so that it fits `window`.
uint32_t SafeTokenCount(uint32_t window, Chunking::Mode mode) {
  // Three quarters, as counts may be estimates.
  return mode == Chunking::Mode::kWindow ? window : window * 3 / 4;
}

ChunkPlace Part(size_t begin, size_t end, uint32_t first_token,
                uint32_t token_count) {
  return {.first_byte = static_cast<uint32_t>(begin),
          .size_bytes = static_cast<uint32_t>(end - begin),
          .first_token = first_token,
          .token_count = token_count};
}

}  // namespace

absl::StatusOr<ProfileTokenizer> LoadTokenizer(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(
      const std::string bytes,
      ReadTokenizerFile(path, HuggingFaceTokenizer::kFileSizeMax));
  ProfileTokenizer tokenizer;
  COPSE_ASSIGN_OR_RETURN(tokenizer.counter, HuggingFaceTokenizer::Load(path));
  constexpr size_t kNamedByteCount = 8;
  Sha256 hash;
  hash.Update(bytes);
  const auto digest = hash.Finish();
  tokenizer.name = absl::StrCat(
      "file:",
      absl::BytesToHexString(absl::string_view(
          reinterpret_cast<const char*>(digest.data()), kNamedByteCount)));
  return tokenizer;
}

ProfileTokenizer Tokenizers::Find(const EmbeddingProfileOptions& profile,
                                  Chunking::Mode mode) const {
  const auto file = files_.find(profile.name);
  if (file != files_.end()) {
    return file->second;
  }
  if (mode == Chunking::Mode::kWindow &&
      profile.dialect != EmbeddingDialect::kBuiltin) {
    return {"upper-bound",
            std::make_shared<const UpperBoundCounter>(TokenizerFamily::kAny)};
  }
  return {"approximate", std::make_shared<const ApproximateTokenizer>()};
}

std::shared_ptr<const TokenCounter> Tokenizers::FindExact(
    absl::string_view profile_name) const {
  const auto file = files_.find(profile_name);
  return file == files_.end() ? nullptr : file->second.counter;
}

uint32_t ChunkTokenCountDefault(const EmbeddingProfileOptions& profile,
                                Chunking::Mode mode) {
  // Windows are those of a model of 512 tokens, whatever embeds them.
  if (profile.dialect == EmbeddingDialect::kBuiltin &&
      mode != Chunking::Mode::kWindow) {
    return kBuiltinTokenCount;
  }
  const uint32_t taken = std::min(
      profile.tokens_per_text_max.value_or(kModelTokenCount), kModelTokenCount);
  return SafeTokenCount(WindowOf(taken), mode);
}

uint32_t OverlapTokenCountDefault(Chunking::Mode mode,
                                  uint32_t chunk_token_count) {
  return chunk_token_count / (mode == Chunking::Mode::kWindow ? 7 : 8);
}

uint32_t FitChunkTokenCount(uint32_t chunk_token_count,
                            const EmbeddingProfileOptions& profile,
                            Chunking::Mode mode) {
  if (!profile.tokens_per_text_max.has_value()) {
    return chunk_token_count;
  }
  const uint32_t window = WindowOf(*profile.tokens_per_text_max);
  return chunk_token_count <= window ? chunk_token_count
                                     : SafeTokenCount(window, mode);
}

uint32_t OverlapTokenCountMax(Chunking::Mode mode, uint32_t chunk_token_count) {
  return mode == Chunking::Mode::kWindow ? chunk_token_count - 1
                                         : chunk_token_count / 4;
}

absl::string_view ChunkingModeName(Chunking::Mode mode) {
  switch (mode) {
    case Chunking::Mode::kWhole:
      return "whole";
    case Chunking::Mode::kBoundary:
      return "boundary";
    case Chunking::Mode::kWindow:
      return "window";
  }
  return "unknown";
}

absl::StatusOr<std::vector<ChunkPlace>> TextCutter::Cut(
    absl::string_view text) const {
  std::vector<ChunkPlace> places;
  if (chunking_.mode == Chunking::Mode::kWhole) {
    return places;
  }
  const ChunkingOptions options = {
      .mode = chunking_.mode == Chunking::Mode::kWindow
                  ? ChunkingMode::kWindow
                  : ChunkingMode::kBoundary,
      .token_count_max = chunking_.chunk_token_count,
      .overlap_token_count = chunking_.overlap_token_count,
      .chunk_count_max = kChunkCountMax};
  COPSE_ASSIGN_OR_RETURN(const ChunkedText chunked,
                         ChunkText(options, *counter_, text));
  if (chunked.chunks.size() == 1) {
    return places;
  }
  places.reserve(chunked.chunks.size());
  for (const TextChunk& chunk : chunked.chunks) {
    if (IsWhiteSpace(text.substr(chunk.range.begin,
                                 chunk.range.end - chunk.range.begin))) {
      continue;  // A window; no vector could be made of it.
    }
    places.push_back(Part(chunk.range.begin, chunk.range.end,
                          static_cast<uint32_t>(chunk.first_token),
                          static_cast<uint32_t>(chunk.token_count)));
  }
  return places;
}

std::optional<std::pair<ChunkPlace, ChunkPlace>> TextCutter::Halve(
    absl::string_view text, const ChunkPlace& place) {
  const size_t begin = place.first_byte;
  const size_t end = begin + place.size_bytes;
  size_t middle = CodePointStart(text, begin + place.size_bytes / 2);
  if (middle <= begin) {
    // The first character reaches beyond the middle.
    middle = begin;
    do {
      ++middle;
    } while (middle < end && !IsCodePointStart(text, middle));
  }
  if (middle >= end) {
    return std::nullopt;
  }
  const size_t quarter = place.size_bytes / 4;
  for (size_t distance = 0; distance <= quarter; ++distance) {
    if (absl::ascii_isspace(
            static_cast<unsigned char>(text[middle - distance]))) {
      middle -= distance;
      break;
    }
    if (middle + distance < end &&
        absl::ascii_isspace(
            static_cast<unsigned char>(text[middle + distance]))) {
      middle += distance;
      break;
    }
  }
  const uint32_t first_count = place.token_count / 2;
  return std::pair(Part(begin, middle, place.first_token, first_count),
                   Part(middle, end, place.first_token + first_count,
                        place.token_count - first_count));
}

}  // namespace copse
