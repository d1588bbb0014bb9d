// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The k smallest of the estimates that a search comes across. An estimate that
// cannot be among them costs one comparison; the others are collected in a
// buffer of 2k, which is cut to k when it is full, so that each costs O(1)
// amortised.
//
//   TopK candidates;
//   candidates.Reset(60);
//   candidates.Add(estimate, ordinal);
//   for (const Candidate& candidate : candidates.Finish()) { ... }
//
// Equal estimates: the smaller ordinal comes first, so what remains does not
// depend on the order of the calls.

#ifndef COPSE_INDEX_TOP_K_H_
#define COPSE_INDEX_TOP_K_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "index/vector_source.h"

namespace copse::internal {

// A row and about how far it is.
struct Candidate {
  float estimate = 0;
  Ordinal ordinal = 0;

  friend bool operator<(const Candidate& left, const Candidate& right) {
    return left.estimate != right.estimate ? left.estimate < right.estimate
                                           : left.ordinal < right.ordinal;
  }
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// Returns `value`, the nearest finite number for infinities, or the largest for
// NaN, so that what vectors at the end of the range of fp32 make still has an
// order.
inline float Ordered(float value) {
  constexpr float kMax = std::numeric_limits<float>::max();
  // In this order, as std::min() returns its first argument for NaN.
  return std::max(-kMax, std::min(kMax, value));
}

// Thread safety: none.
class TopK {
 public:
  // Forgets everything and keeps the `count` smallest from now on.
  // REQUIRES: count > 0
  void Reset(size_t count) {
    count_ = count;
    limit_ = kNoLimit;
    candidates_.clear();
  }

  // Whether so many estimates have been added that those above limit() cannot
  // be among the smallest.
  bool has_limit() const { return limit_ < kNoLimit; }
  float limit() const { return limit_; }

  // REQUIRES: estimate is not NaN and at most the largest finite number.
  void Add(float estimate, Ordinal ordinal) {
    if (estimate > limit_) {
      return;
    }
    candidates_.push_back({estimate, ordinal});
    if (candidates_.size() >= 2 * count_) {
      Cut();
    }
  }

  // Returns the smallest in ascending order. Valid until the next call.
  std::span<const Candidate> Finish() {
    Unsorted();
    std::sort(candidates_.begin(), candidates_.end());
    return candidates_;
  }

  // Returns the smallest in no particular order. Valid until the next call.
  std::span<const Candidate> Unsorted() {
    if (candidates_.size() > count_) {
      Cut();
    }
    return candidates_;
  }

  // Returns the bytes of memory that are held.
  size_t memory_size_bytes() const {
    return candidates_.capacity() * sizeof(Candidate);
  }

 private:
  void Cut() {
    std::nth_element(
        candidates_.begin(),
        candidates_.begin() + static_cast<std::ptrdiff_t>(count_) - 1,
        candidates_.end());
    candidates_.resize(count_);
    limit_ = candidates_.back().estimate;
  }

  static constexpr float kNoLimit = std::numeric_limits<float>::max();

  size_t count_ = 1;
  // No larger estimate can be among the smallest.
  float limit_ = kNoLimit;
  std::vector<Candidate> candidates_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_TOP_K_H_
