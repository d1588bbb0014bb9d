// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/version_distance.h"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "index/distance.h"
#include "index/metric.h"

namespace copse {

float VersionDistance(Metric metric,
                      std::span<const std::span<const float>> base,
                      std::span<const std::span<const float>> target) {
  return MeanNearestDistance(
      metric == Metric::kDotProduct ? Metric::kEuclidean : metric, base,
      target);
}

float MeanNearestDistance(Metric metric,
                          std::span<const std::span<const float>> base,
                          std::span<const std::span<const float>> target) {
  constexpr float kFarthest = std::numeric_limits<float>::infinity();
  std::vector<float> nearest_base(target.size(), kFarthest);
  double sum = 0;
  for (const std::span<const float> vector : base) {
    const QueryDistance distance(metric, vector);
    float nearest = kFarthest;
    for (size_t i = 0; i < target.size(); ++i) {
      const float found = distance.To(target[i]);
      nearest = std::min(nearest, found);
      nearest_base[i] = std::min(nearest_base[i], found);
    }
    sum += nearest;
  }
  for (const float nearest : nearest_base) {
    sum += nearest;
  }
  return static_cast<float>(sum /
                            static_cast<double>(base.size() + target.size()));
}

}  // namespace copse
