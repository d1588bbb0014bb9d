// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Portable kernels. Each sum is kept in 16 parts, which the compiler may put
// into the vectors that every processor of the target has (SSE2, NEON) without
// changing a result, and which keep the rounding error of long sums small.

#include "index/distance_kernels.h"

namespace copse {
namespace internal {
namespace {

constexpr size_t kPartCount = 16;

struct Product {
  static float Of(float a, float b) { return a * b; }
};

struct SquaredDifference {
  static float Of(float a, float b) { return (a - b) * (a - b); }
};

struct AbsoluteDifference {
  static float Of(float a, float b) { return __builtin_fabsf(a - b); }
};

float SumOfParts(float* parts) {
  for (size_t width = kPartCount / 2; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) {
      parts[i] += parts[i + width];
    }
  }
  return parts[0];
}

// Returns the sum of Term::Of(a[i], b[i]).
template <typename Term>
float Sum(const float* a, const float* b, size_t size) {
  float parts[kPartCount] = {};
  size_t i = 0;
  for (; i + kPartCount <= size; i += kPartCount) {
    for (size_t part = 0; part < kPartCount; ++part) {
      parts[part] += Term::Of(a[i + part], b[i + part]);
    }
  }
  for (size_t part = 0; i + part < size; ++part) {
    parts[part] += Term::Of(a[i + part], b[i + part]);
  }
  return SumOfParts(parts);
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

float Hamming(const float* a, const float* b, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; ++i) {
    count += (a[i] != 0) != (b[i] != 0) ? 1 : 0;
  }
  return static_cast<float>(count);
}

float HammingBits(const uint64_t* a, const uint64_t* b, size_t word_count) {
  int64_t count = 0;
  for (size_t i = 0; i < word_count; ++i) {
    count += __builtin_popcountll(a[i] ^ b[i]);
  }
  return static_cast<float>(count);
}

int32_t DotInt8(const int8_t* a, const int8_t* b, size_t size) {
  int32_t sum = 0;
  for (size_t i = 0; i < size; ++i) {
    sum += int32_t{a[i]} * int32_t{b[i]};
  }
  return sum;
}

void DotInt8Rows(const int8_t* a, const int8_t* rows, size_t size,
                 size_t row_count, int32_t* sums) {
  for (size_t row = 0; row < row_count; ++row) {
    sums[row] = DotInt8(a, rows + row * size, size);
  }
}

}  // namespace

const DistanceKernels kScalarKernels = {
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
