// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// All pairs of rows that are near each other: a join of a set of rows with
// itself, leaf by leaf, which costs far less than a search for each row.
//
//   COPSE_RETURN_IF_ERROR(JoinPairs(
//       Metric::kCosine, vectors, {.forest = forest.get(), .tail = tail},
//       {.distance_max = 0.05F}, [&](std::span<const RowPair> pairs) {
//         return sorter.Add(pairs);
//       }));
//
// Rows of equal vectors are found by their hashes. For the others, let t be the
// distance in the space of the codes (coded_rows.h), x a row of the leaf with
// centroid a, and y a row at most at t of it, whose leaf has centroid b. Since
// y is nearer to b than to a,
//
//   |x - b| <= |x - y| + |y - b| <= t + |y - a| <= |x - a| + 2 t
//
// and of the two rows one is at most at half of t across the boundary. As few
// differences point straight at the boundary, less is enough but in dense
// families (leaf_join.cc). So each row of a leaf is looked for in the leaves
// that are at most so much farther from it; their codes are scanned for all
// rows of the leaf at once, and what may be near enough is compared exactly.
//
// In the dot product, where nothing bounds a leaf, the codes of all leaves are
// scanned. A Manhattan distance bounds the Euclidean one only by itself, which
// would be useless: it is taken for differences spread over a sixth of the
// components or more.

#ifndef COPSE_INDEX_PAIR_JOIN_H_
#define COPSE_INDEX_PAIR_JOIN_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"

#include "index/forest.h"
#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/vector_source.h"

namespace copse {

// Two rows, the smaller ordinal first, and how far they are from each other.
struct RowPair {
  Ordinal first = 0;
  Ordinal second = 0;
  float distance = 0;

  friend auto operator<=>(const RowPair&, const RowPair&) = default;
};

// The rows to be joined: those that the forest covers but the excluded ones,
// and the tail. Nothing is owned.
struct JoinedRows {
  const Forest* forest = nullptr;      // Null: there is none.
  std::span<const Ordinal> tail = {};  // Not covered; in any order, each once.
  const RowBitmap* excluded = nullptr;

  // If set, only pairs of which both rows are in it. A subset of the rows.
  const RowBitmap* allowed = nullptr;

  // If set, only pairs of which a row is in it. A subset of the rows. The work
  // then goes with the rows in it.
  const RowBitmap* changed = nullptr;
};

struct PairJoinOptions {
  // How far the rows of a pair are at most, in the metric. Not NaN. At 0 the
  // rows with equal vectors are found, all of them; but in the dot product.
  float distance_max = 0;

  // Whether every row is compared with every other.
  bool exact = false;

  // In [1, 256].
  uint32_t thread_count = 1;

  // If set, it is called again and again, by any of the threads, and the join
  // ends with the first status that is not OK. Not owned.
  const std::function<absl::Status()>* check = nullptr;
};

// What a join did; added to.
struct PairJoinWork {
  int64_t leaf_count = 0;    // Leaves looked at, again for each row.
  int64_t rows_scanned = 0;  // Estimated.
  int64_t rows_compared = 0;
};

// Takes pairs in no particular order; a pair may come twice, with the same
// distance. Called by one thread at a time.
using PairSink = std::function<absl::Status(std::span<const RowPair>)>;

// Calls `sink` with the pairs. The same input gives the same pairs, for any
// number of threads. Fails with kInvalidArgument for a distance that is not a
// number or another dimension, and with what `vectors`, the pages, the check
// and the sink fail with. `work` may be null.
absl::Status JoinPairs(Metric metric, const VectorSource& vectors,
                       const JoinedRows& rows, const PairJoinOptions& options,
                       const PairSink& sink, PairJoinWork* work = nullptr);

}  // namespace copse

#endif  // COPSE_INDEX_PAIR_JOIN_H_
