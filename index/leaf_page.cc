// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/leaf_page.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/checksum_page.h"
#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/fast_scan.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 2;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kFactorExponentOffset = kLayoutOffset + sizeof(uint16_t);
constexpr size_t kDimensionOffset = kFactorExponentOffset + sizeof(int16_t);
constexpr size_t kRowCountOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kBiasExponentOffset = kRowCountOffset + sizeof(uint32_t);
constexpr size_t kReservedOffset = kBiasExponentOffset + sizeof(int16_t);
static_assert(kReservedOffset + 34 == kPayloadHeadSizeBytes);

constexpr size_t RowsOffset(size_t row_count) {
  return kPayloadHeadSizeBytes + sizeof(Ordinal) * row_count;
}

absl::Status CheckOrdinals(std::span<const Ordinal> ordinals) {
  const auto unordered = std::ranges::adjacent_find(
      ordinals, [](Ordinal left, Ordinal right) { return left >= right; });
  if (unordered != ordinals.end()) {
    return absl::DataLossError(absl::StrFormat(
        "ordinal %d of row %d is followed by %d, expected a larger one",
        *unordered, unordered - ordinals.begin(), *(unordered + 1)));
  }
  return absl::OkStatus();
}

}  // namespace

void ScanScratch::Reserve(size_t row_count) {
  const size_t size = BlockCount(row_count) * kBlockRowCount;
  if (sums.size() < size) {
    sums.resize(size);
    estimates.resize(size);
    indices.resize(size);
  }
}

absl::StatusOr<LeafPage> LeafPage::Parse(std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kLeaf, kLayout));
  const CodedRowsExponents exponents = {
      .factors = static_cast<int16_t>(
          LoadLittleEndian<uint16_t>(payload, kFactorExponentOffset)),
      .biases = static_cast<int16_t>(
          LoadLittleEndian<uint16_t>(payload, kBiasExponentOffset))};
  const auto dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  const auto row_count = LoadLittleEndian<uint32_t>(payload, kRowCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("dimension", kDimensionOffset, dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(
      CheckField("row count", kRowCountOffset, row_count, 1, kLeafRowCountMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(
      payload, CodedRowsEnd(RowsOffset(row_count), dimension, row_count)));
  const auto ordinals =
      PayloadArray<Ordinal>(payload, kPayloadHeadSizeBytes, row_count);
  COPSE_RETURN_IF_ERROR(CheckOrdinals(ordinals));
  COPSE_ASSIGN_OR_RETURN(const CodedRows rows,
                         CodedRows::Parse(payload, RowsOffset(row_count),
                                          dimension, row_count, exponents));
  return LeafPage(dimension, ordinals, rows);
}

std::optional<size_t> LeafPage::Find(Ordinal ordinal) const {
  const auto found = std::ranges::lower_bound(ordinals_, ordinal);
  if (found == ordinals_.end() || *found != ordinal) {
    return std::nullopt;
  }
  return found - ordinals_.begin();
}

size_t LeafPage::Scan(const CodedQuery& query, float centroid_score,
                      const RowFilter& filter, ScanScratch& scratch,
                      TopK& candidates) const {
  scratch.Reserve(row_count());
  // A limit that has been set is that of enough rows: no other can be better.
  // Without one every row counts, also those that are out of range.
  if (filter.empty() && candidates.has_limit()) {
    const size_t count =
        rows_.Select(query, centroid_score, candidates.limit(), scratch.sums,
                     scratch.estimates, scratch.indices);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = scratch.indices[i];
      candidates.Add(scratch.estimates[row], ordinals_[row]);
    }
    return row_count();
  }
  rows_.Estimate(query, centroid_score, scratch.sums, scratch.estimates);
  // Listed before they are compared, because which rows pass cannot be
  // predicted: a branch for each would cost more than its estimate.
  size_t count = 0;
  for (uint32_t row = 0; row < row_count(); ++row) {
    scratch.indices[count] = row;
    count += filter.Passes(ordinals_[row]) ? 1 : 0;
  }
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = scratch.indices[i];
    candidates.Add(scratch.estimates[row], ordinals_[row]);
  }
  return count;
}

void LeafPage::ScanUpTo(float limit, const CodedQuery& query,
                        float centroid_score, const RowFilter& filter,
                        ScanScratch& scratch, TopK& candidates) const {
  scratch.Reserve(row_count());
  const size_t count = rows_.Select(query, centroid_score, limit, scratch.sums,
                                    scratch.estimates, scratch.indices);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = scratch.indices[i];
    if (filter.Passes(ordinals_[row])) {
      candidates.Add(scratch.estimates[row], ordinals_[row]);
    }
  }
}

void LeafPage::Prefetch() const {
  constexpr size_t kLineSizeBytes = 64;
  const auto* first = reinterpret_cast<const char*>(ordinals_.data());
  for (size_t offset = 0; offset < ordinals_.size_bytes();
       offset += kLineSizeBytes) {
    __builtin_prefetch(first + offset);
  }
  rows_.Prefetch();
}

LeafPageBuilder::LeafPageBuilder(const CodeSpace& space,
                                 std::span<const float> centroid)
    : metric_(space.metric),
      dimension_(space.dimension()),
      rows_(space, centroid) {}

void LeafPageBuilder::AddRow(Ordinal ordinal, std::span<const float> vector) {
  // A zero vector has cosine distance 1 to everything, as has a vector at the
  // squared distance 2 on the unit sphere; it is at 1.
  const bool is_zero = std::ranges::all_of(
      vector, [](float component) { return component == 0; });
  ordinals_.push_back(ordinal);
  rows_.Add(vector, metric_ == Metric::kCosine && is_zero ? 1 : 0);
}

void LeafPageBuilder::CopyRow(const LeafPage& page, size_t index) {
  COPSE_CHECK(page.dimension() == dimension_ && index < page.row_count());
  ordinals_.push_back(page.ordinals()[index]);
  rows_.Copy(page.coded_rows(), index);
}

std::vector<std::byte> LeafPageBuilder::Finish() {
  const size_t row_count = ordinals_.size();
  COPSE_CHECK(row_count >= 1 && row_count <= kLeafRowCountMax);
  std::vector<uint32_t> order(row_count);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [this](uint32_t i) { return ordinals_[i]; });
  std::ranges::sort(ordinals_);
  COPSE_CHECK(CheckOrdinals(ordinals_).ok());

  std::vector<std::byte> payload(
      CodedRowsEnd(RowsOffset(row_count), dimension_, row_count));
  const CodedRowsExponents exponents =
      rows_.Store(order, std::span(payload), RowsOffset(row_count));
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint16_t>(payload, kFactorExponentOffset,
                              static_cast<uint16_t>(exponents.factors));
  StoreLittleEndian<uint16_t>(payload, kBiasExponentOffset,
                              static_cast<uint16_t>(exponents.biases));
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset,
                              static_cast<uint32_t>(dimension_));
  StoreLittleEndian<uint32_t>(payload, kRowCountOffset,
                              static_cast<uint32_t>(row_count));
  StorePayloadArray(std::span(payload), kPayloadHeadSizeBytes,
                    std::span<const Ordinal>(ordinals_));
  return SealPage(PageKind::kLeaf, payload);
}

}  // namespace copse::internal
