// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A VectorSource over a matrix in memory, for tests and benchmarks: row i is
// ordinal i. It hands out floats or, once told to, bits.
//
//   MemoryVectors vectors(/*dimension=*/2, {1, 0,
//                                           0, 1});
//   COPSE_ASSERT_OK_AND_ASSIGN(
//       std::vector<Neighbor> neighbors,
//       ExactSearch(Metric::kCosine, vectors, vectors.ordinals(), query, 10));

#ifndef COPSE_TESTS_SUPPORT_MEMORY_VECTORS_H_
#define COPSE_TESTS_SUPPORT_MEMORY_VECTORS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/stored_vector.h"
#include "index/util/check.h"
#include "index/vector_source.h"

namespace copse {

// Thread safety: any number of threads may call const functions while none
// calls another.
class MemoryVectors final : public VectorSource {
 public:
  // REQUIRES: dimension > 0 and components.size() % dimension == 0
  MemoryVectors(size_t dimension, std::vector<float> components)
      : dimension_(dimension), components_(std::move(components)) {
    COPSE_CHECK(dimension_ > 0 && components_.size() % dimension_ == 0);
  }

  size_t dimension() const override { return dimension_; }
  size_t row_count() const { return components_.size() / dimension_; }

  absl::StatusOr<StoredVector> Read(Ordinal ordinal) const override {
    if (ordinal >= row_count()) {
      return absl::NotFoundError(
          absl::StrFormat("row %d does not exist, expected less than %d",
                          ordinal, row_count()));
    }
    if (words_.empty()) {
      return row(ordinal);
    }
    const size_t word_count = BitWordCount(dimension_);
    return StoredVector::OfBits(
        std::span(words_).subspan(ordinal * word_count, word_count),
        dimension_);
  }

  void Prefetch(Ordinal ordinal) const override {
    if (!words_.empty()) {
      __builtin_prefetch(words_.data() + ordinal * BitWordCount(dimension_));
    } else if (ordinal < row_count()) {
      const float* first = components_.data() + ordinal * dimension_;
      for (size_t i = 0; i < dimension_; i += 64 / sizeof(float)) {
        __builtin_prefetch(first + i);
      }
    }
  }

  // Returns the vector of row `ordinal`. REQUIRES: ordinal < row_count()
  std::span<const float> row(Ordinal ordinal) const {
    return std::span(components_)
        .subspan(size_t{ordinal} * dimension_, dimension_);
  }

  // Appends a row and returns its ordinal. Invalidates what Read() returned.
  // REQUIRES: vector.size() == dimension()
  Ordinal Append(std::span<const float> vector) {
    COPSE_CHECK(vector.size() == dimension_);
    components_.insert(components_.end(), vector.begin(), vector.end());
    if (!words_.empty()) {
      AppendBits(vector);
    }
    return static_cast<Ordinal>(row_count() - 1);
  }

  // Gives every row that is not zero unit length, as cosine domains hold them.
  void Normalize() {
    for (size_t first = 0; first < components_.size(); first += dimension_) {
      double sum = 0;
      for (size_t i = first; i < first + dimension_; ++i) {
        sum += double{components_[i]} * components_[i];
      }
      const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
      for (size_t i = first; i < first + dimension_; ++i) {
        components_[i] = static_cast<float>(components_[i] * scale);
      }
    }
  }

  // Makes Read() return bits from now on, as Hamming domains hold their rows,
  // and returns true, if there are rows and every component is 0 or 1.
  bool ToBits() {
    const auto is_bit = [](float value) { return value == 0 || value == 1; };
    if (components_.empty() || !std::ranges::all_of(components_, is_bit)) {
      return false;
    }
    for (Ordinal ordinal = 0; ordinal < row_count(); ++ordinal) {
      AppendBits(row(ordinal));
    }
    return true;
  }

  // Returns the bytes of a row as Read() returns it.
  size_t row_size_bytes() const {
    return words_.empty() ? dimension_ * sizeof(float)
                          : BitWordCount(dimension_) * sizeof(uint64_t);
  }

  // Returns the ordinals of all rows, ascending.
  std::vector<Ordinal> ordinals() const {
    std::vector<Ordinal> ordinals(row_count());
    std::iota(ordinals.begin(), ordinals.end(), Ordinal{0});
    return ordinals;
  }

 private:
  void AppendBits(std::span<const float> vector) {
    words_.resize(words_.size() + BitWordCount(dimension_));
    PackBits(vector, std::span(words_).last(BitWordCount(dimension_)));
  }

  size_t dimension_;
  std::vector<float> components_;
  std::vector<uint64_t> words_;  // Empty: Read() returns floats.
};

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_MEMORY_VECTORS_H_
