// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the files in which collections of vectors are exchanged:
//
//   .npy    NumPy, versions 1 to 3: float32 or float16, little-endian, C order,
//           two dimensions
//   .fvecs  for each row the dimension as int32, then that many float32
//   .bvecs  for each row the dimension as int32, then that many uint8
//
//   COPSE_ASSIGN_OR_RETURN(VectorMatrix base,
//                          ReadVectorFile("minilm_base.npy", 10000));
//
// Every size in a file is compared with the size of the file before anything
// is allocated by it.

#ifndef COPSE_TESTS_BENCH_VECTOR_FILE_H_
#define COPSE_TESTS_BENCH_VECTOR_FILE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace copse {

// The rows of a file, one after the other.
struct VectorMatrix {
  size_t dimension = 0;
  std::vector<float> components;

  size_t row_count() const {
    return dimension == 0 ? 0 : components.size() / dimension;
  }
  std::span<const float> row(size_t index) const {
    return std::span(components).subspan(index * dimension, dimension);
  }
};

// Reads the first `row_count_max` rows of the file `path`, or all if there are
// fewer. The end of the name says what kind of file it is. Fails with kNotFound
// if there is no such file, with kInvalidArgument for another kind, and with
// kDataLoss, naming the place, if the file is not what its name says, or has a
// component that is not finite, no row, or another dimension than 1 to
// kDimensionMax.
absl::StatusOr<VectorMatrix> ReadVectorFile(
    const std::string& path,
    size_t row_count_max = std::numeric_limits<size_t>::max());

// Writes `values`, in C order, as an .npy file of int32 with shape `shape`.
// REQUIRES: the product of `shape` is values.size()
absl::Status WriteNpyInt32(const std::string& path,
                           std::span<const size_t> shape,
                           std::span<const int32_t> values);

namespace internal {

// Returns the value of an IEEE 754 half. Each has an equal float.
float FloatFromHalf(uint16_t half);

}  // namespace internal
}  // namespace copse

#endif  // COPSE_TESTS_BENCH_VECTOR_FILE_H_
