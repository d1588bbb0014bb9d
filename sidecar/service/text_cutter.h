// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Cuts the texts of a domain into chunks, as the domain wants it.
//
//   const ProfileTokenizer tokenizer = tokenizers.Find(profile, mode);
//   const TextCutter cutter(domain.chunking, tokenizer.counter);
//   COPSE_ASSIGN_OR_RETURN(std::vector<ChunkPlace> places, cutter.Cut(text));

#ifndef COPSE_SIDECAR_SERVICE_TEXT_CUTTER_H_
#define COPSE_SIDECAR_SERVICE_TEXT_CUTTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/text/token_counter.h"
#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {

// What counts the tokens of a text. The name is kept with a domain: another
// name means other chunks.
struct ProfileTokenizer {
  std::string name;
  std::shared_ptr<const TokenCounter> counter;
};

// Reads a tokenizer.json. The name is "file:" and the begin of the SHA-256 of
// the file. Fails as HuggingFaceTokenizer::Load().
absl::StatusOr<ProfileTokenizer> LoadTokenizer(const std::string& path);

// The tokenizers of a daemon.
//
// Thread safety: immutable.
class Tokenizers {
 public:
  // By the name of the embedding profile: those whose file is at hand.
  using FileTokenizers = std::map<std::string, ProfileTokenizer, std::less<>>;

  explicit Tokenizers(FileTokenizers files = {}) : files_(std::move(files)) {}

  // Returns the tokenizer of a profile. Without a file it is "approximate" for
  // Chunking::Mode::kBoundary, whose chunks may be halved, and "upper-bound"
  // for kWindow, whose may not; and "approximate" for the builtin embedder,
  // which takes any text.
  ProfileTokenizer Find(const EmbeddingProfileOptions& profile,
                        Chunking::Mode mode) const;

  // Returns the tokenizer of the file of a profile, which counts as its model
  // does; null without a file.
  std::shared_ptr<const TokenCounter> FindExact(
      absl::string_view profile_name) const;

 private:
  const FileTokenizers files_;
};

// The greatest number of tokens of a chunk that a domain may ask for.
inline constexpr int64_t kChunkTokenCountMax = 1'000'000;

// Returns the chunk token count, and the overlap for one, that domains have
// which ask for none.
uint32_t ChunkTokenCountDefault(const EmbeddingProfileOptions& profile,
                                Chunking::Mode mode);
uint32_t OverlapTokenCountDefault(Chunking::Mode mode,
                                  uint32_t chunk_token_count);
// Returns `chunk_token_count`, unless the model of `profile` is known to take
// less: then what fits it.
uint32_t FitChunkTokenCount(uint32_t chunk_token_count,
                            const EmbeddingProfileOptions& profile,
                            Chunking::Mode mode);
// Returns the greatest overlap that a domain may ask for.
uint32_t OverlapTokenCountMax(Chunking::Mode mode, uint32_t chunk_token_count);

// Returns "whole", "boundary" or "window".
absl::string_view ChunkingModeName(Chunking::Mode mode);

// Thread safety: any number of threads may use one TextCutter.
class TextCutter {
 public:
  // How often a chunk that the provider refuses is cut in halves.
  static constexpr int kHalvingCountMax = 4;

  // REQUIRES: counter != nullptr unless documents are whole
  TextCutter(Chunking chunking, std::shared_ptr<const TokenCounter> counter)
      : chunking_(std::move(chunking)), counter_(std::move(counter)) {}

  // Whether a chunk that the provider refuses may be cut in halves.
  bool may_halve() const { return chunking_.mode == Chunking::Mode::kBoundary; }

  // Returns the chunks of `text`, in its order, without those that are white
  // space, or none if it is one chunk.
  // Fails with kInvalidArgument if there are more than kChunkCountMax, or the
  // tokenizer takes no such text.
  absl::StatusOr<std::vector<ChunkPlace>> Cut(absl::string_view text) const;

  // Returns `place` cut in two near its middle, at white space if there is some
  // in the middle half; nullopt if it is a single character or none.
  static std::optional<std::pair<ChunkPlace, ChunkPlace>> Halve(
      absl::string_view text, const ChunkPlace& place);

 private:
  const Chunking chunking_;
  const std::shared_ptr<const TokenCounter> counter_;
};

// Returns the bytes of `text` at `place`.
inline absl::string_view TextAt(absl::string_view text,
                                const ChunkPlace& place) {
  return text.substr(place.first_byte, place.size_bytes);
}

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_TEXT_CUTTER_H_
