// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The types of the rows of one domain, for filters. It starts empty; a search
// that filters asks for the rows of its commit, and what is not known yet is
// read once.
//
//   COPSE_RETURN_IF_ERROR(types.Extend(live, read_types));
//   const std::optional<uint32_t> book = types.Find("Book");
//   if (types.TypeOf(ordinal) == *book) { ... }
//
// A row's type never changes, so what is known holds for all commits, and
// pushes that give their rows interleaved ordinals do not disturb each other:
// what is known is a set, not a mark.

#ifndef COPSE_VERSIONING_TYPE_INDEX_H_
#define COPSE_VERSIONING_TYPE_INDEX_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/memory_counter.h"
#include "versioning/row_numbers.h"
#include "versioning/row_set.h"

namespace copse {

// Thread safety: any number of threads may use one TypeIndex.
class TypeIndex {
 public:
  using Visit = absl::FunctionRef<void(Ordinal, absl::string_view type)>;

  // Calls `visit` with the type of each of `ordinals`, which ascend.
  using Reader =
      absl::FunctionRef<absl::Status(std::span<const Ordinal>, Visit visit)>;

  // `memory` is not owned.
  explicit TypeIndex(MemoryCounter& memory) : types_(memory), known_(&memory) {}
  TypeIndex(const TypeIndex&) = delete;
  TypeIndex& operator=(const TypeIndex&) = delete;

  // Makes the types of `rows` known, reading those that are not, and fails
  // with what `read` fails with.
  absl::Status Extend(const RowSet& rows, Reader read);

  // Returns the number of `type`, or nullopt if no known row has it.
  std::optional<uint32_t> Find(absl::string_view type) const;

  // Returns the types of `numbers`, which ascend, in no particular order.
  std::vector<std::string> NamesOf(std::span<const uint32_t> numbers) const;

  // Returns the number of the type of row `ordinal`, or 0, which no type has,
  // if it is not known.
  uint32_t TypeOf(Ordinal ordinal) const { return types_.Get(ordinal); }

  // Returns the rows whose types are known, and the bytes this takes.
  int64_t row_count() const;
  int64_t size_bytes() const { return types_.size_bytes(); }

 private:
  uint32_t NumberOf(absl::string_view type);

  RowNumbers types_;  // Set under extend_mutex_.
  std::atomic<int64_t> row_count_ = 0;

  // Held while rows are read, so that none is read twice.
  Mutex extend_mutex_;
  RowSet known_ ABSL_GUARDED_BY(extend_mutex_);

  mutable Mutex names_mutex_;
  absl::flat_hash_map<std::string, uint32_t> numbers_
      ABSL_GUARDED_BY(names_mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_TYPE_INDEX_H_
