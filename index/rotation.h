// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A random rotation of the space in O(D log D), for codes that keep only the
// signs of a vector: after it, no direction is special.
//
//   const Rotation rotation(dimension, seed);
//   std::vector<float> rotated(rotation.padded_dimension());
//   rotation.Apply(vector, rotated);
//
// Four rounds, each of which flips random signs and then takes Walsh-Hadamard
// transforms (Ailon and Chazelle, "Approximate nearest neighbors and the fast
// Johnson-Lindenstrauss transform", STOC 2006) of blocks whose sizes are the
// powers of two that add up to the padded dimension: the largest block is the
// first one in the first and third round, the last one in the others. Where
// there is more than one block, the two halves of the vector are then mixed by
// 45 degrees, as in Kac's walk (Kac, "Foundations of kinetic theory", 1956).
// RaBitQ's own rotation transforms the largest block only; that leaves 1/16 of
// the square of some axes of 1,536 dimensions in one component, 12 standard
// deviations out, where this one stays below 6 as chance does.
//
// The result is a function of dimension, seed and vector alone: all processors
// and instruction sets return the same bits.

#ifndef COPSE_INDEX_ROTATION_H_
#define COPSE_INDEX_ROTATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/distance.h"
#include "index/rotation_kernels.h"

namespace copse::internal {

// Returns the kernels of `level`. REQUIRES: IsSupported(level)
const RotationKernels& RotationKernelsFor(SimdLevel level);

// Thread safety: never changes once made, so any number of threads may use it.
class Rotation {
 public:
  static constexpr size_t kDimensionMax = 4096;

  // REQUIRES: 1 <= dimension <= kDimensionMax, IsSupported(level)
  Rotation(size_t dimension, uint64_t seed, SimdLevel level = BestSimdLevel());

  size_t dimension() const { return dimension_; }

  // Returns the number of rotated components: the next multiple of 64.
  size_t padded_dimension() const { return padded_dimension_; }

  // Writes the rotated `vector` to `rotated`, which may begin with it. Lengths
  // and inner products stay as they are, up to rounding. Allocates nothing.
  // REQUIRES: vector.size() == dimension(),
  // rotated.size() == padded_dimension()
  void Apply(std::span<const float> vector, std::span<float> rotated) const;

 private:
  void TransformBlocks(bool largest_first, float* data) const;

  size_t dimension_;
  size_t padded_dimension_;
  // What keeps the length of a block of 2^i components when it is transformed.
  std::array<float, 13> block_factors_ = {};
  const RotationKernels* kernels_;
  // A bit for each component, the rounds one after the other.
  std::vector<uint64_t> signs_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_ROTATION_H_
