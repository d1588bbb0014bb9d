// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of distances, once for each instruction set. Which set is
// used is decided at run time; every kernel is tested against the scalar one.
//
//   const DistanceKernels& kernels = KernelsFor(BestSimdLevel());
//   float dot = kernels.dot(a.data(), b.data(), a.size());
//
// Kernels are for navigation, where only the order counts. What a caller is
// told comes from QueryDistance or Distance(), which know the metrics:
//
//   const QueryDistance distance(Metric::kCosine, query);
//   for (const auto& row : rows) {
//     Offer(distance.To(row));
//   }

#ifndef COPSE_INDEX_DISTANCE_H_
#define COPSE_INDEX_DISTANCE_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

#include "index/distance_kernels.h"
#include "index/metric.h"
#include "index/stored_vector.h"

namespace copse {

// kNeon is for ARM, kAvx2 and kAvx512 are for x86: no processor has both.
enum class SimdLevel { kScalar, kAvx2, kAvx512, kNeon };

// Returns "scalar", "avx2", "avx512" or "neon".
absl::string_view SimdLevelName(SimdLevel level);

// Returns whether this processor and operating system can run `level`.
bool IsSupported(SimdLevel level);

// Returns the highest level that is supported.
SimdLevel BestSimdLevel();

// Returns the kernels of `level`. Where the processor has VNNI, the int8
// product of kAvx512 uses it, and that of kNeon the dot product instructions.
// REQUIRES: IsSupported(level)
const DistanceKernels& KernelsFor(SimdLevel level);

// The distances of many vectors to one query, as metric.h defines them, with
// the best kernels. For finite input they are finite: what is larger than the
// largest float is that float. Components so large or small that the kernels'
// sums leave the range of floats are summed in double.
//
// Thread safety: any number of threads may call const functions.
class QueryDistance {
 public:
  // `query` is not owned, and for cosine needs no unit length.
  QueryDistance(Metric metric, std::span<const float> query);

  // Returns the distance of `vector` to the query. Equal vectors have distance
  // 0, except in the dot product and for the zero vector in cosine.
  // REQUIRES: vector.size() == query.size()
  float To(std::span<const float> vector) const;

  // The same of a vector that may be of bits; these are compared as they are,
  // with the same result. REQUIRES: bits only in Hamming
  float To(const StoredVector& vector) const {
    return vector.is_bits() ? ToBits(vector.words()) : To(vector.components());
  }

 private:
  float ToBits(std::span<const uint64_t> words) const;
  float CosineTo(std::span<const float> vector) const;

  Metric metric_;
  std::span<const float> query_;
  const DistanceKernels* kernels_;
  float query_square_ = 0;  // For cosine only.
  // For Hamming only, and so not set for the others: 512 bytes.
  std::array<uint64_t, BitWordCount(kDimensionMax)> query_words_;
};

// Returns the distance of `a` and `b`, which is QueryDistance(metric, a).To(b)
// and symmetric. REQUIRES: a.size() == b.size()
float Distance(Metric metric, std::span<const float> a,
               std::span<const float> b);

}  // namespace copse

#endif  // COPSE_INDEX_DISTANCE_H_
