// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The kernels that distance.h chooses from. This header, and each file that
// defines kernels for one instruction set, uses no inline function or template
// of other headers: a file compiled with -mavx2 would emit it with AVX2, and
// the linker might take that copy for the whole program.

#ifndef COPSE_INDEX_DISTANCE_KERNELS_H_
#define COPSE_INDEX_DISTANCE_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace copse {

// Arrays need no alignment, `size` may be any number including 0. No function
// allocates or fails. The sums of two levels differ only by rounding; the
// int8 products are exact and equal. Swapping `a` and `b` changes no bit of
// a result.
struct DistanceKernels {
  // The inner product.
  float (*dot)(const float* a, const float* b, size_t size);
  // The sum of (a[i] - b[i])^2.
  float (*squared_euclidean)(const float* a, const float* b, size_t size);
  // The sum of |a[i] - b[i]|.
  float (*manhattan)(const float* a, const float* b, size_t size);
  // The number of i with (a[i] != 0) != (b[i] != 0).
  float (*hamming)(const float* a, const float* b, size_t size);
  // The number of bits that differ in `word_count` words.
  float (*hamming_bits)(const uint64_t* a, const uint64_t* b,
                        size_t word_count);
  // The inner product of values in [-127, 127]. Exact up to 65,536 components.
  int32_t (*dot_int8)(const int8_t* a, const int8_t* b, size_t size);

  // Returns dot(a, b, size) and stores dot(b, b, size) in `b_square`, in one
  // pass and to the bit.
  float (*dot_and_square)(const float* a, const float* b, size_t size,
                          float* b_square);

  // Stores dot(a, row i, size) in sums[i], to the bit, for the `row_count` rows
  // that stand one after the other from `rows` on: faster than a call for each.
  void (*dot_rows)(const float* a, const float* rows, size_t size,
                   size_t row_count, float* sums);
  // The same for squared_euclidean.
  void (*squared_euclidean_rows)(const float* a, const float* rows, size_t size,
                                 size_t row_count, float* sums);
  // The same for dot_int8.
  void (*dot_int8_rows)(const int8_t* a, const int8_t* rows, size_t size,
                        size_t row_count, int32_t* sums);
};

namespace internal {

extern const DistanceKernels kScalarKernels;

#ifdef COPSE_INDEX_X86_64
// REQUIRES, for each of its functions: AVX2 and FMA.
extern const DistanceKernels kAvx2Kernels;

// REQUIRES, for each of its functions: AVX-512 F, BW, DQ and VL.
extern const DistanceKernels kAvx512Kernels;

// What kAvx512Kernels.dot_int8 and dot_int8_rows compute.
// REQUIRES: AVX-512 F, BW, DQ, VL and VNNI.
int32_t DotInt8Avx512Vnni(const int8_t* a, const int8_t* b, size_t size);
void DotInt8RowsAvx512Vnni(const int8_t* a, const int8_t* rows, size_t size,
                           size_t row_count, int32_t* sums);
#endif

#ifdef COPSE_INDEX_AARCH64
extern const DistanceKernels kNeonKernels;

// What kNeonKernels.dot_int8 and dot_int8_rows compute.
// REQUIRES: the dot product instructions of ARMv8.2.
int32_t DotInt8NeonDotprod(const int8_t* a, const int8_t* b, size_t size);
void DotInt8RowsNeonDotprod(const int8_t* a, const int8_t* rows, size_t size,
                            size_t row_count, int32_t* sums);
#endif

}  // namespace internal
}  // namespace copse

#endif  // COPSE_INDEX_DISTANCE_KERNELS_H_
