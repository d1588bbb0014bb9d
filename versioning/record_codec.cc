// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/record_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/little_endian.h"

namespace copse {
namespace {

constexpr size_t kHeaderSizeBytes = 2;
constexpr size_t kChecksumSizeBytes = sizeof(uint64_t);
constexpr uint32_t kNanosPerSecond = 1000000000;

std::span<const std::byte> AsBytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

absl::string_view KindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kDomain:
      return "domain";
    case RecordKind::kManifest:
      return "manifest";
    case RecordKind::kBranch:
      return "branch";
    case RecordKind::kRow:
      return "row";
    case RecordKind::kDocument:
      return "document";
    case RecordKind::kText:
      return "text";
    case RecordKind::kLiveSet:
      return "live set";
    case RecordKind::kForest:
      return "forest";
    case RecordKind::kEmbedding:
      return "embedding";
    case RecordKind::kEmbeddingTotals:
      return "embedding totals";
    case RecordKind::kCounter:
      return "counter";
    case RecordKind::kDomainName:
      return "domain name";
    case RecordKind::kQuerySample:
      return "query sample";
    case RecordKind::kLease:
      return "lease";
    case RecordKind::kCollection:
      return "collection";
    case RecordKind::kBackup:
      return "backup";
    case RecordKind::kJob:
      return "job";
    case RecordKind::kPushFrame:
      return "push frame";
    case RecordKind::kPushRequest:
      return "push request";
    case RecordKind::kCollectRequest:
      return "collection request";
    case RecordKind::kBackupRequest:
      return "backup request";
    case RecordKind::kPullRequest:
      return "pull request";
  }
  return "unknown";
}

}  // namespace

RecordWriter::RecordWriter(RecordKind kind, uint8_t version) {
  U8(static_cast<uint8_t>(kind));
  U8(version);
}

void RecordWriter::U8(uint8_t value) {
  bytes_.push_back(static_cast<char>(value));
}

void RecordWriter::U16(uint16_t value) {
  std::array<std::byte, sizeof(value)> bytes;
  StoreLittleEndian<uint16_t>(bytes, 0, value);
  Fixed(bytes);
}

void RecordWriter::U32(uint32_t value) {
  std::array<std::byte, sizeof(value)> bytes;
  StoreLittleEndian<uint32_t>(bytes, 0, value);
  Fixed(bytes);
}

void RecordWriter::U64(uint64_t value) {
  std::array<std::byte, sizeof(value)> bytes;
  StoreLittleEndian<uint64_t>(bytes, 0, value);
  Fixed(bytes);
}

void RecordWriter::Double(double value) { U64(std::bit_cast<uint64_t>(value)); }

void RecordWriter::Time(absl::Time time) {
  // Whole seconds round down, so the rest is never negative. Times beyond 64
  // bits of seconds, which absl knows as infinite, become the first or last.
  const int64_t seconds = absl::ToUnixSeconds(time);
  const absl::Duration rest = time - absl::FromUnixSeconds(seconds);
  const int64_t nanos = absl::ToInt64Nanoseconds(rest);
  I64(seconds);
  U32(static_cast<uint32_t>(
      std::clamp<int64_t>(nanos, 0, kNanosPerSecond - 1)));
}

void RecordWriter::Text(absl::string_view text) { Bytes(AsBytes(text)); }

void RecordWriter::Bytes(std::span<const std::byte> bytes) {
  COPSE_CHECK(bytes.size() <= std::numeric_limits<uint32_t>::max());
  U32(static_cast<uint32_t>(bytes.size()));
  Fixed(bytes);
}

