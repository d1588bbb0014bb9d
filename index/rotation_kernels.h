// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The kernels that rotation.h chooses from. As in distance_kernels.h, this
// header and the files that define kernels use no inline function or template
// of other headers.

#ifndef COPSE_INDEX_ROTATION_KERNELS_H_
#define COPSE_INDEX_ROTATION_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace copse::internal {

// Each element of a result is made by the same operations in the same order at
// each level, and each operation is rounded: all levels return the same bits.
// Arrays need no alignment. No function allocates or fails.
struct RotationKernels {
  // Flips the sign of data[i] where bit i % 64 of signs[i / 64] is 1.
  // REQUIRES: size is a multiple of 64
  void (*flip_signs)(const uint64_t* signs, size_t size, float* data);

  // Multiplies all elements by `factor`, then replaces them by their
  // Walsh-Hadamard transform in natural order, which makes vectors longer by
  // the root of `size`: for the strides 1, 2, 4, ... size / 2, each pair (a, b)
  // at this distance by (a + b, a - b). REQUIRES: size is a power of two and at
  // least 64
  void (*transform)(size_t size, float factor, float* data);

  // Replaces each pair (a, b) of the same place in the two halves by
  // ((a + b) * factor, (a - b) * factor). REQUIRES: size is a multiple of 64
  void (*mix_halves)(size_t size, float factor, float* data);
};

extern const RotationKernels kScalarRotationKernels;

#ifdef COPSE_INDEX_X86_64
// REQUIRES, for each of its functions: AVX2.
extern const RotationKernels kAvx2RotationKernels;

// REQUIRES, for each of its functions: AVX-512 F, BW, DQ and VL.
extern const RotationKernels kAvx512RotationKernels;
#endif

#ifdef COPSE_INDEX_AARCH64
extern const RotationKernels kNeonRotationKernels;
#endif

}  // namespace copse::internal

#endif  // COPSE_INDEX_ROTATION_KERNELS_H_
