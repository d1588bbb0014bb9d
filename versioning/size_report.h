// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How much each commit of a domain takes, and how much of it commits share:
// plain values.
//
// A commit reaches its manifest; its rows, each with vector, check, row record,
// document record and, if it has one, text; the records that its live set is
// put together from; and the forest that its manifest names: record, pages and
// covered live set. Sizes are of keys and values as they are given to the
// database, texts and pages compressed, and of vectors and checks in their
// segments. Postings of words are not in them, since one value has those of
// many commits. What the database adds or saves (tables, indexes, logs) and
// unused space of segments are not in them, nor is the embedding cache.

#ifndef COPSE_VERSIONING_SIZE_REPORT_H_
#define COPSE_VERSIONING_SIZE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace copse {

struct CommitSize {
  std::string commit = {};
  absl::Time create_time = {};

  // All that the commit reaches: what it would take alone. A text that several
  // of its rows have is counted once.
  int64_t logical_size_bytes = 0;

  // What no other commit reaches: what its deletion would free, but for the
  // skeleton, and for a forest that serves others meanwhile.
  int64_t unique_size_bytes = 0;

  // The rest, which other commits reach, too.
  int64_t shared_size_bytes() const {
    return logical_size_bytes - unique_size_bytes;
  }

  friend bool operator==(const CommitSize&, const CommitSize&) = default;
};

struct DomainSize {
  int64_t commit_count = 0;

  // What the commits would take if they shared nothing.
  int64_t logical_size_bytes = 0;

  // What exactly one commit reaches, and what several do, counted once.
  int64_t unique_size_bytes = 0;
  int64_t shared_size_bytes = 0;

  // What is stored and no commit reaches: garbage, what is left of deleted
  // commits, pushes in flight, and forests that were made in the background
  // and that no manifest names, though commits may be searched through them.
  int64_t other_size_bytes = 0;

  friend bool operator==(const DomainSize&, const DomainSize&) = default;
};

struct SizeReport {
  std::vector<CommitSize> commits = {};  // Newest first, as they are listed.
  DomainSize domain = {};
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SIZE_REPORT_H_
