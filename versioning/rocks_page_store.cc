// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/rocks_page_store.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/page_store.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

std::string NameOf(PageId page_id) {
  return absl::StrFormat("page %016x", page_id);
}

using PageName = std::pair<uint32_t, PageId>;  // Of a domain.

}  // namespace

struct PageCache::State {
  // A page in memory. `kept` is null if the cache does not keep it.
  struct Slot {
    std::weak_ptr<const PageBytes> page;
    PageRef kept;
    std::list<PageName>::iterator place;  // In `recent`, if it is kept.
  };

  // Returns the page of `slot` and makes it the most recent one. Whatever must
  // be freed goes to `dropped`, for after the lock.
  PageRef Use(const PageName& name, Slot& slot, std::vector<PageRef>& dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    PageRef page = slot.page.lock();
    if (page == nullptr) {
      return nullptr;  // Its last holder is just letting go of it.
    }
    if (slot.kept != nullptr) {
      recent.splice(recent.begin(), recent, slot.place);
      return page;
    }
    const auto size_bytes = static_cast<int64_t>(page->bytes().size());
    if (size_bytes > budget_size_bytes) {
      return page;
    }
    recent.push_front(name);
    slot.kept = page;
    slot.place = recent.begin();
    counts.kept_size_bytes += size_bytes;
    while (counts.kept_size_bytes > budget_size_bytes) {
      DropOldest(dropped);
      ++counts.eviction_count;
    }
    return page;
  }

  void DropOldest(std::vector<PageRef>& dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    PageRef& kept = slots.find(recent.back())->second.kept;
    counts.kept_size_bytes -= static_cast<int64_t>(kept->bytes().size());
    dropped.push_back(std::move(kept));
    kept = nullptr;
    recent.pop_back();
  }

  // Called when nobody holds a page any more.
  void Forget(const PageName& name, size_t size_bytes)
      ABSL_LOCKS_EXCLUDED(mutex) {
    MutexLock lock(mutex);
    counts.total_size_bytes -= static_cast<int64_t>(size_bytes);
    const auto slot = slots.find(name);
    // Someone may have read the page anew meanwhile.
    if (slot != slots.end() && slot->second.page.expired()) {
      slots.erase(slot);
    }
  }

  Mutex mutex;
  int64_t budget_size_bytes = 0;  // Fixed.
  Statistics counts ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<PageName, Slot> slots ABSL_GUARDED_BY(mutex);
  // The pages that are kept, the most recently used first.
  std::list<PageName> recent ABSL_GUARDED_BY(mutex);
};

PageCache::PageCache(int64_t budget_size_bytes)
    : state_(std::make_shared<State>()) {
  state_->budget_size_bytes = budget_size_bytes;
}

PageCache::~PageCache() { Clear(); }

PageRef PageCache::Find(uint32_t domain_number, PageId page_id) {
  const PageName name(domain_number, page_id);
  // Freed after the lock, which their deleter takes.
  std::vector<PageRef> dropped;
  PageRef page;
  MutexLock lock(state_->mutex);
  const auto slot = state_->slots.find(name);
  if (slot != state_->slots.end()) {
    page = state_->Use(name, slot->second, dropped);
  }
  ++(page != nullptr ? state_->counts.hit_count : state_->counts.miss_count);
  return page;
}

PageRef PageCache::Insert(uint32_t domain_number, PageId page_id,
                          std::span<const std::byte> bytes) {
  const PageName name(domain_number, page_id);
  std::vector<PageRef> dropped;
  PageRef made(new PageBytes(bytes),
               [state = state_, name](const PageBytes* page) {
                 const size_t size_bytes = page->bytes().size();
                 delete page;
                 state->Forget(name, size_bytes);
               });
  PageRef page;
  MutexLock lock(state_->mutex);
  state_->counts.total_size_bytes += static_cast<int64_t>(bytes.size());
  State::Slot& slot = state_->slots[name];
  page = state_->Use(name, slot, dropped);
  if (page == nullptr) {
    slot.page = made;
    page = state_->Use(name, slot, dropped);
  }
  return page;
}

void PageCache::Clear() {
  std::vector<PageRef> dropped;
  MutexLock lock(state_->mutex);
  while (!state_->recent.empty()) {
    state_->DropOldest(dropped);
  }
}

PageCache::Statistics PageCache::statistics() const {
  MutexLock lock(state_->mutex);
  return state_->counts;
}

RocksPageStore::RocksPageStore(MetaDatabase& database, uint32_t domain_number,
                               PageCache& cache)
    : database_(database),
      domain_number_(domain_number),
      cache_(cache),
      numbers_(database, {.kind = CounterKind::kPage,
                          .domain_number = domain_number,
                          .block_count = 4096}) {}

absl::StatusOr<PageRef> RocksPageStore::Read(PageId page_id) const {
  if (PageRef page = cache_.Find(domain_number_, page_id); page != nullptr) {
    return page;
  }
  const absl::StatusOr<std::optional<std::string>> bytes =
      database_.Get(MetaTable::kPages, PageKey(domain_number_, page_id));
  if (!bytes.ok()) {
    return AnnotateStored(bytes.status(), NameOf(page_id));
  }
  if (!bytes->has_value()) {
    return DataDamagedError(NameOf(page_id), "it is missing");
  }
  return cache_.Insert(domain_number_, page_id,
                       std::as_bytes(std::span(**bytes)));
}

absl::StatusOr<PageId> RocksPageStore::Write(std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const PageId page_id, numbers_.Allocate(1));
  MetaBatch batch(database_);
  batch.Put(MetaTable::kPages, PageKey(domain_number_, page_id),
            absl::string_view(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size()));
  COPSE_RETURN_IF_ERROR(database_.Write(batch, Durability::kUnsynced));
  return page_id;
}

}  // namespace copse
