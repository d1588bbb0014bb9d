// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One segment file: a header page, and places of equal size that are written
// once each and read through a map.
//
// Layout of the header, little-endian; the first place begins at 4096:
//
//   OFFSET  SIZE  FIELD
//        0     4  magic, the characters "CPSG"
//        4     2  format version: 2 if the places hold bits, else 1
//        6     2  kind: 1 vectors, 2 checks
//        8     4  domain number
//       12     4  segment number
//       16     4  dimension
//       20     4  size of a place in bytes
//       24     4  number of places
//       28     4  encoding of rows: 0 floats, 1 bits
//       32     8  checksum, XXH3-64 with seed 0 of the 32 bytes before it
//       40  4056  zero
//
// A file is created under another name, synced and renamed, so it has a whole
// header or does not exist. It grows by steps, and places that were never
// written are holes. The whole range of addresses is mapped at once, so that
// growing moves nothing; a read beyond the end of the file is refused before
// it touches the map. Disk is given back by putting a copy with more holes in
// the place of the file and of the map, never in the file itself: readers hold
// addresses in it.

#ifndef COPSE_VERSIONING_SEGMENT_FILE_H_
#define COPSE_VERSIONING_SEGMENT_FILE_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "versioning/files.h"
#include "versioning/sigbus_guard.h"

namespace copse {

// The system calls that change segment files, so that tests can let them fail.
// Each returns what the call of that name does, and sets errno.
//
// Thread safety: any number of threads may use one SegmentCalls.
class SegmentCalls {
 public:
  virtual ~SegmentCalls() = default;
  virtual ssize_t PWrite(int descriptor, const void* data, size_t size,
                         off_t offset);
  virtual int FDataSync(int descriptor);
  virtual int FSync(int descriptor);
  virtual int FTruncate(int descriptor, off_t size);
};

// The values are stored.
enum class SegmentKind : uint16_t {
  kVectors = 1,
  kChecks = 2,
};

// How the places of a file of vectors hold rows (vector_segments.h). The values
// are stored.
enum class RowEncoding : uint32_t {
  kFloats = 0,
  kBits = 1,
};

struct SegmentHeader {
  SegmentKind kind = SegmentKind::kVectors;
  uint32_t domain_number = 0;
  uint32_t segment_number = 0;
  uint32_t dimension = 0;
  uint32_t place_size_bytes = 0;
  uint32_t place_count = 0;
  // kFloats for checks, too, which have none.
  RowEncoding encoding = RowEncoding::kFloats;

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

inline constexpr size_t kSegmentHeaderSizeBytes = 4096;

// Returns the page that begins a segment file.
std::string EncodeSegmentHeader(const SegmentHeader& header);

// Fails with kDataLoss if `bytes` is not an intact header page, and
// kUnimplemented if it is one of a newer version.
absl::StatusOr<SegmentHeader> ParseSegmentHeader(
    std::span<const std::byte> bytes);

// Returns the header of the file `path`. Fails as ParseSegmentHeader() does,
// and with kNotFound if there is no such file.
absl::StatusOr<SegmentHeader> ReadSegmentHeader(const std::string& path);

struct SegmentFileOptions {
  // By how much the file grows.
  size_t step_size_bytes = size_t{1} << 20;

  // Not owned, and never null.
  SegmentCalls* calls = nullptr;

  // Set to true when a read through the map fails, see SigbusGuard. Not owned;
  // may be null.
  std::atomic<bool>* any_damaged = nullptr;
};

// Places [first, first + count).
struct PlaceRange {
  uint32_t first = 0;
  uint32_t count = 0;

  friend bool operator==(const PlaceRange&, const PlaceRange&) = default;
};

// Thread safety: any number of threads may use one SegmentFile, each writing
// places of its own.
class SegmentFile {
 public:
  // Creates `path`; a file of that name is replaced. What the options point to
  // must outlive the file.
  static absl::StatusOr<std::unique_ptr<SegmentFile>> Create(
      const std::string& path, const SegmentHeader& header,
      const SegmentFileOptions& options);

