// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The pages of a domain's forests in the meta database, and the memory in which
// commits share them.
//
//   PageCache cache(int64_t{256} << 20);
//   RocksPageStore pages(database, domain_number, cache);
//   COPSE_ASSIGN_OR_RETURN(PageId root, BuildForest(..., pages));
//   COPSE_ASSIGN_OR_RETURN(auto forest, Forest::Open(root, pages));
//
// Pages are written without waiting for the disk: the synced write of the
// manifest that first reaches them makes them durable (meta_database.h). Their
// numbers are unique in the domain, from 1, and never used again.

#ifndef COPSE_VERSIONING_ROCKS_PAGE_STORE_H_
#define COPSE_VERSIONING_ROCKS_PAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

#include "index/page_store.h"
#include "versioning/meta_database.h"
#include "versioning/number_allocator.h"

namespace copse {

// Keeps recently used pages, up to a number of bytes, and finds again every
// page that anybody still holds, so that a page is in memory once however many
// commits use it.
//
// Thread safety: any number of threads may use one PageCache.
class PageCache {
 public:
  struct Statistics {
    int64_t hit_count = 0;
    int64_t miss_count = 0;
    int64_t eviction_count = 0;
    int64_t kept_size_bytes = 0;   // Kept by the cache.
    int64_t total_size_bytes = 0;  // Of all pages in memory, each once.
  };

  // A budget of 0 keeps no page that nobody else holds.
  explicit PageCache(int64_t budget_size_bytes);
  ~PageCache();
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // Returns the page, or null if it is not in memory.
  PageRef Find(uint32_t domain_number, PageId page_id);

  // Takes `bytes` in as the page, unless it is there, and returns it.
  PageRef Insert(uint32_t domain_number, PageId page_id,
                 std::span<const std::byte> bytes);

  // Lets go of everything; pages that others hold stay theirs.
  void Clear();

  Statistics statistics() const;

 private:
  struct State;

  // Shared with the pages, which may outlive the cache.
  std::shared_ptr<State> state_;
};

// Thread safety: any number of threads may use one RocksPageStore. There is
// one for each domain in the process.
class RocksPageStore final : public PageSource, public PageSink {
 public:
  // `database` and `cache` must outlive the store.
  RocksPageStore(MetaDatabase& database, uint32_t domain_number,
                 PageCache& cache);

  // Fails with kDataLoss, DATA_DAMAGED, naming the page, if it is missing or
  // the database cannot read it intact.
  absl::StatusOr<PageRef> Read(PageId page_id) const override;

  absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override;

  // Returns a number that every page written before is below, and no page
  // written later.
  absl::StatusOr<PageId> next_page_id() { return numbers_.next_number(); }

 private:
  MetaDatabase& database_;
  const uint32_t domain_number_;
  PageCache& cache_;
  NumberAllocator numbers_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROCKS_PAGE_STORE_H_
