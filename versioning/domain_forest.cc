// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain_forest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

// What a RowBitmap up to the last covered row may take, and the list.
size_t TypedRowsSizeBytes(const RowSet& covered) {
  const size_t chunk_count =
      covered.empty() ? 0 : (covered.Last() >> 12) + size_t{1};
  return sizeof(TypedRows) + chunk_count * (512 + sizeof(void*));
}

}  // namespace

TypedRows::TypedRows(MemoryCounter& memory, const RowSet& covered,
                     std::span<const uint32_t> type_numbers,
                     const TypeIndex& types)
    : charge(&memory, TypedRowsSizeBytes(covered)) {
  covered.ForEach([&](Ordinal ordinal) {
    if (std::binary_search(type_numbers.begin(), type_numbers.end(),
                           types.TypeOf(ordinal))) {
      rows.Add(ordinal);
      if (list.size() <= kListedRowCountMax) {
        list.push_back(ordinal);
      }
    }
  });
  if (list.size() > kListedRowCountMax) {
    list = {};
  }
}

absl::StatusOr<std::shared_ptr<const Forest>> DomainForest::Open() const {
  {
    MutexLock lock(mutex_);
    if (forest_ != nullptr) {
      return forest_;
    }
  }
  // Two that open it at once read its root page twice; the first one is kept,
  // so that pages are loaded into one forest.
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const Forest> forest,
                         Forest::Open(root(), pages_));
  MutexLock lock(mutex_);
  if (forest_ == nullptr) {
    forest_ = std::move(forest);
  }
  return forest_;
}

void DomainForest::ReleasePages() const {
  // Declared first, so that they are freed after the lock.
  std::shared_ptr<const Forest> forest;
  std::list<Filter> filters;
  MutexLock lock(mutex_);
  forest.swap(forest_);
  filters.swap(filters_);
}

std::shared_ptr<const TypedRows> DomainForest::RowsOfTypes(
    const std::vector<uint32_t>& type_numbers, const TypeIndex& types) const {
  const auto has_types = [&type_numbers](const Filter& filter) {
    return filter.type_numbers == type_numbers;
  };
  {
    MutexLock lock(mutex_);
    const auto found =
        std::find_if(filters_.begin(), filters_.end(), has_types);
    if (found != filters_.end()) {
      filters_.splice(filters_.begin(), filters_, found);
      return found->rows;
    }
  }
  auto rows =
      std::make_shared<const TypedRows>(memory_, covered_, type_numbers, types);
  std::list<Filter> dropped;
  MutexLock lock(mutex_);
  filters_.push_front({type_numbers, rows});
  if (filters_.size() > kFilterCountMax) {
    dropped.splice(dropped.begin(), filters_, std::prev(filters_.end()));
  }
  return rows;
}

}  // namespace copse
