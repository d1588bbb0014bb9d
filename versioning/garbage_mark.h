// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The mark of garbage collection: what of a domain is in use
// (garbage_collector.h says by what).
//
//   COPSE_ASSIGN_OR_RETURN(
//       const GarbageMark mark,
//       MarkDomain(domain, {.check = check}));
//   if (!mark.KeepsRow(ordinal)) { ... }

#ifndef COPSE_VERSIONING_GARBAGE_MARK_H_
#define COPSE_VERSIONING_GARBAGE_MARK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/page_store.h"
#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/garbage_pins.h"
#include "versioning/live_set.h"

namespace copse {

struct GarbageMark {
  // Numbers from these on are kept.
  NumberMarks ends;

  // Where the next row was to be written when the mark began.
  uint64_t next_ordinal = 0;

  int64_t commit_count = 0;
  LiveSet rows;
  absl::flat_hash_set<uint64_t> live_sets;
  absl::flat_hash_set<PageId> pages;

  // Nobody gets these forests any more. All others are kept.
  std::vector<uint64_t> condemned_forests;
  int64_t forest_count = 0;  // Kept.

  // The first 8 bytes of content hashes, ascending. Equal ones of different
  // texts keep a text too long, one in 2^64 / n times.
  std::vector<uint64_t> texts;

  bool KeepsRow(Ordinal ordinal) const {
    return ordinal >= ends.ordinal_end || rows.Contains(ordinal);
  }
  bool KeepsLiveSet(uint64_t number) const {
    return number >= ends.live_set_end || live_sets.contains(number);
  }
  bool KeepsPage(PageId page_id) const {
    return page_id >= ends.page_end || pages.contains(page_id);
  }
  bool KeepsText(const ContentHash& content_hash) const;
};

// Returns what GarbageMark::texts has of a hash.
uint64_t ShortHash(const ContentHash& content_hash);

struct GarbageMarkOptions {
  // Condemns no forest.
  bool is_dry_run = false;

  // Commits to take for deleted.
  absl::flat_hash_set<std::string> expired_commits = {};

  // Called now and then; what it fails with ends the mark.
  std::function<absl::Status()> check = nullptr;
};

// Fails with kDataLoss, DATA_DAMAGED, if something is damaged or missing that
// says what is used. REQUIRES: Domain::BeginCollection() returned true; the
// caller ends the collection when it has swept.
absl::StatusOr<GarbageMark> MarkDomain(Domain& domain,
                                       const GarbageMarkOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_GARBAGE_MARK_H_
