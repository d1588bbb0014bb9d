// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// All that a domain has stored: how large each thing is, and what it leads to.
// The first half of size_meter.h, which finds out who reaches it.
//
//   COPSE_ASSIGN_OR_RETURN(StoredExtents stored,
//                          ReadStoredExtents(domain, check));
//   stored.rows.at(ordinal).extent.size_bytes;

#ifndef COPSE_VERSIONING_STORED_EXTENTS_H_
#define COPSE_VERSIONING_STORED_EXTENTS_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "index/page_store.h"
#include "index/vector_source.h"
#include "versioning/domain.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_pins.h"

namespace copse {

// Something stored, and which commit reaches it: a position in the order of the
// walk, kNobody or kSeveral.
struct Extent {
  static constexpr uint32_t kNobody = std::numeric_limits<uint32_t>::max();
  static constexpr uint32_t kSeveral = kNobody - 1;

  uint32_t size_bytes = 0;
  uint32_t owner = kNobody;

  void AddOwner(uint32_t position) {
    owner = owner == kNobody || owner == position ? position : kSeveral;
  }

  // For what commits that follow each other reach: from `position` on, and no
  // more at `position`.
  void Begin(uint32_t position) {
    owner = owner == kNobody ? position : kSeveral;
  }
  void End(uint32_t position) {
    owner = owner != kSeveral && position - owner > 1 ? kSeveral : owner;
  }
};

struct RowExtent {
  static constexpr uint32_t kNoText = std::numeric_limits<uint32_t>::max();

  Extent extent;
  // Its position in the texts, or kNoText.
  uint32_t text = kNoText;
};

struct TextExtent {
  Extent extent;
  uint32_t row_count = 0;  // Of the commit that the walk is at.
};

struct LiveSetExtent {
  Extent extent;
  uint64_t base = 0;
};

struct ForestExtent {
  Extent extent;
  ForestRecord record;
  int64_t page_size_bytes = 0;  // Of all its pages.
};

struct CommitExtent {
  std::string commit;
  absl::Time create_time;
  uint64_t live_set_number = 0;
  uint64_t forest_number = 0;
  int64_t manifest_size_bytes = 0;
  int64_t logical_size_bytes = 0;
  int64_t unique_size_bytes = 0;
};

struct StoredExtents {
  // Keeps what the commits reach, also if they are deleted meanwhile.
  GarbagePin pin;

  std::vector<CommitExtent> commits;  // Ascending by live set.
  absl::flat_hash_map<Ordinal, RowExtent> rows;
  std::vector<TextExtent> texts;
  absl::flat_hash_map<PageId, Extent> pages;
  absl::flat_hash_map<uint64_t, LiveSetExtent> live_sets;
  absl::flat_hash_map<uint64_t, ForestExtent> forests;

  // All of it, and what no commit can reach.
  int64_t size_bytes = 0;
};

// Reads each entry of the domain once. Asks `check` for each; a status of it
// that is not OK ends this. Fails with kDataLoss, DATA_DAMAGED, naming what is
// damaged.
absl::StatusOr<StoredExtents> ReadStoredExtents(
    Domain& domain, const std::function<absl::Status()>& check);

}  // namespace copse

#endif  // COPSE_VERSIONING_STORED_EXTENTS_H_
