// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What makes a backup exist: the file in the backup folder that says which
// copies of vectors belong to it. The rest of it is a backup of RocksDB with
// the same number.
//
// BackupRecord, fields (see record_codec.h for the envelope and the types),
// version 1; version 2, which is written if and only if a segment holds bits,
// has the encoding of each:
//
//   id                u32     above 0
//   create time       time
//   data format       u32     of the data folder, see data_folder.h
//   domain count      u64     this and the next four are below 2^63
//   commit count      u64
//   size              u64     bytes of everything that it needs, holes apart
//   new size          u64     of these, not in the backup folder before
//   meta size         u64     of these, in RocksDB's files
//   segment count     u32
//   segments, ascending by domain and number:
//     domain number   u32
//     segment number  u32
//     dimension       u32
//     place size      u32     bytes of a row, see segment_file.h
//     place count     u32     above 0; all places take at most 1 GiB
//     encoding        u8      version 2 only: 0 floats, 1 bits
//     piece count     u32     at most 64
//     pieces, of which a later one stands over what earlier ones have:
//       backup id     u32     which wrote the files, see backup_folder.h
//       first place   u32
//       count         u32     of places, above 0; all within the segment
//       row count     u32     of places that held a row
//       vectors size  u64     bytes that were written, holes apart
//       vectors sum   u64     XXH3-64 with seed 0 of the file of vectors
//       checks sum    u64     of the file of checks

#ifndef COPSE_VERSIONING_BACKUP_RECORD_H_
#define COPSE_VERSIONING_BACKUP_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/segment_file.h"

namespace copse {

// A copy of some places of a segment, in two files that never change.
struct BackupPiece {
  uint32_t backup_id = 0;
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t row_count = 0;
  int64_t vectors_size_bytes = 0;
  uint64_t vectors_checksum = 0;
  uint64_t checks_checksum = 0;

  friend bool operator==(const BackupPiece&, const BackupPiece&) = default;
};

// No segment has more: small pieces are put together (segment_backup.h).
inline constexpr uint32_t kBackupPieceCountMax = 64;

struct BackupSegment {
  uint32_t domain_number = 0;
  uint32_t segment_number = 0;
  uint32_t dimension = 0;
  uint32_t place_size_bytes = 0;
  uint32_t place_count = 0;
  RowEncoding encoding = RowEncoding::kFloats;
  std::vector<BackupPiece> pieces = {};

  friend bool operator==(const BackupSegment&, const BackupSegment&) = default;
};

struct BackupRecord {
  uint32_t id = 0;
  absl::Time create_time = absl::UnixEpoch();
  uint32_t data_format_version = 0;
  int64_t domain_count = 0;
  int64_t commit_count = 0;
  int64_t size_bytes = 0;
  int64_t new_size_bytes = 0;
  int64_t meta_size_bytes = 0;
  std::vector<BackupSegment> segments = {};

  std::string Encode() const;
  static absl::StatusOr<BackupRecord> Parse(absl::string_view bytes);

  // Returns the segment, or null if the backup has none of it.
  const BackupSegment* FindSegment(uint32_t domain_number,
                                   uint32_t segment_number) const;

  friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_BACKUP_RECORD_H_
