// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The kernels that fast_scan.h chooses from. As in distance_kernels.h, this
// header and the files that define kernels use no inline function or template
// of other headers.

#ifndef COPSE_INDEX_FAST_SCAN_KERNELS_H_
#define COPSE_INDEX_FAST_SCAN_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace copse::internal {

// What turns a sum of table entries into an estimate, for all rows of a page:
//
//   estimate = constant + bias + factor * (scale * sum + offset)
//
// where bias and factor are the row's own. Rounded after each operation, in
// this order: (constant + bias) + (factor * ((scale * sum) + offset)).
struct EstimateTerms {
  float scale = 0;
  float offset = 0;
  float constant = 0;
};

// Arrays need no alignment, counts may be 0 unless it is said. No function
// allocates or fails. All levels return the same bits; only which bits a NaN
// has is open.
struct FastScanKernels {
  // Stores in sums[32 * b + i], for the 32 rows i of each of `block_count`
  // blocks b, the sum over the groups g of table[16 * g + n], where n is the
  // row's nibble in the group. REQUIRES: group_count is a multiple of 16 and at
  // most 1,024; no entry of `table` is above 63
  void (*scan_blocks)(const uint8_t* table, const std::byte* codes,
                      size_t group_count, size_t block_count, uint16_t* sums);

  // Stores the estimates of `row_count` rows.
  void (*estimate)(const uint16_t* sums, const float* factors,
                   const float* biases, size_t row_count,
                   const EstimateTerms& terms, float* estimates);
  // The same for factors that are stored as IEEE half floats.
  void (*estimate_half_factors)(const uint16_t* sums, const uint16_t* factors,
                                const float* biases, size_t row_count,
                                const EstimateTerms& terms, float* estimates);
  // The same for factors and biases that are stored as IEEE half floats.
  void (*estimate_halves)(const uint16_t* sums, const uint16_t* factors,
                          const uint16_t* biases, size_t row_count,
                          const EstimateTerms& terms, float* estimates);

  // Stores in `indices`, ascending, each i with estimates[i] < threshold, and
  // returns how many there are. NaN is never below. All `count` elements of
  // `indices` may be written; those after the returned number mean nothing.
  size_t (*select_below)(const float* estimates, size_t count, float threshold,
                         uint32_t* indices);

  // The functions above in one pass: what estimate() stores and what
  // select_below() stores and returns for it.
  size_t (*estimate_and_select)(const uint16_t* sums, const float* factors,
                                const float* biases, size_t row_count,
                                const EstimateTerms& terms, float threshold,
                                float* estimates, uint32_t* indices);
  size_t (*estimate_and_select_half_factors)(
      const uint16_t* sums, const uint16_t* factors, const float* biases,
      size_t row_count, const EstimateTerms& terms, float threshold,
      float* estimates, uint32_t* indices);
  size_t (*estimate_and_select_halves)(const uint16_t* sums,
                                       const uint16_t* factors,
                                       const uint16_t* biases, size_t row_count,
                                       const EstimateTerms& terms,
                                       float threshold, float* estimates,
                                       uint32_t* indices);

  // Fills the 16 * group_count entries of `table` for the query whose
  // 4 * group_count components are `query`, as BuildTable() says.
  // REQUIRES: group_count is a positive multiple of 16
  void (*build_table)(const float* query, size_t group_count, float* scale,
                      float* offset, uint8_t* table);
};

extern const FastScanKernels kScalarFastScanKernels;

#ifdef COPSE_INDEX_X86_64
// REQUIRES, for each of its functions: AVX2 and F16C.
extern const FastScanKernels kAvx2FastScanKernels;

// REQUIRES, for each of its functions: AVX-512 F, BW, DQ and VL.
extern const FastScanKernels kAvx512FastScanKernels;
#endif

#ifdef COPSE_INDEX_AARCH64
extern const FastScanKernels kNeonFastScanKernels;
#endif

// Returns the value of an IEEE half float, exactly.
float FromHalf(uint16_t half);

// The largest entry of a table: four of them can be added in a byte, and 1,024
// in 16 bits.
constexpr int kTableEntryMax = 63;

// A query whose largest group of components, summed by magnitude, is below this
// counts as zero: 63 divided by it must not leave the range of floats.
constexpr float kTableGroupMin = 1e-36F;

constexpr float kFloatMax = 3.40282347e38F;

}  // namespace copse::internal

#endif  // COPSE_INDEX_FAST_SCAN_KERNELS_H_
