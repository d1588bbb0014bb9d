// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Portable kernels of the fast scan, and the definition of what the others
// return. Compiled without contraction: a fused product would round otherwise.

#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

constexpr size_t kRowCount = 32;
constexpr size_t kGroupSize = 16;

void ScanBlocks(const uint8_t* table, const std::byte* codes,
                size_t group_count, size_t block_count, uint16_t* sums) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(codes);
  for (size_t block = 0; block < block_count; ++block) {
    uint16_t block_sums[kRowCount] = {};
    for (size_t group = 0; group < group_count; ++group) {
      const uint8_t* entries = table + group * kGroupSize;
      for (size_t j = 0; j < kGroupSize; ++j) {
        const unsigned byte = bytes[j];
        block_sums[j] += entries[byte & 15];
        block_sums[j + kGroupSize] += entries[byte >> 4];
      }
      bytes += kGroupSize;
    }
    for (size_t i = 0; i < kRowCount; ++i) {
      sums[block * kRowCount + i] = block_sums[i];
    }
  }
}

float ToFloat(float value) { return value; }

float ToFloat(uint16_t half) { return FromHalf(half); }

float EstimateOf(uint16_t sum, float factor, float bias,
                 const EstimateTerms& terms) {
  const float product = terms.scale * static_cast<float>(sum) + terms.offset;
  return (terms.constant + bias) + factor * product;
}

template <typename Factor, typename Bias>
void Estimate(const uint16_t* sums, const Factor* factors, const Bias* biases,
              size_t row_count, const EstimateTerms& terms, float* estimates) {
  for (size_t i = 0; i < row_count; ++i) {
    estimates[i] =
        EstimateOf(sums[i], ToFloat(factors[i]), ToFloat(biases[i]), terms);
  }
}

size_t SelectBelow(const float* estimates, size_t count, float threshold,
                   uint32_t* indices) {
  size_t selected_count = 0;
  for (size_t i = 0; i < count; ++i) {
    indices[selected_count] = static_cast<uint32_t>(i);
    selected_count += estimates[i] < threshold ? 1 : 0;
  }
  return selected_count;
}

template <typename Factor, typename Bias>
size_t EstimateAndSelect(const uint16_t* sums, const Factor* factors,
                         const Bias* biases, size_t row_count,
                         const EstimateTerms& terms, float threshold,
                         float* estimates, uint32_t* indices) {
  Estimate(sums, factors, biases, row_count, terms, estimates);
  return SelectBelow(estimates, row_count, threshold, indices);
}

float Max(float a, float b) { return a > b ? a : b; }

// The magnitudes of the groups, added up in 16 parts as the vectors do it.
struct Magnitudes {
  float largest = 0;
  float sum = 0;
};

Magnitudes MagnitudesOf(const float* query, size_t group_count) {
  constexpr size_t kPartCount = 16;
  float parts[kPartCount] = {};
  Magnitudes magnitudes;
  for (size_t group = 0; group < group_count; ++group) {
    const float* q = query + 4 * group;
    const float magnitude = (__builtin_fabsf(q[0]) + __builtin_fabsf(q[1])) +
                            (__builtin_fabsf(q[2]) + __builtin_fabsf(q[3]));
    parts[group % kPartCount] += magnitude;
    magnitudes.largest = Max(magnitudes.largest, magnitude);
  }
  float sums[4];
  for (size_t i = 0; i < 4; ++i) {
    sums[i] = (parts[i] + parts[i + 4]) + (parts[i + 8] + parts[i + 12]);
  }
  magnitudes.sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return magnitudes;
}

// Returns `value` rounded to nearest, ties to even: at 2^23 and above a float
// has no room for a fraction. REQUIRES: 0 <= value < 256
uint8_t Rounded(float value) {
  const float shifted = value + 0x1p23F;
  uint32_t bits = 0;
  __builtin_memcpy(&bits, &shifted, sizeof(bits));
  return static_cast<uint8_t>(bits);
}

// A sign that agrees with the query's adds twice the magnitude to the least sum
// of the group, a sign that disagrees nothing. So no entry is negative, and the
// 16 sums are those of two times four.
void BuildGroup(const float* query, float factor, uint8_t* entries) {
  float plus[4];
  float minus[4];
  for (size_t i = 0; i < 4; ++i) {
    const float component = query[i] * factor;
    plus[i] = Max(component, 0);
    minus[i] = Max(-component, 0);
  }
  for (size_t n = 0; n < kGroupSize; ++n) {
    const float low = ((n & 1) != 0 ? plus[0] : minus[0]) +
                      ((n & 2) != 0 ? plus[1] : minus[1]);
    const float high = ((n & 4) != 0 ? plus[2] : minus[2]) +
                       ((n & 8) != 0 ? plus[3] : minus[3]);
    entries[n] = Rounded(low + high);
  }
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
    BuildGroup(query + 4 * group, factor, table + group * kGroupSize);
  }
}

}  // namespace

// The exponent of a half is biased by 15, of a float by 127. A denormal half is
// its bits times 2^-24, which is exact.
float FromHalf(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16;
  const uint32_t magnitude = half & 0x7fffU;
  uint32_t bits = 0;
  if (magnitude >= 0x7c00) {
    bits = 0x7f800000 | (magnitude << 13);
  } else if (magnitude >= 0x0400) {
    bits = (magnitude << 13) + ((127U - 15U) << 23);
  } else {
    const float value = static_cast<float>(magnitude) * 0x1p-24F;
    __builtin_memcpy(&bits, &value, sizeof(bits));
  }
  bits |= sign;
  float result = 0;
  __builtin_memcpy(&result, &bits, sizeof(result));
  return result;
}

const FastScanKernels kScalarFastScanKernels = {
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
