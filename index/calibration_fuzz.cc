// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties, for any bytes, as a page and as the payload of one:
//
// * Calibration::Parse() refuses them with kDataLoss or kUnimplemented, or
//   Encode() gives them back.
// * What was parsed answers every target with an effort within the rows.

#include "index/calibration.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/checksum_page.h"
#include "index/metric.h"
#include "index/util/check.h"

namespace copse {
namespace {

void CheckPage(std::span<const std::byte> bytes) {
  const absl::StatusOr<Calibration> calibration = Calibration::Parse(bytes);
  if (!calibration.ok()) {
    COPSE_CHECK(absl::IsDataLoss(calibration.status()) ||
                absl::IsUnimplemented(calibration.status()));
    return;
  }
  COPSE_CHECK(std::ranges::equal(calibration->Encode(), bytes));
  const size_t row_count = calibration->row_count();
  for (const double target : {1e-9, 0.5, 0.95, 0.9999, 1.0}) {
    for (const size_t neighbor_count : {1, 5, 100, 10000}) {
      const SearchEffort effort = calibration->EffortFor(
          target, Metric::kManhattan, neighbor_count, row_count);
      COPSE_CHECK(effort.scan_budget >= 1 && effort.scan_budget <= row_count);
      COPSE_CHECK(effort.rerank_count >= 1 && effort.rerank_count <= row_count);
    }
  }
}

void CheckInput(std::span<const std::byte> input) {
  CheckPage(input);
  if (input.size() <= ChecksumPage::kPayloadSizeBytesMax) {
    CheckPage(*ChecksumPage::Encode(PageKind::kCalibration, input));
  }
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  copse::CheckInput(std::as_bytes(std::span(data, size)));
  return 0;
}
