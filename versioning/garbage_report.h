// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What callers say to garbage collection and learn from it: plain values.

#ifndef COPSE_VERSIONING_GARBAGE_REPORT_H_
#define COPSE_VERSIONING_GARBAGE_REPORT_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"

#include "versioning/commit.h"

namespace copse {

// One kind of thing.
struct GarbageCount {
  int64_t kept_count = 0;
  int64_t removed_count = 0;

  // Keys and values as they were stored.
  int64_t removed_size_bytes = 0;

  friend bool operator==(const GarbageCount&, const GarbageCount&) = default;
};

// In the order in which a collection comes to them.
enum class GarbagePhase {
  kExpiring,    // Deletes the commits that no retention rule keeps.
  kMarking,     // Finds what is used.
  kSweeping,    // Deletes the rest.
  kRewriting,   // Gives back the disk of vectors.
  kCompacting,  // Gives back the disk of everything else.
};

struct GarbageReport {
  GarbageCount commits = {};  // Removed: by the retention rules, just now.
  GarbageCount live_sets = {};
  GarbageCount forests = {};
  GarbageCount pages = {};
  GarbageCount rows = {};      // With the documents that they are of.
  GarbageCount texts = {};     // Kept: not counted.
  // Of words, one for each term of each row, and of attributes, one for each of
  // each document.
  GarbageCount postings = {};

  // Vectors have no size of their own: they are freed by segment.
  int64_t rewritten_segment_count = 0;

  // The disk that the domain's vectors take, and that the database takes with
  // all domains. After a dry run: what is expected, at least; entries of the
  // database may be compressed on the disk.
  int64_t vector_size_bytes_before = 0;
  int64_t vector_size_bytes_after = 0;
  int64_t meta_size_bytes_before = 0;
  int64_t meta_size_bytes_after = 0;

  // kDataLoss, DATA_DAMAGED, if files of the database could not be compacted
  // since a block of theirs is damaged, perhaps one of another domain. What was
  // removed is removed, but still on the disk; the next collection tries again.
  absl::Status compaction_status = absl::OkStatus();

  // Negative if pushes wrote more than was freed meanwhile.
  int64_t freed_size_bytes() const {
    return vector_size_bytes_before - vector_size_bytes_after +
           meta_size_bytes_before - meta_size_bytes_after;
  }
};

struct GarbageOptions {
  // Says what would be removed, and removes nothing.
  bool is_dry_run = false;

  // In the place of the domain's rules.
  std::optional<RetentionPolicy> retention = std::nullopt;

  // Called now and then with what was found so far; a status that is not OK
  // stops the collection. May be null.
  std::function<absl::Status(GarbagePhase, const GarbageReport&)> on_progress =
      nullptr;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_GARBAGE_REPORT_H_
