// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/vector_segments.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "xxhash.h"

#include "index/stored_vector.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/files.h"
#include "versioning/segment_file.h"
#include "versioning/sparse_copy.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr size_t kRowAlignmentBytes = 64;  // A cache line.
constexpr size_t kCheckSizeBytes = sizeof(uint64_t);
constexpr uint64_t kOrdinalEnd = uint64_t{1} << 32;
constexpr size_t kSegmentsPerBlock = 512;

// Rows are copied, with padding, and hashed in pieces of at most this size.
constexpr size_t kPieceSizeBytesMax = size_t{1} << 20;

// A segment is rewritten if that frees so much, and one in so many bytes: a
// copy of 256 MiB for a few rows would cost more than it gains.
constexpr int64_t kFreedSizeBytesMin = int64_t{64} << 10;
constexpr int64_t kFreedDivisor = 8;

// A bit for each row of a segment is kept in memory: half a MiB at most. No
// segment of floats has so many.
constexpr size_t kRowsPerSegmentMax = size_t{1} << 22;

uint32_t RowSizeBytes(const VectorSegmentsOptions& options) {
  if (options.encoding == RowEncoding::kBits) {
    return static_cast<uint32_t>(BitWordCount(options.dimension) *
                                 sizeof(uint64_t));
  }
  const size_t size = options.dimension * sizeof(float);
  return static_cast<uint32_t>((size + kRowAlignmentBytes - 1) /
                               kRowAlignmentBytes * kRowAlignmentBytes);
}

// Returns how the rows of the segments `names` are stored: as the first says
// that can be read, or `wanted` if there is none.
RowEncoding FindEncoding(const VectorSegmentsOptions& options,
                         std::span<const std::string> names) {
  for (const std::string& name : names) {
    uint32_t number = 0;
    if (!ParseSegmentName(name, number)) {
      continue;
    }
    const absl::StatusOr<SegmentHeader> header =
        ReadSegmentHeader(options.folder + "/" + name);
    if (header.ok() && header->domain_number == options.domain_number &&
        header->dimension == options.dimension) {
      return header->encoding;
    }
  }
  return options.encoding;
}

// Returns the bytes of the blocks that hold `places` and the header.
int64_t NeededSizeBytes(std::span<const PlaceRange> places,
                        uint32_t place_size_bytes) {
  constexpr size_t kBlockSizeBytes = 4096;
  static_assert(kSegmentHeaderSizeBytes % kBlockSizeBytes == 0);
  size_t block_end = kSegmentHeaderSizeBytes / kBlockSizeBytes;
  size_t block_count = block_end;
  for (const PlaceRange& range : places) {
    const size_t first =
        kSegmentHeaderSizeBytes + size_t{range.first} * place_size_bytes;
    const size_t end = first + size_t{range.count} * place_size_bytes;
    const size_t range_first = std::max(first / kBlockSizeBytes, block_end);
    block_end =
        std::max((end + kBlockSizeBytes - 1) / kBlockSizeBytes, block_end);
    block_count += block_end - range_first;
  }
  return static_cast<int64_t>(block_count * kBlockSizeBytes);
}

bool Overlaps(const OrdinalRange& left, const OrdinalRange& right) {
  return left.first < uint64_t{right.first} + right.count &&
         right.first < uint64_t{left.first} + left.count;
}

}  // namespace

// A segment, or the reason why there is none. Ranges are of ordinals, in the
// order of their writing.
struct VectorSegments::Segment {
  explicit Segment(uint32_t rows_per_segment)
      : verified((rows_per_segment + 63) / 64) {}

  bool IsVerified(uint32_t place) const {
    return ((verified[place / 64].load(std::memory_order_relaxed) >>
             (place % 64)) &
            1) != 0;
  }
  void SetVerified(uint32_t place) const {
    verified[place / 64].fetch_or(uint64_t{1} << (place % 64),
                                  std::memory_order_relaxed);
  }

  // Returns why it cannot be used, if so.
  absl::Status Health() const {
    COPSE_RETURN_IF_ERROR(status);
    for (const SegmentFile* file : {vectors.get(), checks.get()}) {
      if (file->is_damaged()) {
        return DataDamagedError(
            absl::StrFormat("segment '%s'", file->path()),
            "it could not be read through its map: the file is too short, or "
            "the disk fails");
      }
    }
    return absl::OkStatus();
  }

  // Null if `status` is not OK. A row and its check are in two files.
  std::unique_ptr<SegmentFile> vectors;
  std::unique_ptr<SegmentFile> checks;
  absl::Status status;
  uint32_t number = 0;

