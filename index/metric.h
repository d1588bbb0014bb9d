// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The metrics, and what their distances mean:
//
//   METRIC      DISTANCE                        RANGE
//   cosine      1 - cos                         [0, 2]; 1 if either is zero
//   Euclidean   L2, not squared                 [0, inf)
//   dot         minus the inner product         (-inf, inf)
//   Manhattan   L1                              [0, inf)
//   Hamming     number of differing components  [0, dimension], input 0 or 1

#ifndef COPSE_INDEX_METRIC_H_
#define COPSE_INDEX_METRIC_H_

#include <cstdint>

namespace copse {

// The values are stored: a value keeps its meaning for ever.
enum class Metric : uint8_t {
  kCosine = 1,
  kEuclidean = 2,
  kDotProduct = 3,
  kManhattan = 4,
  kHamming = 5,
};

// Vectors have 1 to kDimensionMax components.
inline constexpr uint32_t kDimensionMax = 4096;

}  // namespace copse

#endif  // COPSE_INDEX_METRIC_H_
