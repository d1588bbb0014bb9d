// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The vector of a row as its source holds it: floats or, where every component
// is 0 or 1, one bit for each, which is all that Hamming domains need.
//
//   COPSE_ASSIGN_OR_RETURN(const StoredVector row, vectors.Read(ordinal));
//   Offer(distance.To(row));  // Bits are compared as they are.
//   std::vector<float> buffer;
//   const std::span<const float> components = row.Components(buffer);
//
// Component i is bit i mod 64 of word i div 64, and the bits after the last
// component are 0, so that vectors are compared by whole words.

#ifndef COPSE_INDEX_STORED_VECTOR_H_
#define COPSE_INDEX_STORED_VECTOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/util/check.h"

namespace copse {

// Returns how many words hold a bit for each of `dimension` components.
constexpr size_t BitWordCount(size_t dimension) {
  return (dimension + 63) / 64;
}

// Sets the bits of the components that are not 0, as the Hamming distance
// counts them, and clears the others. REQUIRES: words.size() ==
// BitWordCount(vector.size())
void PackBits(std::span<const float> vector, std::span<uint64_t> words);

// Sets `vector` to the components whose bits are in `words`. REQUIRES:
// words.size() == BitWordCount(dimension)
void UnpackBits(std::span<const uint64_t> words, size_t dimension,
                std::vector<float>& vector);

// A view: the memory is that of whoever made it.
//
// Two words, as a span is, so that it stays in registers. With three, which the
// compiler stored one by one and copied by wider loads, these waited until all
// stores before were done: 30 ns for each row of a re-rank.
//
// Thread safety: any number of threads may call const functions.
class StoredVector {
 public:
  StoredVector() = default;

  // Of floats. Implicit, as it is the same vector.
  StoredVector(std::span<const float> components)  // NOLINT(*-explicit-*)
      : data_(components.data()), tagged_dimension_(components.size() * 2) {}

  // REQUIRES: words.size() == BitWordCount(dimension), and the bits after the
  // last component are 0.
  static StoredVector OfBits(std::span<const uint64_t> words,
                             size_t dimension) {
    COPSE_DCHECK(words.size() == BitWordCount(dimension));
    return {words.data(), dimension * 2 + 1};
  }

  size_t dimension() const { return tagged_dimension_ / 2; }
  bool is_bits() const { return tagged_dimension_ % 2 != 0; }

  // REQUIRES: is_bits()
  std::span<const uint64_t> words() const {
    return {static_cast<const uint64_t*>(data_), BitWordCount(dimension())};
  }

  // REQUIRES: !is_bits()
  std::span<const float> components() const {
    return {static_cast<const float*>(data_), dimension()};
  }

  // Returns the components, valid as long as the view; those of bits are
  // written to `buffer`, and valid until it changes.
  std::span<const float> Components(std::vector<float>& buffer) const {
    if (!is_bits()) {
      return components();
    }
    UnpackBits(words(), dimension(), buffer);
    return buffer;
  }

  // Returns a copy of the components.
  std::vector<float> ToFloats() const {
    std::vector<float> buffer;
    const std::span<const float> components = Components(buffer);
    return {components.begin(), components.end()};
  }

 private:
  StoredVector(const void* data, size_t tagged_dimension)
      : data_(data), tagged_dimension_(tagged_dimension) {}

  const void* data_ = nullptr;   // Not owned.
  size_t tagged_dimension_ = 0;  // Twice the dimension, and 1 if it is bits.
};

}  // namespace copse

#endif  // COPSE_INDEX_STORED_VECTOR_H_
