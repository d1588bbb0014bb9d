// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the fast scan for AVX-512 F, BW, DQ and VL: a register holds four
// groups, one in each quarter. Compiled without contraction, as the scalar
// ones.

#include <immintrin.h>

#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kRowCount = 32;
constexpr size_t kGroupSize = 16;
constexpr size_t kStepGroupCount = 16;
constexpr size_t kRegisterSize = 64;
constexpr size_t kLaneCount = 16;

// Running sums of 16 rows in 16 bits, where the four quarters have sums of
// different groups. `odd` has those of the odd rows; `all` has those of the
// even rows plus 256 times `odd`, modulo 2^16, which saves a mask for each
// addition.
struct HalfSums {
  __m512i all = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();

  void Add(__m512i bytes) {
    all = _mm512_add_epi16(all, bytes);
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
  }
  __m512i Even() const {
    return _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
  }
};

struct BlockSums {
  HalfSums low;   // Rows 0 to 15.
  HalfSums high;  // Rows 16 to 31.

  // Returns the sums of the 32 rows in their order.
  __m512i Total() const {
    const __m512i low_even = low.Even();
    const __m512i high_even = high.Even();
    const __m512i v0 = _mm512_unpacklo_epi16(low_even, low.odd);
    const __m512i v1 = _mm512_unpackhi_epi16(low_even, low.odd);
    const __m512i v2 = _mm512_unpacklo_epi16(high_even, high.odd);
    const __m512i v3 = _mm512_unpackhi_epi16(high_even, high.odd);
    // Each has 8 rows in each quarter. The sum of the quarters of v0 goes to
    // the first quarter of the result, that of v1 to the second, and so on.
    const __m512i v01 = _mm512_add_epi16(_mm512_shuffle_i64x2(v0, v1, 0x44),
                                         _mm512_shuffle_i64x2(v0, v1, 0xee));
    const __m512i v23 = _mm512_add_epi16(_mm512_shuffle_i64x2(v2, v3, 0x44),
                                         _mm512_shuffle_i64x2(v2, v3, 0xee));
    return _mm512_add_epi16(_mm512_shuffle_i64x2(v01, v23, 0x88),
                            _mm512_shuffle_i64x2(v01, v23, 0xdd));
  }
};

// The entries of four groups, or the sums of them over some quadruples.
struct Entries {
  __m512i low;
  __m512i high;
};

Entries LookUp(__m512i table, const std::byte* codes) {
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i bytes = _mm512_loadu_si512(codes);
  return {_mm512_shuffle_epi8(table, _mm512_and_si512(bytes, mask)),
          _mm512_shuffle_epi8(
              table, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask))};
}

Entries Plus(const Entries& a, const Entries& b) {
  return {_mm512_add_epi8(a.low, b.low), _mm512_add_epi8(a.high, b.high)};
}

// The tables of 16 groups.
struct StepTable {
  __m512i t0;
  __m512i t1;
  __m512i t2;
  __m512i t3;
};

StepTable LoadStep(const uint8_t* table) {
  return {_mm512_loadu_si512(table), _mm512_loadu_si512(table + kRegisterSize),
          _mm512_loadu_si512(table + 2 * kRegisterSize),
          _mm512_loadu_si512(table + 3 * kRegisterSize)};
}

// Four entries of 63 are 252 and fit a byte.
void AddStep(const StepTable& table, const std::byte* codes, BlockSums* sums) {
  const Entries entries = Plus(
      Plus(LookUp(table.t0, codes), LookUp(table.t1, codes + kRegisterSize)),
      Plus(LookUp(table.t2, codes + 2 * kRegisterSize),
           LookUp(table.t3, codes + 3 * kRegisterSize)));
  sums->low.Add(entries.low);
  sums->high.Add(entries.high);
}

void ScanBlock(const uint8_t* table, const std::byte* codes, size_t size_bytes,
               uint16_t* sums) {
  BlockSums block;
  for (size_t i = 0; i < size_bytes; i += kStepGroupCount * kGroupSize) {
    AddStep(LoadStep(table + i), codes + i, &block);
  }
  _mm512_storeu_si512(sums, block.Total());
}

// Two blocks share the loads of the table.
void ScanTwoBlocks(const uint8_t* table, const std::byte* codes,
                   size_t size_bytes, uint16_t* sums) {
  BlockSums block0;
  BlockSums block1;
  for (size_t i = 0; i < size_bytes; i += kStepGroupCount * kGroupSize) {
    const StepTable step = LoadStep(table + i);
    AddStep(step, codes + i, &block0);
    AddStep(step, codes + size_bytes + i, &block1);
  }
  _mm512_storeu_si512(sums, block0.Total());
  _mm512_storeu_si512(sums + kRowCount, block1.Total());
}

