// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds what of a domain nobody uses any more, deletes it, and gives its disk
// back.
//
//   COPSE_ASSIGN_OR_RETURN(GarbageReport report,
//                          CollectDomainGarbage(domain, options));
//
// What is kept: the live sets and forests that complete commits and pins
// (garbage_pins.h) name; live sets that these build on; pages of these forests;
// rows of these live sets and of the covered sets of these forests, since
// folds, filters and searches read them; texts of these rows; and whatever was
// allocated after the mark began, or after a push or a fold that is in flight
// did. A forest that no commit prefers is kept as long as it serves a commit
// best whose own one does not serve: a fold in the background made it.
//
// Order and crashes:
//
// * Commits are deleted first, then records of forests, in one synced write:
//   what comes later can only be reached through these. From then on any part
//   of the rest may be gone, and a collection after a crash finds what is left
//   by marking anew.
// * A row goes in one batch with its document and, if it is the last of it, its
//   text, by which the text is found.
// * The postings of a row go before it, so that a row that is gone has none.
// * Disk is given back last: segments are rewritten (segment_file.h), tables
//   compacted. A record (collection_record.h) tells the next collection what
//   was deleted and not compacted.

#ifndef COPSE_VERSIONING_GARBAGE_COLLECTOR_H_
#define COPSE_VERSIONING_GARBAGE_COLLECTOR_H_

#include "absl/status/statusor.h"

#include "versioning/domain.h"
#include "versioning/garbage_report.h"

namespace copse {

// Fails as Store::CollectGarbage(). Time and memory go with the domain: one bit
// in memory for each row, 8 bytes for each text and each page that is kept.
absl::StatusOr<GarbageReport> CollectDomainGarbage(
    Domain& domain, const GarbageOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_GARBAGE_COLLECTOR_H_
