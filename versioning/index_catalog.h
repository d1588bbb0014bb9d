// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the live sets and forests of a domain, and hands those that are in
// memory to everyone who asks: commits that use one forest share it, and live
// sets share the leaves in which they agree.
//
//   IndexCatalog catalog(context, domain_number, live_sets, pages);
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const DomainForest> forest,
//                          catalog.LoadForest(manifest.preferred_forest));
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const RowSet> live,
//                          catalog.LoadRows(manifest.live_set_number,
//                                           &forest->covered()));
//
// The catalog keeps nothing alive: readers do, and the pool keeps readers.

#ifndef COPSE_VERSIONING_INDEX_CATALOG_H_
#define COPSE_VERSIONING_INDEX_CATALOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "versioning/domain_forest.h"
#include "versioning/live_set_store.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_page_store.h"
#include "versioning/row_set.h"

namespace copse {

// Thread safety: any number of threads may use one IndexCatalog.
class IndexCatalog {
 public:
  // None is owned, all outlive the catalog and what it returns.
  IndexCatalog(const MetaDatabase& database, uint32_t domain_number,
               const LiveSetStore& live_sets, const PageSource& pages,
               MemoryCounter& memory)
      : database_(database),
        domain_number_(domain_number),
        live_sets_(live_sets),
        pages_(pages),
        memory_(memory) {}

  // Returns live set `number`. If one that it builds on is in memory, this
  // costs the difference; else all of it is read, and shares leaves with
  // `relative`, which may be null. Fails as LiveSetStore::Load().
  absl::StatusOr<std::shared_ptr<const RowSet>> LoadRows(uint64_t number,
                                                         const RowSet* relative)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes `rows` the live set `number`, which was just written.
  void AddRows(uint64_t number, const std::shared_ptr<const RowSet>& rows)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns forest `number`; its pages are read when a search needs them.
  // Fails with kDataLoss, DATA_DAMAGED, naming the forest, if its record or
  // covered set is missing or damaged, and kNotFound if it was condemned.
  absl::StatusOr<std::shared_ptr<const DomainForest>> LoadForest(
      uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes `forest` known, which was just written.
  void AddForest(const std::shared_ptr<const DomainForest>& forest)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Notes that a search has met damage in the pages of a forest: others are
  // better, until the store is opened again.
  void MarkDamaged(uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsDamaged(uint64_t number) const ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For garbage collection, one at a time ----

  // From now on all forests that are asked for are noted, with those that are
  // in memory already.
  void StartCollection() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns those of `candidates` that were not noted since StartCollection().
  std::vector<uint64_t> FindUnused(const std::vector<uint64_t>& candidates)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The same, and from now on nobody gets them: LoadForest() fails for them
  // with kNotFound, so that their records and pages can be deleted.
  std::vector<uint64_t> Condemn(const std::vector<uint64_t>& candidates)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends a collection that does not come to Condemn().
  void EndCollection() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the numbers of forests that may serve a commit made when forest
  // `made` was the newest: at most `count_max` that came next, ascending, and
  // as many of the newest, the newest first, each once. Only the first call of
  // a process reads the database.
  absl::StatusOr<std::vector<uint64_t>> ListForests(uint64_t made,
                                                    size_t count_max)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::shared_ptr<const RowSet> FindRows(uint64_t number)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<RowSet> ReadRows(uint64_t number, const RowSet* relative)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<uint64_t> UnusedOf(const std::vector<uint64_t>& candidates) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The rest of LoadForest(), when the forest is not in memory.
  absl::StatusOr<std::shared_ptr<const DomainForest>> ReadForest(
      uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_);

  const MetaDatabase& database_;
  const uint32_t domain_number_;
  const LiveSetStore& live_sets_;
  const PageSource& pages_;
  MemoryCounter& memory_;

  mutable Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::weak_ptr<const RowSet>> rows_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::weak_ptr<const DomainForest>> forests_
      ABSL_GUARDED_BY(mutex_);
  // At this size rows_ is rid of what is gone.
  size_t rows_swept_at_ ABSL_GUARDED_BY(mutex_) = 64;
  // Ascending.
  std::vector<uint64_t> forest_numbers_ ABSL_GUARDED_BY(mutex_);
  bool are_forests_listed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<uint64_t> damaged_ ABSL_GUARDED_BY(mutex_);

  // Forests that are being loaded, and by how many.
  absl::flat_hash_map<uint64_t, int> loading_ ABSL_GUARDED_BY(mutex_);
  bool is_collecting_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<uint64_t> noted_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<uint64_t> condemned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_INDEX_CATALOG_H_
