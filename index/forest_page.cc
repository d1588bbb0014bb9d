// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/forest_page.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/forest.h"
#include "index/inner_page.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 1;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kMetricOffset = kLayoutOffset + sizeof(uint16_t);
constexpr size_t kTreeCountOffset = kMetricOffset + sizeof(uint8_t);
constexpr size_t kDimensionOffset = kTreeCountOffset + sizeof(uint8_t);
constexpr size_t kFanOutOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kLeafRowCountOffset = kFanOutOffset + sizeof(uint32_t);
constexpr size_t kSeedOffset = kLeafRowCountOffset + sizeof(uint32_t);
constexpr size_t kRowCountOffset = kSeedOffset + sizeof(uint64_t);
constexpr size_t kOriginOffset = kRowCountOffset + sizeof(uint64_t);
constexpr size_t kReservedOffset = kOriginOffset + sizeof(uint64_t);
static_assert(kReservedOffset + 8 == kPayloadHeadSizeBytes);

// Within a tree.
constexpr size_t kTopOffset = 0;
constexpr size_t kLeafCountOffset = kTopOffset + sizeof(uint64_t);
constexpr size_t kLevelOffset = kLeafCountOffset + sizeof(uint64_t);
constexpr size_t kTreeReservedOffset = kLevelOffset + sizeof(uint8_t);
constexpr size_t kTreeSizeBytes = 24;
static_assert(kTreeReservedOffset + 7 == kTreeSizeBytes);

constexpr uint32_t kTreeCountMax = 8;
constexpr uint32_t kFanOutMin = 4;
constexpr uint32_t kFanOutMax = kChildCountMax;
constexpr uint32_t kLeafRowCountMin = 8;
constexpr uint32_t kLeafRowCountTargetMax = 1024;
constexpr uint32_t kThreadCountMax = 256;
constexpr uint64_t kForestRowCountMax = uint64_t{1} << 32;

absl::Status CheckOption(absl::string_view field, uint32_t value, uint32_t min,
                         uint32_t max) {
  if (value < min || value > max) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s is %d, expected a number from %d to %d", field, value, min, max));
  }
  return absl::OkStatus();
}

absl::Status CheckHead(std::span<const std::byte> payload,
                       const ForestRecord& record) {
  const ForestOptions& options = record.options;
  COPSE_RETURN_IF_ERROR(CheckField("metric", kMetricOffset,
                                   static_cast<uint8_t>(options.metric),
                                   static_cast<uint8_t>(Metric::kCosine),
                                   static_cast<uint8_t>(Metric::kHamming)));
  COPSE_RETURN_IF_ERROR(CheckField("tree count", kTreeCountOffset,
                                   options.tree_count, 1, kTreeCountMax));
  COPSE_RETURN_IF_ERROR(CheckField("dimension", kDimensionOffset,
                                   record.dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(CheckField("fan-out", kFanOutOffset, options.fan_out,
                                   kFanOutMin, kFanOutMax));
  COPSE_RETURN_IF_ERROR(CheckField("leaf row count", kLeafRowCountOffset,
                                   options.leaf_row_count, kLeafRowCountMin,
                                   kLeafRowCountTargetMax));
  COPSE_RETURN_IF_ERROR(CheckField("row count", kRowCountOffset,
                                   record.row_count, 0, kForestRowCountMax));
  return CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes);
}

// Checks the tree that is at `offset` in the payload.
absl::Status CheckTree(std::span<const std::byte> payload, size_t offset,
                       const TreeRecord& tree, uint64_t row_count) {
  const uint64_t min = row_count == 0 ? 0 : 1;
  COPSE_RETURN_IF_ERROR(CheckField("top page", offset + kTopOffset, tree.top,
                                   min, row_count == 0 ? 0 : UINT64_MAX));
  COPSE_RETURN_IF_ERROR(CheckField("leaf count", offset + kLeafCountOffset,
                                   tree.leaf_count, min, row_count));
  COPSE_RETURN_IF_ERROR(CheckField("level", offset + kLevelOffset, tree.level,
                                   min, row_count == 0 ? 0 : kLevelMax));
  return CheckZero(payload, offset + kTreeReservedOffset,
                   offset + kTreeSizeBytes);
}

}  // namespace

