// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The int8 product for ARM processors with the dot product instructions of
// ARMv8.2: one of them does 16 products.

#include <arm_neon.h>

#include "index/distance_kernels.h"

namespace copse {
namespace internal {

int32_t DotInt8NeonDotprod(const int8_t* a, const int8_t* b, size_t size) {
  int32x4_t sum0 = vdupq_n_s32(0);
  int32x4_t sum1 = sum0;
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    sum0 = vdotq_s32(sum0, vld1q_s8(a + i), vld1q_s8(b + i));
    sum1 = vdotq_s32(sum1, vld1q_s8(a + i + 16), vld1q_s8(b + i + 16));
  }
  int32_t total = vaddvq_s32(vaddq_s32(sum0, sum1));
  for (; i < size; ++i) {
    total += int32_t{a[i]} * int32_t{b[i]};
  }
  return total;
}

void DotInt8RowsNeonDotprod(const int8_t* a, const int8_t* rows, size_t size,
                            size_t row_count, int32_t* sums) {
  for (size_t row = 0; row < row_count; ++row) {
    sums[row] = DotInt8NeonDotprod(a, rows + row * size, size);
  }
}

}  // namespace internal
}  // namespace copse
