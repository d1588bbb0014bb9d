// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which forest a commit searches, and when it gets a better one.
//
//   COPSE_ASSIGN_OR_RETURN(
//       ForestChoice choice,
//       ChooseForest(domain, live, parent.manifest().preferred_forest));
//   if (choice.fold_is_due) {
//     COPSE_ASSIGN_OR_RETURN(
//         Fold fold, FoldForest(domain, choice.forest, live, live_number));
//   }
//
// Up to `forest_row_count_min` rows a commit has no forest: comparing them all
// is exact and takes no longer. Above, a forest serves as long as what the
// commit adds and removes, its change, is at most the greater of that number
// and 3 % of the rows: then searching the tail costs about what searching the
// forest costs. A fold makes a forest over exactly the commit's rows, from the
// best one there is if that covers about the same, or anew.
//
// A fold costs O(change) and is due after a change of as many rows, so it is
// amortised over them. Until it is made, commits are searched through the best
// forest there is, or none: slower, and as exactly.

#ifndef COPSE_VERSIONING_FOLD_H_
#define COPSE_VERSIONING_FOLD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_pins.h"
#include "versioning/meta_database.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {

// Returns how many rows a forest may lack or have too many to serve a commit of
// `row_count` rows.
int64_t ChangeCountMax(const Domain& domain, int64_t row_count);

struct ForestChoice {
  // The forest to search, or to fold from. Null: none.
  std::shared_ptr<const DomainForest> forest;
  bool fold_is_due = false;
};

// Returns the forest for a commit with rows `live`: forest `preferred` (0:
// none) if it serves, else the one that differs least of those made soon after
// it and of the domain's newest. None that a search has found damaged: a fold
// is due then.
absl::StatusOr<ForestChoice> ChooseForest(Domain& domain, const RowSet& live,
                                          uint64_t preferred);

// A forest that exists when its record is written.
struct Fold {
  std::shared_ptr<const DomainForest> forest;
  ForestRecord record;

  // Keeps its pages, and those of its base, until the record is written and the
  // catalog knows the forest.
  GarbagePin pin = {};
};

// Makes a forest that covers `live`, which is live set `live_set_number`, from
// `base`, which may be null. Its pages are written, not synced. Who calls has
// pinned the rows (a reader or a build has), and keeps the Fold until the
// record is written. Fails with kCancelled soon after `stop` is set.
absl::StatusOr<Fold> FoldForest(Domain& domain, const DomainForest* base,
                                const RowSet& live, uint64_t live_set_number,
                                const std::atomic<bool>& stop);

// Puts what makes the forest exist into `batch`.
void PutFold(Domain& domain, const Fold& fold, MetaBatch& batch);

// Makes a forest for a complete commit if one is due, durably, and has opened
// commits that are nearer to it than to their own opened anew. Tells `on_begin`
// first, unless that is null. Returns nullopt if none is due, or the commit is
// gone. Fails as FoldForest().
absl::StatusOr<std::optional<FoldReport>> FoldCommit(
    Domain& domain, absl::string_view commit, const std::atomic<bool>& stop,
    const std::function<void(const FoldReport&)>& on_begin);

}  // namespace copse

#endif  // COPSE_VERSIONING_FOLD_H_
