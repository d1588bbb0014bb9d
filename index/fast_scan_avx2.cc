// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the fast scan for AVX2 and F16C: a register holds two groups, one
// in each half. Compiled without contraction, as the scalar ones.

#include <immintrin.h>

#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kRowCount = 32;
constexpr size_t kGroupSize = 16;
constexpr size_t kStepGroupCount = 8;
constexpr size_t kRegisterSize = 32;
constexpr size_t kLaneCount = 8;

__m256i Load(const void* bytes) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(bytes));
}

// Running sums of 16 rows in 16 bits, where the two halves have sums of
// different groups. `odd` has those of the odd rows; `all` has those of the
// even rows plus 256 times `odd`, modulo 2^16, which saves a mask for each
// addition.
struct HalfSums {
  __m256i all = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();

  void Add(__m256i bytes) {
    all = _mm256_add_epi16(all, bytes);
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(bytes, 8));
  }

  // Returns the sums of the 16 rows in their order.
  __m256i Total() const {
    const __m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
    const __m256i v0 = _mm256_unpacklo_epi16(even, odd);
    const __m256i v1 = _mm256_unpackhi_epi16(even, odd);
    return _mm256_add_epi16(_mm256_permute2x128_si256(v0, v1, 0x20),
                            _mm256_permute2x128_si256(v0, v1, 0x31));
  }
};

// The entries of two groups, or the sums of them over some pairs.
struct Entries {
  __m256i low;
  __m256i high;
};

Entries LookUp(const uint8_t* table, const std::byte* codes) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i entries = Load(table);
  const __m256i bytes = Load(codes);
  return {_mm256_shuffle_epi8(entries, _mm256_and_si256(bytes, mask)),
          _mm256_shuffle_epi8(
              entries, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask))};
}

Entries Plus(const Entries& a, const Entries& b) {
  return {_mm256_add_epi8(a.low, b.low), _mm256_add_epi8(a.high, b.high)};
}

// Four entries of 63 are 252 and fit a byte.
void ScanBlock(const uint8_t* table, const std::byte* codes, size_t size_bytes,
               uint16_t* sums) {
  HalfSums low;
  HalfSums high;
  for (size_t i = 0; i < size_bytes; i += kStepGroupCount * kGroupSize) {
    const Entries entries =
        Plus(Plus(LookUp(table + i, codes + i),
                  LookUp(table + i + kRegisterSize, codes + i + kRegisterSize)),
             Plus(LookUp(table + i + 2 * kRegisterSize,
                         codes + i + 2 * kRegisterSize),
                  LookUp(table + i + 3 * kRegisterSize,
                         codes + i + 3 * kRegisterSize)));
    low.Add(entries.low);
    high.Add(entries.high);
  }
  auto* const targets = reinterpret_cast<__m256i*>(sums);
  _mm256_storeu_si256(targets, low.Total());
  _mm256_storeu_si256(targets + 1, high.Total());
}

void ScanBlocks(const uint8_t* table, const std::byte* codes,
                size_t group_count, size_t block_count, uint16_t* sums) {
  const size_t size_bytes = group_count * kGroupSize;
  for (size_t block = 0; block < block_count; ++block) {
    ScanBlock(table, codes + block * size_bytes, size_bytes,
              sums + block * kRowCount);
  }
}

__m256 LoadLanes(const float* values) { return _mm256_loadu_ps(values); }

__m256 LoadLanes(const uint16_t* halves) {
  return _mm256_cvtph_ps(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
}

// The terms in all lanes.
struct Terms {
  explicit Terms(const EstimateTerms& terms)
      : scale(_mm256_set1_ps(terms.scale)),
        offset(_mm256_set1_ps(terms.offset)),
        constant(_mm256_set1_ps(terms.constant)) {}

  template <typename Factor, typename Bias>
  __m256 Estimate(const uint16_t* sums, const Factor* factors,
                  const Bias* biases) const {
    const __m256 sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums))));
    const __m256 product = _mm256_add_ps(_mm256_mul_ps(scale, sum), offset);
    return _mm256_add_ps(_mm256_add_ps(constant, LoadLanes(biases)),
                         _mm256_mul_ps(LoadLanes(factors), product));
  }

  __m256 scale;
  __m256 offset;
  __m256 constant;
};

