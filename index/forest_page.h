// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The root record of a forest: its options, its size and where its trees
// begin. Whoever has its page number has the forest.
//
//   std::vector<std::byte> bytes = EncodeForestPage(record);
//   COPSE_ASSIGN_OR_RETURN(ForestRecord record, ParseForestPage(bytes));
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET  SIZE  FIELD
//       16     2  layout, 1
//       18     1  metric, see metric.h
//       19     1  tree count t, 1 to 8
//       20     4  dimension, 1 to kDimensionMax
//       24     4  fan-out, 4 to 1024
//       28     4  leaf row count, 8 to 1024
//       32     8  seed
//       40     8  row count, at most 2^32
//       48     8  number of the centroid page that holds the origin alone;
//                 0 means that the origin is zero
//       56     8  reserved, zero
//       64  24*t  one tree after the other:
//                    0  8  number of its top page, an inner page
//                    8  8  leaf count
//                   16  1  level of its top page, 1 to kLevelMax
//                   17  7  reserved, zero
//
// Without rows all fields of the trees are zero; with rows, none of the three.

#ifndef COPSE_INDEX_FOREST_PAGE_H_
#define COPSE_INDEX_FOREST_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/page_store.h"

namespace copse::internal {

struct TreeRecord {
  PageId top = kNoPage;
  uint64_t leaf_count = 0;
  uint32_t level = 0;

  friend bool operator==(const TreeRecord&, const TreeRecord&) = default;
};

struct ForestRecord {
  ForestOptions options;  // thread_count is not stored.
  uint32_t dimension = 0;
  uint64_t row_count = 0;
  PageId origin = kNoPage;
  std::vector<TreeRecord> trees;  // options.tree_count of them.
};

// Returns kInvalidArgument, naming the field, unless all of `options` are in
// range.
absl::Status CheckForestOptions(const ForestOptions& options);

// Returns what the page `bytes` says. Fails with kDataLoss, and with
// kUnimplemented for a newer layout.
absl::StatusOr<ForestRecord> ParseForestPage(std::span<const std::byte> bytes);

// Returns the page that says `record`.
// REQUIRES: record is within the bounds of the layout.
std::vector<std::byte> EncodeForestPage(const ForestRecord& record);

}  // namespace copse::internal

#endif  // COPSE_INDEX_FOREST_PAGE_H_
