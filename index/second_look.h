// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Rows that rounding may have kept from being compared exactly.
//
// The look-up table of a query is rounded to steps that go with its distance to
// the origin, and what that adds to an estimate goes with |r| |q - m|
// (coded_rows.h), while the error of the codes goes with |r| |q - c|. In most
// data the former is a twentieth of the latter. Among near-duplicates, where
// |q - c| is a hundredth of |q - m|, it is larger than the differences between
// rows, and the best estimates are any of them. Rounding is of a known size,
// though: after the best have been compared, the rows whose estimates are no
// farther than the last neighbor but for it are compared, too.
//
//   COPSE_ASSIGN_OR_RETURN(
//       const bool is_more,
//       AddHiddenRows(look, options, neighbors, scan, candidates, rows));
//   if (is_more) { ... }  // Rerank() again.

#ifndef COPSE_INDEX_SECOND_LOOK_H_
#define COPSE_INDEX_SECOND_LOOK_H_

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/coded_query.h"
#include "index/forest.h"
#include "index/leaf_page.h"
#include "index/top_k.h"
#include "index/vector_source.h"

namespace copse::internal {

// A leaf that has been scanned.
struct ScannedLeaf {
  const LeafPage* page = nullptr;  // Not owned.
  float centroid_score = 0;
};

// The most rows that are compared after a second look, beside those that were
// before: a millisecond's work at some hundred dimensions.
inline constexpr size_t kSecondLookRowCountMax = 4096;

// Returns the score of a centroid below which the rounding of its rows'
// estimates is not small against the error of their codes: none, in the inner
// product, whose codes have an error that goes with the length of the query.
float SecondLookScore(const CodedQuery& query);

// What was searched. Nothing is owned.
struct SecondLook {
  const VectorSource& vectors;
  std::span<const float> query;  // As coded: of unit length, for cosine.
  const CodedQuery& coded_query;
  std::span<const ScannedLeaf> leaves;  // Those that need a second look.
  RowFilter filter;
  // All rows with smaller estimates have been compared.
  float compared = std::numeric_limits<float>::lowest();
};

// Adds to `rows`, which have been compared and of which `neighbors` are the
// nearest, those of the leaves whose estimates, less three standard deviations
// of rounding, are no farther than the last neighbor; all rows of the leaves
// if there are fewer than options.neighbor_count. Each row is in `rows` once
// afterwards, ascending. Returns whether any were added. Empties `candidates`.
// Fails with what `vectors` and options.check fail with.
absl::StatusOr<bool> AddHiddenRows(const SecondLook& look,
                                   const SearchOptions& options,
                                   std::span<const Neighbor> neighbors,
                                   ScanScratch& scan, TopK& candidates,
                                   std::vector<Ordinal>& rows);

}  // namespace copse::internal

#endif  // COPSE_INDEX_SECOND_LOOK_H_
