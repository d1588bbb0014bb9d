// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A set of row ordinals for the inner loop of a search: a test is two loads.
// Memory goes with the number of chunks of 4,096 ordinals that have a member,
// not with the largest ordinal (one pointer per 4,096 ordinals aside), so that
// a commit which removes 40 rows of a million costs kilobytes.
//
//   RowBitmap removed;
//   removed.Add(17);
//   if (removed.Contains(ordinal)) { ... }
//
// Thread safety: const functions may be called by any number of threads while
// none changes the set.

#ifndef COPSE_INDEX_ROW_BITMAP_H_
#define COPSE_INDEX_ROW_BITMAP_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "index/vector_source.h"

namespace copse {

class RowBitmap {
 public:
  void Add(Ordinal ordinal) {
    const size_t chunk = ordinal >> kChunkBits;
    if (chunk >= chunks_.size()) {
      chunks_.resize(chunk + 1);
    }
    if (chunks_[chunk] == nullptr) {
      chunks_[chunk] = std::make_unique<Chunk>();
      chunks_[chunk]->fill(0);
    }
    uint64_t& word = (*chunks_[chunk])[(ordinal & kChunkMask) / 64];
    const uint64_t bit = uint64_t{1} << (ordinal % 64);
    row_count_ += (word & bit) == 0 ? 1 : 0;
    word |= bit;
  }

  bool Contains(Ordinal ordinal) const {
    const size_t chunk = ordinal >> kChunkBits;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) {
      return false;
    }
    const uint64_t word = (*chunks_[chunk])[(ordinal & kChunkMask) / 64];
    return ((word >> (ordinal % 64)) & 1) != 0;
  }

  // Calls visit(ordinal) for each member, ascending.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      if (chunks_[chunk] == nullptr) {
        continue;
      }
      for (size_t i = 0; i < chunks_[chunk]->size(); ++i) {
        const size_t first = (chunk << kChunkBits) + i * 64;
        for (uint64_t word = (*chunks_[chunk])[i]; word != 0;
             word &= word - 1) {
          visit(static_cast<Ordinal>(first) +
                static_cast<Ordinal>(std::countr_zero(word)));
        }
      }
    }
  }

  // Returns the number of distinct ordinals that were added.
  int64_t row_count() const { return row_count_; }
  bool empty() const { return row_count_ == 0; }

 private:
  static constexpr int kChunkBits = 12;
  static constexpr Ordinal kChunkMask = (Ordinal{1} << kChunkBits) - 1;
  using Chunk = std::array<uint64_t, (size_t{1} << kChunkBits) / 64>;

  std::vector<std::unique_ptr<Chunk>> chunks_;
  int64_t row_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_INDEX_ROW_BITMAP_H_
