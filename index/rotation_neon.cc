// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the rotation for NEON, which every 64-bit ARM processor has.
// Compiled without contraction, as the scalar ones.

#include <arm_neon.h>

#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kLaneCount = 4;

float32x4_t Xor(float32x4_t values, uint32x4_t bits) {
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(values), bits));
}

// Shifts the bit of each lane to the place of the sign.
void FlipSigns(const uint64_t* signs, size_t size, float* data) {
  const int32x4_t shifts = {31, 30, 29, 28};
  const uint32x4_t sign = vdupq_n_u32(0x80000000);
  for (size_t i = 0; i < size; i += kLaneCount) {
    const uint32x4_t bits =
        vdupq_n_u32(static_cast<uint32_t>(signs[i / 64] >> (i % 64)));
    const uint32x4_t flips = vandq_u32(vshlq_u32(bits, shifts), sign);
    vst1q_f32(data + i, Xor(vld1q_f32(data + i), flips));
  }
}

// The stages 1 and 2 of 4 values: in each, the partners are exchanged and the
// second of a pair is negated before they are added.
float32x4_t TransformLanes(float32x4_t v) {
  const uint32x4_t signs1 = {0, 0x80000000, 0, 0x80000000};
  const uint32x4_t signs2 = {0, 0, 0x80000000, 0x80000000};
  v = vaddq_f32(vrev64q_f32(v), Xor(v, signs1));
  return vaddq_f32(vextq_f32(v, v, 2), Xor(v, signs2));
}

// Four vectors between which two stages are done.
struct Four {
  Four Mixed() const {
    const float32x4_t a = vaddq_f32(v0, v1);
    const float32x4_t b = vsubq_f32(v0, v1);
    const float32x4_t c = vaddq_f32(v2, v3);
    const float32x4_t d = vsubq_f32(v2, v3);
    return {vaddq_f32(a, c), vaddq_f32(b, d), vsubq_f32(a, c), vsubq_f32(b, d)};
  }

  void Store(size_t stride, float* data) const {
    vst1q_f32(data, v0);
    vst1q_f32(data + stride, v1);
    vst1q_f32(data + 2 * stride, v2);
    vst1q_f32(data + 3 * stride, v3);
  }

  float32x4_t v0;
  float32x4_t v1;
  float32x4_t v2;
  float32x4_t v3;
};

Four Load(const float* data, size_t stride) {
  return {vld1q_f32(data), vld1q_f32(data + stride),
          vld1q_f32(data + 2 * stride), vld1q_f32(data + 3 * stride)};
}

// The factor, and the first stages, up to that of the stride 2 * kLaneCount.
void TransformFirst(size_t size, float factor, float* data) {
  const float32x4_t factors = vdupq_n_f32(factor);
  for (size_t i = 0; i < size; i += 4 * kLaneCount) {
    const Four four = Load(data + i, kLaneCount);
    const Four transformed = {TransformLanes(vmulq_f32(four.v0, factors)),
                              TransformLanes(vmulq_f32(four.v1, factors)),
                              TransformLanes(vmulq_f32(four.v2, factors)),
                              TransformLanes(vmulq_f32(four.v3, factors))};
    transformed.Mixed().Store(kLaneCount, data + i);
  }
}

void MixHalves(size_t size, float factor, float* data) {
  const float32x4_t factors = vdupq_n_f32(factor);
  float* half = data + size / 2;
  for (size_t i = 0; i < size / 2; i += kLaneCount) {
    const float32x4_t a = vld1q_f32(data + i);
    const float32x4_t b = vld1q_f32(half + i);
    vst1q_f32(data + i, vmulq_f32(vaddq_f32(a, b), factors));
    vst1q_f32(half + i, vmulq_f32(vsubq_f32(a, b), factors));
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

const RotationKernels kNeonRotationKernels = {
    .flip_signs = FlipSigns,
    .transform = Transform,
    .mix_halves = MixHalves,
};

}  // namespace copse::internal
