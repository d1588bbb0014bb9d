// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/segment_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/status_macros.h"
#include "versioning/backup_record.h"
#include "versioning/files.h"
#include "versioning/segment_file.h"
#include "versioning/sparse_copy.h"
#include "versioning/storage_errors.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

constexpr size_t kCheckSizeBytes = sizeof(uint64_t);

// A new piece takes in the last one if it grows to at most so many times its
// size by that.
constexpr uint64_t kGrowthMax = 3;

constexpr std::array kKinds = {SegmentKind::kVectors, SegmentKind::kChecks};

size_t OffsetOf(uint32_t place, size_t place_size_bytes) {
  return kSegmentHeaderSizeBytes + size_t{place} * place_size_bytes;
}

size_t PlaceSizeBytes(const BackupSegment& segment, SegmentKind kind) {
  return kind == SegmentKind::kVectors ? segment.place_size_bytes
                                       : kCheckSizeBytes;
}

SegmentHeader HeaderOf(const BackupSegment& segment, SegmentKind kind) {
  return {
      .kind = kind,
      .domain_number = segment.domain_number,
      .segment_number = segment.segment_number,
      .dimension = segment.dimension,
      .place_size_bytes = static_cast<uint32_t>(PlaceSizeBytes(segment, kind)),
      .place_count = segment.place_count,
      .encoding = kind == SegmentKind::kVectors ? segment.encoding
                                                : RowEncoding::kFloats};
}

PlaceRange RangeOf(const BackupPiece& piece) {
  return {.first = piece.first, .count = piece.count};
}

uint64_t EndOf(const PlaceRange& range) {
  return uint64_t{range.first} + range.count;
}

// Returns the shortest range that has both.
PlaceRange Cover(const PlaceRange& left, const PlaceRange& right) {
  const uint32_t first = std::min(left.first, right.first);
  const uint64_t end = std::max(EndOf(left), EndOf(right));
  return {.first = first, .count = static_cast<uint32_t>(end - first)};
}

bool Overlaps(const PlaceRange& left, const PlaceRange& right) {
  return left.first < EndOf(right) && right.first < EndOf(left);
}

absl::StatusOr<size_t> SizeOf(const FileDescriptor& file,
                              const std::string& path) {
  struct stat found = {};
  if (::fstat(file.get(), &found) != 0) {
    return FileError("read", path, errno);
  }
  return static_cast<size_t>(found.st_size);
}

// ---- The segment that is backed up -----------------------------------------

// A file of it, opened and known to be what its name says.
struct SourceFile {
  std::string path;
  FileDescriptor file;
  SegmentHeader header;
  uint32_t place_end = 0;  // Places that the file has.
};

absl::StatusOr<SourceFile> OpenSource(const SegmentSource& source,
                                      SegmentKind kind) {
  SourceFile opened;
  opened.path = SegmentPath(source.domain_path, kind, source.segment_number);
  const std::string name = absl::StrFormat("segment '%s'", opened.path);
  absl::StatusOr<FileDescriptor> file = OpenFile(opened.path, O_RDONLY);
  if (absl::IsNotFound(file.status())) {
    return DataDamagedError(name, "the file is missing");
  }
  COPSE_RETURN_IF_ERROR(file.status());
  opened.file = *std::move(file);
  COPSE_ASSIGN_OR_RETURN(const size_t size, SizeOf(opened.file, opened.path));
  std::array<std::byte, kSegmentHeaderSizeBytes> page;
  const std::span<std::byte> bytes =
      std::span(page).first(std::min(page.size(), size));
  COPSE_RETURN_IF_ERROR(ReadAt(opened.file.get(), opened.path, bytes, 0));
  const absl::StatusOr<SegmentHeader> header = ParseSegmentHeader(bytes);
  if (!header.ok()) {
    return AnnotateStored(header.status(), name);
  }
  opened.header = *header;
  if (header->kind != kind || header->domain_number != source.domain_number ||
      header->segment_number != source.segment_number ||
      header->place_size_bytes == 0) {
    return DataDamagedError(name, "header is that of another segment");
  }
  opened.place_end = static_cast<uint32_t>(std::min<size_t>(
      header->place_count,
      (size - kSegmentHeaderSizeBytes) / header->place_size_bytes));
  return opened;
}

absl::StatusOr<std::vector<uint64_t>> ReadChecks(const SourceFile& checks,
                                                 const PlaceRange& range) {
  std::vector<uint64_t> values(range.count);
  COPSE_RETURN_IF_ERROR(ReadAt(checks.file.get(), checks.path,
                               std::as_writable_bytes(std::span(values)),
                               OffsetOf(range.first, kCheckSizeBytes)));
  return values;
}

