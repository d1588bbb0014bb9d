// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A query as the pages of one forest want it: a look-up table for 1-bit codes,
// and an int8 code for centroids. Prepared once a search, for all pages.
//
//   CodedQuery query;
//   query.Prepare(space, vector);
//
// Everything is relative to the origin of the forest, about the mean of its
// rows, so that no precision is spent on what all rows share.

#ifndef COPSE_INDEX_CODED_QUERY_H_
#define COPSE_INDEX_CODED_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/code_space.h"

namespace copse::internal {

// Returns the bytes of an int8 code, with its padding of zeros: a multiple of
// the cache line.
constexpr size_t Int8SizeBytes(size_t dimension) {
  return (dimension + 63) / 64 * 64;
}

// Returns `value` as the nearest finite fp32.
float ToFinite(double value);

// Rounds `values` to `code`, which has Int8SizeBytes() bytes, and returns the
// scale: components are -127 to 127, and one of them is at an end unless all
// values are zero or next to it, when code and scale are zero. The scale has so
// few bits that a component times it is exact, and that rounding such products
// again gives the same code and scale, even if each of them is off by 2^-11 of
// the largest.
float QuantizeInt8(std::span<const float> values, std::span<int8_t> code);

// Returns whether `scale` and `code` are what QuantizeInt8() makes of their own
// products.
bool IsInt8Code(float scale, std::span<const int8_t> code);

// Sets `unit` to `vector` at unit length, or to zeros if it is zero: a query as
// cosine domains hold their rows.
void ToUnitLength(std::span<const float> vector, std::vector<float>& unit);

// Thread safety: any number of threads may scan with one CodedQuery.
class CodedQuery {
 public:
  // Takes `query`, whose components may have any value. Allocates only if no
  // query of this dimension was prepared before.
  void Prepare(const CodeSpace& space, std::span<const float> query);

  Ranking ranking() const { return ranking_; }

  // The query relative to the origin, and the square of its length.
  std::span<const float> difference() const { return difference_; }
  float square() const { return square_; }

  // The same as int8, components times int8_scale(), padded with zeros.
  std::span<const int8_t> int8_code() const { return int8_code_; }
  float int8_scale() const { return int8_scale_; }

  // The look-up table of fast_scan.h of the rotated difference: a sum of its
  // entries, times table_scale(), plus table_offset(), is the inner product
  // with a vector of signs.
  const uint8_t* table() const { return table_.data(); }
  float table_scale() const { return table_scale_; }
  float table_offset() const { return table_offset_; }

  size_t memory_size_bytes() const {
    return (difference_.capacity() + rotated_.capacity()) * sizeof(float) +
           int8_code_.capacity() + table_.capacity();
  }

 private:
  Ranking ranking_ = Ranking::kSquaredEuclidean;
  std::vector<float> difference_;
  std::vector<float> rotated_;
  float square_ = 0;
  std::vector<int8_t> int8_code_;
  float int8_scale_ = 0;
  std::vector<uint8_t> table_;
  float table_scale_ = 0;
  float table_offset_ = 0;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_CODED_QUERY_H_
