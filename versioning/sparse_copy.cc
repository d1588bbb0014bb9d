// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/sparse_copy.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "xxhash.h"

#include "index/util/status_macros.h"
#include "versioning/segment_file.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr size_t kBlockSizeBytes = 4096;
constexpr size_t kBlocksInBuffer = 256;

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

bool IsZero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes,
                             [](std::byte b) { return b == std::byte{0}; });
}

// Writes runs of blocks that hold something, each in one write, and returns
// their bytes. Blocks are those of the target.
absl::StatusOr<int64_t> WriteRuns(SegmentCalls& calls, const SparseCopy& copy,
                                  std::span<const std::byte> bytes,
                                  size_t offset) {
  int64_t written_size_bytes = 0;
  const size_t end = offset + bytes.size();
  size_t run_first = offset;
  for (size_t block = offset; block < end;) {
    const size_t block_end =
        std::min(end, (block / kBlockSizeBytes + 1) * kBlockSizeBytes);
    const bool is_hole =
        !copy.writes_holes &&
        IsZero(bytes.subspan(block - offset, block_end - block));
    if (is_hole || block_end == end) {
      const size_t run_end = is_hole ? block : block_end;
      COPSE_RETURN_IF_ERROR(WriteAt(
          calls, copy.target, copy.target_path,
          bytes.subspan(run_first - offset, run_end - run_first), run_first));
      written_size_bytes += static_cast<int64_t>(run_end - run_first);
      run_first = block_end;
    }
    block = block_end;
  }
  return written_size_bytes;
}

}  // namespace

SegmentCalls& SystemCalls() {
  static SegmentCalls calls;  // It has no state.
  return calls;
}

absl::Status WriteAt(SegmentCalls& calls, int file, const std::string& path,
                     std::span<const std::byte> bytes, size_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = calls.PWrite(file, bytes.data(), bytes.size(),
                                         static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return FileError("write", path, written == 0 ? ENOSPC : errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status ReadAt(int file, const std::string& path,
                    std::span<std::byte> bytes, size_t offset) {
  while (!bytes.empty()) {
    const ssize_t size =
        ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return FileError("read", path, size == 0 ? EIO : errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(size));
    offset += static_cast<size_t>(size);
  }
  return absl::OkStatus();
}

absl::StatusOr<SparseCopyResult> CopySparse(SegmentCalls& calls,
                                            const SparseCopy& copy) {
  const std::unique_ptr<XXH3_state_t, FreeHash> hash(XXH3_createState());
  if (hash == nullptr) {
    return absl::ResourceExhaustedError("no memory for a checksum");
  }
  XXH3_64bits_reset(hash.get());
  std::vector<std::byte> buffer(kBlocksInBuffer * kBlockSizeBytes);
  SparseCopyResult result;
  for (size_t done = 0; done < copy.size;) {
    // Up to a border of blocks, so that the next ones begin at one.
    const size_t offset = copy.target_offset + done;
    const size_t offset_end =
        (offset / kBlockSizeBytes + kBlocksInBuffer) * kBlockSizeBytes;
    const std::span<std::byte> bytes(
        buffer.data(), std::min(copy.size - done, offset_end - offset));
    COPSE_RETURN_IF_ERROR(ReadAt(copy.source, copy.source_path, bytes,
                                 copy.source_offset + done));
    XXH3_64bits_update(hash.get(), bytes.data(), bytes.size());
    if (offset < copy.target_end) {
      const size_t size = std::min(bytes.size(), copy.target_end - offset);
      COPSE_ASSIGN_OR_RETURN(const int64_t written,
                             WriteRuns(calls, copy, bytes.first(size), offset));
      result.written_size_bytes += written;
    }
    if (copy.on_read != nullptr) {
      COPSE_RETURN_IF_ERROR(copy.on_read(static_cast<int64_t>(bytes.size())));
    }
    done += bytes.size();
  }
  result.checksum = XXH3_64bits_digest(hash.get());
  return result;
}

}  // namespace copse
