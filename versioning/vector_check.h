// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a domain's metric asks of the vectors that come in, rows and queries.
//
//   COPSE_RETURN_IF_ERROR(CheckMetricVector(Metric::kHamming, query, 384));

#ifndef COPSE_VERSIONING_VECTOR_CHECK_H_
#define COPSE_VERSIONING_VECTOR_CHECK_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"

#include "index/metric.h"

namespace copse {

// Returns kInvalidArgument unless `vector` has `dimension` finite components
// (DIMENSION_MISMATCH, VECTOR_NOT_FINITE), each 0 or 1 in a Hamming domain
// (VECTOR_NOT_BINARY).
absl::Status CheckMetricVector(Metric metric, std::span<const float> vector,
                               size_t dimension);

// Gives `vector` unit length. Fails with kInvalidArgument, VECTOR_ZERO, if it
// is zero. REQUIRES: all components are finite.
absl::Status NormalizeVector(std::span<float> vector);

}  // namespace copse

#endif  // COPSE_VERSIONING_VECTOR_CHECK_H_
