// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels for AVX-512 F, BW, DQ and VL. A sum is kept in 4 vectors of 16, for
// the reason given in distance_avx2.cc; what is left over is loaded by mask.

#include <immintrin.h>

#include "index/distance_kernels.h"

namespace copse {
namespace internal {
namespace {

constexpr size_t kLaneCount = 16;
constexpr size_t kStep = 4 * kLaneCount;

struct Product {
  static __m512 AddTo(__m512 sum, __m512 a, __m512 b) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};

struct SquaredDifference {
  static __m512 AddTo(__m512 sum, __m512 a, __m512 b) {
    const __m512 difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
};

struct AbsoluteDifference {
  static __m512 AddTo(__m512 sum, __m512 a, __m512 b) {
    return _mm512_add_ps(
        sum, _mm512_andnot_ps(_mm512_set1_ps(-0.0F), _mm512_sub_ps(a, b)));
  }
};

// Returns the mask of the first `count` of 16 lanes. Lanes that are not loaded
// are zero, and a pair of zeros adds nothing to any sum.
__mmask16 FirstLanes(size_t count) {
  return static_cast<__mmask16>((1U << count) - 1);
}

float SumOfLanes(__m512 sum) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(sum),
                                    _mm512_extractf32x8_ps(sum, 1));
  __m128 quarter =
      _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  quarter = _mm_add_ss(quarter, _mm_movehdup_ps(quarter));
  return _mm_cvtss_f32(quarter);
}

// Four vectors that stand one after the other. Members and not an array, here
// and in Sums: g++ 12 keeps arrays in memory.
struct Step {
  __m512 v0;
  __m512 v1;
  __m512 v2;
  __m512 v3;
};

Step LoadStep(const float* values) {
  return {_mm512_loadu_ps(values), _mm512_loadu_ps(values + kLaneCount),
          _mm512_loadu_ps(values + 2 * kLaneCount),
          _mm512_loadu_ps(values + 3 * kLaneCount)};
}

// The running sums of one pair of arrays. Each kernel adds to them in the same
// order (steps, then single vectors, then the rest), so the results of one pair
// are equal to the bit.
template <typename Term>
struct Sums {
  __m512 s0 = _mm512_setzero_ps();
  __m512 s1 = _mm512_setzero_ps();
  __m512 s2 = _mm512_setzero_ps();
  __m512 s3 = _mm512_setzero_ps();

  void AddStep(const Step& x, const Step& y) {
    s0 = Term::AddTo(s0, x.v0, y.v0);
    s1 = Term::AddTo(s1, x.v1, y.v1);
    s2 = Term::AddTo(s2, x.v2, y.v2);
    s3 = Term::AddTo(s3, x.v3, y.v3);
  }
  void AddLanes(__m512 x, __m512 y) { s0 = Term::AddTo(s0, x, y); }
  void AddRest(__m512 x, __m512 y) { s1 = Term::AddTo(s1, x, y); }

