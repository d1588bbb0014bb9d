// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The int8 product with the instruction that is made for it. Processors with
// AVX-512 but without VNNI take the one of distance_avx512.cc.

#include <immintrin.h>

#include "index/distance_kernels.h"

namespace copse {
namespace internal {
namespace {

constexpr size_t kByteCount = 64;

// The instruction takes one factor unsigned, so it gets y + 128; what that is
// too much, 128 * x, is summed once for all rows.
__m512i AddProducts(__m512i sum, __m512i x, __m512i y) {
  const __m512i high_bits = _mm512_set1_epi8(static_cast<char>(0x80));
  return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(y, high_bits), x);
}

__mmask64 FirstBytes(size_t count) { return (uint64_t{1} << count) - 1; }

// Returns 128 times the sum of the bytes.
__m512i ShiftOf(const int8_t* a, size_t size) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i sum = zero;
  size_t i = 0;
  for (; i + kByteCount <= size; i += kByteCount) {
    sum = AddProducts(sum, _mm512_loadu_si512(a + i), zero);
  }
  if (i < size) {
    const __mmask64 mask = FirstBytes(size - i);
    sum = AddProducts(sum, _mm512_maskz_loadu_epi8(mask, a + i), zero);
  }
  return sum;
}

// Returns the four sums, each of the 16 integers of one argument, in order.
__m128i SumsOfInts(__m512i sum0, __m512i sum1, __m512i sum2, __m512i sum3) {
  const __m512i sum01 = _mm512_add_epi32(_mm512_unpacklo_epi32(sum0, sum1),
                                         _mm512_unpackhi_epi32(sum0, sum1));
  const __m512i sum23 = _mm512_add_epi32(_mm512_unpacklo_epi32(sum2, sum3),
                                         _mm512_unpackhi_epi32(sum2, sum3));
  const __m512i sums = _mm512_add_epi32(_mm512_unpacklo_epi64(sum01, sum23),
                                        _mm512_unpackhi_epi64(sum01, sum23));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sums),
                                        _mm512_extracti64x4_epi64(sums, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half),
                       _mm256_extracti128_si256(half, 1));
}

__m512i DotParts(const int8_t* a, const int8_t* b, size_t size) {
  __m512i sum = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + kByteCount <= size; i += kByteCount) {
    sum =
        AddProducts(sum, _mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
  }
  if (i < size) {
    const __mmask64 mask = FirstBytes(size - i);
    sum = AddProducts(sum, _mm512_maskz_loadu_epi8(mask, a + i),
                      _mm512_maskz_loadu_epi8(mask, b + i));
  }
  return sum;
}

void DotFourRows(const int8_t* a, const int8_t* rows, size_t size,
                 __m512i shift, int32_t* results) {
  const int8_t* row0 = rows;
  const int8_t* row1 = rows + size;
  const int8_t* row2 = rows + 2 * size;
  const int8_t* row3 = rows + 3 * size;
  __m512i sum0 = _mm512_setzero_si512();
  __m512i sum1 = _mm512_setzero_si512();
  __m512i sum2 = _mm512_setzero_si512();
  __m512i sum3 = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + kByteCount <= size; i += kByteCount) {
    const __m512i x = _mm512_loadu_si512(a + i);
    sum0 = AddProducts(sum0, x, _mm512_loadu_si512(row0 + i));
    sum1 = AddProducts(sum1, x, _mm512_loadu_si512(row1 + i));
    sum2 = AddProducts(sum2, x, _mm512_loadu_si512(row2 + i));
    sum3 = AddProducts(sum3, x, _mm512_loadu_si512(row3 + i));
  }
  if (i < size) {
    const __mmask64 mask = FirstBytes(size - i);
    const __m512i x = _mm512_maskz_loadu_epi8(mask, a + i);
    sum0 = AddProducts(sum0, x, _mm512_maskz_loadu_epi8(mask, row0 + i));
    sum1 = AddProducts(sum1, x, _mm512_maskz_loadu_epi8(mask, row1 + i));
    sum2 = AddProducts(sum2, x, _mm512_maskz_loadu_epi8(mask, row2 + i));
    sum3 = AddProducts(sum3, x, _mm512_maskz_loadu_epi8(mask, row3 + i));
  }
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(results),
      SumsOfInts(_mm512_sub_epi32(sum0, shift), _mm512_sub_epi32(sum1, shift),
                 _mm512_sub_epi32(sum2, shift), _mm512_sub_epi32(sum3, shift)));
}

}  // namespace

int32_t DotInt8Avx512Vnni(const int8_t* a, const int8_t* b, size_t size) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i sum = zero;
  __m512i shift = zero;  // As ShiftOf() returns it, in the same pass.
  size_t i = 0;
  for (; i + kByteCount <= size; i += kByteCount) {
    const __m512i x = _mm512_loadu_si512(a + i);
    sum = AddProducts(sum, x, _mm512_loadu_si512(b + i));
    shift = AddProducts(shift, x, zero);
  }
  if (i < size) {
    const __mmask64 mask = FirstBytes(size - i);
    const __m512i x = _mm512_maskz_loadu_epi8(mask, a + i);
    sum = AddProducts(sum, x, _mm512_maskz_loadu_epi8(mask, b + i));
    shift = AddProducts(shift, x, zero);
  }
  return _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, shift));
}

void DotInt8RowsAvx512Vnni(const int8_t* a, const int8_t* rows, size_t size,
                           size_t row_count, int32_t* sums) {
  const __m512i shift = ShiftOf(a, size);
  size_t row = 0;
  for (; row + 4 <= row_count; row += 4) {
    DotFourRows(a, rows + row * size, size, shift, sums + row);
  }
  for (; row < row_count; ++row) {
    sums[row] = _mm512_reduce_add_epi32(
        _mm512_sub_epi32(DotParts(a, rows + row * size, size), shift));
  }
}

}  // namespace internal
}  // namespace copse
