// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A number for each row of a domain, such as its type or length, that is set
// once and then stays. Rows have none (0) at first.
//
//   numbers.Set(ordinal, 17);
//   numbers.Get(ordinal);  // 17, in any thread, without a lock
//
// A radix tree of three levels: 16 KiB for each 4,096 rows of which one has a
// number.

#ifndef COPSE_VERSIONING_ROW_NUMBERS_H_
#define COPSE_VERSIONING_ROW_NUMBERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "index/vector_source.h"
#include "versioning/memory_counter.h"

namespace copse {

// Thread safety: one thread at a time sets, any number of others get.
class RowNumbers {
 public:
  // `memory` is not owned.
  explicit RowNumbers(MemoryCounter& memory)
      : memory_(memory), root_(std::make_unique<Root>()) {}
  ~RowNumbers();
  RowNumbers(const RowNumbers&) = delete;
  RowNumbers& operator=(const RowNumbers&) = delete;

  uint32_t Get(Ordinal ordinal) const;
  void Set(Ordinal ordinal, uint32_t number);

  int64_t size_bytes() const {
    return size_bytes_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr int kChunkBits = 12;
  static constexpr int kBranchBits = 10;
  struct Chunk {
    std::array<std::atomic<uint32_t>, size_t{1} << kChunkBits> numbers = {};
  };
  struct Branch {
    std::array<std::atomic<Chunk*>, size_t{1} << kBranchBits> chunks = {};
  };
  using Root = std::array<std::atomic<Branch*>, size_t{1} << kBranchBits>;

  // Returns what `slot` points to, making it if there is nothing.
  template <typename T>
  T& Require(std::atomic<T*>& slot);

  MemoryCounter& memory_;
  // Read without a lock: pointers are set once and then stay.
  std::unique_ptr<Root> root_;
  std::atomic<int64_t> size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_NUMBERS_H_