  // One bit for each place whose row was compared with its check.
  mutable std::vector<std::atomic<uint64_t>> verified;

  // Guarded by VectorSegments::mutex_. Written and not synced; and written or
  // synced without success, for ever.
  std::vector<OrdinalRange> unsynced;
  std::vector<OrdinalRange> lost;
};

struct VectorSegments::Block {
  std::array<std::atomic<Segment*>, kSegmentsPerBlock> segments = {};
};

// Rows of one append that lie in one segment.
struct VectorSegments::Piece {
  Segment* segment = nullptr;
  OrdinalRange range;
  std::span<const float> matrix;
};

VectorSegments::VectorSegments(const VectorSegmentsOptions& options)
    : options_(options),
      row_size_bytes_(RowSizeBytes(options)),
      checked_size_bytes_(options.encoding == RowEncoding::kBits
                              ? row_size_bytes_
                              : options.dimension * sizeof(float)),
      rows_per_segment_(static_cast<uint32_t>(
          std::min((options.segment_size_bytes - kSegmentHeaderSizeBytes) /
                       row_size_bytes_,
                   kRowsPerSegmentMax))),
      blocks_((kOrdinalEnd / rows_per_segment_ + 1) / kSegmentsPerBlock + 1) {}

VectorSegments::~VectorSegments() = default;

bool ParseSegmentName(absl::string_view name, uint32_t& number) {
  return absl::ConsumePrefix(&name, "vectors-") &&
         absl::ConsumeSuffix(&name, ".seg") && name.size() >= 6 &&
         absl::SimpleAtoi(name, &number);
}

std::string SegmentPath(const std::string& folder, SegmentKind kind,
                        uint32_t number) {
  return absl::StrFormat("%s/%s-%06d.seg", folder,
                         kind == SegmentKind::kVectors ? "vectors" : "checks",
                         number);
}

absl::StatusOr<std::unique_ptr<VectorSegments>> VectorSegments::Open(
    const VectorSegmentsOptions& options) {
  COPSE_CHECK(options.dimension > 0 && options.step_size_bytes > 0);
  COPSE_CHECK(options.segment_size_bytes >=
              kSegmentHeaderSizeBytes + (size_t{64} << 10));
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(options.folder));
  VectorSegmentsOptions found = options;
  if (options.encoding == RowEncoding::kBits) {
    found.encoding = FindEncoding(options, names);
  }
  std::unique_ptr<VectorSegments> segments(new VectorSegments(found));
  COPSE_RETURN_IF_ERROR(segments->OpenExisting(names));
  return segments;
}