void ScanBlocks(const uint8_t* table, const std::byte* codes,
                size_t group_count, size_t block_count, uint16_t* sums) {
  const size_t size_bytes = group_count * kGroupSize;
  size_t block = 0;
  for (; block + 2 <= block_count; block += 2) {
    ScanTwoBlocks(table, codes + block * size_bytes, size_bytes,
                  sums + block * kRowCount);
  }
  if (block < block_count) {
    ScanBlock(table, codes + block * size_bytes, size_bytes,
              sums + block * kRowCount);
  }
}

// Returns the mask of the first `count` of 16 lanes.
__mmask16 FirstLanes(size_t count) {
  return static_cast<__mmask16>((1U << count) - 1);
}

__m512 LoadLanes(__mmask16 mask, const float* values) {
  return _mm512_maskz_loadu_ps(mask, values);
}

__m512 LoadLanes(__mmask16 mask, const uint16_t* halves) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, halves));
}

// The terms in all lanes.
struct Terms {
  explicit Terms(const EstimateTerms& terms)
      : scale(_mm512_set1_ps(terms.scale)),
        offset(_mm512_set1_ps(terms.offset)),
        constant(_mm512_set1_ps(terms.constant)) {}

  __m512 Estimate(__m256i sums, __m512 factors, __m512 biases) const {
    const __m512 sum = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(sums));
    const __m512 product = _mm512_add_ps(_mm512_mul_ps(scale, sum), offset);
    return _mm512_add_ps(_mm512_add_ps(constant, biases),
                         _mm512_mul_ps(factors, product));
  }

  __m512 scale;
  __m512 offset;
  __m512 constant;
};

// Calls visit(i, mask) for the vectors of 16 of `count` elements.
template <typename Visit>
void ForEachVector(size_t count, const Visit& visit) {
  size_t i = 0;
  for (; i + kLaneCount <= count; i += kLaneCount) {
    visit(i, static_cast<__mmask16>(0xffff));
  }
  if (i < count) {
    visit(i, FirstLanes(count - i));
  }
}

template <typename Factor, typename Bias>
void Estimate(const uint16_t* sums, const Factor* factors, const Bias* biases,
              size_t row_count, const EstimateTerms& terms, float* estimates) {
  const Terms lanes(terms);
  ForEachVector(row_count, [&](size_t i, __mmask16 mask) {
    _mm512_mask_storeu_ps(
        estimates + i, mask,
        lanes.Estimate(_mm256_maskz_loadu_epi16(mask, sums + i),
                       LoadLanes(mask, factors + i),
                       LoadLanes(mask, biases + i)));
  });
}

// Collects indices in ascending order.
class Selection {
 public:
  Selection(float threshold, uint32_t* indices)
      : threshold_(_mm512_set1_ps(threshold)), indices_(indices) {}

  // Adds those of the rows of `mask`, whose indices begin with `first`, that
  // are below the threshold. Compressed in a register and not by the store,
  // which Zen 4 does in microcode; so all rows of `mask` are written to. There
  // is room for them: not more were selected before `first` than `first`.
  void Add(size_t first, __mmask16 mask, __m512 estimates) {
    const __mmask16 below =
        _mm512_mask_cmp_ps_mask(mask, estimates, threshold_, _CMP_LT_OQ);
    const __m512i lanes =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i index =
        _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(first)));
    _mm512_mask_storeu_epi32(indices_ + count_, mask,
                             _mm512_maskz_compress_epi32(below, index));
    count_ += static_cast<size_t>(__builtin_popcount(below));
  }

  size_t count() const { return count_; }

 private:
  __m512 threshold_;
  uint32_t* indices_;
  size_t count_ = 0;
};

size_t SelectBelow(const float* estimates, size_t count, float threshold,
                   uint32_t* indices) {
  Selection selection(threshold, indices);
  ForEachVector(count, [&](size_t i, __mmask16 mask) {
    selection.Add(i, mask, LoadLanes(mask, estimates + i));
  });
  return selection.count();
}

template <typename Factor, typename Bias>
size_t EstimateAndSelect(const uint16_t* sums, const Factor* factors,
                         const Bias* biases, size_t row_count,
                         const EstimateTerms& terms, float threshold,
                         float* estimates, uint32_t* indices) {
  const Terms lanes(terms);
  Selection selection(threshold, indices);
  ForEachVector(row_count, [&](size_t i, __mmask16 mask) {
    const __m512 estimate = lanes.Estimate(
        _mm256_maskz_loadu_epi16(mask, sums + i), LoadLanes(mask, factors + i),
        LoadLanes(mask, biases + i));
    _mm512_mask_storeu_ps(estimates + i, mask, estimate);
    selection.Add(i, mask, estimate);
  });
  return selection.count();
}

__m512 Magnitude(__m512 values) {
  return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), values);
}

// Returns the sums of the magnitudes of four groups, each in all lanes of its
// quarter.
__m512 GroupMagnitudes(const float* query) {
  const __m512 values = Magnitude(_mm512_loadu_ps(query));
  const __m512 pairs = _mm512_add_ps(values, _mm512_permute_ps(values, 0xb1));
  return _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0x4e));
}

