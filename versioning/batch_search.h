// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Many searches of one commit at once.
//
//   COPSE_ASSIGN_OR_RETURN(
//       DocumentBatchResult result,
//       BatchSearch(*reader, queries, {.neighbor_count = 10}));

#ifndef COPSE_VERSIONING_BATCH_SEARCH_H_
#define COPSE_VERSIONING_BATCH_SEARCH_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "versioning/commit_reader.h"

namespace copse {

struct DocumentBatchResult {
  // By query, as in DocumentSearchResult.
  std::vector<std::vector<DocumentNeighbor>> neighbors = {};
  SearchWork work = {};  // Of all.
};

// Searches for each of `queries` in the place of that of the options, which is
// not used: what CommitReader::Search() returns for it, up to the choice among
// rows with equal estimates. Faster than as many searches, as a part of the
// forest that several queries want is read from memory once. Fails as Search().
absl::StatusOr<DocumentBatchResult> BatchSearch(
    const CommitReader& reader, std::span<const std::span<const float>> queries,
    const DocumentSearchOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_BATCH_SEARCH_H_