absl::Status VectorSegments::OpenExisting(std::span<const std::string> names) {
  // The files that are there, and those that must be.
  std::vector<uint32_t> numbers;
  for (const std::string& name : names) {
    uint32_t number = 0;
    if (ParseSegmentName(name, number) &&
        number <= kOrdinalEnd / rows_per_segment_) {
      numbers.push_back(number);
    } else if (absl::EndsWith(name, ".seg.tmp")) {
      // A creation that was cut short.
      COPSE_RETURN_IF_ERROR(RemoveTree(options_.folder + "/" + name));
    }
  }
  for (uint64_t first = 0; first < options_.published_end;
       first += rows_per_segment_) {
    numbers.push_back(static_cast<uint32_t>(first / rows_per_segment_));
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  for (const uint32_t number : numbers) {
    std::unique_ptr<Segment> segment = OpenSegment(number);
    // A file whose sibling was not created before a crash, and that no commit
    // needs, is made anew.
    const bool is_needed =
        uint64_t{number} * rows_per_segment_ < options_.published_end;
    if (segment->status.ok() || is_needed ||
        absl::IsUnimplemented(segment->status)) {
      if (!segment->status.ok()) {
        any_damaged_.store(true);
      }
      MutexLock lock(mutex_);
      PublishSegment(number, std::move(segment));
    }
  }
  return absl::OkStatus();
}

SegmentHeader VectorSegments::HeaderOf(SegmentKind kind,
                                       uint32_t number) const {
  return {.kind = kind,
          .domain_number = options_.domain_number,
          .segment_number = number,
          .dimension = options_.dimension,
          .place_size_bytes = kind == SegmentKind::kVectors
                                  ? row_size_bytes_
                                  : static_cast<uint32_t>(kCheckSizeBytes),
          .place_count = rows_per_segment_,
          .encoding = kind == SegmentKind::kVectors ? options_.encoding
                                                    : RowEncoding::kFloats};
}

std::string VectorSegments::PathOf(SegmentKind kind, uint32_t number) const {
  return SegmentPath(options_.folder, kind, number);
}

SegmentFileOptions VectorSegments::FileOptions() {
  return {.step_size_bytes = options_.step_size_bytes,
          .calls = options_.calls != nullptr ? options_.calls : &SystemCalls(),
          .any_damaged = &any_damaged_};
}

std::unique_ptr<VectorSegments::Segment> VectorSegments::OpenSegment(
    uint32_t number) {
  auto segment = std::make_unique<Segment>(rows_per_segment_);
  segment->number = number;
  const uint64_t first = uint64_t{number} * rows_per_segment_;
  const auto place_end = static_cast<uint32_t>(
      std::clamp<int64_t>(static_cast<int64_t>(options_.published_end) -
                              static_cast<int64_t>(first),
                          0, rows_per_segment_));
  const auto open = [&](SegmentKind kind, std::unique_ptr<SegmentFile>& file) {
    absl::StatusOr<std::unique_ptr<SegmentFile>> opened = SegmentFile::Open(
        PathOf(kind, number), HeaderOf(kind, number), place_end, FileOptions());
    if (opened.ok()) {
      file = *std::move(opened);
    } else if (segment->status.ok()) {
      segment->status = opened.status();
    }
  };
  open(SegmentKind::kVectors, segment->vectors);
  open(SegmentKind::kChecks, segment->checks);
  return segment;
}

absl::StatusOr<std::unique_ptr<VectorSegments::Segment>>
VectorSegments::CreateSegment(uint32_t number) {
  auto segment = std::make_unique<Segment>(rows_per_segment_);
  segment->number = number;
  COPSE_ASSIGN_OR_RETURN(
      segment->vectors,
      SegmentFile::Create(PathOf(SegmentKind::kVectors, number),
                          HeaderOf(SegmentKind::kVectors, number),
                          FileOptions()));
  COPSE_ASSIGN_OR_RETURN(
      segment->checks,
      SegmentFile::Create(PathOf(SegmentKind::kChecks, number),
                          HeaderOf(SegmentKind::kChecks, number),
                          FileOptions()));
  return segment;
}

VectorSegments::Segment* VectorSegments::FindSegment(uint32_t number) const {
  const Block* block =
      blocks_[number / kSegmentsPerBlock].load(std::memory_order_acquire);
  return block == nullptr ? nullptr
                          : block->segments[number % kSegmentsPerBlock].load(
                                std::memory_order_acquire);
}

void VectorSegments::PublishSegment(uint32_t number,
                                    std::unique_ptr<Segment> segment) {
  std::atomic<Block*>& block = blocks_[number / kSegmentsPerBlock];
  if (block.load(std::memory_order_relaxed) == nullptr) {
    owned_blocks_.push_back(std::make_unique<Block>());
    block.store(owned_blocks_.back().get(), std::memory_order_release);
  }
  block.load(std::memory_order_relaxed)
      ->segments[number % kSegmentsPerBlock]
      .store(segment.get(), std::memory_order_release);
  owned_.push_back(std::move(segment));
}

absl::StatusOr<VectorSegments::Segment*> VectorSegments::FindOrCreateSegment(
    uint32_t number) {
  if (Segment* segment = FindSegment(number); segment != nullptr) {
    return segment;
  }
  MutexLock lock(mutex_);
  if (Segment* segment = FindSegment(number); segment != nullptr) {
    return segment;
  }
  COPSE_RETURN_IF_ERROR(FillSegmentsBefore(number));
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Segment> segment,
                         CreateSegment(number));
  Segment* created = segment.get();
  PublishSegment(number, std::move(segment));
  return created;
}

absl::Status VectorSegments::FillSegmentsBefore(uint32_t number) {
  // Backwards to the last one that exists: all before that are full.
  uint32_t first = number;
  while (first > 0 && FindSegment(first) == nullptr) {
    --first;
  }
  for (uint32_t before = first; before < number; ++before) {
    if (FindSegment(before) == nullptr) {
      COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Segment> created,
                             CreateSegment(before));
      PublishSegment(before, std::move(created));
    }
    const Segment& segment = *FindSegment(before);
    if (!segment.Health().ok()) {
      continue;  // Damage stays what it is.
    }
    COPSE_RETURN_IF_ERROR(segment.vectors->Fill());
    COPSE_RETURN_IF_ERROR(segment.checks->Fill());
  }
  return absl::OkStatus();
}

