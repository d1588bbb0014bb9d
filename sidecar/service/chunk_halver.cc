// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/chunk_halver.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/service/text_cutter.h"
#include "versioning/document.h"

namespace copse {

ChunkHalver::ChunkHalver(absl::string_view text,
                         const std::vector<ChunkPlace>& places,
                         std::vector<EmbeddingOutcome> outcomes)
    : text_(text) {
  const ChunkPlace whole = {.size_bytes = static_cast<uint32_t>(text.size())};
  COPSE_CHECK(outcomes.size() == std::max<size_t>(places.size(), 1));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    pieces_.push_back({.place = places.empty() ? whole : places[i],
                       .outcome = std::move(outcomes[i])});
  }
}

absl::Status ChunkHalver::Run(const Embed& embed) {
  while (true) {
    const size_t first = FindRefused();
    if (first == pieces_.size() || !Halve(first, 1)) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(Ask(first, 1, embed));
    if (!pieces_[first].outcome.ok()) {
      continue;  // Does a smaller one help?
    }
    Halve(0, pieces_.size());
    COPSE_RETURN_IF_ERROR(Ask(0, pieces_.size(), embed));
  }
}

size_t ChunkHalver::FindRefused() const {
  const auto refused = std::ranges::find_if(pieces_, [](const Piece& piece) {
    return piece.is_asked && !piece.outcome.ok();
  });
  return static_cast<size_t>(refused - pieces_.begin());
}

std::vector<ChunkHalver::Piece> ChunkHalver::HalvesOf(
    const Piece& piece) const {
  std::vector<Piece> halves;
  const auto pair = piece.is_asked && MayBeTooLong(piece.outcome.status()) &&
                            piece.halving_count < TextCutter::kHalvingCountMax
                        ? TextCutter::Halve(text_, piece.place)
                        : std::nullopt;
  if (!pair.has_value()) {
    return halves;
  }
  for (const ChunkPlace& half : {pair->first, pair->second}) {
    // No vector could be made of white space.
    if (!absl::StripAsciiWhitespace(TextAt(text_, half)).empty()) {
      halves.push_back({.place = half,
                        .outcome = absl::UnknownError("not embedded"),
                        .halving_count = piece.halving_count + 1,
                        .is_asked = false});
    }
  }
  return halves;
}

bool ChunkHalver::Halve(size_t first, size_t count) {
  bool has_cut = false;
  std::vector<Piece> pieces;
  pieces.reserve(pieces_.size() + count);
  for (size_t i = 0; i < pieces_.size(); ++i) {
    std::vector<Piece> halves;
    if (i >= first && i - first < count) {
      halves = HalvesOf(pieces_[i]);
    }
    if (halves.empty()) {
      pieces.push_back(std::move(pieces_[i]));
      continue;
    }
    std::ranges::move(halves, std::back_inserter(pieces));
    has_cut = true;
  }
  pieces_ = std::move(pieces);
  has_cut_ = has_cut_ || has_cut;
  return has_cut;
}

absl::Status ChunkHalver::Ask(size_t first, size_t count, const Embed& embed) {
  std::vector<absl::string_view> texts;
  std::vector<size_t> asked;
  for (size_t i = first; i < first + count; ++i) {
    if (!pieces_[i].is_asked) {
      texts.push_back(TextAt(text_, pieces_[i].place));
      asked.push_back(i);
    }
  }
  if (texts.empty()) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(std::vector<EmbeddingOutcome> outcomes, embed(texts));
  for (size_t i = 0; i < asked.size(); ++i) {
    pieces_[asked[i]].outcome = std::move(outcomes[i]);
    pieces_[asked[i]].is_asked = true;
  }
  return absl::OkStatus();
}

std::vector<ChunkPlace> ChunkHalver::places() const {
  std::vector<ChunkPlace> places;
  places.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    places.push_back(piece.place);
  }
  return places;
}

std::vector<EmbeddingOutcome> ChunkHalver::TakeOutcomes() {
  std::vector<EmbeddingOutcome> outcomes;
  outcomes.reserve(pieces_.size());
  for (Piece& piece : pieces_) {
    outcomes.push_back(std::move(piece.outcome));
  }
  return outcomes;
}

}  // namespace copse
