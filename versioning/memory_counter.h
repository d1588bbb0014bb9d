// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts the bytes of loaded indexes where they are allocated and freed, so
// that what several commits share is counted once.
//
//   MemoryCounter counter;
//   counter.Add(sizeof(Leaf));    // In the constructor of what is shared.
//   counter.Subtract(sizeof(Leaf));

#ifndef COPSE_VERSIONING_MEMORY_COUNTER_H_
#define COPSE_VERSIONING_MEMORY_COUNTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace copse {

// Thread safety: any number of threads may use one MemoryCounter.
class MemoryCounter {
 public:
  MemoryCounter() = default;
  MemoryCounter(const MemoryCounter&) = delete;
  MemoryCounter& operator=(const MemoryCounter&) = delete;

  void Add(size_t size_bytes) {
    size_bytes_.fetch_add(static_cast<int64_t>(size_bytes),
                          std::memory_order_relaxed);
  }
  void Subtract(size_t size_bytes) {
    size_bytes_.fetch_sub(static_cast<int64_t>(size_bytes),
                          std::memory_order_relaxed);
  }
  int64_t size_bytes() const {
    return size_bytes_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<int64_t> size_bytes_ = 0;
};

// Holds `size_bytes` in a counter as long as it exists.
class MemoryCharge {
 public:
  // `counter` may be null, and outlives the charge otherwise.
  MemoryCharge(MemoryCounter* counter, size_t size_bytes)
      : counter_(counter), size_bytes_(size_bytes) {
    if (counter_ != nullptr) {
      counter_->Add(size_bytes_);
    }
  }
  ~MemoryCharge() {
    if (counter_ != nullptr) {
      counter_->Subtract(size_bytes_);
    }
  }
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;

 private:
  MemoryCounter* counter_;
  size_t size_bytes_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_MEMORY_COUNTER_H_
