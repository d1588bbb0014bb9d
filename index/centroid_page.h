// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A centroid page holds the vectors that searches are routed by. They stand
// apart from the child numbers of their inner page, so that a changed child
// rewrites few KB, and in several pages of at most kCentroidCountTarget, so
// that a split rewrites few centroids.
//
//   std::vector<std::byte> bytes = EncodeCentroidPage(dimension, components);
//   COPSE_ASSIGN_OR_RETURN(CentroidPage page, CentroidPage::Parse(bytes));
//   std::span<const float> first = page.vector(0);
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET  SIZE  FIELD
//       16     2  layout, 1
//       18     2  reserved, zero
//       20     4  dimension d, 1 to kDimensionMax
//       24     4  vector count n, 1 to kCentroidCountMax
//       28    36  reserved, zero
//       64  4*d*n  vectors one after the other, fp32, each component finite

#ifndef COPSE_INDEX_CENTROID_PAGE_H_
#define COPSE_INDEX_CENTROID_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace copse::internal {

// The most vectors of one page: 64 of 4,096 dimensions are 1 MiB.
inline constexpr uint32_t kCentroidCountMax = 64;

// The vectors that a build puts on one page, half of which remain when the
// children of a full page are split.
inline constexpr uint32_t kCentroidCountTarget = 32;

// A view of one page that has been checked.
class CentroidPage {
 public:
  // Checks `bytes`, which must outlive the view. Fails with kDataLoss, and
  // with kUnimplemented for a newer layout.
  // REQUIRES: bytes begin at an address that is a multiple of 8.
  static absl::StatusOr<CentroidPage> Parse(std::span<const std::byte> bytes);

  size_t dimension() const { return dimension_; }
  size_t vector_count() const { return components_.size() / dimension_; }

  // All vectors, one after the other.
  std::span<const float> components() const { return components_; }

  // REQUIRES: index < vector_count()
  std::span<const float> vector(size_t index) const {
    return components_.subspan(index * dimension_, dimension_);
  }

 private:
  CentroidPage(size_t dimension, std::span<const float> components)
      : dimension_(dimension), components_(components) {}

  size_t dimension_;
  std::span<const float> components_;  // Not owned.
};

// Returns the page that holds the vectors of `components`.
// REQUIRES: components are finite, and 1 to kCentroidCountMax whole vectors.
std::vector<std::byte> EncodeCentroidPage(size_t dimension,
                                          std::span<const float> components);

}  // namespace copse::internal

#endif  // COPSE_INDEX_CENTROID_PAGE_H_
