// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Kernels of the fast scan for NEON, which every 64-bit ARM processor has: a
// register holds one group. Compiled without contraction, as the scalar ones.

#include <arm_neon.h>

#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kRowCount = 32;
constexpr size_t kGroupSize = 16;
constexpr size_t kStepGroupCount = 4;
constexpr size_t kLaneCount = 4;

// The entries of one group, or the sums of them over some groups.
struct Entries {
  uint8x16_t low;   // Of rows 0 to 15.
  uint8x16_t high;  // Of rows 16 to 31.
};

Entries LookUp(const uint8_t* table, const uint8_t* codes) {
  const uint8x16_t entries = vld1q_u8(table);
  const uint8x16_t bytes = vld1q_u8(codes);
  return {vqtbl1q_u8(entries, vandq_u8(bytes, vdupq_n_u8(15))),
          vqtbl1q_u8(entries, vshrq_n_u8(bytes, 4))};
}

Entries Plus(const Entries& a, const Entries& b) {
  return {vaddq_u8(a.low, b.low), vaddq_u8(a.high, b.high)};
}

// Four entries of 63 are 252 and fit a byte.
void ScanBlock(const uint8_t* table, const uint8_t* codes, size_t size_bytes,
               uint16_t* sums) {
  uint16x8_t sum0 = vdupq_n_u16(0);
  uint16x8_t sum1 = sum0;
  uint16x8_t sum2 = sum0;
  uint16x8_t sum3 = sum0;
  for (size_t i = 0; i < size_bytes; i += kStepGroupCount * kGroupSize) {
    const Entries entries = Plus(
        Plus(LookUp(table + i, codes + i),
             LookUp(table + i + kGroupSize, codes + i + kGroupSize)),
        Plus(LookUp(table + i + 2 * kGroupSize, codes + i + 2 * kGroupSize),
             LookUp(table + i + 3 * kGroupSize, codes + i + 3 * kGroupSize)));
    sum0 = vaddw_u8(sum0, vget_low_u8(entries.low));
    sum1 = vaddw_high_u8(sum1, entries.low);
    sum2 = vaddw_u8(sum2, vget_low_u8(entries.high));
    sum3 = vaddw_high_u8(sum3, entries.high);
  }
  vst1q_u16(sums, sum0);
  vst1q_u16(sums + 8, sum1);
  vst1q_u16(sums + 16, sum2);
  vst1q_u16(sums + 24, sum3);
}

void ScanBlocks(const uint8_t* table, const std::byte* codes,
                size_t group_count, size_t block_count, uint16_t* sums) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(codes);
  const size_t size_bytes = group_count * kGroupSize;
  for (size_t block = 0; block < block_count; ++block) {
    ScanBlock(table, bytes + block * size_bytes, size_bytes,
              sums + block * kRowCount);
  }
}

float32x4_t LoadLanes(const float* values) { return vld1q_f32(values); }

float32x4_t LoadLanes(const uint16_t* halves) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

// The terms in all lanes.
struct Terms {
  explicit Terms(const EstimateTerms& terms)
      : scale(vdupq_n_f32(terms.scale)),
        offset(vdupq_n_f32(terms.offset)),
        constant(vdupq_n_f32(terms.constant)) {}

  template <typename Factor, typename Bias>
  float32x4_t Estimate(const uint16_t* sums, const Factor* factors,
                       const Bias* biases) const {
    const float32x4_t sum = vcvtq_f32_u32(vmovl_u16(vld1_u16(sums)));
    const float32x4_t product = vaddq_f32(vmulq_f32(scale, sum), offset);
    return vaddq_f32(vaddq_f32(constant, LoadLanes(biases)),
                     vmulq_f32(LoadLanes(factors), product));
  }

  float32x4_t scale;
  float32x4_t offset;
  float32x4_t constant;
};

// The first `count` of 4 elements, and zeros.
template <typename T>
struct Rest {
  Rest(const T* source, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      values[i] = source[i];
    }
  }

  T values[kLaneCount] = {};
};

// Calls visit(i, lane_count, estimates) for the vectors of 4 of `count` rows.
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

void StoreFirst(size_t count, float32x4_t values, float* target) {
  if (count == kLaneCount) {
    vst1q_f32(target, values);
    return;
  }
  float lanes[kLaneCount];
  vst1q_f32(lanes, values);
  for (size_t i = 0; i < count; ++i) {
    target[i] = lanes[i];
  }
}

