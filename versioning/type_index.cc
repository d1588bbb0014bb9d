// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/type_index.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
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
      types_.Set(read_ordinals[i], numbers[i]);
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

std::vector<std::string> TypeIndex::NamesOf(
    std::span<const uint32_t> numbers) const {
  std::vector<std::string> names;
  MutexLock lock(names_mutex_);
  for (const auto& [name, number] : numbers_) {
    if (std::binary_search(numbers.begin(), numbers.end(), number)) {
      names.push_back(name);
    }
  }
  return names;
}

int64_t TypeIndex::row_count() const {
  return row_count_.load(std::memory_order_relaxed);
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

}  // namespace copse
