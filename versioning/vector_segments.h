// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The vectors of a domain, in segment files: `vectors-NNNNNN.seg` with the rows
// and `checks-NNNNNN.seg` with a check of each. They are written once and read
// through maps, so that re-ranking a row costs a cache miss.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::unique_ptr<VectorSegments> segments,
//       VectorSegments::Open({.folder = folder, .domain_number = 3,
//                             .dimension = 384, .published_end = end}));
//   COPSE_RETURN_IF_ERROR(segments->Append(first, matrix));
//   COPSE_RETURN_IF_ERROR(segments->Sync({{first, row_count}}));
//   ... publish the manifest ...
//   COPSE_ASSIGN_OR_RETURN(StoredVector row, segments->Read(first));
//
// Layout, little-endian (segment_file.h has the header page):
//
//   place in vectors-*   floats: the components as IEEE 754 binary32, zeros up
//                        to a multiple of 64 bytes
//                        bits: component i is bit i mod 8 of byte i div 8,
//                        zeros up to a multiple of 8 bytes
//   place in checks-*    8 bytes: the XXH3-64 with the ordinal as its seed, or
//                        1 if that is 0; of floats without their zeros, of
//                        bits with them, because they are compared, too.
//                        0: a hole
//
// A segment of vectors takes at most 256 MiB and 2^22 places. The place of a
// row follows from its ordinal: with n places in a segment, ordinal i is place
// i mod n of segment i div n. So all segments of a domain hold rows in one way,
// and those that are there say in which. The ordinal is in the check so that a
// row in the wrong place is found.
//
// Invariants:
//
// * A place is written once. After a failed write or sync its range is given
//   up: Sync() fails for it for ever, and nothing is written to it again.
//   (After a failed fdatasync the kernel may count pages as written that are
//   not, so asking again would prove nothing.)
// * A row is compared with its check when it is first read. Later reads test
//   one bit.
// * Nothing is shortened or removed, so a span that Read() returned stays
//   valid. Rewrite() gives back the disk of rows that nobody needs; then these
//   read as zeros.
// * Before a segment is created, all before it exist in full length, durably,
//   also where pushes that failed left nothing but holes. So every file below
//   a published row has a length that is known, and a shorter one is damage.

#ifndef COPSE_VERSIONING_VECTOR_SEGMENTS_H_
#define COPSE_VERSIONING_VECTOR_SEGMENTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/stored_vector.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/segment_file.h"

namespace copse {

// Rows [first, first + count).
struct OrdinalRange {
  Ordinal first = 0;
  uint32_t count = 0;

  friend bool operator==(const OrdinalRange&, const OrdinalRange&) = default;
};

// Reads the number out of a name such as "vectors-000012.seg".
bool ParseSegmentName(absl::string_view name, uint32_t& number);

// Returns the path of a file of segment `number` in the folder of a domain.
std::string SegmentPath(const std::string& folder, SegmentKind kind,
                        uint32_t number);

struct VectorSegmentsOptions {
  // The folder of the domain, which exists.
  std::string folder;
  uint32_t domain_number = 0;

  // In [1, kDimensionMax].
  uint32_t dimension = 0;

  // How rows are stored if no segment is there yet; kBits takes floats, too,
  // where they were written before there were bits, and adds to them.
  RowEncoding encoding = RowEncoding::kFloats;

  // Every row that a commit names is below it (kPublishedOrdinalEnd): segments
  // must be there, and long enough, up to it.
  uint64_t published_end = 0;

  // At least the header page and 64 KiB.
  size_t segment_size_bytes = size_t{256} << 20;

  // By how much files grow.
  size_t step_size_bytes = size_t{1} << 20;

  // Not owned; null means the operating system's.
  SegmentCalls* calls = nullptr;
};

// Thread safety: any number of threads may read and append at once.
class VectorSegments final : public VectorSource {
 public:
  // Opens the segments that are there. A segment that is missing or damaged
  // does not fail this, but every use of it and health(). Fails if the folder
  // cannot be read.
  static absl::StatusOr<std::unique_ptr<VectorSegments>> Open(
      const VectorSegmentsOptions& options);

  ~VectorSegments() override;

  // Writes rows `first` on; `matrix` holds one or more of them. Fails with
  // kResourceExhausted, DISK_FULL, and kDataLoss if the segment is damaged;
  // the range is then given up. REQUIRES: matrix.size() is a multiple of
  // dimension(), the rows were reserved and never written, and components are
  // 0 or 1 if `encoding` was kBits.
  absl::Status Append(Ordinal first, std::span<const float> matrix);

  // Waits until `ranges`, which were appended, are on the disk. Several calls
  // at once share their syncs. Fails if one of the ranges, or a part of it,
  // was given up.
  absl::Status Sync(std::span<const OrdinalRange> ranges)
      ABSL_LOCKS_EXCLUDED(sync_mutex_, mutex_);

