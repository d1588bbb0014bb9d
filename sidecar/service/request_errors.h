// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Errors about what a request says.

#ifndef COPSE_SIDECAR_SERVICE_REQUEST_ERRORS_H_
#define COPSE_SIDECAR_SERVICE_REQUEST_ERRORS_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"

namespace copse {

// Returns kInvalidArgument, FIELD_INVALID, with the message "`field` is
// `found`, expected `wanted`" and the three in its metadata.
absl::Status FieldInvalidError(absl::string_view field, absl::string_view found,
                               absl::string_view wanted);

// Returns `status` with the number of the operation of a push before its
// message and in its metadata. REQUIRES: !status.ok()
absl::Status WithOperationNumber(const absl::Status& status,
                                 int64_t operation_number);

// Returns OK if `vector` can be a row or a query of a domain of `metric` and
// `dimension`. Else kInvalidArgument that says what was found and wanted:
// DIMENSION_MISMATCH, VECTOR_NOT_FINITE, VECTOR_ZERO (cosine only) or
// VECTOR_NOT_BINARY (Hamming only).
absl::Status CheckVectorOfDomain(Metric metric, uint32_t dimension,
                                 std::span<const float> vector);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_REQUEST_ERRORS_H_