// The first `count` of 8 elements, and zeros.
template <typename T>
struct Rest {
  Rest(const T* source, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      values[i] = source[i];
    }
  }

  T values[kLaneCount] = {};
};

// Calls visit(i, lane_count, estimates) for the vectors of 8 of `count` rows.
template <typename Factor, typename Bias, typename Visit>
void ForEachEstimate(const uint16_t* sums, const Factor* factors,
                     const Bias* biases, size_t count,
                     const EstimateTerms& terms, const Visit& visit) {
  const Terms lanes(terms);
  size_t i = 0;
  for (; i + kLaneCount <= count; i += kLaneCount) {
    visit(i, kLaneCount, lanes.Estimate(sums + i, factors + i, biases + i));
  }
  if (i < count) {
    const Rest<uint16_t> rest_sums(sums + i, count - i);
    const Rest<Factor> rest_factors(factors + i, count - i);
    const Rest<Bias> rest_biases(biases + i, count - i);
    visit(i, count - i,
          lanes.Estimate(rest_sums.values, rest_factors.values,
                         rest_biases.values));
  }
}

void StoreFirst(size_t count, __m256 values, float* target) {
  if (count == kLaneCount) {
    _mm256_storeu_ps(target, values);
    return;
  }
  const __m256i mask =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                         _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_maskstore_ps(target, mask, values);
}

template <typename Factor, typename Bias>
void Estimate(const uint16_t* sums, const Factor* factors, const Bias* biases,
              size_t row_count, const EstimateTerms& terms, float* estimates) {
  ForEachEstimate(sums, factors, biases, row_count, terms,
                  [&](size_t i, size_t lane_count, __m256 values) {
                    StoreFirst(lane_count, values, estimates + i);
                  });
}

// Collects indices in ascending order. Few are below a threshold that is worth
// asking for, so each of them is written by itself.
class Selection {
 public:
  Selection(float threshold, uint32_t* indices)
      : threshold_(_mm256_set1_ps(threshold)), indices_(indices) {}

  // Adds those of the first `count` lanes, whose indices begin with `first`,
  // that are below the threshold.
  void Add(size_t first, size_t count, __m256 estimates) {
    auto below = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_cmp_ps(estimates, threshold_, _CMP_LT_OQ)));
    below &= (1U << count) - 1;
    while (below != 0) {
      indices_[count_++] = static_cast<uint32_t>(first) +
                           static_cast<uint32_t>(__builtin_ctz(below));
      below &= below - 1;
    }
  }

  size_t count() const { return count_; }

 private:
  __m256 threshold_;
  uint32_t* indices_;
  size_t count_ = 0;
};

size_t SelectBelow(const float* estimates, size_t count, float threshold,
                   uint32_t* indices) {
  Selection selection(threshold, indices);
  size_t i = 0;
  for (; i + kLaneCount <= count; i += kLaneCount) {
    selection.Add(i, kLaneCount, LoadLanes(estimates + i));
  }
  if (i < count) {
    const Rest<float> rest(estimates + i, count - i);
    selection.Add(i, count - i, LoadLanes(rest.values));
  }
  return selection.count();
}

template <typename Factor, typename Bias>
size_t EstimateAndSelect(const uint16_t* sums, const Factor* factors,
                         const Bias* biases, size_t row_count,
                         const EstimateTerms& terms, float threshold,
                         float* estimates, uint32_t* indices) {
  Selection selection(threshold, indices);
  ForEachEstimate(sums, factors, biases, row_count, terms,
                  [&](size_t i, size_t lane_count, __m256 values) {
                    StoreFirst(lane_count, values, estimates + i);
                    selection.Add(i, lane_count, values);
                  });
  return selection.count();
}

