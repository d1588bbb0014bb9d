// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pseudo-random numbers that are the same on every machine and with every
// standard library: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). The
// distributions of <random> differ between libraries.

#ifndef COPSE_INDEX_SPLIT_MIX_H_
#define COPSE_INDEX_SPLIT_MIX_H_

#include <cstdint>

namespace copse::internal {

// Thread safety: none.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}

  // Returns a number of 64 random bits.
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t bits = state_;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  // Returns a number below `bound`; the bias is below bound / 2^64.
  // REQUIRES: bound > 0
  uint64_t Below(uint64_t bound) { return Next() % bound; }

  // Returns a number in [0, 1).
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

// Returns a seed for part `part` of what `seed` is the seed of.
inline uint64_t DerivedSeed(uint64_t seed, uint64_t part) {
  return SplitMix(seed ^ SplitMix(part).Next()).Next();
}

}  // namespace copse::internal

#endif  // COPSE_INDEX_SPLIT_MIX_H_
