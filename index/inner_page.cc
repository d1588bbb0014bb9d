// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/inner_page.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/checksum_page.h"
#include "index/coded_rows.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 2;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kLevelOffset = kLayoutOffset + sizeof(uint16_t);
constexpr size_t kReservedByteOffset = kLevelOffset + sizeof(uint8_t);
constexpr size_t kChildCountOffset = kReservedByteOffset + sizeof(uint8_t);
constexpr size_t kCentroidPageCountOffset =
    kChildCountOffset + sizeof(uint32_t);
constexpr size_t kDimensionOffset = kCentroidPageCountOffset + sizeof(uint32_t);
constexpr size_t kFactorExponentOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kBiasExponentOffset = kFactorExponentOffset + sizeof(int16_t);
constexpr size_t kReservedOffset = kBiasExponentOffset + sizeof(int16_t);
static_assert(kReservedOffset + 28 == kPayloadHeadSizeBytes);

// Where the arrays begin in the payload, and where it ends.
struct Offsets {
  Offsets(size_t child_count, size_t centroid_page_count)
      : children(centroid_pages + sizeof(PageId) * centroid_page_count),
        centroid_counts(children + sizeof(PageId) * child_count),
        row_counts(centroid_counts + sizeof(uint32_t) * centroid_page_count),
        spreads(row_counts + sizeof(uint32_t) * child_count),
        coded_rows(spreads + sizeof(float) * child_count) {}

  size_t centroid_pages = kPayloadHeadSizeBytes;
  size_t children;
  size_t centroid_counts;
  size_t row_counts;
  size_t spreads;
  size_t coded_rows;
};

uint64_t Sum(std::span<const uint32_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

// Checks the values of the arrays, whose lengths agree.
absl::Status CheckContents(const InnerPageContents& contents) {
  for (const std::span<const PageId> page_ids :
       {contents.centroid_pages, contents.children}) {
    if (std::ranges::find(page_ids, kNoPage) != page_ids.end()) {
      return absl::DataLossError("a page number is 0, expected another number");
    }
  }
  for (const std::span<const uint32_t> counts :
       {contents.centroid_counts, contents.row_counts}) {
    if (std::ranges::find(counts, 0U) != counts.end()) {
      return absl::DataLossError(
          "a centroid count or row count is 0, expected at least 1");
    }
  }
  const auto bad_spread =
      std::ranges::find_if(contents.spreads, [](float spread) {
        return std::signbit(spread) || !std::isfinite(spread);
      });
  if (bad_spread != contents.spreads.end()) {
    return absl::DataLossError(absl::StrFormat(
        "spread of child %d is %f, expected a finite number of at least 0",
        bad_spread - contents.spreads.begin(), *bad_spread));
  }
  const uint64_t centroid_count = Sum(contents.centroid_counts);
  if (centroid_count != contents.children.size()) {
    return absl::DataLossError(absl::StrFormat(
        "centroid counts sum up to %d, expected the child count %d",
        centroid_count, contents.children.size()));
  }
  return absl::OkStatus();
}

}  // namespace

InnerPage::InnerPage(const InnerPageContents& contents, size_t dimension,
                     const CodedRows& coded_rows)
    : contents_(contents),
      row_count_(Sum(contents.row_counts)),
      dimension_(dimension),
      coded_rows_(coded_rows) {}

