// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Cuts the chunks of a document that a provider refuses as too long in halves,
// and these again, until all have vectors or it is known that some never will.
//
//   ChunkHalver halver(text, places, outcomes);
//   COPSE_RETURN_IF_ERROR(halver.Run(embed));
//   ... halver.places(), halver.outcomes() ...
//
// Invariants:
//
// * What is cut in the end is what was refused, whatever the order of requests.
// * The first half of the first chunk that is refused is tried alone, and its
//   first half again, before anything else is sent: a provider that refuses a
//   text whatever its size is asked TextCutter::kHalvingCountMax times for it.

#ifndef COPSE_SIDECAR_SERVICE_CHUNK_HALVER_H_
#define COPSE_SIDECAR_SERVICE_CHUNK_HALVER_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "versioning/document.h"

namespace copse {

// Thread safety: one thread at a time.
class ChunkHalver {
 public:
  // Returns an outcome for each text.
  using Embed = std::function<absl::StatusOr<std::vector<EmbeddingOutcome>>(
      const std::vector<absl::string_view>& texts)>;

  // `text` must outlive this. `places` may be empty: the text is one chunk.
  ChunkHalver(absl::string_view text, const std::vector<ChunkPlace>& places,
              std::vector<EmbeddingOutcome> outcomes);

  // Fails only if `embed` does. Changes nothing unless the first chunk without
  // a vector has none because it may be too long.
  absl::Status Run(const Embed& embed);

  // Whether there are other chunks than at first.
  bool has_cut() const { return has_cut_; }

  // After Run(). Where a chunk stays refused, others may never have been asked
  // for, and fail, too.
  std::vector<ChunkPlace> places() const;
  std::vector<EmbeddingOutcome> TakeOutcomes();

 private:
  struct Piece {
    ChunkPlace place;
    EmbeddingOutcome outcome;
    int halving_count = 0;
    bool is_asked = true;
  };

  // Returns the position of the first piece that was refused, or the count.
  size_t FindRefused() const;

  // Returns the halves of a piece, without those that are white space; none if
  // it was not refused as too long, or cannot be cut.
  std::vector<Piece> HalvesOf(const Piece& piece) const;

  // Puts their halves in the place of those of the `count` pieces from `first`
  // on that have any. Returns whether there are.
  bool Halve(size_t first, size_t count);

  // Embeds those of the `count` pieces from `first` on that were not asked for.
  absl::Status Ask(size_t first, size_t count, const Embed& embed);

  const absl::string_view text_;
  std::vector<Piece> pieces_;
  bool has_cut_ = false;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_CHUNK_HALVER_H_
