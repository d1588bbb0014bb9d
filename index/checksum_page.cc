// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/checksum_page.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr uint32_t kMagic = 0x45535043;  // "CPSE" in the order of its bytes.
constexpr uint16_t kFormatVersion = 1;

constexpr size_t kMagicOffset = 0;
constexpr size_t kVersionOffset = kMagicOffset + sizeof(uint32_t);
constexpr size_t kKindOffset = kVersionOffset + sizeof(uint16_t);
constexpr size_t kPayloadSizeOffset = kKindOffset + sizeof(uint16_t);
constexpr size_t kReservedOffset = kPayloadSizeOffset + sizeof(uint32_t);
static_assert(kReservedOffset + sizeof(uint32_t) ==
              ChecksumPage::kHeaderSizeBytes);
static_assert(ChecksumPage::kChecksumSizeBytes == sizeof(XXH64_hash_t));
static_assert(ChecksumPage::kPayloadSizeBytesMax <= UINT32_MAX);

uint64_t Checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

bool IsKnownKind(PageKind kind) {
  switch (kind) {
    case PageKind::kForest:
    case PageKind::kInner:
    case PageKind::kLeaf:
    case PageKind::kCentroids:
    case PageKind::kCalibration:
      return true;
  }
  return false;  // A cast made it from stored bytes or from a wrong number.
}

// Checks everything that holds in all versions: magic, size and checksum.
absl::Status CheckEnvelope(std::span<const std::byte> bytes) {
  if (bytes.size() < ChecksumPage::SizeBytes(0)) {
    return absl::DataLossError(
        absl::StrFormat("size is %d bytes, expected at least %d", bytes.size(),
                        ChecksumPage::SizeBytes(0)));
  }
  const auto magic = LoadLittleEndian<uint32_t>(bytes, kMagicOffset);
  if (magic != kMagic) {
    return absl::DataLossError(
        absl::StrFormat("magic at offset %d is 0x%08x, expected 0x%08x",
                        kMagicOffset, magic, kMagic));
  }
  const auto payload_size_bytes =
      LoadLittleEndian<uint32_t>(bytes, kPayloadSizeOffset);
  if (payload_size_bytes > ChecksumPage::kPayloadSizeBytesMax) {
    return absl::DataLossError(absl::StrFormat(
        "payload size at offset %d is %d bytes, expected at most %d",
        kPayloadSizeOffset, payload_size_bytes,
        ChecksumPage::kPayloadSizeBytesMax));
  }
  const size_t size_bytes = ChecksumPage::SizeBytes(payload_size_bytes);
  if (bytes.size() != size_bytes) {
    return absl::DataLossError(absl::StrFormat(
        "size is %d bytes, expected %d for the payload size %d at offset %d",
        bytes.size(), size_bytes, payload_size_bytes, kPayloadSizeOffset));
  }
  const size_t checksum_offset = size_bytes - ChecksumPage::kChecksumSizeBytes;
  const uint64_t computed = Checksum(bytes.first(checksum_offset));
  const auto stored = LoadLittleEndian<uint64_t>(bytes, checksum_offset);
  if (computed != stored) {
    return absl::DataLossError(
        absl::StrFormat("checksum is %016x, expected %016x as at offset %d",
                        computed, stored, checksum_offset));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view PageKindName(PageKind kind) {
  switch (kind) {
    case PageKind::kForest:
      return "forest";
    case PageKind::kInner:
      return "inner";
    case PageKind::kLeaf:
      return "leaf";
    case PageKind::kCentroids:
      return "centroids";
    case PageKind::kCalibration:
      return "calibration";
  }
  return "unknown";
}

absl::StatusOr<std::vector<std::byte>> ChecksumPage::Encode(
    PageKind kind, std::span<const std::byte> payload) {
  COPSE_CHECK(IsKnownKind(kind));
  if (payload.size() > kPayloadSizeBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("payload is %d bytes, expected at most %d",
                        payload.size(), kPayloadSizeBytesMax));
  }
  std::vector<std::byte> page(SizeBytes(payload.size()));
  StoreLittleEndian<uint32_t>(page, kMagicOffset, kMagic);
  StoreLittleEndian<uint16_t>(page, kVersionOffset, kFormatVersion);
  StoreLittleEndian<uint16_t>(page, kKindOffset, static_cast<uint16_t>(kind));
  StoreLittleEndian<uint32_t>(page, kPayloadSizeOffset,
                              static_cast<uint32_t>(payload.size()));
  StoreLittleEndian<uint32_t>(page, kReservedOffset, 0);
  if (!payload.empty()) {  // memcpy from a null pointer is undefined.
    std::memcpy(page.data() + kHeaderSizeBytes, payload.data(), payload.size());
  }
  const size_t checksum_offset = kHeaderSizeBytes + payload.size();
  StoreLittleEndian<uint64_t>(
      page, checksum_offset,
      Checksum(std::span<const std::byte>(page).first(checksum_offset)));

  // A page that cannot be read back must never be written. Reading it costs a
  // second pass over the payload, hence only in builds with COPSE_DCHECK.
  COPSE_DCHECK(Parse(page).ok());
  return page;
}

absl::StatusOr<ChecksumPage> ChecksumPage::Parse(
    std::span<const std::byte> bytes) {
  COPSE_RETURN_IF_ERROR(CheckEnvelope(bytes));

  // From here on the page is what somebody wrote; the rest depends on who.
  const auto version = LoadLittleEndian<uint16_t>(bytes, kVersionOffset);
  if (version != kFormatVersion) {
    return absl::UnimplementedError(absl::StrFormat(
        "format version at offset %d is %d, expected %d: upgrade copse to read "
        "it",
        kVersionOffset, version, kFormatVersion));
  }
  const auto kind =
      static_cast<PageKind>(LoadLittleEndian<uint16_t>(bytes, kKindOffset));
  if (!IsKnownKind(kind)) {
    return absl::DataLossError(absl::StrFormat(
        "page kind at offset %d is %d, expected a number from %d to %d",
        kKindOffset, static_cast<uint16_t>(kind),
        static_cast<uint16_t>(PageKind::kForest),
        static_cast<uint16_t>(PageKind::kCalibration)));
  }
  const auto reserved = LoadLittleEndian<uint32_t>(bytes, kReservedOffset);
  if (reserved != 0) {
    return absl::DataLossError(
        absl::StrFormat("reserved field at offset %d is 0x%08x, expected 0",
                        kReservedOffset, reserved));
  }
  return ChecksumPage(
      kind, bytes.subspan(kHeaderSizeBytes, bytes.size() - SizeBytes(0)));
}

}  // namespace copse