// ---- Pieces ----------------------------------------------------------------

// Opens a file of a piece, which has the right size.
absl::StatusOr<FileDescriptor> OpenPiece(const BackupSegment& segment,
                                         const BackupPiece& piece,
                                         SegmentKind kind,
                                         const std::string& path) {
  const std::string name = absl::StrFormat("backup file '%s'", path);
  absl::StatusOr<FileDescriptor> file = OpenFile(path, O_RDONLY);
  if (absl::IsNotFound(file.status())) {
    return DataDamagedError(name, "the file is missing");
  }
  COPSE_RETURN_IF_ERROR(file.status());
  COPSE_ASSIGN_OR_RETURN(const size_t size, SizeOf(*file, path));
  const size_t wanted = piece.count * PlaceSizeBytes(segment, kind);
  if (size != wanted) {
    return DataDamagedError(
        name, absl::StrFormat("size is %d bytes, expected %d", size, wanted));
  }
  return file;
}

absl::Status CheckSum(const BackupPiece& piece, SegmentKind kind,
                      const std::string& path, uint64_t computed) {
  const uint64_t expected = kind == SegmentKind::kVectors
                                ? piece.vectors_checksum
                                : piece.checks_checksum;
  if (computed == expected) {
    return absl::OkStatus();
  }
  return DataDamagedError(
      absl::StrFormat("backup file '%s'", path),
      absl::StrFormat("checksum is %016x, expected %016x", computed, expected));
}

// Reads the checks of a piece, whose vectors are at least there.
absl::StatusOr<std::vector<uint64_t>> ReadPieceChecks(
    const BackupSegment& segment, const BackupPiece& piece,
    const std::string& backup_folder) {
  COPSE_RETURN_IF_ERROR(
      OpenPiece(segment, piece, SegmentKind::kVectors,
                PiecePath(backup_folder, segment, piece.backup_id,
                          SegmentKind::kVectors))
          .status());
  const std::string path =
      PiecePath(backup_folder, segment, piece.backup_id, SegmentKind::kChecks);
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                         OpenPiece(segment, piece, SegmentKind::kChecks, path));
  std::vector<uint64_t> checks(piece.count);
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(checks));
  COPSE_RETURN_IF_ERROR(ReadAt(file.get(), path, bytes, 0));
  COPSE_RETURN_IF_ERROR(CheckSum(piece, SegmentKind::kChecks, path,
                                 XXH3_64bits(bytes.data(), bytes.size())));
  return checks;
}

// Keeps the pieces of `previous` that are intact and still half used, and
// returns the check that they have for each place.
std::vector<uint64_t> KeepPieces(const BackupSegment& previous,
                                 const std::string& backup_folder,
                                 std::span<const uint64_t> live,
                                 std::vector<BackupPiece>& kept) {
  std::vector<uint64_t> stored(live.size());
  for (const BackupPiece& piece : previous.pieces) {
    const size_t first = std::min<size_t>(piece.first, live.size());
    const size_t end = std::min<size_t>(EndOf(RangeOf(piece)), live.size());
    const auto used_count =
        std::ranges::count_if(live.subspan(first, end - first),
                              [](uint64_t check) { return check != 0; });
    if (2 * used_count < int64_t{piece.row_count}) {
      continue;
    }
    // A damaged piece is copied again; the backups before keep the damage.
    const absl::StatusOr<std::vector<uint64_t>> checks =
        ReadPieceChecks(previous, piece, backup_folder);
    if (!checks.ok()) {
      continue;
    }
    std::copy_n(checks->begin(), end - first,
                stored.begin() + static_cast<ptrdiff_t>(first));
    kept.push_back(piece);
  }
  return stored;
}

// Makes `copied` longer by the pieces that are better copied with it.
void TakeInPieces(std::vector<BackupPiece>& kept, PlaceRange& copied) {
  while (!kept.empty()) {
    const PlaceRange longer = Cover(copied, RangeOf(kept.back()));
    if (longer.count > kGrowthMax * copied.count &&
        kept.size() < kBackupPieceCountMax) {
      break;
    }
    copied = longer;
    std::erase_if(kept, [&copied](const BackupPiece& piece) {
      return Cover(copied, RangeOf(piece)) == copied;
    });
  }
}

