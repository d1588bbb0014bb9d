// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A centroid page holds the vectors that searches are routed by. They stand
// apart from the child numbers of their inner page, so that a changed child
// rewrites few KB, and in several pages of at most kCentroidCountTarget, so
// that a split rewrites few centroids.
//
//   RoundCentroid(origin, centroid);  // To what a page can hold.
//   std::vector<std::byte> bytes =
//       EncodeCentroidPage(EncodingFor(dimension), dimension, differences);
//   COPSE_ASSIGN_OR_RETURN(CentroidPage page, CentroidPage::Parse(bytes));
//   float score = page.Score(query, 0);
//
// A page holds differences to the origin of the forest. At 64 dimensions and
// more they are int8 with a scale; with fewer, a step of 1/127 of the largest
// component may be more than the distance of two leaves, and they are fp32.
// What is decoded is the centroid, in whatever follows from it.
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET  SIZE  FIELD
//       16     2  layout, 2
//       18     1  encoding: 1 fp32, 2 int8
//       19     1  reserved, zero
//       20     4  dimension d, 1 to kDimensionMax
//       24     4  vector count n, 1 to kCentroidCountMax
//       28    36  reserved, zero
//       64   s*n  differences one after the other. fp32: finite, s is 4 * d.
//                 int8: codes from -127 to 127, of which one at least is at an
//                 end, or all are zero; s is d rounded up to a multiple of 64,
//                 the rest zero
//      ...   4*n  scales, fp32, with 10 significant bits, normal; 0 for codes
//                 of zeros, 1 for fp32
//      ...   4*n  squared lengths of what is decoded, fp32; what is larger than
//                 the largest fp32 is that

#ifndef COPSE_INDEX_CENTROID_PAGE_H_
#define COPSE_INDEX_CENTROID_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/coded_query.h"

namespace copse::internal {

// The most vectors of one page: 64 of 4,096 dimensions are 1 MiB.
inline constexpr uint32_t kCentroidCountMax = 64;

// The vectors that a build puts on one page, half of which remain when the
// children of a full page are split.
inline constexpr uint32_t kCentroidCountTarget = 32;

enum class CentroidEncoding : uint8_t { kFloat = 1, kInt8 = 2 };

// Returns how centroids of `dimension` components are stored.
CentroidEncoding EncodingFor(size_t dimension);

// Rounds `centroid` to what EncodingFor() can hold relative to `origin`, which
// is zero if empty. What has been rounded is decoded as it is, and rounding it
// again changes nothing, unless the difference to the origin is less than
// 1/10,000 of it: then fp32 itself is too coarse, and both are within an ulp of
// the larger.
void RoundCentroid(std::span<const float> origin, std::span<float> centroid);

// A view of one page that has been checked.
class CentroidPage {
 public:
  // Checks `bytes`, which must outlive the view. Fails with kDataLoss, and
  // with kUnimplemented for a newer layout.
  // REQUIRES: bytes begin at an address that is a multiple of 8.
  static absl::StatusOr<CentroidPage> Parse(std::span<const std::byte> bytes);

  CentroidEncoding encoding() const { return encoding_; }
  size_t dimension() const { return dimension_; }
  size_t vector_count() const { return scales_.size(); }

  // Stores vector `index`, the difference and the origin added up, in
  // `vector`. REQUIRES: index < vector_count(); dimension() components, and as
  // many in `origin`, or none for zero.
  void Decode(size_t index, std::span<const float> origin,
              std::span<float> vector) const;

  // Returns the score of vector `index`, see LeafPage::Scan().
  // REQUIRES: index < vector_count()
  float Score(const CodedQuery& query, size_t index) const;

  // The same without rounding the query: Score() of an int8 vector is off by
  // about 1/1,000 of the squared length of the query, which for vectors that
  // are very near to it is more than their distance.
  float ExactScore(const CodedQuery& query, size_t index) const;

  // Asks for the memory of vector `index`, which will be scored soon.
  void Prefetch(size_t index) const;

 private:
  CentroidPage(CentroidEncoding encoding, size_t dimension,
               std::span<const std::byte> vectors,
               std::span<const float> scales, std::span<const float> squares)
      : encoding_(encoding),
        dimension_(dimension),
        vectors_(vectors),
        scales_(scales),
        squares_(squares) {}

  absl::Status CheckNumbers() const;
  std::span<const float> FloatVector(size_t index) const;
  std::span<const int8_t> Int8Vector(size_t index) const;

  CentroidEncoding encoding_;
  size_t dimension_;
  std::span<const std::byte> vectors_;  // The spans are not owned.
  std::span<const float> scales_;
  std::span<const float> squares_;
};

// Returns the page that holds the vectors of `differences`.
// REQUIRES: differences are finite, and 1 to kCentroidCountMax whole vectors.
std::vector<std::byte> EncodeCentroidPage(CentroidEncoding encoding,
                                          size_t dimension,
                                          std::span<const float> differences);

}  // namespace copse::internal

#endif  // COPSE_INDEX_CENTROID_PAGE_H_
