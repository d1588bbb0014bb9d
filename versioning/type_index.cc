// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/type_index.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

// How many rows are read before they are known; what an error undoes.
constexpr size_t kBatchRowCount = 65536;

}  // namespace

TypeIndex::TypeIndex(MemoryCounter& memory)
    : memory_(memory), root_(std::make_unique<Root>()), known_(&memory) {}

TypeIndex::~TypeIndex() {
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

absl::Status TypeIndex::Extend(const RowSet& rows, Reader read) {
  MutexLock lock(extend_mutex_);
  std::vector<Ordinal> unknown;
  RowSet::Compare(rows, known_, &unknown, nullptr);
  for (size_t first = 0; first < unknown.size(); first += kBatchRowCount) {
    const std::span<const Ordinal> batch = std::span(unknown).subspan(
        first, std::min(kBatchRowCount, unknown.size() - first));
    std::vector<uint32_t> numbers;
    numbers.reserve(batch.size());
    std::vector<Ordinal> read_ordinals;
    read_ordinals.reserve(batch.size());
    COPSE_RETURN_IF_ERROR(
        read(batch, [&](Ordinal ordinal, absl::string_view type) {
          read_ordinals.push_back(ordinal);
          numbers.push_back(NumberOf(type));
        }));
    for (size_t i = 0; i < numbers.size(); ++i) {
      Set(read_ordinals[i], numbers[i]);
    }
    known_ = known_.Edit(batch, {});
    row_count_.store(known_.row_count(), std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

std::optional<uint32_t> TypeIndex::Find(absl::string_view type) const {
  MutexLock lock(names_mutex_);
  const auto number = numbers_.find(type);
  if (number == numbers_.end()) {
    return std::nullopt;
  }
  return number->second;
}

uint32_t TypeIndex::TypeOf(Ordinal ordinal) const {
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
  return chunk->types[ordinal % chunk->types.size()].load(
      std::memory_order_relaxed);
}

int64_t TypeIndex::row_count() const {
  return row_count_.load(std::memory_order_relaxed);
}

int64_t TypeIndex::size_bytes() const {
  return size_bytes_.load(std::memory_order_relaxed);
}

uint32_t TypeIndex::NumberOf(absl::string_view type) {
  MutexLock lock(names_mutex_);
  const auto number = numbers_.find(type);
  if (number != numbers_.end()) {
    return number->second;
  }
  const auto next = static_cast<uint32_t>(numbers_.size() + 1);
  numbers_.emplace(type, next);
  return next;
}

void TypeIndex::Set(Ordinal ordinal, uint32_t type) {
  std::atomic<Branch*>& branch_slot =
      (*root_)[ordinal >> (kChunkBits + kBranchBits)];
  Branch* branch = branch_slot.load(std::memory_order_relaxed);
  if (branch == nullptr) {
    branch = std::make_unique<Branch>().release();
    branch_slot.store(branch, std::memory_order_release);
    size_bytes_.fetch_add(sizeof(Branch), std::memory_order_relaxed);
    memory_.Add(sizeof(Branch));
  }
  std::atomic<Chunk*>& chunk_slot =
      branch->chunks[(ordinal >> kChunkBits) % branch->chunks.size()];
  Chunk* chunk = chunk_slot.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = std::make_unique<Chunk>().release();
    chunk_slot.store(chunk, std::memory_order_release);
    size_bytes_.fetch_add(sizeof(Chunk), std::memory_order_relaxed);
    memory_.Add(sizeof(Chunk));
  }
  chunk->types[ordinal % chunk->types.size()].store(type,
                                                    std::memory_order_relaxed);
}

}  // namespace copse