absl::Status CheckForestOptions(const ForestOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckOption("metric",
                                    static_cast<uint8_t>(options.metric),
                                    static_cast<uint8_t>(Metric::kCosine),
                                    static_cast<uint8_t>(Metric::kHamming)));
  COPSE_RETURN_IF_ERROR(
      CheckOption("tree_count", options.tree_count, 1, kTreeCountMax));
  COPSE_RETURN_IF_ERROR(
      CheckOption("fan_out", options.fan_out, kFanOutMin, kFanOutMax));
  COPSE_RETURN_IF_ERROR(CheckOption("leaf_row_count", options.leaf_row_count,
                                    kLeafRowCountMin, kLeafRowCountTargetMax));
  return CheckOption("thread_count", options.thread_count, 1, kThreadCountMax);
}

absl::StatusOr<ForestRecord> ParseForestPage(std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kForest, kLayout));
  ForestRecord record;
  ForestOptions& options = record.options;
  options.metric =
      static_cast<Metric>(LoadLittleEndian<uint8_t>(payload, kMetricOffset));
  options.tree_count = LoadLittleEndian<uint8_t>(payload, kTreeCountOffset);
  options.fan_out = LoadLittleEndian<uint32_t>(payload, kFanOutOffset);
  options.leaf_row_count =
      LoadLittleEndian<uint32_t>(payload, kLeafRowCountOffset);
  options.seed = LoadLittleEndian<uint64_t>(payload, kSeedOffset);
  record.dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  record.row_count = LoadLittleEndian<uint64_t>(payload, kRowCountOffset);
  record.origin = LoadLittleEndian<uint64_t>(payload, kOriginOffset);
  COPSE_RETURN_IF_ERROR(CheckHead(payload, record));
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(
      payload, kPayloadHeadSizeBytes + kTreeSizeBytes * options.tree_count));
  for (size_t offset = kPayloadHeadSizeBytes; offset < payload.size();
       offset += kTreeSizeBytes) {
    TreeRecord tree;
    tree.top = LoadLittleEndian<uint64_t>(payload, offset + kTopOffset);
    tree.leaf_count =
        LoadLittleEndian<uint64_t>(payload, offset + kLeafCountOffset);
    tree.level = LoadLittleEndian<uint8_t>(payload, offset + kLevelOffset);
    COPSE_RETURN_IF_ERROR(CheckTree(payload, offset, tree, record.row_count));
    record.trees.push_back(tree);
  }
  return record;
}

std::vector<std::byte> EncodeForestPage(const ForestRecord& record) {
  const ForestOptions& options = record.options;
  COPSE_CHECK(record.trees.size() == options.tree_count);
  std::vector<std::byte> payload(kPayloadHeadSizeBytes +
                                 kTreeSizeBytes * record.trees.size());
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint8_t>(payload, kMetricOffset,
                             static_cast<uint8_t>(options.metric));
  StoreLittleEndian<uint8_t>(payload, kTreeCountOffset,
                             static_cast<uint8_t>(options.tree_count));
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset, record.dimension);
  StoreLittleEndian<uint32_t>(payload, kFanOutOffset, options.fan_out);
  StoreLittleEndian<uint32_t>(payload, kLeafRowCountOffset,
                              options.leaf_row_count);
  StoreLittleEndian<uint64_t>(payload, kSeedOffset, options.seed);
  StoreLittleEndian<uint64_t>(payload, kRowCountOffset, record.row_count);
  StoreLittleEndian<uint64_t>(payload, kOriginOffset, record.origin);
  size_t offset = kPayloadHeadSizeBytes;
  for (const TreeRecord& tree : record.trees) {
    StoreLittleEndian<uint64_t>(payload, offset + kTopOffset, tree.top);
    StoreLittleEndian<uint64_t>(payload, offset + kLeafCountOffset,
                                tree.leaf_count);
    StoreLittleEndian<uint8_t>(payload, offset + kLevelOffset,
                               static_cast<uint8_t>(tree.level));
    offset += kTreeSizeBytes;
  }
  std::vector<std::byte> page = SealPage(PageKind::kForest, payload);
  COPSE_CHECK(ParseForestPage(page).ok());
  return page;
}

}  // namespace copse::internal
