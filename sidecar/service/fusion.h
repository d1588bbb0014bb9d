// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Puts what a search by meaning and a search by words found into one order.
//
//   const std::vector<RankedChunk> fused =
//       Fuse(nearest, matching, {.method = Fusion::Method::kReciprocalRank});
//
// Reciprocal ranks (Cormack, Clarke and Buettcher 2009): a document that is at
// ranks v and t, from 1, has the score
//
//   weight / (60 + v) + (1 - weight) / (60 + t)
//
// where a list that does not have it adds nothing. Normalised scores:
//
//   weight * (dmax - d) / (dmax - dmin) + (1 - weight) * t / tmax
//
// of its distance d and score t among those of the lists. Or the same for each
// chunk, so that only words of the nearest chunk count for it.

#ifndef COPSE_SIDECAR_SERVICE_FUSION_H_
#define COPSE_SIDECAR_SERVICE_FUSION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "versioning/commit_reader.h"

namespace copse {

struct Fusion {
  enum class Method { kReciprocalRank, kNormalizedScores };

  Method method = Method::kReciprocalRank;

  // Of the search by meaning, in [0, 1]; the rest is that of the search by
  // words. Unset means a default of the method.
  std::optional<double> vector_weight = std::nullopt;

  // Whether the lists have chunks, each for itself, and not documents, each
  // with its best chunk.
  bool by_chunk = false;
};

inline constexpr double kReciprocalRankConstant = 60;

// The best of .5, .6 and so on to .9 on 60 questions, with and without stems
// (tests/checks/check_hybrid_quality.py).
inline constexpr double kNormalizedVectorWeight = 0.7;

// A chunk of a document with what is known of it.
struct RankedChunk {
  // Its distance is that of the vectors, or 1 / (1 + score of the words) where
  // only that is known.
  DocumentNeighbor neighbor;
  bool has_vector_distance = false;
  double score = 0;  // Of the fusion, or of the words; unset for vectors alone.

  // Its place in one of the lists, and what the fusion takes that for.
  struct Part {
    int64_t rank = 0;  // From 1; 0: it is not there.
    double value = 0;
  };
  Part vector_part = {};
  Part text_part = {};
  double text_score = 0;    // Of the words, for `text_chunk`.
  uint32_t text_chunk = 0;  // With the best words, in the list of those.
};

// Returns what the value of the list of vectors is multiplied by.
double VectorWeightOf(const Fusion& fusion);

// Returns the distance of what was found by its words, for a BM25 score, which
// is more than 0: 1 / (1 + score), and less than 1 as a float, too.
float TextDistance(double score);

// Returns what a search by words found, in its order.
std::vector<RankedChunk> RankByText(std::vector<TextNeighbor> matching);

// Returns what both lists have, which are in their orders: descending by the
// fused score, equal ones ascending by (bytes of the ID, chunk). Of a document
// that is in both it is the nearest chunk.
std::vector<RankedChunk> Fuse(std::vector<DocumentNeighbor> nearest,
                              std::vector<TextNeighbor> matching,
                              const Fusion& fusion);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_FUSION_H_
