// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The nearest pairs of documents, of many pairs of their rows that come in any
// order: memory goes with how many are wanted, and not with how many come.
//
//   NearestPairs nearest(count_max, documents);
//   if (nearest.MayTake(pair.distance)) {
//     nearest.Add(pair);  // Its documents are known.
//   }
//   for (const FoundPair& pair : nearest.Finish()) { ... }
//
// Twice as many pairs as are wanted are held. When they are full, of each two
// documents the nearest rows are kept, and of these pairs the first ones; what
// comes later and is behind the last of them cannot be among the nearest.

#ifndef COPSE_VERSIONING_NEAREST_PAIRS_H_
#define COPSE_VERSIONING_NEAREST_PAIRS_H_

#include <cstddef>
#include <optional>
#include <tuple>
#include <vector>

#include "index/vector_source.h"
#include "versioning/involved_documents.h"

namespace copse {

// A pair of rows, with the first rows of their documents; the first document is
// the one with the smaller ordinals.
struct FoundPair {
  Ordinal first_document = 0;
  Ordinal second_document = 0;
  float distance = 0;
  Ordinal first_row = 0;
  Ordinal second_row = 0;

  auto documents() const { return std::tie(first_document, second_document); }
};

// By documents, the nearest rows of two of them first.
struct LessByDocuments {
  bool operator()(const FoundPair& left, const FoundPair& right) const {
    return std::tie(left.first_document, left.second_document, left.distance,
                    left.first_row, left.second_row) <
           std::tie(right.first_document, right.second_document, right.distance,
                    right.first_row, right.second_row);
  }
};
struct SameDocuments {
  bool operator()(const FoundPair& left, const FoundPair& right) const {
    return left.documents() == right.documents();
  }
};

// Thread safety: none.
class NearestPairs {
 public:
  // REQUIRES: count_max > 0. `documents` is not owned.
  NearestPairs(size_t count_max, const InvolvedDocuments& documents);

  // Whether a pair at `distance` may be among the nearest.
  bool MayTake(float distance) const {
    return !last_.has_value() || distance <= last_->distance;
  }

  // REQUIRES: the documents of the pair are known
  void Add(const FoundPair& pair);

  // Returns the rows of the pairs that are held, those of one that cannot be
  // among the nearest no longer: what has to stay known.
  std::vector<Ordinal> KeepNearest();

  // Returns at most count_max pairs of different documents, ascending by
  // (distance, bytes of the IDs, the smaller first). Called once.
  std::vector<FoundPair> Finish();

 private:
  // By (distance, bytes of the IDs).
  bool IsBefore(const FoundPair& left, const FoundPair& right) const;
  void Shrink();

  const size_t count_max_;
  const size_t held_count_max_;
  const InvolvedDocuments& documents_;
  std::vector<FoundPair> pairs_;
  std::optional<FoundPair> last_;  // Of count_max_ that are kept.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_NEAREST_PAIRS_H_
