// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_numbers.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "index/vector_source.h"

namespace copse {

RowNumbers::~RowNumbers() {
  for (std::atomic<Branch*>& branch_slot : *root_) {
    const std::unique_ptr<Branch> branch(branch_slot.load());
    if (branch == nullptr) {
      continue;
    }
    for (std::atomic<Chunk*>& chunk_slot : branch->chunks) {
      const std::unique_ptr<Chunk> chunk(chunk_slot.load());
    }
  }
  memory_.Subtract(static_cast<size_t>(size_bytes_.load()));
}

uint32_t RowNumbers::Get(Ordinal ordinal) const {
  const Branch* branch = (*root_)[ordinal >> (kChunkBits + kBranchBits)].load(
      std::memory_order_acquire);
  if (branch == nullptr) {
    return 0;
  }
  const Chunk* chunk =
      branch->chunks[(ordinal >> kChunkBits) % branch->chunks.size()].load(
          std::memory_order_acquire);
  if (chunk == nullptr) {
    return 0;
  }
  return chunk->numbers[ordinal % chunk->numbers.size()].load(
      std::memory_order_relaxed);
}

void RowNumbers::Set(Ordinal ordinal, uint32_t number) {
  Branch& branch = Require((*root_)[ordinal >> (kChunkBits + kBranchBits)]);
  Chunk& chunk =
      Require(branch.chunks[(ordinal >> kChunkBits) % branch.chunks.size()]);
  chunk.numbers[ordinal % chunk.numbers.size()].store(
      number, std::memory_order_relaxed);
}

template <typename T>
T& RowNumbers::Require(std::atomic<T*>& slot) {
  T* part = slot.load(std::memory_order_relaxed);
  if (part == nullptr) {
    part = std::make_unique<T>().release();
    slot.store(part, std::memory_order_release);
    size_bytes_.fetch_add(sizeof(T), std::memory_order_relaxed);
    memory_.Add(sizeof(T));
  }
  return *part;
}

}  // namespace copse
