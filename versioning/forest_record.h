// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A forest of a domain: its root page, and which rows it covers.
//
// Fields (see record_codec.h for the envelope and the types), version 1:
//
//   root page          u64   not 0
//   covered live set   u64   number of a live set, not 0
//   row count          u64   of the covered live set, below 2^63
//   base forest        u64   the forest it was edited from; 0: built anew
//   written pages      u64   below 2^63
//   written bytes      u64   below 2^63
//   create time        time
//
// Version 2, which is written if and only if there is a calibration, goes on:
//
//   calibration        bytes   a page of index/calibration.h
//   changed rows       u64     since then, below 2^63
//   accepted queries   u64     of the sample then (query_sample.h), below 2^63

#ifndef COPSE_VERSIONING_FOREST_RECORD_H_
#define COPSE_VERSIONING_FOREST_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/calibration.h"
#include "index/page_store.h"

namespace copse {

// The value under ForestKey(). Immutable.
struct ForestRecord {
  PageId root_page = kNoPage;
  uint64_t covered_live_set = 0;
  int64_t row_count = 0;
  uint64_t base_forest = 0;
  int64_t written_page_count = 0;
  int64_t written_size_bytes = 0;
  absl::Time create_time;

  // Of this forest, or of one that it was edited from, since when so many rows
  // have been inserted and deleted.
  std::optional<Calibration> calibration = std::nullopt;
  int64_t changed_row_count = 0;
  int64_t accepted_query_count = 0;

  std::string Encode() const;
  static absl::StatusOr<ForestRecord> Parse(absl::string_view bytes);

  friend bool operator==(const ForestRecord&, const ForestRecord&) = default;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_FOREST_RECORD_H_
