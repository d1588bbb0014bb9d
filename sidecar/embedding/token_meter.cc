// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/token_meter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace copse {
namespace {

constexpr size_t kRatioCountMax = 128;

// One token in 45 bytes, and 4.5 in one: the provider counts, so believe only
// what can be.
constexpr double kRatioMin = 0.05;
constexpr double kRatioMax = 10.0;

double PercentileOf(std::vector<double> ratios, size_t percent) {
  const size_t place = (ratios.size() * percent + 99) / 100 - 1;
  std::ranges::nth_element(ratios,
                           ratios.begin() + static_cast<ptrdiff_t>(place));
  return ratios[place];
}

}  // namespace

double EstimateTokenCount(absl::string_view text) {
  const auto ascii_count = std::ranges::count_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  const double rest =
      static_cast<double>(text.size()) - static_cast<double>(ascii_count);
  return 0.45 * static_cast<double>(ascii_count) + 0.75 * rest;
}

void TokenMeter::Observe(int64_t token_count, double estimate) {
  if (token_count <= 0 || !(estimate > 0.0)) {
    return;  // It does not count.
  }
  const double ratio = std::clamp(static_cast<double>(token_count) / estimate,
                                  kRatioMin, kRatioMax);
  MutexLock lock(mutex_);
  if (ratios_.size() < kRatioCountMax) {
    ratios_.push_back(ratio);
  } else {
    ratios_[next_] = ratio;
    next_ = (next_ + 1) % kRatioCountMax;
  }
  upper_ratio_ = std::max(1.0, PercentileOf(ratios_, 99));
  typical_ratio_ = PercentileOf(ratios_, 50);
}

double TokenMeter::upper_ratio() const {
  MutexLock lock(mutex_);
  return upper_ratio_;
}

double TokenMeter::typical_ratio() const {
  MutexLock lock(mutex_);
  return typical_ratio_;
}

}  // namespace copse
