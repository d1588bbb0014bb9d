// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the rotation for AVX2. Compiled without
// contraction, as the scalar ones.

#include <immintrin.h>

#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kLaneCount = 8;

// Shifts the bit of each lane to the place of the sign.
void FlipSigns(const uint64_t* signs, size_t size, float* data) {
  const __m256i shifts = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
  const __m256i sign = _mm256_set1_epi32(INT32_MIN);
  for (size_t i = 0; i < size; i += kLaneCount) {
    const __m256i bits =
        _mm256_set1_epi32(static_cast<int>(signs[i / 64] >> (i % 64)));
    const __m256i flips =
        _mm256_and_si256(_mm256_sllv_epi32(bits, shifts), sign);
    _mm256_storeu_ps(data + i, _mm256_xor_ps(_mm256_loadu_ps(data + i),
                                             _mm256_castsi256_ps(flips)));
  }
}

// The stage of a stride below 8: `swapped` are the values with the partners
// exchanged, `signs` negates the second of each pair.
__m256 MixLanes(__m256 values, __m256 swapped, __m256 signs) {
  return _mm256_add_ps(swapped, _mm256_xor_ps(values, signs));
}

// The stages 1, 2 and 4 of 8 values.
__m256 TransformLanes(__m256 v) {
  constexpr float kMinus = -0.0F;
  const __m256 signs1 =
      _mm256_setr_ps(0, kMinus, 0, kMinus, 0, kMinus, 0, kMinus);
  const __m256 signs2 =
      _mm256_setr_ps(0, 0, kMinus, kMinus, 0, 0, kMinus, kMinus);
  const __m256 signs4 =
      _mm256_setr_ps(0, 0, 0, 0, kMinus, kMinus, kMinus, kMinus);
  v = MixLanes(v, _mm256_permute_ps(v, 0xb1), signs1);
  v = MixLanes(v, _mm256_permute_ps(v, 0x4e), signs2);
  return MixLanes(v, _mm256_permute2f128_ps(v, v, 0x01), signs4);
}

// Four vectors between which two stages are done.
struct Four {
  Four Mixed() const {
    const __m256 a = _mm256_add_ps(v0, v1);
    const __m256 b = _mm256_sub_ps(v0, v1);
    const __m256 c = _mm256_add_ps(v2, v3);
    const __m256 d = _mm256_sub_ps(v2, v3);
    return {_mm256_add_ps(a, c), _mm256_add_ps(b, d), _mm256_sub_ps(a, c),
            _mm256_sub_ps(b, d)};
  }

  void Store(size_t stride, float* data) const {
    _mm256_storeu_ps(data, v0);
    _mm256_storeu_ps(data + stride, v1);
    _mm256_storeu_ps(data + 2 * stride, v2);
    _mm256_storeu_ps(data + 3 * stride, v3);
  }

  __m256 v0;
  __m256 v1;
  __m256 v2;
  __m256 v3;
};

Four Load(const float* data, size_t stride) {
  return {_mm256_loadu_ps(data), _mm256_loadu_ps(data + stride),
          _mm256_loadu_ps(data + 2 * stride),
          _mm256_loadu_ps(data + 3 * stride)};
}

// The factor, and the first stages, up to that of the stride 2 * kLaneCount.
void TransformFirst(size_t size, float factor, float* data) {
  const __m256 factors = _mm256_set1_ps(factor);
  for (size_t i = 0; i < size; i += 4 * kLaneCount) {
    const Four four = Load(data + i, kLaneCount);
    const Four transformed = {TransformLanes(_mm256_mul_ps(four.v0, factors)),
                              TransformLanes(_mm256_mul_ps(four.v1, factors)),
                              TransformLanes(_mm256_mul_ps(four.v2, factors)),
                              TransformLanes(_mm256_mul_ps(four.v3, factors))};
    transformed.Mixed().Store(kLaneCount, data + i);
  }
}

void MixHalves(size_t size, float factor, float* data) {
  const __m256 factors = _mm256_set1_ps(factor);
  float* half = data + size / 2;
  for (size_t i = 0; i < size / 2; i += kLaneCount) {
    const __m256 a = _mm256_loadu_ps(data + i);
    const __m256 b = _mm256_loadu_ps(half + i);
    _mm256_storeu_ps(data + i, _mm256_mul_ps(_mm256_add_ps(a, b), factors));
    _mm256_storeu_ps(half + i, _mm256_mul_ps(_mm256_sub_ps(a, b), factors));
  }
}

// Two stages in each pass over the data, and the last one alone if it is left.
void Transform(size_t size, float factor, float* data) {
  TransformFirst(size, factor, data);
  size_t stride = 4 * kLaneCount;
  for (; 4 * stride <= size; stride *= 4) {
    for (size_t block = 0; block < size; block += 4 * stride) {
      for (size_t i = block; i < block + stride; i += kLaneCount) {
        Load(data + i, stride).Mixed().Store(stride, data + i);
      }
    }
  }
  if (stride < size) {
    MixHalves(size, 1, data);
  }
}

}  // namespace

const RotationKernels kAvx2RotationKernels = {
    .flip_signs = FlipSigns,
    .transform = Transform,
    .mix_halves = MixHalves,
};

}  // namespace copse::internal
