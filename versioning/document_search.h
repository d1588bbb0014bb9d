// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Search at a commit: the forest's answer without the rows that the commit
// removed, together with an exact one over the rows that it adds.
//
//   COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
//                          SearchDocuments(reader, {.query = vector}));
//
// Results are the first by (distance, bytes of the document ID). Rows are
// numbered in order of arrival, which is not the order of the IDs, so where the
// last distance is shared by more rows than are wanted, all of these are
// looked at before the ID decides.

#ifndef COPSE_VERSIONING_DOCUMENT_SEARCH_H_
#define COPSE_VERSIONING_DOCUMENT_SEARCH_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/commit_reader.h"

namespace copse {

class CommitReaderImpl;

inline constexpr size_t kNeighborCountMax = 10'000;

// Returns OK, or kInvalidArgument, NEIGHBOR_COUNT_INVALID.
absl::Status CheckNeighborCount(size_t neighbor_count);

// See CommitReader::Search().
absl::StatusOr<DocumentSearchResult> SearchDocuments(
    const CommitReaderImpl& reader, const DocumentSearchOptions& options);

// Makes the next reader of the commit take another forest: this one is damaged,
// and the rows are not. REQUIRES: the reader has a forest
void MarkForestDamaged(const CommitReaderImpl& reader);

}  // namespace copse

#endif  // COPSE_VERSIONING_DOCUMENT_SEARCH_H_