absl::Status VectorSegments::Append(Ordinal first,
                                    std::span<const float> matrix) {
  COPSE_CHECK(matrix.size() % options_.dimension == 0);
  const size_t row_count = matrix.size() / options_.dimension;
  COPSE_CHECK(first + uint64_t{row_count} <= kOrdinalEnd);
  const size_t piece_row_count_max =
      std::max<size_t>(kPieceSizeBytesMax / row_size_bytes_, 1);
  for (size_t done = 0; done < row_count;) {
    const auto ordinal = static_cast<Ordinal>(first + done);
    const size_t count =
        std::min({row_count - done, piece_row_count_max,
                  size_t{rows_per_segment_} - PlaceOf(ordinal)});
    COPSE_ASSIGN_OR_RETURN(Segment* const segment,
                           FindOrCreateSegment(SegmentOf(ordinal)));
    COPSE_RETURN_IF_ERROR(segment->Health());
    const Piece piece = {
        .segment = segment,
        .range = {.first = ordinal, .count = static_cast<uint32_t>(count)},
        .matrix = matrix.subspan(done * options_.dimension,
                                 count * options_.dimension)};
    const absl::Status status = WritePiece(piece);
    {
      MutexLock lock(mutex_);
      (status.ok() ? segment->unsynced : segment->lost).push_back(piece.range);
    }
    COPSE_RETURN_IF_ERROR(status);
    done += count;
  }
  return absl::OkStatus();
}

uint64_t VectorSegments::CheckOf(const std::byte* place,
                                 Ordinal ordinal) const {
  const uint64_t hash =
      XXH3_64bits_withSeed(place, checked_size_bytes_, ordinal);
  return hash == 0 ? 1 : hash;
}

std::span<const std::byte> VectorSegments::EncodeRows(
    std::span<const float> matrix, std::vector<std::byte>& buffer) const {
  const size_t dimension = options_.dimension;
  const bool is_bits = options_.encoding == RowEncoding::kBits;
  if (!is_bits && row_size_bytes_ == dimension * sizeof(float)) {
    return std::as_bytes(matrix);
  }
  const size_t row_count = matrix.size() / dimension;
  std::vector<uint64_t> words(BitWordCount(dimension));
  buffer.resize(row_count * row_size_bytes_);
  for (size_t i = 0; i < row_count; ++i) {
    const std::span<const float> row = matrix.subspan(i * dimension, dimension);
    std::span<const std::byte> bytes = std::as_bytes(row);
    if (is_bits) {
      PackBits(row, words);
      bytes = std::as_bytes(std::span<const uint64_t>(words));
    }
    std::memcpy(buffer.data() + i * row_size_bytes_, bytes.data(),
                bytes.size());
  }
  return buffer;
}

absl::Status VectorSegments::WritePiece(const Piece& piece) {
  std::vector<std::byte> buffer;
  const std::span<const std::byte> rows = EncodeRows(piece.matrix, buffer);
  std::vector<std::byte> checks(piece.range.count * kCheckSizeBytes);
  for (uint32_t i = 0; i < piece.range.count; ++i) {
    StoreLittleEndian<uint64_t>(
        checks, i * kCheckSizeBytes,
        CheckOf(rows.data() + size_t{i} * row_size_bytes_,
                piece.range.first + i));
  }
  const uint32_t place = PlaceOf(piece.range.first);
  COPSE_RETURN_IF_ERROR(piece.segment->vectors->Write(place, rows));
  return piece.segment->checks->Write(place, checks);
}

