// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One forest of a domain, as all opened commits that use it share it: its
// covered set, its pages once a search needs them, and the filters by type that
// searches asked for.

#ifndef COPSE_VERSIONING_DOMAIN_FOREST_H_
#define COPSE_VERSIONING_DOMAIN_FOREST_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "index/calibration.h"
#include "index/forest.h"
#include "index/page_store.h"
#include "index/row_bitmap.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/forest_record.h"
#include "versioning/memory_counter.h"
#include "versioning/row_set.h"
#include "versioning/type_index.h"

namespace copse {

// The rows of a covered set that are of certain types.
struct TypedRows {
  // Up to this many rows are also listed: comparing them all costs less than
  // finding them through a forest in which most rows are refused.
  static constexpr size_t kListedRowCountMax = 16384;

  TypedRows(MemoryCounter& memory, const RowSet& covered,
            std::span<const uint32_t> type_numbers, const TypeIndex& types);

  RowBitmap rows;
  std::vector<Ordinal> list;  // Ascending; empty if there are more.
  MemoryCharge charge;
};

// Thread safety: any number of threads may use one DomainForest.
class DomainForest {
 public:
  // `pages` and `memory` are not owned.
  DomainForest(uint64_t number, ForestRecord record, RowSet covered,
               const PageSource& pages, MemoryCounter& memory)
      : number_(number),
        record_(std::move(record)),
        covered_(std::move(covered)),
        pages_(pages),
        memory_(memory),
        charge_(&memory, sizeof(DomainForest)) {}

  uint64_t number() const { return number_; }
  PageId root() const { return record_.root_page; }
  const ForestRecord& record() const { return record_; }

  // Returns what a recall target goes by; null if there is nothing.
  const Calibration* calibration() const {
    return record_.calibration.has_value() ? &*record_.calibration : nullptr;
  }
  const RowSet& covered() const { return covered_; }

  // Returns the forest, opening it first if need be. Fails as Forest::Open().
  absl::StatusOr<std::shared_ptr<const Forest>> Open() const;

  // Lets go of all pages and filters. Searches that hold them keep them; the
  // next one opens the forest anew.
  void ReleasePages() const;

  // Returns the covered rows whose type is one of `type_numbers`, which
  // ascends. REQUIRES: `types` knows the covered rows.
  std::shared_ptr<const TypedRows> RowsOfTypes(
      const std::vector<uint32_t>& type_numbers, const TypeIndex& types) const;

 private:
  // Filters kept, the most recently used first: an application asks with few
  // sets of types, again and again.
  static constexpr size_t kFilterCountMax = 16;
  struct Filter {
    std::vector<uint32_t> type_numbers;
    std::shared_ptr<const TypedRows> rows;
  };

  const uint64_t number_;
  const ForestRecord record_;
  const RowSet covered_;
  const PageSource& pages_;
  MemoryCounter& memory_;
  const MemoryCharge charge_;

  mutable Mutex mutex_;
  mutable std::shared_ptr<const Forest> forest_ ABSL_GUARDED_BY(mutex_);
  mutable std::list<Filter> filters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_FOREST_H_
