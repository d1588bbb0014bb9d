// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels for AVX2 and FMA. A sum is kept in 4 vectors of 8: a fused
// multiply-add takes 4 cycles and the two loads that it needs take one, so 4
// independent sums keep the loads busy.

#include <immintrin.h>

#include "index/distance_kernels.h"

namespace copse {
namespace internal {
namespace {

constexpr size_t kLaneCount = 8;
constexpr size_t kStep = 4 * kLaneCount;

struct Product {
  static __m256 AddTo(__m256 sum, __m256 a, __m256 b) {
    return _mm256_fmadd_ps(a, b, sum);
  }
};

struct SquaredDifference {
  static __m256 AddTo(__m256 sum, __m256 a, __m256 b) {
    const __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
};

struct AbsoluteDifference {
  static __m256 AddTo(__m256 sum, __m256 a, __m256 b) {
    const __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_add_ps(sum,
                         _mm256_andnot_ps(_mm256_set1_ps(-0.0F), difference));
  }
};

// Returns the mask that loads the first `count` of 8 lanes. Lanes that are not
// loaded are zero, and a pair of zeros adds nothing to any sum.
__m256i FirstLanes(size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}

float SumOfLanes(__m256 sum) {
  __m128 half =
      _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

// Four vectors that stand one after the other. Members and not an array, here
// and in Sums: g++ 12 keeps arrays in memory.
struct Step {
  __m256 v0;
  __m256 v1;
  __m256 v2;
  __m256 v3;
};

Step LoadStep(const float* values) {
  return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + kLaneCount),
          _mm256_loadu_ps(values + 2 * kLaneCount),
          _mm256_loadu_ps(values + 3 * kLaneCount)};
}

// The running sums of one pair of arrays. Each kernel adds to them in the same
// order (steps, then single vectors, then the rest), so the results of one pair
// are equal to the bit.
template <typename Term>
struct Sums {
  __m256 s0 = _mm256_setzero_ps();
  __m256 s1 = _mm256_setzero_ps();
  __m256 s2 = _mm256_setzero_ps();
  __m256 s3 = _mm256_setzero_ps();

  void AddStep(const Step& x, const Step& y) {
    s0 = Term::AddTo(s0, x.v0, y.v0);
    s1 = Term::AddTo(s1, x.v1, y.v1);
    s2 = Term::AddTo(s2, x.v2, y.v2);
    s3 = Term::AddTo(s3, x.v3, y.v3);
  }
  void AddLanes(__m256 x, __m256 y) { s0 = Term::AddTo(s0, x, y); }
  void AddRest(__m256 x, __m256 y) { s1 = Term::AddTo(s1, x, y); }

