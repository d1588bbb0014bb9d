// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/fast_scan.h"

#ifdef COPSE_INDEX_X86_64
#include <cpuid.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "index/distance.h"
#include "index/fast_scan_kernels.h"
#include "index/util/check.h"

namespace copse::internal {
namespace {

#ifdef COPSE_INDEX_X86_64
// Asked of the processor itself: clang 14 does not know the name.
bool HasF16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

// Every processor known to have AVX2 has F16C, but a virtual one may hide it:
// then what needs it is the scalar kernel's.
FastScanKernels BestAvx2Kernels() {
  FastScanKernels kernels = kAvx2FastScanKernels;
  if (!HasF16c()) {
    const FastScanKernels& scalar = kScalarFastScanKernels;
    kernels.estimate_half_factors = scalar.estimate_half_factors;
    kernels.estimate_halves = scalar.estimate_halves;
    kernels.estimate_and_select_half_factors =
        scalar.estimate_and_select_half_factors;
    kernels.estimate_and_select_halves = scalar.estimate_and_select_halves;
  }
  return kernels;
}
#endif

// A place of a code: which bytes and which half of them.
struct Place {
  Place(size_t row, size_t group_count)
      : offset(CodesSizeBytes(group_count, kBlockRowCount) *
                   (row / kBlockRowCount) +
               row % kGroupSizeBytes),
        shift(row % kBlockRowCount / kGroupSizeBytes * 4) {}

  size_t offset;  // Of the row's byte in group 0.
  size_t shift;   // Of the row's nibble in each byte.
};

void SetNibble(unsigned nibble, size_t shift, std::byte* target) {
  *target = (*target & std::byte{0xf0} >> shift) | std::byte(nibble << shift);
}

}  // namespace

const FastScanKernels& FastScanKernelsFor(SimdLevel level) {
  COPSE_CHECK(IsSupported(level), SimdLevelName(level));
#ifdef COPSE_INDEX_X86_64
  if (level == SimdLevel::kAvx512) {
    return kAvx512FastScanKernels;
  }
  if (level == SimdLevel::kAvx2) {
    static const FastScanKernels kernels = BestAvx2Kernels();
    return kernels;
  }
#endif
#ifdef COPSE_INDEX_AARCH64
  if (level == SimdLevel::kNeon) {
    return kNeonFastScanKernels;
  }
#endif
  return kScalarFastScanKernels;
}

void BuildTable(std::span<const float> rotated_query, float* scale,
                float* offset, uint8_t* table) {
  COPSE_CHECK(!rotated_query.empty() && rotated_query.size() % 64 == 0);
  static const FastScanKernels& kernels = FastScanKernelsFor(BestSimdLevel());
  kernels.build_table(rotated_query.data(),
                      rotated_query.size() / kGroupDimension, scale, offset,
                      table);
}

void PackCode(std::span<const float> rotated, size_t row, std::byte* codes) {
  const size_t group_count = rotated.size() / kGroupDimension;
  const Place place(row, group_count);
  const float* components = rotated.data();
  for (size_t group = 0; group < group_count; ++group) {
    const unsigned nibble =
        (components[0] >= 0 ? 1U : 0U) | (components[1] >= 0 ? 2U : 0U) |
        (components[2] >= 0 ? 4U : 0U) | (components[3] >= 0 ? 8U : 0U);
    SetNibble(nibble, place.shift,
              codes + place.offset + group * kGroupSizeBytes);
    components += kGroupDimension;
  }
}

void CopyCode(const std::byte* source, size_t source_row, size_t group_count,
              size_t target_row, std::byte* target) {
  const Place from(source_row, group_count);
  const Place to(target_row, group_count);
  for (size_t group = 0; group < group_count; ++group) {
    const auto byte = std::to_integer<unsigned>(
        source[from.offset + group * kGroupSizeBytes]);
    SetNibble(byte >> from.shift & 15U, to.shift,
              target + to.offset + group * kGroupSizeBytes);
  }
}

uint16_t ToHalf(float value) {
  constexpr uint32_t kInfinity = 0x7f800000;
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  uint32_t half = 0;
  if (magnitude > kInfinity) {
    half = 0x7e00;
  } else if (magnitude >= std::bit_cast<uint32_t>(65520.0F)) {
    half = 0x7c00;
  } else if (magnitude < std::bit_cast<uint32_t>(0x1p-14F)) {
    // A denormal half is a multiple of 2^-24, the last place of a float in
    // [0.5, 1): adding 0.5 rounds to it.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) -
           std::bit_cast<uint32_t>(0.5F);
  } else {
    const uint32_t odd = magnitude >> 13 & 1U;
    half = (magnitude - ((127U - 15U) << 23) + 0xfff + odd) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

}  // namespace copse::internal