// Writes one file of a piece.
absl::StatusOr<SparseCopyResult> WritePiece(const SourceFile& source,
                                            const PlaceRange& range,
                                            const std::string& path,
                                            const CopyNotice& on_read) {
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                         OpenFile(path, O_RDWR | O_CREAT | O_TRUNC));
  SegmentCalls& calls = SystemCalls();
  const size_t size = size_t{range.count} * source.header.place_size_bytes;
  COPSE_ASSIGN_OR_RETURN(
      const SparseCopyResult result,
      CopySparse(calls, {.source = source.file.get(),
                         .source_path = source.path,
                         .source_offset = OffsetOf(
                             range.first, source.header.place_size_bytes),
                         .target = file.get(),
                         .target_path = path,
                         .size = size,
                         .on_read = on_read}));
  if (calls.FTruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return FileError("grow", path, errno);
  }
  if (calls.FSync(file.get()) != 0) {
    return FileError("sync", path, errno);
  }
  return result;
}

absl::Status WriteChecks(std::span<const uint64_t> checks,
                         const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                         OpenFile(path, O_RDWR | O_CREAT | O_TRUNC));
  COPSE_RETURN_IF_ERROR(
      WriteAt(SystemCalls(), file.get(), path, std::as_bytes(checks), 0));
  return SystemCalls().FSync(file.get()) == 0 ? absl::OkStatus()
                                              : FileError("sync", path, errno);
}

// Puts the pieces into one file of a restored segment.
absl::Status PutPieces(const BackupSegment& segment, SegmentKind kind,
                       const std::string& backup_folder,
                       const std::string& target_path, uint32_t place_end,
                       const CopyNotice& on_read) {
  SegmentCalls& calls = SystemCalls();
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor target,
                         OpenFile(target_path, O_RDWR | O_CREAT | O_TRUNC));
  const std::string page = EncodeSegmentHeader(HeaderOf(segment, kind));
  COPSE_RETURN_IF_ERROR(WriteAt(calls, target.get(), target_path,
                                std::as_bytes(std::span(page)), 0));
  const size_t place_size_bytes = PlaceSizeBytes(segment, kind);
  for (size_t i = 0; i < segment.pieces.size(); ++i) {
    const BackupPiece& piece = segment.pieces[i];
    const std::string path =
        PiecePath(backup_folder, segment, piece.backup_id, kind);
    COPSE_ASSIGN_OR_RETURN(const FileDescriptor source,
                           OpenPiece(segment, piece, kind, path));
    const bool stands_over = std::ranges::any_of(
        std::span(segment.pieces).first(i), [&](const BackupPiece& before) {
          return Overlaps(RangeOf(before), RangeOf(piece));
        });
    COPSE_ASSIGN_OR_RETURN(
        const SparseCopyResult result,
        CopySparse(calls,
                   {.source = source.get(),
                    .source_path = path,
                    .target = target.get(),
                    .target_path = target_path,
                    .target_offset = OffsetOf(piece.first, place_size_bytes),
                    .size = piece.count * place_size_bytes,
                    .writes_holes = stands_over,
                    .target_end = OffsetOf(place_end, place_size_bytes),
                    .on_read = on_read}));
    COPSE_RETURN_IF_ERROR(CheckSum(piece, kind, path, result.checksum));
  }
  if (calls.FTruncate(target.get(),
                      static_cast<off_t>(OffsetOf(segment.place_count,
                                                  place_size_bytes))) != 0) {
    return FileError("grow", target_path, errno);
  }
  return calls.FSync(target.get()) == 0 ? absl::OkStatus()
                                        : FileError("sync", target_path, errno);
}

}  // namespace

std::string PiecePath(const std::string& backup_folder,
                      const BackupSegment& segment, uint32_t backup_id,
                      SegmentKind kind) {
  return absl::StrFormat("%s/vectors/%d/%06d-%d.%s", backup_folder,
                         segment.domain_number, segment.segment_number,
                         backup_id,
                         kind == SegmentKind::kVectors ? "vectors" : "checks");
}

