// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Who is embedding which text just now, so that nobody else does it as well.
//
//   FlightTable::Claims claims(table);
//   std::shared_ptr<FlightTable::Flight> flight = claims.ClaimOrFind(key);
//   if (flight == nullptr) {          // It is ours.
//     claims.Publish(key, outcome);   // Or, without it, it is up for grabs.
//   } else {
//     ... until flight->state() is no longer kPending
//   }

#ifndef COPSE_SIDECAR_EMBEDDING_FLIGHT_TABLE_H_
#define COPSE_SIDECAR_EMBEDDING_FLIGHT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "versioning/embedding_cache.h"

namespace copse {

// Any 8 bytes of a SHA-256 are a hash.
struct EmbeddingKeyHash {
  size_t operator()(const EmbeddingKey& key) const {
    uint64_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof(hash));
    return hash;
  }
};

// Thread safety: any number of threads may use one table and its flights; each
// Claims belongs to one thread.
class FlightTable {
 public:
  class Flight {
   public:
    // Returns the outcome once it is published.
    std::optional<EmbeddingOutcome> outcome() const {
      MutexLock lock(mutex_);
      return outcome_;
    }

    // Whether its owner gave up without an outcome.
    bool is_abandoned() const {
      MutexLock lock(mutex_);
      return is_abandoned_;
    }

   private:
    friend class FlightTable;

    void Publish(const EmbeddingOutcome& outcome) {
      MutexLock lock(mutex_);
      outcome_ = outcome;
    }
    void Abandon() {
      MutexLock lock(mutex_);
      is_abandoned_ = true;
    }

    mutable Mutex mutex_;
    std::optional<EmbeddingOutcome> outcome_ ABSL_GUARDED_BY(mutex_);
    bool is_abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  };

  // The texts that one call has taken upon itself. Those that are not published
  // when it is destroyed are abandoned.
  class Claims {
   public:
    explicit Claims(FlightTable& table) : table_(table) {}
    ~Claims() {
      Release();
      for (const auto& [key, flight] : flights_) {
        table_.Remove(key);
        flight->Abandon();
      }
    }
    Claims(const Claims&) = delete;
    Claims& operator=(const Claims&) = delete;

    // Returns nullptr if `key` is ours now, or the flight of who has it.
    std::shared_ptr<Flight> ClaimOrFind(const EmbeddingKey& key) {
      auto mine = std::make_shared<Flight>();
      if (std::shared_ptr<Flight> theirs = table_.InsertOrFind(key, mine);
          theirs != nullptr) {
        return theirs;
      }
      flights_[key] = std::move(mine);
      return nullptr;
    }

    // Gives the outcome to who waits for it, and to who asks for it until
    // Release() is called. REQUIRES: `key` is ours.
    void Publish(const EmbeddingKey& key, const EmbeddingOutcome& outcome) {
      const auto found = flights_.find(key);
      found->second->Publish(outcome);
      published_.push_back(key);
      flights_.erase(found);
    }

    // Takes what has been published from the table: it can be found in the
    // cache now. Before, another call would find it nowhere, and pay for it.
    void Release() {
      for (const EmbeddingKey& key : published_) {
        table_.Remove(key);
      }
      published_.clear();
    }

   private:
    FlightTable& table_;
    std::vector<EmbeddingKey> published_;
    absl::flat_hash_map<EmbeddingKey, std::shared_ptr<Flight>, EmbeddingKeyHash>
        flights_;
  };

 private:
  std::shared_ptr<Flight> InsertOrFind(const EmbeddingKey& key,
                                       const std::shared_ptr<Flight>& flight) {
    MutexLock lock(mutex_);
    const auto [found, is_new] = flights_.try_emplace(key, flight);
    return is_new ? nullptr : found->second;
  }

  void Remove(const EmbeddingKey& key) {
    MutexLock lock(mutex_);
    flights_.erase(key);
  }

  Mutex mutex_;
  absl::flat_hash_map<EmbeddingKey, std::shared_ptr<Flight>, EmbeddingKeyHash>
      flights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_FLIGHT_TABLE_H_
