// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A leaf page holds the rows of one leaf as codes from which distances are
// estimated (coded_rows.h). A scan reads the page from front to back and
// nothing else.
//
//   LeafPageBuilder builder(space, centroid);
//   builder.AddRow(ordinal, vector);
//   std::vector<std::byte> bytes = builder.Finish();
//   ...
//   COPSE_ASSIGN_OR_RETURN(LeafPage page, LeafPage::Parse(bytes));
//   page.Scan(query, centroid_score, filter, scratch, candidates);
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET   SIZE  FIELD
//       16      2  layout, 2
//       18      2  exponent of the factors of the coded rows
//       20      4  dimension d, 1 to kDimensionMax
//       24      4  row count n, 1 to kLeafRowCountMax
//       28      2  exponent of the biases of the coded rows
//       30     34  reserved, zero
//       64    4*n  ordinals, strictly ascending
//      ...         coded rows, in the same order

#ifndef COPSE_INDEX_LEAF_PAGE_H_
#define COPSE_INDEX_LEAF_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/top_k.h"
#include "index/vector_source.h"

namespace copse::internal {

// The most rows of a leaf page: twice the largest
// ForestOptions::leaf_row_count.
inline constexpr uint32_t kLeafRowCountMax = 2048;

// Which rows a search may return.
struct RowFilter {
  const RowBitmap* allowed = nullptr;   // Not owned; null means all.
  const RowBitmap* excluded = nullptr;  // Not owned; null means none.

  bool empty() const { return allowed == nullptr && excluded == nullptr; }
  bool Passes(Ordinal ordinal) const {
    const bool is_allowed = allowed == nullptr || allowed->Contains(ordinal);
    const bool is_excluded = excluded != nullptr && excluded->Contains(ordinal);
    return static_cast<int>(is_allowed) > static_cast<int>(is_excluded);
  }
};

// Working memory of scans; kept from one to the next.
struct ScanScratch {
  // Makes room for pages of `row_count` rows.
  void Reserve(size_t row_count);

  std::vector<uint16_t> sums;
  std::vector<float> estimates;
  std::vector<uint32_t> indices;
};

// A view of one page that has been checked.
class LeafPage {
 public:
  // Checks `bytes`, which must outlive the view. Fails with kDataLoss, and
  // with kUnimplemented for a newer layout.
  // REQUIRES: bytes begin at an address that is a multiple of 8.
  static absl::StatusOr<LeafPage> Parse(std::span<const std::byte> bytes);

  size_t dimension() const { return dimension_; }
  size_t row_count() const { return ordinals_.size(); }

  // Strictly ascending.
  std::span<const Ordinal> ordinals() const { return ordinals_; }

  // Returns the index of row `ordinal`, if it is on the page.
  std::optional<size_t> Find(Ordinal ordinal) const;

  // Adds the estimates of the rows that pass `filter` to `candidates`, smaller
  // is nearer, and returns how many these are. `centroid_score` is the squared
  // distance of the query to the centroid of the leaf, or minus their inner
  // product; so are the estimates.
  size_t Scan(const CodedQuery& query, float centroid_score,
              const RowFilter& filter, ScanScratch& scratch,
              TopK& candidates) const;

  // The same for the rows with estimates up to `limit`, or by rounding a little
  // more, and returns nothing.
  void ScanUpTo(float limit, const CodedQuery& query, float centroid_score,
                const RowFilter& filter, ScanScratch& scratch,
                TopK& candidates) const;

  const CodedRows& coded_rows() const { return rows_; }

  // Asks for the page, which will be scanned soon.
  void Prefetch() const;

 private:
  LeafPage(size_t dimension, std::span<const Ordinal> ordinals,
           const CodedRows& rows)
      : dimension_(dimension), ordinals_(ordinals), rows_(rows) {}

  size_t dimension_;
  std::span<const Ordinal> ordinals_;  // Not owned.
  CodedRows rows_;
};

// Makes a leaf page, row by row in any order.
//
// Thread safety: none.
class LeafPageBuilder {
 public:
  // `space` and `centroid` must outlive the builder.
  LeafPageBuilder(const CodeSpace& space, std::span<const float> centroid);

  // Encodes `vector`, whose components are finite.
  void AddRow(Ordinal ordinal, std::span<const float> vector);

  // Copies row `index` of `page`, which has the same metric, centroid and
  // origin: the code stays as it is, and the vector need not be read.
  void CopyRow(const LeafPage& page, size_t index);

  size_t row_count() const { return ordinals_.size(); }

  // Returns the mean squared distance of the rows to the centroid, about; 0
  // without rows.
  float spread() const { return rows_.spread(); }

  // Returns the page. Called once.
  // REQUIRES: 1 to kLeafRowCountMax rows, with different ordinals.
  std::vector<std::byte> Finish();

 private:
  Metric metric_;
  size_t dimension_;
  std::vector<Ordinal> ordinals_;
  CodedRowsBuilder rows_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_LEAF_PAGE_H_