  float Total() const {
    return SumOfLanes(
        _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
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
    sums.AddLanes(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    sums.AddRest(_mm256_maskload_ps(a + i, mask),
                 _mm256_maskload_ps(b + i, mask));
  }
  return sums.Total();
}

// Two rows at once: their 8 sums and a step of `a` fit the 16 registers.
template <typename Term>
void SumTwoRows(const float* a, const float* rows, size_t size,
                float* results) {
  const float* row0 = rows;
  const float* row1 = rows + size;
  Sums<Term> sums0;
  Sums<Term> sums1;
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    const Step x = LoadStep(a + i);
    sums0.AddStep(x, LoadStep(row0 + i));
    sums1.AddStep(x, LoadStep(row1 + i));
  }
  for (; i + kLaneCount <= size; i += kLaneCount) {
    const __m256 x = _mm256_loadu_ps(a + i);
    sums0.AddLanes(x, _mm256_loadu_ps(row0 + i));
    sums1.AddLanes(x, _mm256_loadu_ps(row1 + i));
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    const __m256 x = _mm256_maskload_ps(a + i, mask);
    sums0.AddRest(x, _mm256_maskload_ps(row0 + i, mask));
    sums1.AddRest(x, _mm256_maskload_ps(row1 + i, mask));
  }
  results[0] = sums0.Total();
  results[1] = sums1.Total();
}

template <typename Term>
void SumRows(const float* a, const float* rows, size_t size, size_t row_count,
             float* sums) {
  size_t row = 0;
  for (; row + 2 <= row_count; row += 2) {
    SumTwoRows<Term>(a, rows + row * size, size, sums + row);
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
    const __m256 y = _mm256_loadu_ps(b + i);
    dot.AddLanes(_mm256_loadu_ps(a + i), y);
    square.AddLanes(y, y);
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    const __m256 y = _mm256_maskload_ps(b + i, mask);
    dot.AddRest(_mm256_maskload_ps(a + i, mask), y);
    square.AddRest(y, y);
  }
  *b_square = square.Total();
  return dot.Total();
}

// Returns the lanes, as bits, in which exactly one of `x` and `y` is not zero.
unsigned DifferingLanes(__m256 x, __m256 y) {
  const __m256 zero = _mm256_setzero_ps();
  return static_cast<unsigned>(
      _mm256_movemask_ps(_mm256_xor_ps(_mm256_cmp_ps(x, zero, _CMP_NEQ_UQ),
                                       _mm256_cmp_ps(y, zero, _CMP_NEQ_UQ))));
}

float Hamming(const float* a, const float* b, size_t size) {
  size_t count = 0;
  size_t i = 0;
  for (; i + kLaneCount <= size; i += kLaneCount) {
    count += static_cast<size_t>(__builtin_popcount(
        DifferingLanes(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i))));
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    count += static_cast<size_t>(__builtin_popcount(DifferingLanes(
        _mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask))));
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

// The byte product takes one factor unsigned, so it gets |x|, and y the sign
// of x. Its 16-bit sums of two cannot overflow: 2 * 127 * 127 = 32258.
__m256i AddProductsInt8(__m256i sum, __m256i x, __m256i y) {
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

constexpr size_t kByteCount = 32;

__m256i LoadBytes(const int8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

int32_t SumOfInts(__m256i sum) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum),
                               _mm256_extracti128_si256(sum, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(1, 0, 3, 2)));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(half);
}

int32_t DotInt8Rest(const int8_t* a, const int8_t* b, size_t size) {
  int32_t sum = 0;
  for (size_t i = size - size % kByteCount; i < size; ++i) {
    sum += int32_t{a[i]} * int32_t{b[i]};
  }
  return sum;
}

int32_t DotInt8(const int8_t* a, const int8_t* b, size_t size) {
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 2 * kByteCount <= size; i += 2 * kByteCount) {
    even = AddProductsInt8(even, LoadBytes(a + i), LoadBytes(b + i));
    odd = AddProductsInt8(odd, LoadBytes(a + i + kByteCount),
                          LoadBytes(b + i + kByteCount));
  }
  if (i + kByteCount <= size) {
    even = AddProductsInt8(even, LoadBytes(a + i), LoadBytes(b + i));
  }
  return SumOfInts(_mm256_add_epi32(even, odd)) + DotInt8Rest(a, b, size);
}

// Four rows at once share the loads of `a` and its absolute values.
void DotInt8FourRows(const int8_t* a, const int8_t* rows, size_t size,
                     int32_t* results) {
  const int8_t* row0 = rows;
  const int8_t* row1 = rows + size;
  const int8_t* row2 = rows + 2 * size;
  const int8_t* row3 = rows + 3 * size;
  __m256i sum0 = _mm256_setzero_si256();
  __m256i sum1 = _mm256_setzero_si256();
  __m256i sum2 = _mm256_setzero_si256();
  __m256i sum3 = _mm256_setzero_si256();
  for (size_t i = 0; i + kByteCount <= size; i += kByteCount) {
    const __m256i x = LoadBytes(a + i);
    sum0 = AddProductsInt8(sum0, x, LoadBytes(row0 + i));
    sum1 = AddProductsInt8(sum1, x, LoadBytes(row1 + i));
    sum2 = AddProductsInt8(sum2, x, LoadBytes(row2 + i));
    sum3 = AddProductsInt8(sum3, x, LoadBytes(row3 + i));
  }
  results[0] = SumOfInts(sum0) + DotInt8Rest(a, row0, size);
  results[1] = SumOfInts(sum1) + DotInt8Rest(a, row1, size);
  results[2] = SumOfInts(sum2) + DotInt8Rest(a, row2, size);
  results[3] = SumOfInts(sum3) + DotInt8Rest(a, row3, size);
}

void DotInt8Rows(const int8_t* a, const int8_t* rows, size_t size,
                 size_t row_count, int32_t* sums) {
  size_t row = 0;
  for (; row + 4 <= row_count; row += 4) {
    DotInt8FourRows(a, rows + row * size, size, sums + row);
  }
  for (; row < row_count; ++row) {
    sums[row] = DotInt8(a, rows + row * size, size);
  }
}

}  // namespace

const DistanceKernels kAvx2Kernels = {
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
