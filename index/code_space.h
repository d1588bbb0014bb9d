// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What all codes of one forest are relative to.

#ifndef COPSE_INDEX_CODE_SPACE_H_
#define COPSE_INDEX_CODE_SPACE_H_

#include <span>

#include "index/metric.h"
#include "index/rotation.h"

namespace copse::internal {

// By what a search is routed and rows are estimated.
enum class Ranking {
  kSquaredEuclidean,  // All metrics but dot product; cosine on unit vectors.
  kInnerProduct,
};

inline Ranking RankingFor(Metric metric) {
  return metric == Metric::kDotProduct ? Ranking::kInnerProduct
                                       : Ranking::kSquaredEuclidean;
}

struct CodeSpace {
  Metric metric = Metric::kCosine;
  const Rotation* rotation = nullptr;  // Not owned.
  // About the mean of the rows; empty means zero, as for dot product.
  std::span<const float> origin;  // Not owned.

  size_t dimension() const { return rotation->dimension(); }
  Ranking ranking() const { return RankingFor(metric); }
  float OriginAt(size_t index) const {
    return origin.empty() ? 0 : origin[index];
  }
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_CODE_SPACE_H_