absl::StatusOr<InnerPage> InnerPage::Parse(std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kInner, kLayout));
  InnerPageContents contents;
  contents.level = LoadLittleEndian<uint8_t>(payload, kLevelOffset);
  const auto child_count =
      LoadLittleEndian<uint32_t>(payload, kChildCountOffset);
  const auto centroid_page_count =
      LoadLittleEndian<uint32_t>(payload, kCentroidPageCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("level", kLevelOffset, contents.level, 1, kLevelMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedByteOffset, kChildCountOffset));
  COPSE_RETURN_IF_ERROR(CheckField("child count", kChildCountOffset,
                                   child_count, 1, kChildCountMax));
  COPSE_RETURN_IF_ERROR(CheckField("centroid page count",
                                   kCentroidPageCountOffset,
                                   centroid_page_count, 1, child_count));
  const auto dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("dimension", kDimensionOffset, dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  const Offsets offsets(child_count, centroid_page_count);
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(
      payload, CodedRowsEnd(offsets.coded_rows, dimension, child_count)));
  contents.centroid_pages = PayloadArray<PageId>(
      payload, offsets.centroid_pages, centroid_page_count);
  contents.children =
      PayloadArray<PageId>(payload, offsets.children, child_count);
  contents.centroid_counts = PayloadArray<uint32_t>(
      payload, offsets.centroid_counts, centroid_page_count);
  contents.row_counts =
      PayloadArray<uint32_t>(payload, offsets.row_counts, child_count);
  contents.spreads = PayloadArray<float>(payload, offsets.spreads, child_count);
  COPSE_RETURN_IF_ERROR(CheckContents(contents));
  const CodedRowsExponents exponents = {
      .factors = static_cast<int16_t>(
          LoadLittleEndian<uint16_t>(payload, kFactorExponentOffset)),
      .biases = static_cast<int16_t>(
          LoadLittleEndian<uint16_t>(payload, kBiasExponentOffset))};
  COPSE_ASSIGN_OR_RETURN(const CodedRows coded_rows,
                         CodedRows::Parse(payload, offsets.coded_rows,
                                          dimension, child_count, exponents));
  return InnerPage(contents, dimension, coded_rows);
}

std::vector<std::byte> EncodeInnerPage(const InnerPageContents& contents,
                                       size_t dimension,
                                       const CodedRowsBuilder& codes) {
  const size_t child_count = contents.children.size();
  const size_t centroid_page_count = contents.centroid_pages.size();
  COPSE_CHECK(contents.level >= 1 && contents.level <= kLevelMax);
  COPSE_CHECK(child_count >= 1 && child_count <= kChildCountMax);
  COPSE_CHECK(centroid_page_count >= 1 && centroid_page_count <= child_count);
  COPSE_CHECK(contents.row_counts.size() == child_count);
  COPSE_CHECK(contents.spreads.size() == child_count);
  COPSE_CHECK(contents.centroid_counts.size() == centroid_page_count);
  COPSE_CHECK(codes.row_count() == child_count);
  COPSE_CHECK(CheckContents(contents).ok());
  const Offsets offsets(child_count, centroid_page_count);
  std::vector<std::byte> payload(
      CodedRowsEnd(offsets.coded_rows, dimension, child_count));
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint8_t>(payload, kLevelOffset,
                             static_cast<uint8_t>(contents.level));
  StoreLittleEndian<uint32_t>(payload, kChildCountOffset,
                              static_cast<uint32_t>(child_count));
  StoreLittleEndian<uint32_t>(payload, kCentroidPageCountOffset,
                              static_cast<uint32_t>(centroid_page_count));
  const std::span<std::byte> bytes(payload);
  StorePayloadArray(bytes, offsets.centroid_pages, contents.centroid_pages);
  StorePayloadArray(bytes, offsets.children, contents.children);
  StorePayloadArray(bytes, offsets.centroid_counts, contents.centroid_counts);
  StorePayloadArray(bytes, offsets.row_counts, contents.row_counts);
  StorePayloadArray(bytes, offsets.spreads, contents.spreads);
  std::vector<uint32_t> order(child_count);
  std::iota(order.begin(), order.end(), 0U);
  const CodedRowsExponents exponents =
      codes.Store(order, bytes, offsets.coded_rows);
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset,
                              static_cast<uint32_t>(dimension));
  StoreLittleEndian<uint16_t>(payload, kFactorExponentOffset,
                              static_cast<uint16_t>(exponents.factors));
  StoreLittleEndian<uint16_t>(payload, kBiasExponentOffset,
                              static_cast<uint16_t>(exponents.biases));
  return SealPage(PageKind::kInner, payload);
}

}  // namespace copse::internal
