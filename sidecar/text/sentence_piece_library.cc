// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/sentence_piece_library.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sentencepiece_processor.h"

namespace copse::internal {

struct SentencePieceLibrary::Processor {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePieceLibrary::SentencePieceLibrary()
    : processor_(std::make_unique<Processor>()) {}

SentencePieceLibrary::~SentencePieceLibrary() = default;

std::string SentencePieceLibrary::Load(const std::string& model) {
  const auto status = processor_->processor.LoadFromSerializedProto(
      absl::string_view(model.data(), model.size()));
  return status.ok() ? "" : status.ToString();
}

std::string SentencePieceLibrary::Encode(
    const char* text, size_t size, std::vector<SentencePiece>& pieces) const {
  pieces.clear();
  sentencepiece::ImmutableSentencePieceText result;
  const auto status = processor_->processor.Encode(
      absl::string_view(text, size), result.mutable_proto());
  if (!status.ok()) {
    return status.ToString();
  }
  const size_t count = result.pieces_size();
  for (size_t i = 0; i < count; ++i) {
    const auto piece = result.pieces(static_cast<int>(i));
    pieces.push_back({piece.id(), piece.begin(), piece.end()});
  }
  return "";
}

}  // namespace copse::internal
