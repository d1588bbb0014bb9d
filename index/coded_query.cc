// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/coded_query.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <vector>

#include "index/code_space.h"
#include "index/distance.h"
#include "index/fast_scan.h"
#include "index/top_k.h"
#include "index/util/check.h"

namespace copse::internal {
namespace {

constexpr int kCodeMax = 127;

float LargestMagnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

// Returns `scale` rounded to kScaleBits bits. Rounded down, it leaves an
// eighth of a step of the largest component out at most.
float RoundScale(float scale) {
  constexpr int kScaleBits = 10;
  constexpr uint32_t kUnit = uint32_t{1} << (24 - kScaleBits);
  return std::bit_cast<float>((std::bit_cast<uint32_t>(scale) + kUnit / 2) &
                              ~(kUnit - 1));
}

}  // namespace

float ToFinite(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMax, kMax));
}

float QuantizeInt8(std::span<const float> values, std::span<int8_t> code) {
  COPSE_DCHECK(code.size() >= values.size());
  // Below the smallest normal number the quotient may be infinite.
  const float scale = RoundScale(LargestMagnitude(values) / kCodeMax);
  const bool usable = scale >= std::numeric_limits<float>::min();
  const float inverse = usable ? 1 / scale : 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float rounded =
        std::clamp<float>(values[i] * inverse, -kCodeMax, kCodeMax);
    // Adding and taking away 1.5 * 2^23 rounds to the nearest, ties to even.
    constexpr float kRounder = 0x1.8p23F;
    code[i] = static_cast<int8_t>((rounded + kRounder) - kRounder);
  }
  std::ranges::fill(code.subspan(values.size()), int8_t{0});
  return usable ? scale : 0;
}

bool IsInt8Code(float scale, std::span<const int8_t> code) {
  int largest = 0;
  for (const int8_t component : code) {
    largest = std::max<int>(largest, std::abs(component));
  }
  if (largest == 0) {
    return scale == 0 && !std::signbit(scale);
  }
  constexpr float kMax = std::numeric_limits<float>::max();
  return largest == kCodeMax && scale >= std::numeric_limits<float>::min() &&
         scale <= RoundScale(kMax / kCodeMax) && RoundScale(scale) == scale;
}

void ToUnitLength(std::span<const float> vector, std::vector<float>& unit) {
  double square = 0;
  for (const float component : vector) {
    square += double{component} * component;
  }
  const double factor = square > 0 ? 1 / std::sqrt(square) : 0;
  unit.resize(vector.size());
  std::ranges::transform(vector, unit.begin(), [factor](float component) {
    return static_cast<float>(component * factor);
  });
}

void CodedQuery::Prepare(const CodeSpace& space, std::span<const float> query) {
  COPSE_CHECK(query.size() == space.dimension());
  COPSE_CHECK(space.origin.empty() || space.origin.size() == query.size());
  COPSE_CHECK(space.origin.empty() ||
              space.ranking() != Ranking::kInnerProduct);
  static const auto dot = KernelsFor(BestSimdLevel()).dot;
  ranking_ = space.ranking();
  difference_.resize(query.size());
  for (size_t i = 0; i < query.size(); ++i) {
    const float difference = query[i] - space.OriginAt(i);
    // The difference of two finite numbers can be infinite.
    constexpr float kMax = std::numeric_limits<float>::max();
    difference_[i] = std::clamp(difference, -kMax, kMax);
  }
  square_ =
      Ordered(dot(difference_.data(), difference_.data(), difference_.size()));
  int8_code_.resize(Int8SizeBytes(query.size()));
  int8_scale_ = QuantizeInt8(difference_, int8_code_);
  rotated_.resize(space.rotation->padded_dimension());
  space.rotation->Apply(difference_, rotated_);
  table_.resize(rotated_.size() * kGroupDimension);
  BuildTable(rotated_, &table_scale_, &table_offset_, table_.data());
}

}  // namespace copse::internal
