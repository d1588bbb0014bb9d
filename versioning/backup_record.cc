// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/backup_record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/record_codec.h"
#include "versioning/segment_file.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kVersionBits = 2;
constexpr size_t kSegmentSizeBytes = 6 * sizeof(uint32_t);
constexpr size_t kPieceSizeBytes = 4 * sizeof(uint32_t) + 3 * sizeof(uint64_t);

// For what is allocated; a segment takes 256 MiB.
constexpr uint32_t kSegmentSizeBytesMax = uint32_t{1} << 30;

// Of one domain and of many: more do not fit a record anyway.
constexpr uint32_t kSegmentCountMax = std::numeric_limits<uint32_t>::max();

std::pair<uint32_t, uint32_t> OrderOf(const BackupSegment& segment) {
  return {segment.domain_number, segment.segment_number};
}

bool HasBits(const BackupRecord& record) {
  return std::ranges::any_of(record.segments, [](const BackupSegment& segment) {
    return segment.encoding != RowEncoding::kFloats;
  });
}

void WriteSegment(const BackupSegment& segment, uint8_t version,
                  RecordWriter& writer) {
  writer.U32(segment.domain_number);
  writer.U32(segment.segment_number);
  writer.U32(segment.dimension);
  writer.U32(segment.place_size_bytes);
  writer.U32(segment.place_count);
  if (version == kVersionBits) {
    writer.U8(static_cast<uint8_t>(segment.encoding));
  }
  writer.U32(static_cast<uint32_t>(segment.pieces.size()));
  for (const BackupPiece& piece : segment.pieces) {
    writer.U32(piece.backup_id);
    writer.U32(piece.first);
    writer.U32(piece.count);
    writer.U32(piece.row_count);
    writer.I64(piece.vectors_size_bytes);
    writer.U64(piece.vectors_checksum);
    writer.U64(piece.checks_checksum);
  }
}

BackupPiece ReadPiece(const BackupSegment& segment, RecordReader& reader) {
  BackupPiece piece;
  piece.backup_id = reader.U32("backup id of a piece");
  piece.first = reader.U32("first place", segment.place_count);
  piece.count = reader.U32("count of places", segment.place_count);
  piece.row_count = reader.U32("row count", piece.count);
  piece.vectors_size_bytes = reader.Count("vectors size");
  piece.vectors_checksum = reader.U64("vectors sum");
  piece.checks_checksum = reader.U64("checks sum");
  if (piece.backup_id == 0 || piece.count == 0 ||
      piece.count > segment.place_count - piece.first) {
    reader.Fail("piece", "has no number, no places or some of no segment");
  }
  return piece;
}

BackupSegment ReadSegment(RecordReader& reader) {
  BackupSegment segment;
  segment.domain_number = reader.U32("domain number");
  segment.segment_number = reader.U32("segment number");
  segment.dimension = reader.U32("dimension");
  segment.place_size_bytes = reader.U32("place size");
  segment.place_count = reader.U32("place count");
  if (reader.version() == kVersionBits) {
    segment.encoding = static_cast<RowEncoding>(reader.U8("encoding", 1));
  }
  if (segment.dimension == 0 || segment.place_size_bytes == 0 ||
      segment.place_count == 0 ||
      segment.place_count > kSegmentSizeBytesMax / segment.place_size_bytes) {
    reader.Fail("segment", "has no dimension or places, or too many");
  }
  const uint32_t piece_count =
      reader.ItemCount("piece count", kPieceSizeBytes, kBackupPieceCountMax);
  for (uint32_t i = 0; i < piece_count && reader.ok(); ++i) {
    segment.pieces.push_back(ReadPiece(segment, reader));
  }
  return segment;
}

}  // namespace

std::string BackupRecord::Encode() const {
  const uint8_t version = HasBits(*this) ? kVersionBits : kVersion;
  RecordWriter writer(RecordKind::kBackup, version);
  writer.U32(id);
  writer.Time(create_time);
  writer.U32(data_format_version);
  writer.I64(domain_count);
  writer.I64(commit_count);
  writer.I64(size_bytes);
  writer.I64(new_size_bytes);
  writer.I64(meta_size_bytes);
  writer.U32(static_cast<uint32_t>(segments.size()));
  for (const BackupSegment& segment : segments) {
    WriteSegment(segment, version, writer);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<BackupRecord> BackupRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kBackup, kVersionBits));
  BackupRecord record;
  record.id = reader.U32("id");
  record.create_time = reader.Time("create time");
  record.data_format_version = reader.U32("data format");
  record.domain_count = reader.Count("domain count");
  record.commit_count = reader.Count("commit count");
  record.size_bytes = reader.Count("size");
  record.new_size_bytes = reader.Count("new size");
  record.meta_size_bytes = reader.Count("meta size");
  if (record.id == 0) {
    reader.Fail("id", "is 0");
  }
  const uint32_t segment_count =
      reader.ItemCount("segment count", kSegmentSizeBytes, kSegmentCountMax);
  for (uint32_t i = 0; i < segment_count && reader.ok(); ++i) {
    record.segments.push_back(ReadSegment(reader));
    if (i > 0 &&
        OrderOf(record.segments[i - 1]) >= OrderOf(record.segments[i])) {
      reader.Fail("segments", "do not ascend");
    }
  }
  // One encoding for each content: without bits it is version 1.
  if (reader.ok() && reader.version() == kVersionBits && !HasBits(record)) {
    reader.Fail("segments", "hold no bits, expected some in version 2");
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

const BackupSegment* BackupRecord::FindSegment(uint32_t domain_number,
                                               uint32_t segment_number) const {
  const std::pair wanted(domain_number, segment_number);
  const auto found = std::ranges::lower_bound(segments, wanted, {}, OrderOf);
  return found != segments.end() && OrderOf(*found) == wanted ? &*found
                                                              : nullptr;
}

}  // namespace copse
