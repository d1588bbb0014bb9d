// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The words of a domain: reads postings, and knows how long the rows are.
//
//   COPSE_RETURN_IF_ERROR(index.LoadLengths(live));
//   COPSE_RETURN_IF_ERROR(index.ForEachBucket(
//       TermKind::kWord, "clock", PostingParts::kCounts,
//       [&](Ordinal first, const PostingList& list) { ... }));
//
// A row belongs to no commit, so postings have the rows of all of them: whoever
// reads asks the live set of a commit which count.
//
// Invariants:
//
// * What is written is only added to, but for garbage collection, which holds
//   write_mutex() from before it reads a value to after it has written it.
// * A row's postings are complete before a live set names it.

#ifndef COPSE_VERSIONING_LEXICAL_LEXICAL_INDEX_H_
#define COPSE_VERSIONING_LEXICAL_LEXICAL_INDEX_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/keys.h"
#include "versioning/lexical/bm25.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_options.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/memory_counter.h"
#include "versioning/meta_database.h"
#include "versioning/row_numbers.h"
#include "versioning/row_set.h"

namespace copse {

// Returns the postings under `key`, or fails with kDataLoss, DATA_DAMAGED,
// naming the term.
absl::StatusOr<PostingList> ReadPostings(const PostingKeyParts& key,
                                         absl::string_view value,
                                         PostingParts parts);

// Thread safety: any number of threads may use one LexicalIndex.
class LexicalIndex {
 public:
  using VisitBucket =
      absl::FunctionRef<absl::Status(Ordinal first, const PostingList& list)>;
  using VisitTerm = absl::FunctionRef<absl::Status(
      absl::string_view term, Ordinal first, const PostingList& list)>;

  // `database` and `memory` must outlive the index.
  LexicalIndex(const MetaDatabase& database, uint32_t domain_number,
               LexicalOptions options, MemoryCounter& memory)
      : database_(database),
        domain_number_(domain_number),
        options_(std::move(options)),
        lengths_(memory),
        known_(&memory) {}
  LexicalIndex(const LexicalIndex&) = delete;
  LexicalIndex& operator=(const LexicalIndex&) = delete;

  const LexicalOptions& options() const { return options_; }

  // Calls `visit` with the postings of a term, bucket by bucket, `first` being
  // the first ordinal of the bucket, and stops at the first status that is not
  // OK. Fails with kDataLoss, DATA_DAMAGED.
  absl::Status ForEachBucket(TermKind kind, absl::string_view term,
                             PostingParts parts, VisitBucket visit) const;

  // The same for all terms that begin with `prefix`, ascending by their bytes,
  // and the buckets of each.
  absl::Status ForEachTerm(TermKind kind, absl::string_view prefix,
                           PostingParts parts, VisitTerm visit) const;

  // Makes the lengths of `rows` known, reading those that are not.
  absl::Status LoadLengths(const RowSet& rows) ABSL_LOCKS_EXCLUDED(load_mutex_);

  // Returns how many words row `ordinal` has, or 0 if that is not known.
  uint32_t LengthOf(Ordinal ordinal) const { return lengths_.Get(ordinal); }

  // REQUIRES: LoadLengths() of `rows`.
  LexicalStatistics StatisticsOf(const RowSet& rows) const;

  Mutex& write_mutex() { return write_mutex_; }

 private:
  const MetaDatabase& database_;
  const uint32_t domain_number_;
  const LexicalOptions options_;
  RowNumbers lengths_;  // Set under load_mutex_.

  Mutex write_mutex_;
  Mutex load_mutex_;
  RowSet known_ ABSL_GUARDED_BY(load_mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_LEXICAL_INDEX_H_