  size_t dimension() const override { return options_.dimension; }

  // Fails with kDataLoss, DATA_DAMAGED, naming the segment, if the row is
  // damaged or lost, and kNotFound if it lies beyond what was ever written.
  absl::StatusOr<StoredVector> Read(Ordinal ordinal) const override;

  void Prefetch(Ordinal ordinal) const override;

  // Compares row `ordinal` with its check, whether or not it was read before.
  absl::Status Verify(Ordinal ordinal) const;

  // OK, or kDataLoss, DATA_DAMAGED, naming the first segment that is missing,
  // short, of another domain or dimension, or could not be read through its
  // map. Ask it after a search: a row whose page was lost between two reads
  // was seen as zeros. Costs one load while all is well.
  absl::Status health() const;

  // Returns the bytes of disk that the segments take; holes do not count.
  absl::StatusOr<int64_t> AllocatedSizeBytes() const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The bytes that one row takes in the files: its place and its check.
  int64_t stored_row_size_bytes() const;

  // A segment that holds rows nobody needs.
  struct Garbage {
    uint32_t segment_number = 0;
    int64_t allocated_size_bytes = 0;
    int64_t freed_size_bytes = 0;  // Of these, about.
  };

  // Returns the segments that are worth a Rewrite() if of the rows below
  // `open_end` only `kept`, which ascends, are needed. `next` is where the next
  // row will be written. The one that frees most for what is copied is first.
  absl::StatusOr<std::vector<Garbage>> FindGarbage(
      std::span<const Ordinal> kept, uint64_t open_end, uint64_t next) const;

  // Gives back the disk of the rows of a segment that are below `open_end` and
  // not in `kept`; see SegmentFile::Rewrite(). REQUIRES: nobody reads these
  // rows any more, and nothing is written below `open_end`.
  absl::Status Rewrite(uint32_t segment_number, std::span<const Ordinal> kept,
                       uint64_t open_end);

  // How the rows are stored.
  RowEncoding encoding() const { return options_.encoding; }

  // Returns how many rows fit a segment.
  uint32_t rows_per_segment() const { return rows_per_segment_; }

 private:
  struct Segment;
  struct Block;
  struct Piece;

  explicit VectorSegments(const VectorSegmentsOptions& options);

  absl::Status OpenExisting(std::span<const std::string> names);
  Segment* FindSegment(uint32_t number) const;
  absl::StatusOr<Segment*> FindOrCreateSegment(uint32_t number)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status FillSegmentsBefore(uint32_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishSegment(uint32_t number, std::unique_ptr<Segment> segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<Segment> OpenSegment(uint32_t number);
  absl::StatusOr<std::unique_ptr<Segment>> CreateSegment(uint32_t number);
  SegmentFileOptions FileOptions();
  SegmentHeader HeaderOf(SegmentKind kind, uint32_t number) const;
  std::string PathOf(SegmentKind kind, uint32_t number) const;
  absl::Status WritePiece(const Piece& piece);
  // Returns the places of the rows of `matrix`: itself where they are equal,
  // else in `buffer`.
  std::span<const std::byte> EncodeRows(std::span<const float> matrix,
                                        std::vector<std::byte>& buffer) const;
  // What stands in the checks for the row in `place`.
  uint64_t CheckOf(const std::byte* place, Ordinal ordinal) const;
  absl::Status CheckRow(const Segment& segment, Ordinal ordinal,
                        const std::byte* row) const;
  absl::StatusOr<const std::byte*> FindRow(const Segment& segment,
                                           Ordinal ordinal) const;
  absl::Status SyncSegment(Segment& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t PlaceOf(Ordinal ordinal) const {
    return ordinal % rows_per_segment_;
  }
  // Returns the places of `kept` in a segment, and in `place_end` the place
  // from which on rows are still written.
  std::vector<PlaceRange> KeptPlaces(uint32_t segment_number,
                                     std::span<const Ordinal> kept,
                                     uint64_t open_end,
                                     uint32_t& place_end) const;
  uint32_t SegmentOf(Ordinal ordinal) const {
    return ordinal / rows_per_segment_;
  }

  const VectorSegmentsOptions options_;
  const uint32_t row_size_bytes_;
  const uint32_t checked_size_bytes_;  // Of these, from the first on.
  const uint32_t rows_per_segment_;

  // Set when a segment turns out damaged, and never cleared.
  std::atomic<bool> any_damaged_ = false;

  // The segments, found without a lock: blocks of 512 pointers, made when they
  // are needed, because there may be 24,000 segments of 384 dimensions.
  std::vector<std::atomic<Block*>> blocks_;

  // Held while files are synced, so that one failure is seen by all whose
  // rows it may have lost.
  Mutex sync_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Segment>> owned_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Block>> owned_blocks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_VECTOR_SEGMENTS_H_
