// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How far apart two documents are whose texts were cut into chunks, or two
// versions of one.

#ifndef COPSE_VERSIONING_VERSION_DISTANCE_H_
#define COPSE_VERSIONING_VERSION_DISTANCE_H_

#include <cstddef>
#include <span>

#include "index/metric.h"

namespace copse {

// Chunks of a version beyond this number have no part in distances: comparing
// 256 with 256 takes milliseconds, and a text may have tens of thousands.
inline constexpr size_t kComparedChunkCountMax = 256;

// Returns how far apart two versions of a document are, given as the vectors
// of their chunks: the mean, over the chunks of both, of the distance to the
// nearest chunk of the other version. With one chunk each, that is the distance
// of the two. It is the distance of `metric`, but for kDotProduct the Euclidean
// one, because minus an inner product is no measure of change.
// REQUIRES: neither is empty
float VersionDistance(Metric metric,
                      std::span<const std::span<const float>> base,
                      std::span<const std::span<const float>> target);

// The same in `metric`, whatever it is.
float MeanNearestDistance(Metric metric,
                          std::span<const std::span<const float>> base,
                          std::span<const std::span<const float>> target);

}  // namespace copse

#endif  // COPSE_VERSIONING_VERSION_DISTANCE_H_
