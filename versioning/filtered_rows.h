// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The rows of a commit that pass a filter by ID and attributes.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::shared_ptr<const FilteredRows> rows,
//       FindFilteredRows(reader, {.types = types, .filter = filter}, check));
//
// A condition is a range of keys of the postings (attribute_term.h), which have
// the rows of all commits; those of the live set are kept. A domain from before
// attributes were indexed is answered by reading its rows.

#ifndef COPSE_VERSIONING_FILTERED_ROWS_H_
#define COPSE_VERSIONING_FILTERED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/row_bitmap.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/live_set.h"
#include "versioning/memory_counter.h"
#include "versioning/search_filter.h"

namespace copse {

class CommitReaderImpl;

// What rows are asked for. All of its parts filter.
struct RowQuestion {
  std::vector<std::string> types;  // If not empty, one of these.
  SearchFilter filter;

  friend bool operator==(const RowQuestion&, const RowQuestion&) = default;
};

// Thread safety: immutable.
struct FilteredRows {
  // `passing` is of the live rows of the commit of `reader`.
  FilteredRows(const CommitReaderImpl& reader, const LiveSet& passing);

  RowBitmap rows;             // All that pass.
  RowBitmap covered;          // Of them, those that the forest covers.
  std::vector<Ordinal> tail;  // And those that it does not, ascending.
  MemoryCharge charge;
};

// Fails with kInvalidArgument, FILTER_INVALID, with what `check` fails with,
// which may be null and is called now and then, and with kDataLoss.
absl::StatusOr<std::shared_ptr<const FilteredRows>> FindFilteredRows(
    const CommitReaderImpl& reader, const RowQuestion& question,
    const std::function<absl::Status()>& check);

// The last answers of one commit: an application asks with few filters, again
// and again.
//
// Thread safety: any number of threads may use one FilterCache.
class FilterCache {
 public:
  // Returns null if there is none.
  std::shared_ptr<const FilteredRows> Find(const RowQuestion& question)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Put(const RowQuestion& question,
           std::shared_ptr<const FilteredRows> rows)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kEntryCountMax = 16;
  struct Entry {
    RowQuestion question;
    std::shared_ptr<const FilteredRows> rows;
  };

  Mutex mutex_;
  // The most recently used first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_FILTERED_ROWS_H_
