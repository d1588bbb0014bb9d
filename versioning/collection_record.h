// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What garbage collections of a domain have deleted and not given back to the
// disk yet: compacting a table for a few of its entries would cost more than it
// gains, so they are counted from one collection to the next. If a crash cut a
// collection short, nobody knows how many there are.
//
// CollectionRecord, fields (see record_codec.h for the envelope and the types),
// version 1:
//
//   start time      time  of the last collection
//   is sweeping     u8    0 or 1: it has begun to delete, and not ended
//   row count       u64   deleted and not compacted; all four are below 2^63
//   text count      u64
//   page count      u64
//   live set count  u64

#ifndef COPSE_VERSIONING_COLLECTION_RECORD_H_
#define COPSE_VERSIONING_COLLECTION_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

// The value under CollectionKey().
struct CollectionRecord {
  absl::Time start_time = absl::UnixEpoch();
  bool is_sweeping = false;
  int64_t row_count = 0;
  int64_t text_count = 0;
  int64_t page_count = 0;
  int64_t live_set_count = 0;

  std::string Encode() const;
  static absl::StatusOr<CollectionRecord> Parse(absl::string_view bytes);

  friend bool operator==(const CollectionRecord&,
                         const CollectionRecord&) = default;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COLLECTION_RECORD_H_
