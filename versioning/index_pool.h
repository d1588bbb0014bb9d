// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Keeps opened commits in memory up to a budget and drops the least recently
// used first. A commit that many ask for at once is loaded once.
//
//   IndexPool<CommitReaderImpl> pool(budget_size_bytes, loaded_size_bytes);
//   COPSE_ASSIGN_OR_RETURN(auto reader, pool.Get({domain_number, commit},
//   load));
//   ...
//   pool.Trim();
//
// Invariants:
//
// * Who holds a reader keeps it: it is pinned, and never dropped before the
//   others. Dropping waits for nobody, and nobody waits for a drop.
// * Bytes are counted where they are allocated (memory_counter.h, PageCache),
//   so what readers share counts once, and pages that a search loads count
//   from then on.
// * A reader larger than the budget still answers. It is asked to let go of its
//   pages after each search, and reads them again for the next one.

#ifndef COPSE_VERSIONING_INDEX_POOL_H_
#define COPSE_VERSIONING_INDEX_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "versioning/pool_statistics.h"

namespace copse {

struct PoolKey {
  uint32_t domain_number = 0;
  std::string commit;

  friend bool operator==(const PoolKey&, const PoolKey&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const PoolKey& key) {
    return H::combine(std::move(state), key.domain_number, key.commit);
  }
};

// `Reader` has a function `void ReleasePages() const`, which lets go of what
// can be read again.
//
// Thread safety: any number of threads may use one IndexPool.
template <typename Reader>
class IndexPool {
 public:
  using ReaderRef = std::shared_ptr<const Reader>;

  // `loaded_size_bytes` returns the bytes of all readers, those that the pool
  // does not hold included.
  IndexPool(int64_t budget_size_bytes,
            std::function<int64_t()> loaded_size_bytes)
      : budget_size_bytes_(budget_size_bytes),
        loaded_size_bytes_(std::move(loaded_size_bytes)) {}

  // Returns the reader of `key`, and calls `load` if it is not here and nobody
  // else is loading it. Who waits for another's load shares its outcome; a
  // failure is not remembered.
  absl::StatusOr<ReaderRef> Get(
      const PoolKey& key, absl::FunctionRef<absl::StatusOr<ReaderRef>()> load) {
    std::shared_ptr<Flight> flight;
    bool first = false;
    {
      MutexLock lock(mutex_);
      const auto entry = entries_.find(key);
      if (entry != entries_.end()) {
        ++statistics_.hit_count;
        Touch(entry->second);
        return entry->second->reader;
      }
      ++statistics_.miss_count;
      std::shared_ptr<Flight>& slot = flights_[key];
      if (slot == nullptr) {
        slot = std::make_shared<Flight>();
        first = true;
      }
      flight = slot;
      while (!first && !flight->done) {
        landed_.Wait(mutex_);
      }
      if (!first) {
        return flight->result;
      }
    }
    absl::StatusOr<ReaderRef> result = load();
    Land(key, *flight, result);
    Trim();
    return result;
  }

  // Keeps `reader` for `key`, in the place of one that is here.
  void Put(const PoolKey& key, ReaderRef reader) {
    ReaderRef replaced;
    {
      MutexLock lock(mutex_);
      replaced = Remove(key);
      Insert(key, std::move(reader));
    }
    replaced.reset();
    Trim();
  }

  // Forgets `key`; a load in flight is answered and not kept.
  void Erase(const PoolKey& key) {
    ReaderRef removed;
    MutexLock lock(mutex_);
    flights_.erase(key);
    removed = Remove(key);
  }

  // Forgets the commits of a domain that are here and for which
  // `should_go(reader)` is true, which is asked outside the lock.
  void EraseIf(uint32_t domain_number,
               absl::FunctionRef<bool(const Reader&)> should_go) {
    std::vector<Entry> entries;
    {
      MutexLock lock(mutex_);
      std::copy_if(recency_.begin(), recency_.end(),
                   std::back_inserter(entries),
                   [domain_number](const Entry& entry) {
                     return entry.key.domain_number == domain_number;
                   });
    }
    for (const Entry& entry : entries) {
      if (should_go(*entry.reader)) {
        MutexLock lock(mutex_);
        const auto found = entries_.find(entry.key);
        if (found != entries_.end() && found->second->reader == entry.reader) {
          Remove(entry.key);  // `entries` holds it until the lock is let go.
        }
      }
    }
  }

