// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the rotation for AVX-512 F, BW, DQ and VL. Compiled without
// contraction, as the scalar ones.

#include <immintrin.h>

#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kLaneCount = 16;

void FlipSigns(const uint64_t* signs, size_t size, float* data) {
  const __m512 sign = _mm512_set1_ps(-0.0F);
  for (size_t i = 0; i < size; i += kLaneCount) {
    const auto mask = static_cast<__mmask16>(signs[i / 64] >> (i % 64));
    const __m512 values = _mm512_loadu_ps(data + i);
    _mm512_storeu_ps(data + i, _mm512_mask_xor_ps(values, mask, values, sign));
  }
}

// The stage of a stride below 16: `swapped` are the values with the partners
// exchanged, `signs` negates the second of each pair.
__m512 MixLanes(__m512 values, __m512 swapped, __m512 signs) {
  return _mm512_add_ps(swapped, _mm512_xor_ps(values, signs));
}

// The stages 1, 2, 4 and 8 of 16 values.
__m512 TransformLanes(__m512 v) {
  constexpr float kMinus = -0.0F;
  const __m512 signs1 =
      _mm512_set_ps(kMinus, 0, kMinus, 0, kMinus, 0, kMinus, 0, kMinus, 0,
                    kMinus, 0, kMinus, 0, kMinus, 0);
  const __m512 signs2 =
      _mm512_set_ps(kMinus, kMinus, 0, 0, kMinus, kMinus, 0, 0, kMinus, kMinus,
                    0, 0, kMinus, kMinus, 0, 0);
  const __m512 signs4 =
      _mm512_set_ps(kMinus, kMinus, kMinus, kMinus, 0, 0, 0, 0, kMinus, kMinus,
                    kMinus, kMinus, 0, 0, 0, 0);
  const __m512 signs8 =
      _mm512_set_ps(kMinus, kMinus, kMinus, kMinus, kMinus, kMinus, kMinus,
                    kMinus, 0, 0, 0, 0, 0, 0, 0, 0);
  v = MixLanes(v, _mm512_permute_ps(v, 0xb1), signs1);
  v = MixLanes(v, _mm512_permute_ps(v, 0x4e), signs2);
  v = MixLanes(v, _mm512_shuffle_f32x4(v, v, 0xb1), signs4);
  return MixLanes(v, _mm512_shuffle_f32x4(v, v, 0x4e), signs8);
}

// Four vectors between which two stages are done.
struct Four {
  Four Mixed() const {
    const __m512 a = _mm512_add_ps(v0, v1);
    const __m512 b = _mm512_sub_ps(v0, v1);
    const __m512 c = _mm512_add_ps(v2, v3);
    const __m512 d = _mm512_sub_ps(v2, v3);
    return {_mm512_add_ps(a, c), _mm512_add_ps(b, d), _mm512_sub_ps(a, c),
            _mm512_sub_ps(b, d)};
  }

  void Store(size_t stride, float* data) const {
    _mm512_storeu_ps(data, v0);
    _mm512_storeu_ps(data + stride, v1);
    _mm512_storeu_ps(data + 2 * stride, v2);
    _mm512_storeu_ps(data + 3 * stride, v3);
  }

  __m512 v0;
  __m512 v1;
  __m512 v2;
  __m512 v3;
};

Four Load(const float* data, size_t stride) {
  return {_mm512_loadu_ps(data), _mm512_loadu_ps(data + stride),
          _mm512_loadu_ps(data + 2 * stride),
          _mm512_loadu_ps(data + 3 * stride)};
}

// The factor, and the first stages, up to that of the stride 2 * kLaneCount.
void TransformFirst(size_t size, float factor, float* data) {
  const __m512 factors = _mm512_set1_ps(factor);
  for (size_t i = 0; i < size; i += 4 * kLaneCount) {
    const Four four = Load(data + i, kLaneCount);
    const Four transformed = {TransformLanes(_mm512_mul_ps(four.v0, factors)),
                              TransformLanes(_mm512_mul_ps(four.v1, factors)),
                              TransformLanes(_mm512_mul_ps(four.v2, factors)),
                              TransformLanes(_mm512_mul_ps(four.v3, factors))};
    transformed.Mixed().Store(kLaneCount, data + i);
  }
}

void MixHalves(size_t size, float factor, float* data) {
  const __m512 factors = _mm512_set1_ps(factor);
  float* half = data + size / 2;
  for (size_t i = 0; i < size / 2; i += kLaneCount) {
    const __m512 a = _mm512_loadu_ps(data + i);
    const __m512 b = _mm512_loadu_ps(half + i);
    _mm512_storeu_ps(data + i, _mm512_mul_ps(_mm512_add_ps(a, b), factors));
    _mm512_storeu_ps(half + i, _mm512_mul_ps(_mm512_sub_ps(a, b), factors));
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

const RotationKernels kAvx512RotationKernels = {
    .flip_signs = FlipSigns,
    .transform = Transform,
    .mix_halves = MixHalves,
};

}  // namespace copse::internal