// Returns the sums of the magnitudes of two groups, each in all lanes of its
// half.
__m256 GroupMagnitudes(const float* query) {
  const __m256 values =
      _mm256_andnot_ps(_mm256_set1_ps(-0.0F), _mm256_loadu_ps(query));
  const __m256 pairs = _mm256_add_ps(values, _mm256_permute_ps(values, 0xb1));
  return _mm256_add_ps(pairs, _mm256_permute_ps(pairs, 0x4e));
}

struct Magnitudes {
  float largest;
  float sum;
};

// Of 16 groups, the sums have those with the numbers 0 and 1, 2 and 3, and so
// on; they are added up as the scalar kernel does it.
Magnitudes MagnitudesOf(const float* query, size_t group_count) {
  __m256 largest = _mm256_setzero_ps();
  __m256 sums[8];
  for (__m256& sum : sums) {
    sum = _mm256_setzero_ps();
  }
  for (size_t group = 0; group < group_count; group += 16) {
    for (size_t i = 0; i < 8; ++i) {
      const __m256 value = GroupMagnitudes(query + 4 * group + 8 * i);
      sums[i] = _mm256_add_ps(sums[i], value);
      largest = _mm256_max_ps(largest, value);
    }
  }
  const __m256 sums01 = _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]),
                                      _mm256_add_ps(sums[4], sums[6]));
  const __m256 sums23 = _mm256_add_ps(_mm256_add_ps(sums[1], sums[3]),
                                      _mm256_add_ps(sums[5], sums[7]));
  const __m128 sum0 = _mm256_castps256_ps128(sums01);
  const __m128 sum1 = _mm256_extractf128_ps(sums01, 1);
  const __m128 sum2 = _mm256_castps256_ps128(sums23);
  const __m128 sum3 = _mm256_extractf128_ps(sums23, 1);
  const __m128 sum = _mm_add_ps(_mm_add_ps(sum0, sum1), _mm_add_ps(sum2, sum3));
  return {_mm_cvtss_f32(_mm_max_ps(_mm256_castps256_ps128(largest),
                                   _mm256_extractf128_ps(largest, 1))),
          _mm_cvtss_f32(sum)};
}

// As BuildGroup() of the scalar kernels, for two groups in the halves.
__m256i TwoGroups(const float* query, __m256 factor) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256 values = _mm256_mul_ps(_mm256_loadu_ps(query), factor);
  const __m256 plus = _mm256_max_ps(values, zero);
  const __m256 minus = _mm256_max_ps(_mm256_sub_ps(zero, values), zero);
  const __m256 signs01 = _mm256_unpacklo_ps(minus, plus);  // -0 +0 -1 +1
  const __m256 signs23 = _mm256_unpackhi_ps(minus, plus);
  const __m256 low = _mm256_add_ps(_mm256_permute_ps(signs01, 0x44),
                                   _mm256_permute_ps(signs01, 0xfa));
  const __m256 high = _mm256_add_ps(_mm256_permute_ps(signs23, 0x44),
                                    _mm256_permute_ps(signs23, 0xfa));
  const __m256i v0 =
      _mm256_cvtps_epi32(_mm256_add_ps(low, _mm256_permute_ps(high, 0x00)));
  const __m256i v1 =
      _mm256_cvtps_epi32(_mm256_add_ps(low, _mm256_permute_ps(high, 0x55)));
  const __m256i v2 =
      _mm256_cvtps_epi32(_mm256_add_ps(low, _mm256_permute_ps(high, 0xaa)));
  const __m256i v3 =
      _mm256_cvtps_epi32(_mm256_add_ps(low, _mm256_permute_ps(high, 0xff)));
  return _mm256_packus_epi16(_mm256_packs_epi32(v0, v1),
                             _mm256_packs_epi32(v2, v3));
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
  const __m256 factor = _mm256_set1_ps(kTableEntryMax / magnitudes.largest);
  for (size_t group = 0; group < group_count; group += 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(table + group * kGroupSize),
                        TwoGroups(query + 4 * group, factor));
  }
}

}  // namespace

const FastScanKernels kAvx2FastScanKernels = {
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