  float Total() const {
    return SumOfLanes(
        _mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
  }
};

template <typename Term>
float Sum(const float* a, const float* b, size_t size) {
  Sums<Term> sums;
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    sums.AddStep(LoadStep(a + i), LoadStep(b + i));
  }
  for (; i + kLaneCount <= size; i += kLaneCount) {
    sums.AddLanes(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    sums.AddRest(_mm512_maskz_loadu_ps(mask, a + i),
                 _mm512_maskz_loadu_ps(mask, b + i));
  }
  return sums.Total();
}

// Four rows at once: their 16 sums and a step of `a` fit the 32 registers.
template <typename Term>
void SumFourRows(const float* a, const float* rows, size_t size,
                 float* results) {
  const float* row0 = rows;
  const float* row1 = rows + size;
  const float* row2 = rows + 2 * size;
  const float* row3 = rows + 3 * size;
  Sums<Term> sums0;
  Sums<Term> sums1;
  Sums<Term> sums2;
  Sums<Term> sums3;
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    const Step x = LoadStep(a + i);
    sums0.AddStep(x, LoadStep(row0 + i));
    sums1.AddStep(x, LoadStep(row1 + i));
    sums2.AddStep(x, LoadStep(row2 + i));
    sums3.AddStep(x, LoadStep(row3 + i));
  }
  for (; i + kLaneCount <= size; i += kLaneCount) {
    const __m512 x = _mm512_loadu_ps(a + i);
    sums0.AddLanes(x, _mm512_loadu_ps(row0 + i));
    sums1.AddLanes(x, _mm512_loadu_ps(row1 + i));
    sums2.AddLanes(x, _mm512_loadu_ps(row2 + i));
    sums3.AddLanes(x, _mm512_loadu_ps(row3 + i));
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    const __m512 x = _mm512_maskz_loadu_ps(mask, a + i);
    sums0.AddRest(x, _mm512_maskz_loadu_ps(mask, row0 + i));
    sums1.AddRest(x, _mm512_maskz_loadu_ps(mask, row1 + i));
    sums2.AddRest(x, _mm512_maskz_loadu_ps(mask, row2 + i));
    sums3.AddRest(x, _mm512_maskz_loadu_ps(mask, row3 + i));
  }
  results[0] = sums0.Total();
  results[1] = sums1.Total();
  results[2] = sums2.Total();
  results[3] = sums3.Total();
}

template <typename Term>
void SumRows(const float* a, const float* rows, size_t size, size_t row_count,
             float* sums) {
  size_t row = 0;
  for (; row + 4 <= row_count; row += 4) {
    SumFourRows<Term>(a, rows + row * size, size, sums + row);
  }
  for (; row < row_count; ++row) {
    sums[row] = Sum<Term>(a, rows + row * size, size);
  }
}

float DotAndSquare(const float* a, const float* b, size_t size,
                   float* b_square) {
  Sums<Product> dot;
  Sums<Product> square;
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    const Step y = LoadStep(b + i);
    dot.AddStep(LoadStep(a + i), y);
    square.AddStep(y, y);
  }
  for (; i + kLaneCount <= size; i += kLaneCount) {
    const __m512 y = _mm512_loadu_ps(b + i);
    dot.AddLanes(_mm512_loadu_ps(a + i), y);
    square.AddLanes(y, y);
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    const __m512 y = _mm512_maskz_loadu_ps(mask, b + i);
    dot.AddRest(_mm512_maskz_loadu_ps(mask, a + i), y);
    square.AddRest(y, y);
  }
  *b_square = square.Total();
  return dot.Total();
}

// Returns the lanes, as bits, in which exactly one of `x` and `y` is not zero.
unsigned DifferingLanes(__m512 x, __m512 y) {
  const __m512 zero = _mm512_setzero_ps();
  const unsigned x_lanes = _mm512_cmp_ps_mask(x, zero, _CMP_NEQ_UQ);
  const unsigned y_lanes = _mm512_cmp_ps_mask(y, zero, _CMP_NEQ_UQ);
  return x_lanes ^ y_lanes;
}

float Hamming(const float* a, const float* b, size_t size) {
  size_t count = 0;
  size_t i = 0;
  for (; i + kLaneCount <= size; i += kLaneCount) {
    count += static_cast<size_t>(__builtin_popcount(
        DifferingLanes(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i))));
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    count += static_cast<size_t>(
        __builtin_popcount(DifferingLanes(_mm512_maskz_loadu_ps(mask, a + i),
                                          _mm512_maskz_loadu_ps(mask, b + i))));
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

// As in distance_avx2.cc; there is no 512-bit sign instruction, so `y` is
// negated where `x` is negative.
__m512i AddProductsInt8(__m512i sum, __m512i x, __m512i y) {
  const __m512i signed_y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(x),
                                                _mm512_setzero_si512(), y);
  const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(x), signed_y);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

int32_t DotInt8(const int8_t* a, const int8_t* b, size_t size) {
  constexpr size_t kByteCount = 64;
  __m512i sum = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + kByteCount <= size; i += kByteCount) {
    sum = AddProductsInt8(sum, _mm512_loadu_si512(a + i),
                          _mm512_loadu_si512(b + i));
  }
  if (i < size) {
    const __mmask64 mask = (uint64_t{1} << (size - i)) - 1;
    sum = AddProductsInt8(sum, _mm512_maskz_loadu_epi8(mask, a + i),
                          _mm512_maskz_loadu_epi8(mask, b + i));
  }
  return _mm512_reduce_add_epi32(sum);
}

// Without VNNI the arithmetic costs more than the loads of `a`, so rows are
// not taken together.
void DotInt8Rows(const int8_t* a, const int8_t* rows, size_t size,
                 size_t row_count, int32_t* sums) {
  for (size_t row = 0; row < row_count; ++row) {
    sums[row] = DotInt8(a, rows + row * size, size);
  }
}

}  // namespace

const DistanceKernels kAvx512Kernels = {
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
