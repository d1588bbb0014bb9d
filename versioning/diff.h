// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What differs between two commits, and how far a replaced document moved.
//
//   COPSE_RETURN_IF_ERROR(DiffRows(domain, base_rows, target_rows,
//                                  {.with_distances = true}, visit));

#ifndef COPSE_VERSIONING_DIFF_H_
#define COPSE_VERSIONING_DIFF_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"
#include "versioning/domain.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

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

// Calls `visit` with each document in which the rows `target` differ from the
// rows `base`, as `options` say, but for its names; stops at the first status
// that is not OK. Takes time and memory that go with the difference.
absl::Status DiffRows(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const DiffOptions& options,
    const std::function<absl::Status(const DocumentChange&)>& visit);

}  // namespace copse

#endif  // COPSE_VERSIONING_DIFF_H_
