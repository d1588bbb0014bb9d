// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/centroid_page.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/checksum_page.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 1;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kDimensionOffset = 4;
constexpr size_t kCountOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kReservedOffset = kCountOffset + sizeof(uint32_t);
static_assert(kReservedOffset + 36 == kPayloadHeadSizeBytes);
static_assert(kPayloadHeadSizeBytes +
                  sizeof(float) * kDimensionMax * kCentroidCountMax <=
              ChecksumPage::kPayloadSizeBytesMax);

}  // namespace

absl::StatusOr<CentroidPage> CentroidPage::Parse(
    std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kCentroids, kLayout));
  const auto dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  const auto count = LoadLittleEndian<uint32_t>(payload, kCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kLayoutOffset + sizeof(uint16_t), kDimensionOffset));
  COPSE_RETURN_IF_ERROR(
      CheckField("dimension", kDimensionOffset, dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(
      CheckField("vector count", kCountOffset, count, 1, kCentroidCountMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  const size_t component_count = size_t{dimension} * count;
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(
      payload, kPayloadHeadSizeBytes + sizeof(float) * component_count));
  const std::span<const float> components =
      PayloadArray<float>(payload, kPayloadHeadSizeBytes, component_count);
  COPSE_RETURN_IF_ERROR(
      CheckFinite("component", kPayloadHeadSizeBytes, components));
  return CentroidPage(dimension, components);
}

std::vector<std::byte> EncodeCentroidPage(size_t dimension,
                                          std::span<const float> components) {
  COPSE_CHECK(dimension > 0 && dimension <= kDimensionMax);
  const size_t count = components.size() / dimension;
  COPSE_CHECK(components.size() % dimension == 0 && count > 0 &&
              count <= kCentroidCountMax);
  std::vector<std::byte> payload(kPayloadHeadSizeBytes +
                                 components.size_bytes());
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset,
                              static_cast<uint32_t>(dimension));
  StoreLittleEndian<uint32_t>(payload, kCountOffset,
                              static_cast<uint32_t>(count));
  StorePayloadArray(std::span(payload), kPayloadHeadSizeBytes, components);
  return SealPage(PageKind::kCentroids, payload);
}

}  // namespace copse::internal
