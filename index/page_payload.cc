// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/page_payload.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse::internal {

namespace {

absl::Status LayoutError(PageKind kind, uint16_t found, uint16_t expected) {
  const std::string message = absl::StrFormat(
      "layout at offset %d of page kind %s is %d, expected %d",
      ChecksumPage::kHeaderSizeBytes, PageKindName(kind), found, expected);
  if (found == 0) {
    return absl::DataLossError(message);
  }
  return absl::UnimplementedError(absl::StrCat(
      message, found > expected
                   ? ": upgrade copse to read it"
                   : ": a version before the first release wrote it, build the "
                     "forest anew"));
}

}  // namespace

absl::StatusOr<std::span<const std::byte>> OpenPayload(
    std::span<const std::byte> bytes, PageKind kind, uint16_t layout) {
  COPSE_ASSIGN_OR_RETURN(const ChecksumPage page, ChecksumPage::Parse(bytes));
  if (page.kind() != kind) {
    return absl::DataLossError(
        absl::StrFormat("page is of kind %s, expected %s",
                        PageKindName(page.kind()), PageKindName(kind)));
  }
  if (page.payload().size() < kPayloadHeadSizeBytes) {
    return absl::DataLossError(absl::StrFormat(
        "payload of a %s page is %d bytes, expected at least "
        "%d",
        PageKindName(kind), page.payload().size(), kPayloadHeadSizeBytes));
  }
  const auto found = LoadLittleEndian<uint16_t>(page.payload(), 0);
  if (found != layout) {
    return LayoutError(kind, found, layout);
  }
  return page.payload();
}

absl::Status CheckPayloadSize(std::span<const std::byte> payload,
                              size_t size_bytes) {
  if (payload.size() != size_bytes) {
    return absl::DataLossError(
        absl::StrFormat("payload is %d bytes, expected %d for the counts in "
                        "its head",
                        payload.size(), size_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckZero(std::span<const std::byte> payload, size_t first,
                       size_t last) {
  for (size_t i = first; i < last; ++i) {
    if (payload[i] != std::byte{0}) {
      return absl::DataLossError(
          absl::StrFormat("reserved byte at offset %d is 0x%02x, expected 0",
                          ChecksumPage::kHeaderSizeBytes + i,
                          std::to_integer<int>(payload[i])));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckField(absl::string_view field, size_t payload_offset,
                        uint64_t value, uint64_t min, uint64_t max) {
  if (value < min || value > max) {
    return absl::DataLossError(absl::StrFormat(
        "%s at offset %d is %d, expected a number from %d to %d", field,
        ChecksumPage::kHeaderSizeBytes + payload_offset, value, min, max));
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(absl::string_view field, size_t payload_offset,
                         std::span<const float> values) {
  const auto bad = std::ranges::find_if(
      values, [](float value) { return !std::isfinite(value); });
  if (bad != values.end()) {
    const size_t offset = ChecksumPage::kHeaderSizeBytes + payload_offset +
                          sizeof(float) * (bad - values.begin());
    return absl::DataLossError(
        absl::StrFormat("%s at offset %d is %f, expected a finite number",
                        field, offset, *bad));
  }
  return absl::OkStatus();
}

std::vector<std::byte> SealPage(PageKind kind,
                                std::span<const std::byte> payload) {
  absl::StatusOr<std::vector<std::byte>> page =
      ChecksumPage::Encode(kind, payload);
  COPSE_CHECK(page.ok(), page.status().message());
  return *std::move(page);
}

}  // namespace copse::internal