template <typename Factor, typename Bias>
void Estimate(const uint16_t* sums, const Factor* factors, const Bias* biases,
              size_t row_count, const EstimateTerms& terms, float* estimates) {
  ForEachEstimate(sums, factors, biases, row_count, terms,
                  [&](size_t i, size_t lane_count, float32x4_t values) {
                    StoreFirst(lane_count, values, estimates + i);
                  });
}

// Collects indices in ascending order. Few are below a threshold that is worth
// asking for, so four rows are most often passed over by one comparison.
class Selection {
 public:
  Selection(float threshold, uint32_t* indices)
      : threshold_(vdupq_n_f32(threshold)), indices_(indices) {}

  // Adds those of the first `count` lanes, whose indices begin with `first`,
  // that are below the threshold.
  void Add(size_t first, size_t count, float32x4_t estimates) {
    uint64_t below = vget_lane_u64(
        vreinterpret_u64_u16(vmovn_u32(vcltq_f32(estimates, threshold_))), 0);
    if (below == 0) {
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      indices_[count_] = static_cast<uint32_t>(first + i);
      count_ += below & 1U;
      below >>= 16;
    }
  }

  size_t count() const { return count_; }

 private:
  float32x4_t threshold_;
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
                  [&](size_t i, size_t lane_count, float32x4_t values) {
                    StoreFirst(lane_count, values, estimates + i);
                    selection.Add(i, lane_count, values);
                  });
  return selection.count();
}

// Returns the sums of the magnitudes of four groups.
float32x4_t GroupMagnitudes(const float* query) {
  return vpaddq_f32(
      vpaddq_f32(vabsq_f32(vld1q_f32(query)), vabsq_f32(vld1q_f32(query + 4))),
      vpaddq_f32(vabsq_f32(vld1q_f32(query + 8)),
                 vabsq_f32(vld1q_f32(query + 12))));
}

struct Magnitudes {
  float largest;
  float sum;
};

Magnitudes MagnitudesOf(const float* query, size_t group_count) {
  float32x4_t largest = vdupq_n_f32(0);
  float32x4_t sums[4] = {largest, largest, largest, largest};
  for (size_t group = 0; group < group_count; group += 16) {
    for (size_t i = 0; i < 4; ++i) {
      const float32x4_t value = GroupMagnitudes(query + 4 * group + 16 * i);
      sums[i] = vaddq_f32(sums[i], value);
      largest = vmaxq_f32(largest, value);
    }
  }
  float32x4_t sum =
      vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
  sum = vpaddq_f32(sum, sum);
  sum = vpaddq_f32(sum, sum);
  return {vmaxvq_f32(largest), vgetq_lane_f32(sum, 0)};
}

uint16x4_t Rounded(float32x4_t values) {
  return vmovn_u32(vcvtnq_u32_f32(values));
}

// As BuildGroup() of the scalar kernels.
uint8x16_t Group(const float* query, float factor) {
  const float32x4_t zero = vdupq_n_f32(0);
  const float32x4_t values = vmulq_n_f32(vld1q_f32(query), factor);
  const float32x4_t plus = vmaxq_f32(values, zero);
  const float32x4_t minus = vmaxq_f32(vnegq_f32(values), zero);
  const float32x4_t signs01 = vzip1q_f32(minus, plus);  // -0 +0 -1 +1
  const float32x4_t signs23 = vzip2q_f32(minus, plus);
  const float32x4_t low =
      vaddq_f32(vcombine_f32(vget_low_f32(signs01), vget_low_f32(signs01)),
                vzip2q_f32(signs01, signs01));
  const float32x4_t high =
      vaddq_f32(vcombine_f32(vget_low_f32(signs23), vget_low_f32(signs23)),
                vzip2q_f32(signs23, signs23));
  const uint16x8_t v01 =
      vcombine_u16(Rounded(vaddq_f32(low, vdupq_laneq_f32(high, 0))),
                   Rounded(vaddq_f32(low, vdupq_laneq_f32(high, 1))));
  const uint16x8_t v23 =
      vcombine_u16(Rounded(vaddq_f32(low, vdupq_laneq_f32(high, 2))),
                   Rounded(vaddq_f32(low, vdupq_laneq_f32(high, 3))));
  return vcombine_u8(vmovn_u16(v01), vmovn_u16(v23));
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
  const float factor = kTableEntryMax / magnitudes.largest;
  for (size_t group = 0; group < group_count; ++group) {
    vst1q_u8(table + group * kGroupSize, Group(query + 4 * group, factor));
  }
}

}  // namespace

const FastScanKernels kNeonFastScanKernels = {
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