void RecordWriter::Fixed(std::span<const std::byte> bytes) {
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void RecordWriter::Floats(std::span<const float> values) {
  U32(static_cast<uint32_t>(values.size()));
  Fixed(std::as_bytes(values));
}

std::string RecordWriter::Finish() && {
  U64(XXH3_64bits(bytes_.data(), bytes_.size()));
  return std::move(bytes_);
}

absl::StatusOr<RecordReader> RecordReader::Open(absl::string_view bytes,
                                                RecordKind kind,
                                                uint8_t version_max) {
  constexpr size_t kSizeBytesMin = kHeaderSizeBytes + kChecksumSizeBytes;
  if (bytes.size() < kSizeBytesMin || bytes.size() > kRecordSizeBytesMax) {
    return absl::DataLossError(absl::StrFormat(
        "%s record has %d bytes, expected %d to %d", KindName(kind),
        bytes.size(), kSizeBytesMin, kRecordSizeBytesMax));
  }
  const size_t checksum_offset = bytes.size() - kChecksumSizeBytes;
  const uint64_t computed = XXH3_64bits(bytes.data(), checksum_offset);
  const auto stored =
      LoadLittleEndian<uint64_t>(AsBytes(bytes), checksum_offset);
  if (computed != stored) {
    return absl::DataLossError(absl::StrFormat(
        "%s record: checksum is %016x, expected %016x as at offset %d",
        KindName(kind), computed, stored, checksum_offset));
  }
  const auto found_kind = static_cast<RecordKind>(bytes[0]);
  if (found_kind != kind) {
    return absl::DataLossError(
        absl::StrFormat("record is of kind %d (%s), expected %d (%s)",
                        static_cast<uint8_t>(found_kind), KindName(found_kind),
                        static_cast<uint8_t>(kind), KindName(kind)));
  }
  const auto version = static_cast<uint8_t>(bytes[1]);
  if (version > version_max) {
    return absl::UnimplementedError(absl::StrFormat(
        "%s record is of version %d, expected at most %d: upgrade copse to "
        "read it",
        KindName(kind), version, version_max));
  }
  if (version == 0) {
    return absl::DataLossError(
        absl::StrFormat("%s record is of version 0, expected 1 to %d",
                        KindName(kind), version_max));
  }
  return RecordReader(
      bytes.substr(kHeaderSizeBytes, checksum_offset - kHeaderSizeBytes),
      version);
}

absl::string_view RecordReader::Take(absl::string_view name, size_t size) {
  if (!status_.ok()) {
    return {};
  }
  if (size > rest_.size()) {
    Fail(name, absl::StrFormat("needs %d bytes, found %d", size, rest_.size()));
    return {};
  }
  const absl::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

uint8_t RecordReader::U8(absl::string_view name, uint8_t value_max) {
  const absl::string_view bytes = Take(name, sizeof(uint8_t));
  if (bytes.empty()) {
    return 0;
  }
  const auto value = static_cast<uint8_t>(bytes[0]);
  if (value > value_max) {
    Fail(name, absl::StrFormat("is %d, expected at most %d", value, value_max));
    return 0;
  }
  return value;
}

uint16_t RecordReader::U16(absl::string_view name) {
  const absl::string_view bytes = Take(name, sizeof(uint16_t));
  return bytes.empty() ? uint16_t{0}
                       : LoadLittleEndian<uint16_t>(AsBytes(bytes), 0);
}

uint32_t RecordReader::U32(absl::string_view name, uint32_t value_max) {
  const absl::string_view bytes = Take(name, sizeof(uint32_t));
  if (bytes.empty()) {
    return 0;
  }
  const auto value = LoadLittleEndian<uint32_t>(AsBytes(bytes), 0);
  if (value > value_max) {
    Fail(name, absl::StrFormat("is %d, expected at most %d", value, value_max));
    return 0;
  }
  return value;
}

uint64_t RecordReader::U64(absl::string_view name) {
  const absl::string_view bytes = Take(name, sizeof(uint64_t));
  return bytes.empty() ? uint64_t{0}
                       : LoadLittleEndian<uint64_t>(AsBytes(bytes), 0);
}

int64_t RecordReader::Count(absl::string_view name) {
  const uint64_t value = U64(name);
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    Fail(name, absl::StrFormat("is %d, expected less than 2^63", value));
    return 0;
  }
  return static_cast<int64_t>(value);
}

double RecordReader::Double(absl::string_view name) {
  return std::bit_cast<double>(U64(name));
}

absl::Time RecordReader::Time(absl::string_view name) {
  const int64_t seconds = I64(name);
  const uint32_t nanos = U32(name, kNanosPerSecond - 1);
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos);
}

std::string RecordReader::Text(absl::string_view name, size_t size_bytes_max) {
  return std::string(Bytes(name, size_bytes_max));
}

absl::string_view RecordReader::Bytes(absl::string_view name,
                                      size_t size_bytes_max) {
  const uint32_t size = U32(name);
  if (size > size_bytes_max) {
    Fail(name, absl::StrFormat("has %d bytes, expected at most %d", size,
                               size_bytes_max));
    return {};
  }
  return Take(name, size);
}

std::array<std::byte, 32> RecordReader::Hash(absl::string_view name) {
  std::array<std::byte, 32> hash = {};
  const absl::string_view bytes = Take(name, hash.size());
  if (!bytes.empty()) {
    std::memcpy(hash.data(), bytes.data(), hash.size());
  }
  return hash;
}

std::vector<float> RecordReader::Floats(absl::string_view name,
                                        size_t count_max) {
  const uint32_t count = U32(name);
  if (count > count_max) {
    Fail(name, absl::StrFormat("has %d components, expected at most %d", count,
                               count_max));
    return {};
  }
  const absl::string_view bytes = Take(name, size_t{count} * sizeof(float));
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

uint32_t RecordReader::ItemCount(absl::string_view name, size_t item_size_bytes,
                                 uint32_t count_max) {
  const uint32_t count = U32(name, count_max);
  if (size_t{count} * item_size_bytes > rest_.size()) {
    Fail(name, absl::StrFormat("is %d, more than the %d bytes left hold", count,
                               rest_.size()));
    return 0;
  }
  return count;
}

void RecordReader::Fail(absl::string_view name, absl::string_view problem) {
  if (status_.ok()) {
    status_ = absl::DataLossError(absl::StrCat(
        name, " at offset ",
        kHeaderSizeBytes + record_size_bytes_ - rest_.size(), " ", problem));
  }
  rest_ = {};
}

absl::Status RecordReader::Finish() const {
  if (status_.ok() && !rest_.empty()) {
    return absl::DataLossError(absl::StrFormat(
        "record has %d bytes more than its fields", rest_.size()));
  }
  return status_;
}

}  // namespace copse
