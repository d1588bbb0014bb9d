// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The beginning of a NumPy file:
//
//   OFFSET  SIZE    FIELD
//        0     6    magic, "\x93NUMPY"
//        6     1    major version: 1, 2 or 3
//        7     1    minor version: 0
//        8     2/4  size of the text, n: 2 bytes in version 1, else 4
//    10/12     n    text, a Python dictionary:
//                   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//
// The array follows. Format: numpy.lib.format.

#ifndef COPSE_TESTS_BENCH_NPY_HEADER_H_
#define COPSE_TESTS_BENCH_NPY_HEADER_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

struct NpyHeader {
  std::string type;  // The value of 'descr', such as "<f4".
  bool is_fortran_order = false;
  std::vector<size_t> shape;
};

// The bytes that ParseNpyPreamble() needs: as many as version 2 has before the
// text. No file with a row is shorter.
inline constexpr size_t kNpyPreambleSizeBytes = 12;

// No header that NumPy writes for an array of numbers is near it.
inline constexpr size_t kNpyTextSizeBytesMax = size_t{64} << 10;

// Returns the size of the text, in [2, kNpyTextSizeBytesMax], from the first
// kNpyPreambleSizeBytes bytes of a file. Fails with kDataLoss.
absl::StatusOr<size_t> ParseNpyPreamble(std::span<const std::byte> bytes);

// Returns where the text begins.
// REQUIRES: ParseNpyPreamble(bytes).ok()
size_t NpyTextOffset(std::span<const std::byte> bytes);

// Returns what the text says. Fails with kDataLoss unless it is a dictionary of
// exactly the three keys.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view text);

// Returns everything up to the array: version 1, padded to a multiple of 64.
std::string EncodeNpyHeader(absl::string_view type,
                            std::span<const size_t> shape);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_NPY_HEADER_H_
