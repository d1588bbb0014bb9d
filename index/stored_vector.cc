// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/stored_vector.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/util/check.h"

namespace copse {
namespace {

constexpr size_t kWordSizeBits = 64;

}  // namespace

void PackBits(std::span<const float> vector, std::span<uint64_t> words) {
  COPSE_DCHECK(words.size() == BitWordCount(vector.size()));
  for (size_t i = 0; i < words.size(); ++i) {
    const std::span<const float> part = vector.subspan(
        i * kWordSizeBits,
        std::min(kWordSizeBits, vector.size() - i * kWordSizeBits));
    uint64_t word = 0;
    for (size_t bit = 0; bit < part.size(); ++bit) {
      word |= uint64_t{part[bit] != 0} << bit;
    }
    words[i] = word;
  }
}

void UnpackBits(std::span<const uint64_t> words, size_t dimension,
                std::vector<float>& vector) {
  COPSE_DCHECK(words.size() == BitWordCount(dimension));
  vector.resize(dimension);
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t first = i * kWordSizeBits;
    const size_t count = std::min(kWordSizeBits, dimension - first);
    for (size_t bit = 0; bit < count; ++bit) {
      vector[first + bit] = static_cast<float>((words[i] >> bit) & 1);
    }
  }
}

}  // namespace copse