  // Opens `path`. Fails with kDataLoss, DATA_DAMAGED, naming the file, if it is
  // missing, its header is damaged or differs from `header`, or it is shorter
  // than `place_end` places need.
  static absl::StatusOr<std::unique_ptr<SegmentFile>> Open(
      const std::string& path, const SegmentHeader& header, uint32_t place_end,
      const SegmentFileOptions& options);

  ~SegmentFile();
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  // Writes `bytes`, whole places, from place `first` on. Not retried after a
  // failure; what was written then is unknown.
  absl::Status Write(uint32_t first, std::span<const std::byte> bytes)
      ABSL_LOCKS_EXCLUDED(write_mutex_);

  // Waits until what was written before the call is on the disk.
  absl::Status Sync() ABSL_LOCKS_EXCLUDED(write_mutex_);

  // Gives the file the size of all its places, durably; those that were never
  // written stay holes. Without effect if it has that size.
  absl::Status Fill() ABSL_LOCKS_EXCLUDED(write_mutex_);

  // Frees the disk of the places below `open_end` that are not in `kept`,
  // which ascends and does not overlap: puts a copy without them in the place
  // of the file, durably. Addresses of places stay valid, and the other places
  // keep their bytes; links to the old file keep it as it was. Readers never
  // wait; a Write() waits while what was written from `open_end` on, meanwhile,
  // is copied and synced.
  //
  // Nothing has changed if it fails, except that Sync() fails for ever where
  // nobody knows which of the two files a crash would leave under the name.
  // REQUIRES: nothing is written below `open_end` any more.
  absl::Status Rewrite(std::span<const PlaceRange> kept, uint32_t open_end);

  // Returns the address of `place`, or null if it is beyond the file's end.
  // What lies there may be a hole: zeros.
  const std::byte* Find(uint32_t place) const {
    const size_t end = kSegmentHeaderSizeBytes +
                       (size_t{place} + 1) * header_.place_size_bytes;
    return end <= size_bytes_.load(std::memory_order_acquire)
               ? map_ + end - header_.place_size_bytes
               : nullptr;
  }

  // Whether a read through the map has failed: what was read since may be
  // zeros.
  bool is_damaged() const { return damaged_.load(std::memory_order_acquire); }

  const std::string& path() const { return path_; }

  // Returns the bytes of disk that the file takes.
  absl::StatusOr<int64_t> AllocatedSizeBytes() const;

 private:
  SegmentFile(std::string path, const SegmentHeader& header,
              const SegmentFileOptions& options)
      : path_(std::move(path)), header_(header), options_(options) {}

  absl::Status Map(size_t file_size_bytes);
  absl::Status GrowTo(size_t size_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Replace(FileDescriptor copy, const std::string& copy_path,
                       uint32_t open_end) ABSL_LOCKS_EXCLUDED(write_mutex_);
  // Copies bytes [first, end) to the same place of `copy`.
  absl::Status CopyData(int copy, const std::string& copy_path, size_t first,
                        size_t end);
  size_t OffsetOf(uint32_t place) const {
    return kSegmentHeaderSizeBytes + size_t{place} * header_.place_size_bytes;
  }
  size_t full_size_bytes() const {
    return kSegmentHeaderSizeBytes +
           size_t{header_.place_count} * header_.place_size_bytes;
  }

  const std::string path_;
  const SegmentHeader header_;
  const SegmentFileOptions options_;
  FileDescriptor file_;
  std::byte* map_ = nullptr;
  size_t map_size_bytes_ = 0;
  std::atomic<bool> damaged_ = false;
  SigbusGuard::Range watched_;
  std::atomic<size_t> size_bytes_ = 0;

  // Held while the file is written; the kernel lets one write to it at a time
  // anyhow.
  Mutex write_mutex_;
  absl::Status name_status_ ABSL_GUARDED_BY(write_mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SEGMENT_FILE_H_
