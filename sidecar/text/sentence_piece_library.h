// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// libsentencepiece behind plain types: its header brings an absl::string_view
// of its own, so nothing that knows Abseil can include it.

#ifndef COPSE_SIDECAR_TEXT_SENTENCE_PIECE_LIBRARY_H_
#define COPSE_SIDECAR_TEXT_SENTENCE_PIECE_LIBRARY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace copse::internal {

struct SentencePiece {
  uint32_t id = 0;
  size_t begin = 0;
  size_t end = 0;
};

// Thread safety: const functions may be called from several threads at once.
class SentencePieceLibrary {
 public:
  SentencePieceLibrary();
  ~SentencePieceLibrary();
  SentencePieceLibrary(const SentencePieceLibrary&) = delete;
  SentencePieceLibrary& operator=(const SentencePieceLibrary&) = delete;

  // Each returns what went wrong, or an empty string.
  std::string Load(const std::string& model);
  std::string Encode(const char* text, size_t size,
                     std::vector<SentencePiece>& pieces) const;

 private:
  struct Processor;
  std::unique_ptr<Processor> processor_;
};

}  // namespace copse::internal

#endif  // COPSE_SIDECAR_TEXT_SENTENCE_PIECE_LIBRARY_H_
