// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/vector_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/exact_search.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {

absl::Status CheckMetricVector(Metric metric, std::span<const float> vector,
                               size_t dimension) {
  COPSE_RETURN_IF_ERROR(CheckVector(vector, dimension));
  if (metric != Metric::kHamming) {
    return absl::OkStatus();
  }
  const auto bad = std::find_if(vector.begin(), vector.end(), [](float value) {
    return value != 0 && value != 1;
  });
  if (bad == vector.end()) {
    return absl::OkStatus();
  }
  const auto position = bad - vector.begin();
  return WithReason(
      absl::InvalidArgumentError(
          absl::StrFormat("component %d of the vector is %g, expected 0 or 1 "
                          "in a Hamming domain",
                          position, *bad)),
      "VECTOR_NOT_BINARY",
      {{"position", absl::StrCat(position)}, {"found", absl::StrCat(*bad)}});
}

absl::Status NormalizeVector(std::span<float> vector) {
  // Scaled by the greatest component first, so that the squares neither
  // overflow nor vanish.
  float greatest = 0;
  for (const float component : vector) {
    greatest = std::max(greatest, std::abs(component));
  }
  if (greatest == 0) {
    return WithReason(
        absl::InvalidArgumentError("vector is zero, expected one with a "
                                   "direction in a cosine domain"),
        "VECTOR_ZERO");
  }
  double square = 0;
  for (const float component : vector) {
    const double scaled = double{component} / greatest;
    square += scaled * scaled;
  }
  const double scale = 1 / std::sqrt(square);
  for (float& component : vector) {
    component = static_cast<float>(double{component} / greatest * scale);
  }
  return absl::OkStatus();
}

}  // namespace copse
