// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Merges the rows of two commits over those of a third, document by document,
// without reading what is the same in all of them.
//
//   COPSE_ASSIGN_OR_RETURN(
//       const MergedRows merged,
//       MergeRows(domain, {.base = base, .ours = ours, .theirs = theirs},
//                 ConflictPolicy::kFail, visitor));
//   rows = ours.Edit(merged.added, merged.removed);
//
// A document has changed on a side if its content is not that of the base:
// absence is a content, and the row that holds it is not. What changed on one
// side is taken from it. What changed on both to the same content is kept;
// anything else that changed on both is a conflict. Of two rows with the same
// content that of the base gives way, so that a merge over one of its sides has
// exactly the rows of the other.

#ifndef COPSE_VERSIONING_MERGE_H_
#define COPSE_VERSIONING_MERGE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "index/vector_source.h"
#include "versioning/domain.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {

struct MergeSides {
  const RowSet& base;
  const RowSet& ours;
  const RowSet& theirs;
};

// What makes the merge of ours. No row is new: each is one of theirs.
struct MergedRows {
  std::vector<Ordinal> added;    // Ascending.
  std::vector<Ordinal> removed;  // Ascending.

  // Documents of the merge against ours.
  int64_t inserted_count = 0;
  int64_t replaced_count = 0;
  int64_t deleted_count = 0;

  // Documents on which the sides disagree. With ConflictPolicy::kFail the rows
  // are those of ours for them, and mean nothing.
  int64_t conflict_count = 0;
};

// Merges the sides. `visitor` hears of conflicts, ascending by the bytes of
// their IDs. Takes time and memory that go with what differs from the base.
// Fails as ReadRows() and with what `visitor` fails with.
absl::StatusOr<MergedRows> MergeRows(const Domain& domain,
                                     const MergeSides& sides,
                                     ConflictPolicy policy,
                                     const MergeVisitor& visitor);

}  // namespace copse

#endif  // COPSE_VERSIONING_MERGE_H_
