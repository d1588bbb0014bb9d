// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels for NEON, which every 64-bit ARM processor has. A sum is kept in 4
// vectors of 4, for the reason given in distance_avx2.cc.

#include <arm_neon.h>

#include "index/distance_kernels.h"

namespace copse {
namespace internal {
namespace {

constexpr size_t kLaneCount = 4;
constexpr size_t kStep = 4 * kLaneCount;

struct Product {
  static float32x4_t AddTo(float32x4_t sum, float32x4_t a, float32x4_t b) {
    return vfmaq_f32(sum, a, b);
  }
};

struct SquaredDifference {
  static float32x4_t AddTo(float32x4_t sum, float32x4_t a, float32x4_t b) {
    const float32x4_t difference = vsubq_f32(a, b);
    return vfmaq_f32(sum, difference, difference);
  }
};

struct AbsoluteDifference {
  static float32x4_t AddTo(float32x4_t sum, float32x4_t a, float32x4_t b) {
    return vaddq_f32(sum, vabdq_f32(a, b));
  }
};

// Returns the first `count` of 4 values, and zeros: a pair of zeros adds
// nothing to any sum.
float32x4_t LoadFirst(const float* values, size_t count) {
  float lanes[kLaneCount] = {};
  for (size_t i = 0; i < count; ++i) {
    lanes[i] = values[i];
  }
  return vld1q_f32(lanes);
}

template <typename Term>
float Sum(const float* a, const float* b, size_t size) {
  float32x4_t sum0 = vdupq_n_f32(0);
  float32x4_t sum1 = sum0;
  float32x4_t sum2 = sum0;
  float32x4_t sum3 = sum0;
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    sum0 = Term::AddTo(sum0, vld1q_f32(a + i), vld1q_f32(b + i));
    sum1 = Term::AddTo(sum1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));
    sum2 = Term::AddTo(sum2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));
    sum3 = Term::AddTo(sum3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));
  }
  for (; i + kLaneCount <= size; i += kLaneCount) {
    sum0 = Term::AddTo(sum0, vld1q_f32(a + i), vld1q_f32(b + i));
  }
  if (i < size) {
    sum1 = Term::AddTo(sum1, LoadFirst(a + i, size - i),
                       LoadFirst(b + i, size - i));
  }
  return vaddvq_f32(vaddq_f32(vaddq_f32(sum0, sum1), vaddq_f32(sum2, sum3)));
}

template <typename Term>
void SumRows(const float* a, const float* rows, size_t size, size_t row_count,
             float* sums) {
  for (size_t row = 0; row < row_count; ++row) {
    sums[row] = Sum<Term>(a, rows + row * size, size);
  }
}

float DotAndSquare(const float* a, const float* b, size_t size,
                   float* b_square) {
  *b_square = Sum<Product>(b, b, size);
  return Sum<Product>(a, b, size);
}

// Returns `counts` with one more in the lanes where one of the two is zero and
// the other is not. All bits of such a lane are set, which is -1.
uint32x4_t CountDifferent(uint32x4_t counts, float32x4_t a, float32x4_t b) {
  return vsubq_u32(counts, veorq_u32(vceqzq_f32(a), vceqzq_f32(b)));
}

float Hamming(const float* a, const float* b, size_t size) {
  uint32x4_t counts = vdupq_n_u32(0);
  size_t i = 0;
  for (; i + kLaneCount <= size; i += kLaneCount) {
    counts = CountDifferent(counts, vld1q_f32(a + i), vld1q_f32(b + i));
  }
  if (i < size) {
    counts = CountDifferent(counts, LoadFirst(a + i, size - i),
                            LoadFirst(b + i, size - i));
  }
  return static_cast<float>(vaddvq_u32(counts));
}

float HammingBits(const uint64_t* a, const uint64_t* b, size_t word_count) {
  int64_t count = 0;
  for (size_t i = 0; i < word_count; ++i) {
    count += __builtin_popcountll(a[i] ^ b[i]);
  }
  return static_cast<float>(count);
}

// The sum of two products is at most 2 * 127 * 127 = 32,258 and fits 16 bits.
int32_t DotInt8(const int8_t* a, const int8_t* b, size_t size) {
  int32x4_t sum = vdupq_n_s32(0);
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    const int8x16_t x = vld1q_s8(a + i);
    const int8x16_t y = vld1q_s8(b + i);
    const int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    sum =
        vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(x), vget_high_s8(y)));
  }
  int32_t total = vaddvq_s32(sum);
  for (; i < size; ++i) {
    total += int32_t{a[i]} * int32_t{b[i]};
  }
  return total;
}

void DotInt8Rows(const int8_t* a, const int8_t* rows, size_t size,
                 size_t row_count, int32_t* sums) {
  for (size_t row = 0; row < row_count; ++row) {
    sums[row] = DotInt8(a, rows + row * size, size);
  }
}

}  // namespace

const DistanceKernels kNeonKernels = {
    .dot = Sum<Product>,
    .squared_euclidean = Sum<SquaredDifference>,
    .manhattan = Sum<AbsoluteDifference>,
    .hamming = Hamming,
    .hamming_bits = HammingBits,
    .dot_int8 = DotInt8,
    .dot_and_square = DotAndSquare,
    .dot_rows = SumRows<Product>,
    .squared_euclidean_rows = SumRows<SquaredDifference>,
    .dot_int8_rows = DotInt8Rows,
};

}  // namespace internal
}  // namespace copse
