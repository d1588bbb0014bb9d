// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/rotation.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"

#include "index/distance.h"
#include "index/rotation_kernels.h"
#include "index/split_mix.h"
#include "index/util/check.h"

namespace copse::internal {
namespace {

constexpr size_t kRoundCount = 4;
constexpr size_t kWordBits = 64;

}  // namespace

const RotationKernels& RotationKernelsFor(SimdLevel level) {
  COPSE_CHECK(IsSupported(level), SimdLevelName(level));
#ifdef COPSE_INDEX_X86_64
  if (level == SimdLevel::kAvx512) {
    return kAvx512RotationKernels;
  }
  if (level == SimdLevel::kAvx2) {
    return kAvx2RotationKernels;
  }
#endif
#ifdef COPSE_INDEX_AARCH64
  if (level == SimdLevel::kNeon) {
    return kNeonRotationKernels;
  }
#endif
  return kScalarRotationKernels;
}

Rotation::Rotation(size_t dimension, uint64_t seed, SimdLevel level)
    : dimension_(dimension),
      padded_dimension_((dimension + kWordBits - 1) / kWordBits * kWordBits),
      kernels_(&RotationKernelsFor(level)),
      signs_(kRoundCount * padded_dimension_ / kWordBits) {
  COPSE_CHECK(dimension >= 1 && dimension <= kDimensionMax,
              absl::StrCat(dimension));
  for (size_t i = 0; i < block_factors_.size(); ++i) {
    block_factors_[i] =
        static_cast<float>(1 / std::sqrt(static_cast<double>(size_t{1} << i)));
  }
  SplitMix random(seed);
  std::ranges::generate(signs_, [&] { return random.Next(); });
}

void Rotation::Apply(std::span<const float> vector,
                     std::span<float> rotated) const {
  COPSE_DCHECK(vector.size() == dimension_);
  COPSE_DCHECK(rotated.size() == padded_dimension_);
  float* data = rotated.data();
  if (vector.data() != data) {
    std::ranges::copy(vector, data);
  }
  std::ranges::fill(rotated.subspan(dimension_), 0.0F);
  for (size_t round = 0; round < kRoundCount; ++round) {
    const bool is_even = round % 2 == 0;
    kernels_->flip_signs(signs_.data() + round * padded_dimension_ / kWordBits,
                         padded_dimension_, data);
    TransformBlocks(is_even, data);
    if (!std::has_single_bit(padded_dimension_)) {
      // Mixing makes vectors longer by the root of two: twice, by two.
      kernels_->mix_halves(padded_dimension_, is_even ? 1.0F : 0.5F, data);
    }
  }
}

// The sizes are the bits of the padded dimension.
void Rotation::TransformBlocks(bool largest_first, float* data) const {
  size_t rest = padded_dimension_;
  while (rest > 0) {
    const auto exponent = static_cast<size_t>(
        largest_first ? std::bit_width(rest) - 1 : std::countr_zero(rest));
    const size_t size = size_t{1} << exponent;
    kernels_->transform(size, block_factors_[exponent], data);
    data += size;
    rest -= size;
  }
}

}  // namespace copse::internal
