// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Portable kernels of the rotation, and the definition of what the others
// return. Compiled without contraction: a fused product would round otherwise.

#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

void FlipSigns(const uint64_t* signs, size_t size, float* data) {
  for (size_t i = 0; i < size; ++i) {
    const auto bit = static_cast<uint32_t>(signs[i / 64] >> (i % 64) & 1U);
    uint32_t value = 0;
    __builtin_memcpy(&value, data + i, sizeof(value));
    value ^= bit << 31;
    __builtin_memcpy(data + i, &value, sizeof(value));
  }
}

void Mix(size_t size, float* __restrict a, float* __restrict b) {
  for (size_t i = 0; i < size; ++i) {
    const float sum = a[i] + b[i];
    const float difference = a[i] - b[i];
    a[i] = sum;
    b[i] = difference;
  }
}

void Transform(size_t size, float factor, float* data) {
  for (size_t i = 0; i < size; ++i) {
    data[i] *= factor;
  }
  for (size_t stride = 1; stride < size; stride *= 2) {
    for (size_t i = 0; i < size; i += 2 * stride) {
      Mix(stride, data + i, data + i + stride);
    }
  }
}

void MixHalves(size_t size, float factor, float* data) {
  Mix(size / 2, data, data + size / 2);
  for (size_t i = 0; i < size; ++i) {
    data[i] *= factor;
  }
}

}  // namespace

const RotationKernels kScalarRotationKernels = {
    .flip_signs = FlipSigns,
    .transform = Transform,
    .mix_halves = MixHalves,
};

}  // namespace copse::internal
