// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The envelope of the small records of the meta database, and the reading and
// writing of their fields.
//
//   RecordWriter writer(RecordKind::kBranch, /*version=*/1);
//   writer.Text(record.head_commit);
//   writer.U64(record.version);
//   std::string bytes = std::move(writer).Finish();
//   ...
//   COPSE_ASSIGN_OR_RETURN(
//       RecordReader reader,
//       RecordReader::Open(bytes, RecordKind::kBranch, /*version_max=*/1));
//   record.head_commit = reader.Text("head commit", kNameSizeBytesMax);
//   record.version = reader.U64("version");
//   COPSE_RETURN_IF_ERROR(reader.Finish());
//
// Layout, little-endian, without padding:
//
//   OFFSET  SIZE  FIELD
//        0     1  record kind, see RecordKind
//        1     1  version of the kind
//        2     n  fields
//      2+n     8  checksum, XXH3-64 with seed 0 of the 2 + n bytes before it
//
// Fields have no tags: kind and version fix their order. A text or list of
// bytes is a 32-bit size and the bytes; a signed number is stored as the
// unsigned one with the same bits; a time is whole seconds since 1970 in 64
// bits and nanoseconds in 32.

#ifndef COPSE_VERSIONING_RECORD_CODEC_H_
#define COPSE_VERSIONING_RECORD_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

// The values are stored: a value keeps its meaning for ever.
enum class RecordKind : uint8_t {
  kDomain = 1,
  kManifest = 2,
  kBranch = 3,
  kRow = 4,
  kDocument = 5,
  kText = 6,
  kLiveSet = 7,
  kForest = 8,
  kEmbedding = 9,
  kEmbeddingTotals = 10,
  kCounter = 11,
  kDomainName = 12,
  kQuerySample = 13,
  kLease = 14,
  kCollection = 15,
  kBackup = 16,
  kJob = 17,
  kPushFrame = 18,       // In spool files (sidecar/service/push_spool.h).
  kPushRequest = 19,     // In a JobRecord (sidecar/service/push_spool.h).
  kCollectRequest = 20,  // The same (sidecar/service/maintenance_jobs.h).
  kBackupRequest = 21,   // The same.
  kPullRequest = 22,     // The same (sidecar/service/pull_job.h).
};

// No record is longer; a text is the largest.
inline constexpr size_t kRecordSizeBytesMax = size_t{64} << 20;

// Thread safety: one thread at a time.
class RecordWriter {
 public:
  RecordWriter(RecordKind kind, uint8_t version);

  void U8(uint8_t value);
  void U16(uint16_t value);
  void U32(uint32_t value);
  void U64(uint64_t value);
  void I64(int64_t value) { U64(static_cast<uint64_t>(value)); }
  void Double(double value);
  void Bool(bool value) { U8(value ? 1 : 0); }
  void Time(absl::Time time);
  // REQUIRES: text.size() < 2^32
  void Text(absl::string_view text);
  void Bytes(std::span<const std::byte> bytes);
  // The bytes alone; the reader knows the size.
  void Fixed(std::span<const std::byte> bytes);
  // A 32-bit count and the bits of each.
  void Floats(std::span<const float> values);

  // Of what was written so far, the envelope without its checksum included.
  size_t size_bytes() const { return bytes_.size(); }

  // Returns the whole record.
  std::string Finish() &&;

 private:
  std::string bytes_;
};

// Reads the fields of one record. The first field that is missing or out of
// range makes every later read return nothing, so only Finish() need be
// checked, and before any loop over a count that was read. Nothing is
// allocated on the word of a size before the bytes are there.
//
// Thread safety: one thread at a time.
class RecordReader {
 public:
  // Checks the envelope of `bytes`, which must outlive the reader. Fails with
  // kDataLoss if the record is damaged or of another kind, and kUnimplemented
  // if it is intact but of a version above `version_max`.
  static absl::StatusOr<RecordReader> Open(absl::string_view bytes,
                                           RecordKind kind,
                                           uint8_t version_max);

  uint8_t version() const { return version_; }

  // Each returns the next field; `name` is for the message of an error.
  uint8_t U8(absl::string_view name, uint8_t value_max = UINT8_MAX);
  uint16_t U16(absl::string_view name);
  uint32_t U32(absl::string_view name, uint32_t value_max = UINT32_MAX);
  uint64_t U64(absl::string_view name);
  int64_t I64(absl::string_view name) {
    return static_cast<int64_t>(U64(name));
  }
  // A number that is never negative.
  int64_t Count(absl::string_view name);
  double Double(absl::string_view name);
  bool Bool(absl::string_view name) { return U8(name, 1) != 0; }
  absl::Time Time(absl::string_view name);
  std::string Text(absl::string_view name, size_t size_bytes_max);
  // A view of the record's own bytes.
  absl::string_view Bytes(absl::string_view name, size_t size_bytes_max);
  std::array<std::byte, 32> Hash(absl::string_view name);
  std::vector<float> Floats(absl::string_view name, size_t count_max);
  // A 32-bit count of things of at least `item_size_bytes` each.
  uint32_t ItemCount(absl::string_view name, size_t item_size_bytes,
                     uint32_t count_max);

  // Makes every later read return nothing and Finish() fail with kDataLoss.
  void Fail(absl::string_view name, absl::string_view problem);

  bool ok() const { return status_.ok(); }

  // Returns whether everything was read and nothing is left.
  absl::Status Finish() const;

 private:
  RecordReader(absl::string_view fields, uint8_t version)
      : rest_(fields), record_size_bytes_(fields.size()), version_(version) {}

  // Returns the next `size` bytes, or nothing.
  absl::string_view Take(absl::string_view name, size_t size);

  absl::string_view rest_;  // Not owned.
  size_t record_size_bytes_;
  uint8_t version_;
  absl::Status status_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_RECORD_CODEC_H_
