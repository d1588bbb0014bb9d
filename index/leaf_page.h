// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A leaf page holds the rows of one leaf as codes from which distances are
// estimated: each row is its difference r to the centroid of the leaf, rounded
// to 8 bits a component. A scan reads the page from front to back and nothing
// else. What a code looks like is known to this file alone, so that another
// layout can replace it.
//
//   LeafPageBuilder builder(metric, centroid, origin);
//   builder.AddRow(ordinal, vector);
//   std::vector<std::byte> bytes = builder.Finish();
//   ...
//   LeafQuery leaf_query;
//   leaf_query.Prepare(RankingFor(metric), query, origin);  // Once a search.
//   COPSE_ASSIGN_OR_RETURN(LeafPage page, LeafPage::Parse(bytes));
//   page.Scan(leaf_query, centroid_score, filter, candidates);
//
// The estimates, with c the centroid, m the origin (about the mean of all
// rows, so that the query's code is not spent on what all rows share), r^ the
// rounded r and `bias` = |r|^2 + 2 <c - m, r^>:
//
//   squared Euclidean   |q - x|^2 ~ |q - c|^2 + bias - 2 <q - m, r^>
//   inner product           <q,x> ~ <q,c> + <q,r^>              (m = 0)
//
// The first is |q - c|^2 + |r|^2 - 2 <q - c, r^> in other words, so its error
// goes with the distance to the centroid and not with the length of the query,
// but for the rounding of the query. <q - m, r^> is an inner product of int8.
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET   SIZE  FIELD
//       16      2  layout, 1
//       18      2  reserved, zero
//       20      4  dimension d, 1 to kDimensionMax
//       24      4  row count n, 1 to kLeafRowCountMax
//       28     36  reserved, zero
//       64    4*n  ordinals, strictly ascending
//      ...    4*n  scales, fp32, finite, at least 0
//      ...    4*n  biases, fp32, finite
//      ...         zeros up to the next multiple of 64
//      ...    s*n  codes: int8 from -127 to 127, r^ = scale * code; s is d
//                  rounded up to a multiple of 32, the rest zero

#ifndef COPSE_INDEX_LEAF_PAGE_H_
#define COPSE_INDEX_LEAF_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/top_k.h"
#include "index/vector_source.h"

namespace copse::internal {

// The most rows of a leaf page: twice the largest
// ForestOptions::leaf_row_count.
inline constexpr uint32_t kLeafRowCountMax = 2048;

// By what a search is routed and rows are estimated.
enum class Ranking {
  kSquaredEuclidean,  // All metrics but dot product; cosine on unit vectors.
  kInnerProduct,
};

inline Ranking RankingFor(Metric metric) {
  return metric == Metric::kDotProduct ? Ranking::kInnerProduct
                                       : Ranking::kSquaredEuclidean;
}

// Which rows a search may return.
struct RowFilter {
  const RowBitmap* allowed = nullptr;   // Not owned; null means all.
  const RowBitmap* excluded = nullptr;  // Not owned; null means none.

  bool empty() const { return allowed == nullptr && excluded == nullptr; }
  bool Passes(Ordinal ordinal) const {
    return (allowed == nullptr || allowed->Contains(ordinal)) &&
           (excluded == nullptr || !excluded->Contains(ordinal));
  }
};

// A query as leaf pages want it.
//
// Thread safety: any number of threads may scan with one LeafQuery.
class LeafQuery {
 public:
  // Takes `query`, relative to `origin`; an empty origin is zero. Components
  // may have any value. REQUIRES: for kInnerProduct, `origin` is empty.
  void Prepare(Ranking ranking, std::span<const float> query,
               std::span<const float> origin);

 private:
  friend class LeafPage;

  Ranking ranking_ = Ranking::kSquaredEuclidean;
  float scale_ = 0;
  std::vector<int8_t> code_;  // As long as the code of a row.
  std::vector<float> difference_;
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
  size_t Scan(const LeafQuery& query, float centroid_score,
              const RowFilter& filter, TopK& candidates) const;

  // Sets estimates[i] to the estimate of row i.
  // REQUIRES: estimates.size() == row_count()
  void Estimate(const LeafQuery& query, float centroid_score,
                std::span<float> estimates) const;

  // Asks for the beginning of the page, which will be scanned soon.
  void Prefetch() const;

 private:
  friend class LeafPageBuilder;

  LeafPage(size_t dimension, std::span<const Ordinal> ordinals,
           std::span<const float> scales, std::span<const float> biases,
           std::span<const int8_t> codes)
      : dimension_(dimension),
        ordinals_(ordinals),
        scales_(scales),
        biases_(biases),
        codes_(codes) {}

  template <typename Wanted, typename Visit>
  void ForEachEstimate(const LeafQuery& query, float centroid_score,
                       const Wanted& wanted, const Visit& visit) const;

  size_t dimension_;
  std::span<const Ordinal> ordinals_;  // The spans are not owned.
  std::span<const float> scales_;
  std::span<const float> biases_;
  std::span<const int8_t> codes_;
};

// Makes a leaf page, row by row in any order.
//
// Thread safety: none.
class LeafPageBuilder {
 public:
  // `centroid` and `origin` must outlive the builder; an empty origin is zero.
  LeafPageBuilder(Metric metric, std::span<const float> centroid,
                  std::span<const float> origin);

  // Encodes `vector`, whose components are finite.
  void AddRow(Ordinal ordinal, std::span<const float> vector);

  // Copies row `index` of `page`, which has the same metric, centroid and
  // origin: the code stays as it is, and the vector need not be read.
  void CopyRow(const LeafPage& page, size_t index);

  size_t row_count() const { return ordinals_.size(); }

  // Returns the mean squared distance of the rows to the centroid, as the codes
  // have it; 0 without rows.
  float spread() const;

  // Returns the page, and begins a new one.
  // REQUIRES: 1 to kLeafRowCountMax rows, with different ordinals.
  std::vector<std::byte> Finish();

 private:
  Metric metric_;
  std::span<const float> centroid_;  // Not owned.
  std::span<const float> origin_;    // Not owned.
  std::vector<Ordinal> ordinals_;
  std::vector<float> scales_;
  std::vector<float> biases_;
  std::vector<int8_t> codes_;
  std::vector<float> difference_;  // Of the row being added.
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_LEAF_PAGE_H_