struct Magnitudes {
  float largest;
  float sum;
};

Magnitudes MagnitudesOf(const float* query, size_t group_count) {
  __m512 largest = _mm512_setzero_ps();
  __m512 sum0 = largest;
  __m512 sum1 = largest;
  __m512 sum2 = largest;
  __m512 sum3 = largest;
  for (size_t group = 0; group < group_count; group += kStepGroupCount) {
    const float* q = query + 4 * group;
    const __m512 v0 = GroupMagnitudes(q);
    const __m512 v1 = GroupMagnitudes(q + 16);
    const __m512 v2 = GroupMagnitudes(q + 32);
    const __m512 v3 = GroupMagnitudes(q + 48);
    sum0 = _mm512_add_ps(sum0, v0);
    sum1 = _mm512_add_ps(sum1, v1);
    sum2 = _mm512_add_ps(sum2, v2);
    sum3 = _mm512_add_ps(sum3, v3);
    largest = _mm512_max_ps(
        largest, _mm512_max_ps(_mm512_max_ps(v0, v1), _mm512_max_ps(v2, v3)));
  }
  const __m512 sum =
      _mm512_add_ps(_mm512_add_ps(sum0, sum1), _mm512_add_ps(sum2, sum3));
  const __m512 pairs = _mm512_add_ps(sum, _mm512_shuffle_f32x4(sum, sum, 0xb1));
  return {_mm512_reduce_max_ps(largest),
          _mm512_cvtss_f32(
              _mm512_add_ps(pairs, _mm512_shuffle_f32x4(pairs, pairs, 0x4e)))};
}

// As BuildGroup() of the scalar kernels, for four groups in the quarters.
__m512i FourGroups(const float* query, __m512 factor) {
  const __m512 zero = _mm512_setzero_ps();
  const __m512 values = _mm512_mul_ps(_mm512_loadu_ps(query), factor);
  const __m512 plus = _mm512_max_ps(values, zero);
  const __m512 minus = _mm512_max_ps(_mm512_sub_ps(zero, values), zero);
  const __m512 signs01 = _mm512_unpacklo_ps(minus, plus);  // -0 +0 -1 +1
  const __m512 signs23 = _mm512_unpackhi_ps(minus, plus);
  const __m512 low = _mm512_add_ps(_mm512_permute_ps(signs01, 0x44),
                                   _mm512_permute_ps(signs01, 0xfa));
  const __m512 high = _mm512_add_ps(_mm512_permute_ps(signs23, 0x44),
                                    _mm512_permute_ps(signs23, 0xfa));
  const __m512i v0 =
      _mm512_cvtps_epi32(_mm512_add_ps(low, _mm512_permute_ps(high, 0x00)));
  const __m512i v1 =
      _mm512_cvtps_epi32(_mm512_add_ps(low, _mm512_permute_ps(high, 0x55)));
  const __m512i v2 =
      _mm512_cvtps_epi32(_mm512_add_ps(low, _mm512_permute_ps(high, 0xaa)));
  const __m512i v3 =
      _mm512_cvtps_epi32(_mm512_add_ps(low, _mm512_permute_ps(high, 0xff)));
  return _mm512_packus_epi16(_mm512_packs_epi32(v0, v1),
                             _mm512_packs_epi32(v2, v3));
}

void BuildTable(const float* query, size_t group_count, float* scale,
                float* offset, uint8_t* table) {
  const Magnitudes magnitudes = MagnitudesOf(query, group_count);
  if (!(magnitudes.largest >= kTableGroupMin && magnitudes.sum <= kFloatMax)) {
    *scale = 0;
    *offset = 0;
    __builtin_memset(table, 0, group_count * kGroupSize);
    return;
  }
  *scale = magnitudes.largest * (2.0F / kTableEntryMax);
  *offset = -magnitudes.sum;
  const __m512 factor = _mm512_set1_ps(kTableEntryMax / magnitudes.largest);
  for (size_t group = 0; group < group_count; group += 4) {
    _mm512_storeu_si512(table + group * kGroupSize,
                        FourGroups(query + 4 * group, factor));
  }
}

}  // namespace

const FastScanKernels kAvx512FastScanKernels = {
    .scan_blocks = ScanBlocks,
    .estimate = Estimate<float, float>,
    .estimate_half_factors = Estimate<uint16_t, float>,
    .estimate_halves = Estimate<uint16_t, uint16_t>,
    .select_below = SelectBelow,
    .estimate_and_select = EstimateAndSelect<float, float>,
    .estimate_and_select_half_factors = EstimateAndSelect<uint16_t, float>,
    .estimate_and_select_halves = EstimateAndSelect<uint16_t, uint16_t>,
    .build_table = BuildTable,
};

}  // namespace copse::internal