  // Forgets all commits of a domain.
  void EraseDomain(uint32_t domain_number) {
    std::vector<ReaderRef> removed;
    MutexLock lock(mutex_);
    std::vector<PoolKey> keys;
    for (const auto& [key, entry] : entries_) {
      if (key.domain_number == domain_number) {
        keys.push_back(key);
      }
    }
    removed.reserve(keys.size());
    for (const PoolKey& key : keys) {
      removed.push_back(Remove(key));
    }
    absl::erase_if(flights_, [domain_number](const auto& flight) {
      return flight.first.domain_number == domain_number;
    });
  }

  // Forgets all commits and keeps none from now on.
  void Close() {
    EntryList removed;
    MutexLock lock(mutex_);
    closed_ = true;
    entries_.clear();
    removed.swap(recency_);
  }

  // Drops readers until the budget holds. Costs one comparison if it does.
  void Trim() {
    while (loaded_size_bytes_() > budget_size_bytes_) {
      const ReaderRef victim = TakeVictim();
      if (victim == nullptr) {
        ReleasePinnedPages();
        return;
      }
    }
  }

  PoolStatistics statistics() const {
    MutexLock lock(mutex_);
    PoolStatistics statistics = statistics_;
    statistics.loaded_commit_count = static_cast<int64_t>(entries_.size());
    statistics.loaded_size_bytes = loaded_size_bytes_();
    statistics.budget_size_bytes = budget_size_bytes_;
    return statistics;
  }

 private:
  struct Entry {
    PoolKey key;
    ReaderRef reader;
  };
  using EntryList = std::list<Entry>;  // The most recently used first.

  struct Flight {
    bool done = false;
    absl::StatusOr<ReaderRef> result = ReaderRef();
  };

  void Touch(typename EntryList::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    recency_.splice(recency_.begin(), recency_, entry);
  }

  void Insert(const PoolKey& key, ReaderRef reader)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (closed_) {
      return;
    }
    recency_.push_front({key, std::move(reader)});
    entries_[key] = recency_.begin();
  }

  ReaderRef Remove(const PoolKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) {
      return nullptr;
    }
    ReaderRef reader = std::move(entry->second->reader);
    recency_.erase(entry->second);
    entries_.erase(entry);
    return reader;
  }

  void Land(const PoolKey& key, Flight& flight,
            const absl::StatusOr<ReaderRef>& result) {
    MutexLock lock(mutex_);
    flight.result = result;
    flight.done = true;
    const auto slot = flights_.find(key);
    // Another flight, or none, has its place if the key was erased meanwhile.
    if (slot != flights_.end() && slot->second.get() == &flight) {
      flights_.erase(slot);
      if (result.ok() && !entries_.contains(key)) {
        Insert(key, *result);
      }
    }
    landed_.NotifyAll();
  }

  // Takes out the least recently used reader that is not pinned. Pinned ones
  // met on the way are in use: they go to the front, so that no drop looks at
  // them twice.
  ReaderRef TakeVictim() {
    MutexLock lock(mutex_);
    for (size_t left = recency_.size(); left > 0; --left) {
      const auto last = std::prev(recency_.end());
      if (last->reader.use_count() > 1) {
        Touch(last);
        continue;
      }
      ++statistics_.eviction_count;
      return Remove(PoolKey(last->key));
    }
    return nullptr;
  }

  void ReleasePinnedPages() {
    std::vector<ReaderRef> readers;
    {
      MutexLock lock(mutex_);
      for (const Entry& entry : recency_) {
        readers.push_back(entry.reader);
      }
    }
    // The least recently used first.
    while (!readers.empty() && loaded_size_bytes_() > budget_size_bytes_) {
      readers.back()->ReleasePages();
      readers.pop_back();
    }
  }

  const int64_t budget_size_bytes_;
  const std::function<int64_t()> loaded_size_bytes_;

  mutable Mutex mutex_;
  CondVar landed_;
  EntryList recency_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PoolKey, typename EntryList::iterator> entries_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PoolKey, std::shared_ptr<Flight>> flights_
      ABSL_GUARDED_BY(mutex_);
  PoolStatistics statistics_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_INDEX_POOL_H_
