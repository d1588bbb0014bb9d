// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Copies a range of one file into another. Whole blocks of zeros are not
// written, so that they stay holes where nothing was before.
//
//   COPSE_ASSIGN_OR_RETURN(
//       SparseCopyResult result,
//       CopySparse(calls, {.source = source.get(), .source_path = source_path,
//                          .target = target.get(), .target_path = target_path,
//                          .size = size}));

#ifndef COPSE_VERSIONING_SPARSE_COPY_H_
#define COPSE_VERSIONING_SPARSE_COPY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/segment_file.h"

namespace copse {

struct SparseCopy {
  int source = -1;
  const std::string& source_path;
  size_t source_offset = 0;
  int target = -1;
  const std::string& target_path;
  size_t target_offset = 0;
  size_t size = 0;

  // Whether blocks of zeros are written, too: something may be there.
  bool writes_holes = false;

  // What lies at or beyond this offset of the target is read, and not written.
  size_t target_end = SIZE_MAX;

  // Told of the bytes that were read, a mebibyte at most at a time; a status
  // that is not OK ends the copy. May be null.
  std::function<absl::Status(int64_t size_bytes)> on_read = nullptr;
};

struct SparseCopyResult {
  int64_t written_size_bytes = 0;
  uint64_t checksum = 0;  // XXH3-64 of the range, holes as zeros.
};

// Fails as FileError(), with EIO where the source ends before the range does.
absl::StatusOr<SparseCopyResult> CopySparse(SegmentCalls& calls,
                                            const SparseCopy& copy);

// Writes all of `bytes` at `offset`.
absl::Status WriteAt(SegmentCalls& calls, int file, const std::string& path,
                     std::span<const std::byte> bytes, size_t offset);

// Reads all of `bytes` at `offset`; a file that ends before is an I/O error.
absl::Status ReadAt(int file, const std::string& path,
                    std::span<std::byte> bytes, size_t offset);

// The calls of the operating system. They have no state.
SegmentCalls& SystemCalls();

}  // namespace copse

#endif  // COPSE_VERSIONING_SPARSE_COPY_H_