absl::Status VectorSegments::Sync(std::span<const OrdinalRange> ranges) {
  MutexLock sync_lock(sync_mutex_);
  for (const OrdinalRange& range : ranges) {
    if (range.count == 0) {
      continue;
    }
    const uint64_t end = uint64_t{range.first} + range.count;
    COPSE_CHECK(end <= kOrdinalEnd);
    for (uint32_t number = SegmentOf(range.first);
         number <= SegmentOf(static_cast<Ordinal>(end - 1)); ++number) {
      Segment* const segment = FindSegment(number);
      if (segment == nullptr) {
        return absl::InternalError(absl::StrFormat(
            "rows %d to %d were never written", range.first, end - 1));
      }
      COPSE_RETURN_IF_ERROR(segment->Health());
      const absl::Status status = SyncSegment(*segment);
      MutexLock lock(mutex_);
      for (const OrdinalRange& lost : segment->lost) {
        if (Overlaps(lost, range)) {
          return status.ok()
                     ? absl::UnavailableError(absl::StrFormat(
                           "rows %d to %d of segment '%s' could not be "
                           "written and are given up",
                           lost.first, uint64_t{lost.first} + lost.count - 1,
                           segment->vectors->path()))
                     : status;
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::Status VectorSegments::SyncSegment(Segment& segment) {
  std::vector<OrdinalRange> pending;
  {
    MutexLock lock(mutex_);
    pending.swap(segment.unsynced);
  }
  if (pending.empty()) {
    return absl::OkStatus();  // Another call has synced them with its own.
  }
  absl::Status status = segment.vectors->Sync();
  if (status.ok()) {
    status = segment.checks->Sync();
  }
  if (!status.ok()) {
    MutexLock lock(mutex_);
    segment.lost.insert(segment.lost.end(), pending.begin(), pending.end());
  }
  return status;
}

absl::StatusOr<const std::byte*> VectorSegments::FindRow(
    const Segment& segment, Ordinal ordinal) const {
  COPSE_RETURN_IF_ERROR(segment.Health());
  const uint32_t place = PlaceOf(ordinal);
  const std::byte* row = segment.vectors->Find(place);
  if (row == nullptr || segment.checks->Find(place) == nullptr) {
    return absl::NotFoundError(
        absl::StrFormat("row %d lies beyond what was written to segment '%s'",
                        ordinal, segment.vectors->path()));
  }
  return row;
}

absl::Status VectorSegments::CheckRow(const Segment& segment, Ordinal ordinal,
                                      const std::byte* row) const {
  const std::byte* check_bytes = segment.checks->Find(PlaceOf(ordinal));
  const auto expected =
      LoadLittleEndian<uint64_t>(std::span(check_bytes, kCheckSizeBytes), 0);
  const uint64_t computed = CheckOf(row, ordinal);
  // The reads above may have been the ones that failed.
  COPSE_RETURN_IF_ERROR(segment.Health());
  if (expected == 0) {
    return DataDamagedError(
        absl::StrFormat("segment '%s'", segment.vectors->path()),
        absl::StrFormat("row %d has no check: it was never written, or lost",
                        ordinal));
  }
  if (computed != expected) {
    return DataDamagedError(
        absl::StrFormat("segment '%s'", segment.vectors->path()),
        absl::StrFormat("row %d: checksum is %016x, expected %016x", ordinal,
                        computed, expected));
  }
  return absl::OkStatus();
}

absl::StatusOr<StoredVector> VectorSegments::Read(Ordinal ordinal) const {
  const Segment* segment = FindSegment(SegmentOf(ordinal));
  if (segment == nullptr) {
    return absl::NotFoundError(
        absl::StrFormat("row %d lies beyond what was written", ordinal));
  }
  COPSE_ASSIGN_OR_RETURN(const std::byte* const row,
                         FindRow(*segment, ordinal));
  const uint32_t place = PlaceOf(ordinal);
  if (!segment->IsVerified(place)) {
    COPSE_RETURN_IF_ERROR(CheckRow(*segment, ordinal, row));
    segment->SetVerified(place);
  }
  // Little-endian, and so words as well as bytes: see little_endian.h.
  const size_t dimension = options_.dimension;
  if (options_.encoding == RowEncoding::kBits) {
    return StoredVector::OfBits(
        std::span(reinterpret_cast<const uint64_t*>(row),
                  BitWordCount(dimension)),
        dimension);
  }
  return std::span(reinterpret_cast<const float*>(row), dimension);
}

void VectorSegments::Prefetch(Ordinal ordinal) const {
  const Segment* segment = FindSegment(SegmentOf(ordinal));
  if (segment == nullptr || segment->vectors == nullptr) {
    return;
  }
  const std::byte* row = segment->vectors->Find(PlaceOf(ordinal));
  if (row == nullptr) {
    return;
  }
  for (uint32_t offset = 0; offset < row_size_bytes_;
       offset += kRowAlignmentBytes) {
    __builtin_prefetch(row + offset);
  }
  if (options_.encoding == RowEncoding::kBits) {
    // Bits may begin and end within a cache line.
    __builtin_prefetch(row + row_size_bytes_ - 1);
  }
}

absl::Status VectorSegments::Verify(Ordinal ordinal) const {
  const Segment* segment = FindSegment(SegmentOf(ordinal));
  if (segment == nullptr) {
    return absl::NotFoundError(
        absl::StrFormat("row %d lies beyond what was written", ordinal));
  }
  COPSE_ASSIGN_OR_RETURN(const std::byte* const row,
                         FindRow(*segment, ordinal));
  return CheckRow(*segment, ordinal, row);
}

absl::Status VectorSegments::health() const {
  if (!any_damaged_.load(std::memory_order_acquire)) {
    return absl::OkStatus();
  }
  MutexLock lock(mutex_);
  for (const std::unique_ptr<Segment>& segment : owned_) {
    COPSE_RETURN_IF_ERROR(segment->Health());
  }
  return absl::OkStatus();
}

std::vector<PlaceRange> VectorSegments::KeptPlaces(
    uint32_t segment_number, std::span<const Ordinal> kept, uint64_t open_end,
    uint32_t& place_end) const {
  const uint64_t first = uint64_t{segment_number} * rows_per_segment_;
  const uint64_t end =
      std::max(std::min(first + rows_per_segment_, open_end), first);
  place_end = static_cast<uint32_t>(end - first);
  std::vector<PlaceRange> places;
  for (auto ordinal = std::ranges::lower_bound(kept, first);
       ordinal != kept.end() && *ordinal < end; ++ordinal) {
    const uint32_t place = PlaceOf(*ordinal);
    if (!places.empty() && places.back().first + places.back().count == place) {
      ++places.back().count;
    } else {
      places.push_back({.first = place, .count = 1});
    }
  }
  return places;
}

absl::StatusOr<std::vector<VectorSegments::Garbage>>
VectorSegments::FindGarbage(std::span<const Ordinal> kept, uint64_t open_end,
                            uint64_t next) const {
  std::vector<Garbage> garbage;
  for (uint64_t first = 0; first < open_end; first += rows_per_segment_) {
    const auto number = static_cast<uint32_t>(first / rows_per_segment_);
    const Segment* segment = FindSegment(number);
    if (segment == nullptr || !segment->Health().ok()) {
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const int64_t allocated,
                           segment->vectors->AllocatedSizeBytes());
    uint32_t place_end = 0;
    std::vector<PlaceRange> places =
        KeptPlaces(number, kept, open_end, place_end);
    const uint64_t written_end = std::min(first + rows_per_segment_, next);
    if (written_end > first + place_end) {
      places.push_back(
          {.first = place_end,
           .count = static_cast<uint32_t>(written_end - first - place_end)});
    }
    const int64_t freed = allocated - NeededSizeBytes(places, row_size_bytes_);
    if (freed >= std::max(kFreedSizeBytesMin, allocated / kFreedDivisor)) {
      garbage.push_back({.segment_number = number,
                         .allocated_size_bytes = allocated,
                         .freed_size_bytes = freed});
    }
  }
  // On a full disk the first ones make room for the copies of the others.
  std::ranges::sort(garbage, std::less(), [](const Garbage& segment) {
    return segment.allocated_size_bytes - segment.freed_size_bytes;
  });
  return garbage;
}

absl::Status VectorSegments::Rewrite(uint32_t segment_number,
                                     std::span<const Ordinal> kept,
                                     uint64_t open_end) {
  Segment* const segment = FindSegment(segment_number);
  if (segment == nullptr) {
    return absl::OkStatus();
  }
  COPSE_RETURN_IF_ERROR(segment->Health());
  uint32_t place_end = 0;
  const std::vector<PlaceRange> places =
      KeptPlaces(segment_number, kept, open_end, place_end);
  // After a crash in between, rows that nobody needs have a check and no
  // vector.
  COPSE_RETURN_IF_ERROR(segment->vectors->Rewrite(places, place_end));
  return segment->checks->Rewrite(places, place_end);
}

int64_t VectorSegments::stored_row_size_bytes() const {
  return static_cast<int64_t>(row_size_bytes_ + kCheckSizeBytes);
}

absl::StatusOr<int64_t> VectorSegments::AllocatedSizeBytes() const {
  MutexLock lock(mutex_);
  int64_t size_bytes = 0;
  for (const std::unique_ptr<Segment>& segment : owned_) {
    for (const SegmentFile* file :
         {segment->vectors.get(), segment->checks.get()}) {
      if (file != nullptr) {
        COPSE_ASSIGN_OR_RETURN(const int64_t allocated,
                               file->AllocatedSizeBytes());
        size_bytes += allocated;
      }
    }
  }
  return size_bytes;
}

}  // namespace copse
