// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Keeps the live sets of a domain. A live set is stored as a snapshot, or as
// the difference to an ancestor, so that a commit writes what it changed.
//
//   LiveSetStore live_sets(database, domain_number);
//   MetaBatch batch(database);
//   COPSE_ASSIGN_OR_RETURN(
//       WrittenLiveSet written,
//       live_sets.Write({.parent = parent_number, .added = &added,
//                        .removed = &removed}, batch));
//   ... the batch is written with the manifest ...
//   COPSE_ASSIGN_OR_RETURN(LiveSet rows, live_sets.Load(written.number));
//
// Fields of a record (see record_codec.h for the envelope and the types),
// version 1:
//
//   depth             u32    0: a snapshot
//   base              u64    number of the live set it is a difference to; 0
//                            for a snapshot
//   row count         u64    of the whole live set, at most 2^32
//   chain size        u64    bytes of differences from the snapshot to here
//   snapshot size     u64    bytes of the snapshot the chain begins with
//   added             bytes  the set itself, for a snapshot; see live_set.h
//   removed           bytes  empty for a snapshot
//
// Invariants:
//
// * A difference at depth k refers to the ancestor at depth k minus the lowest
//   set bit of k, so that loading reads at most 1 + log2(k) records. The
//   ancestor is on the way that loading the parent takes, and so the new
//   difference is put together from those on that way: no whole set is
//   needed, and a difference of d rows costs O(d log k), amortised.
// * When the differences on the way to a new set outweigh its snapshot (and
//   4 KiB), a snapshot is written. Before that, as many bytes of differences
//   have been written, so this is O(d) amortised, too.
// * Number 0 is the empty set and has no record.

#ifndef COPSE_VERSIONING_LIVE_SET_STORE_H_
#define COPSE_VERSIONING_LIVE_SET_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/live_set.h"
#include "versioning/meta_database.h"
#include "versioning/number_allocator.h"

namespace copse {

// The value under LiveSetKey().
struct LiveSetRecord {
  uint32_t depth = 0;
  uint64_t base = 0;
  int64_t row_count = 0;
  int64_t chain_size_bytes = 0;
  int64_t snapshot_size_bytes = 0;
  LiveSet added;  // The set itself, at depth 0.
  LiveSet removed;

  std::string Encode() const;
  static absl::StatusOr<LiveSetRecord> Parse(absl::string_view bytes);
};

// A change of a live set.
struct LiveSetChange {
  uint64_t parent = 0;  // The number of the live set that is changed.

  // Not owned, never null. `added` has nothing of the parent, and `removed`
  // nothing else.
  const LiveSet* added = nullptr;
  const LiveSet* removed = nullptr;

  // The parent itself, if the caller has it loaded: spares reading it when a
  // snapshot is due. Not owned; may be null.
  const LiveSet* parent_set = nullptr;
};

struct WrittenLiveSet {
  uint64_t number = 0;
  int64_t row_count = 0;
  int64_t size_bytes = 0;  // Put into the batch.
};

// Thread safety: any number of threads may use one LiveSetStore. There is one
// for each domain in the process.
class LiveSetStore {
 public:
  // `database` must outlive the store.
  LiveSetStore(MetaDatabase& database, uint32_t domain_number);

  // Returns live set `number`. Fails with kDataLoss, DATA_DAMAGED, naming the
  // live set, if it or one it builds on is missing or damaged.
  absl::StatusOr<LiveSet> Load(uint64_t number) const;

  // Returns the record of live set `number`, not 0, for who has in memory what
  // it is a difference to. Fails as Load().
  absl::StatusOr<LiveSetRecord> ReadRecord(uint64_t number) const;

  // Returns the numbers that `number` builds on, itself first, the snapshot
  // last: what must be kept as long as it is kept.
  absl::StatusOr<std::vector<uint64_t>> ListChain(uint64_t number) const;

  // Returns a number that every live set written before is below, and none that
  // is written later.
  absl::StatusOr<uint64_t> next_number() { return numbers_.next_number(); }

  // Puts the changed live set into `batch`; it exists when the batch is
  // written. Without any change it is the parent, and without any row it is
  // number 0. Fails with kInternal if the counts show that the change does not
  // fit the parent, and with kDataLoss if the parent cannot be read.
  absl::StatusOr<WrittenLiveSet> Write(const LiveSetChange& change,
                                       MetaBatch& batch);

 private:
  absl::StatusOr<WrittenLiveSet> PutRecord(const LiveSetRecord& record,
                                           MetaBatch& batch);
  absl::StatusOr<WrittenLiveSet> WriteSnapshot(const LiveSetChange& change,
                                               MetaBatch& batch);

  MetaDatabase& database_;
  const uint32_t domain_number_;
  NumberAllocator numbers_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LIVE_SET_STORE_H_
