// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/request_errors.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {

absl::Status FieldInvalidError(absl::string_view field, absl::string_view found,
                               absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "FIELD_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::Status WithOperationNumber(const absl::Status& status,
                                 int64_t operation_number) {
  ErrorReason reason =
      ReasonOf(status).value_or(ErrorReason{"OPERATION_INVALID", {}});
  reason.metadata.emplace_back("operation", absl::StrCat(operation_number));
  return WithReason(
      AnnotateStatus(status, absl::StrCat("operation ", operation_number)),
      reason.reason, reason.metadata);
}

absl::Status CheckVectorOfDomain(Metric metric, uint32_t dimension,
                                 std::span<const float> vector) {
  if (vector.size() != dimension) {
    return WithReason(absl::InvalidArgumentError(absl::StrFormat(
                          "vector has %d components, expected %d as the "
                          "domain has",
                          vector.size(), dimension)),
                      "DIMENSION_MISMATCH",
                      {{"field", "vector"},
                       {"found", absl::StrCat(vector.size())},
                       {"wanted", absl::StrCat(dimension)}});
  }
  bool all_zero = true;
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrFormat(
              "vector has %g at position %d, expected a finite number",
              vector[i], i)),
          "VECTOR_NOT_FINITE",
          {{"field", "vector"},
           {"found", absl::StrCat(vector[i])},
           {"position", absl::StrCat(i)},
           {"wanted", "a finite number"}});
    }
    if (metric == Metric::kHamming && vector[i] != 0 && vector[i] != 1) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrFormat(
              "vector has %g at position %d, expected 0 or 1 as the metric is "
              "Hamming",
              vector[i], i)),
          "VECTOR_NOT_BINARY",
          {{"field", "vector"},
           {"found", absl::StrCat(vector[i])},
           {"position", absl::StrCat(i)},
           {"wanted", "0 or 1"}});
    }
    all_zero = all_zero && vector[i] == 0;
  }
  if (metric == Metric::kCosine && all_zero) {
    return WithReason(
        absl::InvalidArgumentError("vector has only zeros, expected another "
                                   "component as the metric is cosine"),
        "VECTOR_ZERO",
        {{"field", "vector"},
         {"found", "only zeros"},
         {"wanted", "another component"}});
  }
  return absl::OkStatus();
}

}  // namespace copse
