// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Copies of a segment in a backup folder: what is new since the last backup is
// found, copied, and put together again by a restore.
//
//   COPSE_ASSIGN_OR_RETURN(SegmentPlan plan,
//                          PlanSegment(source, backup_folder, previous));
//   COPSE_RETURN_IF_ERROR(CopySegment(source, copy, plan));
//   record.segments.push_back(plan.segment);
//
// A piece has places [first, first + count) of a segment, in two files that are
// written once:
//
//   vectors/<domain>/<segment>-<backup>.vectors   the places as they are in the
//                                                 segment, holes as holes
//   vectors/<domain>/<segment>-<backup>.checks    8 bytes for each place, see
//                                                 vector_segments.h
//
// What is new is told by comparing checks: 8 bytes for each row are read of the
// segment and of its pieces, and a row is copied if the backup folder has none
// or another one in its place. So nothing needs to be remembered between
// backups. Rows of pushes in flight come with the next one, and a data folder
// that was restored, copied or set back, and gave an ordinal to another row
// than this backup folder knows, gets a piece of its own.
//
// Invariants:
//
// * The checks of a piece are read before its vectors are: a row is written
//   before its check, so a row with a check is there.
// * Files of a piece never change, so a later backup cannot harm an earlier
//   one.
// * A new piece takes in the last one while that is at most twice as long, so
//   a segment has a logarithm of its backups as pieces; and a piece of which
//   less than half is used any more is replaced by a copy of the rest.

#ifndef COPSE_VERSIONING_SEGMENT_BACKUP_H_
#define COPSE_VERSIONING_SEGMENT_BACKUP_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/backup_record.h"
#include "versioning/segment_file.h"

namespace copse {

// A segment of the data folder. Nobody rewrites or removes it meanwhile.
struct SegmentSource {
  std::string domain_path;
  uint32_t domain_number = 0;
  uint32_t segment_number = 0;
};

struct SegmentPlan {
  BackupSegment segment;  // With the pieces that are used again.

  // What is to be copied; no places: nothing.
  PlaceRange copied;

  int64_t copied_size_bytes() const {
    return int64_t{copied.count} *
           (segment.place_size_bytes + int64_t{sizeof(uint64_t)});
  }
};

// Told of bytes as they are read; a status that is not OK stops the work.
using CopyNotice = std::function<absl::Status(int64_t size_bytes)>;

struct SegmentCopy {
  std::string backup_folder;
  uint32_t backup_id = 0;
  CopyNotice on_read = nullptr;
};

// Returns the path of a file of a piece.
std::string PiecePath(const std::string& backup_folder,
                      const BackupSegment& segment, uint32_t backup_id,
                      SegmentKind kind);

// Finds out what is to be copied. `previous` is the segment in the last backup;
// it may be null, or of another store. Fails with kDataLoss, DATA_DAMAGED,
// naming the segment, if it cannot be read.
absl::StatusOr<SegmentPlan> PlanSegment(const SegmentSource& source,
                                        const std::string& backup_folder,
                                        const BackupSegment* previous);

// Copies it, durably but for the names of the files, and adds the piece to
// `plan.segment`.
absl::Status CopySegment(const SegmentSource& source, const SegmentCopy& copy,
                         SegmentPlan& plan);

// Makes the two files of `segment` in `domain_path`, with the places below
// `place_end`, durably but for their names. Fails with kDataLoss, DATA_DAMAGED,
// naming the file, if a piece is missing or not what was written.
absl::Status RestoreSegment(const BackupSegment& segment,
                            const std::string& backup_folder,
                            const std::string& domain_path, uint32_t place_end,
                            const CopyNotice& on_read);

// Reads the pieces of `segment` and compares them with their checksums.
absl::Status VerifySegment(const BackupSegment& segment,
                           const std::string& backup_folder,
                           const CopyNotice& on_read);

}  // namespace copse

#endif  // COPSE_VERSIONING_SEGMENT_BACKUP_H_
