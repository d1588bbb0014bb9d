// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Rows that no forest covers, packed for scans: the tail of a commit. Their
// codes are those of leaf pages, relative to the mean of all, in memory only. A
// scan goes through thousands of rows in microseconds.
//
//   COPSE_ASSIGN_OR_RETURN(
//       PackedRows rows,
//       PackedRows::Make(Metric::kCosine, vectors, ordinals));
//   COPSE_ASSIGN_OR_RETURN(std::vector<Neighbor> neighbors,
//                          rows.Search(vectors, query, {.neighbor_count =
//                          10}));

#ifndef COPSE_INDEX_PACKED_ROWS_H_
#define COPSE_INDEX_PACKED_ROWS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/forest.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/rotation.h"
#include "index/vector_source.h"

namespace copse {

// Thread safety: immutable; any number of threads may search one PackedRows.
class PackedRows {
 public:
  // Packs `ordinals`, which have no duplicates. Fails with what `vectors` fails
  // with.
  static absl::StatusOr<PackedRows> Make(Metric metric,
                                         const VectorSource& vectors,
                                         std::span<const Ordinal> ordinals);

  size_t row_count() const { return row_count_; }
  size_t memory_size_bytes() const;

  // As Forest::Search(): all rows are scanned, whatever the budget, and those
  // of the best estimates compared exactly. A rerank_count of 0 means
  // 8 * neighbor_count + 60 and an eighth of the rows: codes relative to one
  // vector are less exact than those of a leaf.
  absl::StatusOr<std::vector<Neighbor>> Search(
      const VectorSource& vectors, std::span<const float> query,
      const SearchOptions& options, SearchWork* work = nullptr) const;

  // Appends to `rows` those that may be as near to `query` as `reach`, which is
  // a squared distance, or minus an inner product, of stored vectors: all that
  // are but one in several hundred, and some that are not. `query` is of unit
  // length for cosine. REQUIRES: query.size() is the dimension of the rows
  void AppendWithin(std::span<const float> query, float reach,
                    std::vector<Ordinal>& rows) const;

 private:
  internal::CodeSpace Space() const {
    return {.metric = metric_, .rotation = rotation_.get(), .origin = mean_};
  }

  PackedRows() = default;

  Metric metric_ = Metric::kCosine;
  std::unique_ptr<const internal::Rotation> rotation_;
  std::vector<float> mean_;  // Empty for dot product.
  std::vector<PageRef> pages_;
  std::vector<internal::LeafPage> leaves_;  // Of pages_.
  size_t row_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_INDEX_PACKED_ROWS_H_