absl::StatusOr<SegmentPlan> PlanSegment(const SegmentSource& source,
                                        const std::string& backup_folder,
                                        const BackupSegment* previous) {
  COPSE_ASSIGN_OR_RETURN(const SourceFile vectors,
                         OpenSource(source, SegmentKind::kVectors));
  COPSE_ASSIGN_OR_RETURN(const SourceFile checks,
                         OpenSource(source, SegmentKind::kChecks));
  SegmentPlan plan;
  plan.segment = {.domain_number = source.domain_number,
                  .segment_number = source.segment_number,
                  .dimension = vectors.header.dimension,
                  .place_size_bytes = vectors.header.place_size_bytes,
                  .place_count = vectors.header.place_count,
                  .encoding = vectors.header.encoding};
  if (checks.header != HeaderOf(plan.segment, SegmentKind::kChecks)) {
    return DataDamagedError(
        absl::StrFormat("segment '%s'", checks.path),
        "header does not fit that of the file with the vectors");
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> live,
      ReadChecks(checks,
                 {.count = std::min(vectors.place_end, checks.place_end)}));
  std::vector<uint64_t> stored(live.size());
  if (previous != nullptr &&
      HeaderOf(*previous, SegmentKind::kVectors) == vectors.header) {
    stored = KeepPieces(*previous, backup_folder, live, plan.segment.pieces);
  }
  for (uint32_t place = 0; place < live.size(); ++place) {
    if (live[place] == 0 || live[place] == stored[place]) {
      continue;
    }
    const PlaceRange row = {.first = place, .count = 1};
    plan.copied = plan.copied.count == 0 ? row : Cover(plan.copied, row);
  }
  if (plan.copied.count > 0) {
    TakeInPieces(plan.segment.pieces, plan.copied);
  }
  return plan;
}

absl::Status CopySegment(const SegmentSource& source, const SegmentCopy& copy,
                         SegmentPlan& plan) {
  if (plan.copied.count == 0) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const SourceFile vectors,
                         OpenSource(source, SegmentKind::kVectors));
  COPSE_ASSIGN_OR_RETURN(const SourceFile checks_file,
                         OpenSource(source, SegmentKind::kChecks));
  COPSE_ASSIGN_OR_RETURN(const std::vector<uint64_t> checks,
                         ReadChecks(checks_file, plan.copied));
  COPSE_ASSIGN_OR_RETURN(
      const SparseCopyResult copied,
      WritePiece(vectors, plan.copied,
                 PiecePath(copy.backup_folder, plan.segment, copy.backup_id,
                           SegmentKind::kVectors),
                 copy.on_read));
  const std::span<const std::byte> check_bytes =
      std::as_bytes(std::span(checks));
  COPSE_RETURN_IF_ERROR(
      WriteChecks(checks, PiecePath(copy.backup_folder, plan.segment,
                                    copy.backup_id, SegmentKind::kChecks)));
  if (copy.on_read != nullptr) {
    COPSE_RETURN_IF_ERROR(
        copy.on_read(static_cast<int64_t>(check_bytes.size())));
  }
  plan.segment.pieces.push_back(
      {.backup_id = copy.backup_id,
       .first = plan.copied.first,
       .count = plan.copied.count,
       .row_count = static_cast<uint32_t>(std::ranges::count_if(
           checks, [](uint64_t check) { return check != 0; })),
       .vectors_size_bytes = copied.written_size_bytes,
       .vectors_checksum = copied.checksum,
       .checks_checksum = XXH3_64bits(check_bytes.data(), check_bytes.size())});
  return absl::OkStatus();
}

absl::Status RestoreSegment(const BackupSegment& segment,
                            const std::string& backup_folder,
                            const std::string& domain_path, uint32_t place_end,
                            const CopyNotice& on_read) {
  for (const SegmentKind kind : kKinds) {
    COPSE_RETURN_IF_ERROR(
        PutPieces(segment, kind, backup_folder,
                  SegmentPath(domain_path, kind, segment.segment_number),
                  place_end, on_read));
  }
  return absl::OkStatus();
}

absl::Status VerifySegment(const BackupSegment& segment,
                           const std::string& backup_folder,
                           const CopyNotice& on_read) {
  for (const BackupPiece& piece : segment.pieces) {
    for (const SegmentKind kind : kKinds) {
      const std::string path =
          PiecePath(backup_folder, segment, piece.backup_id, kind);
      COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                             OpenPiece(segment, piece, kind, path));
      // Everything is beyond the end of a target that there is not.
      COPSE_ASSIGN_OR_RETURN(
          const SparseCopyResult read,
          CopySparse(SystemCalls(),
                     {.source = file.get(),
                      .source_path = path,
                      .target_path = path,
                      .size = piece.count * PlaceSizeBytes(segment, kind),
                      .target_end = 0,
                      .on_read = on_read}));
      COPSE_RETURN_IF_ERROR(CheckSum(piece, kind, path, read.checksum));
    }
  }
  return absl::OkStatus();
}

}  // namespace copse
