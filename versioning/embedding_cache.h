// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Remembers embeddings by content, so that no text is paid for twice. The key
// is a SHA-256 that the caller makes of everything the vector depends on; the
// value is the vector, bit for bit.
//
//   std::vector<std::optional<std::vector<float>>> hits = *cache.Get(keys);
//   ...
//   COPSE_RETURN_IF_ERROR(cache.Put({{key, vector}}));

#ifndef COPSE_VERSIONING_EMBEDDING_CACHE_H_
#define COPSE_VERSIONING_EMBEDDING_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace copse {

using EmbeddingKey = std::array<std::byte, 32>;

// The counts of calls are those since the cache was opened.
struct EmbeddingCacheStatistics {
  int64_t hit_count = 0;
  int64_t miss_count = 0;
  int64_t damaged_count = 0;  // Counted among the misses, too.
  int64_t eviction_count = 0;
  int64_t entry_count = 0;
  int64_t size_bytes = 0;
  int64_t size_bytes_max = 0;  // 0: unbounded.
};

// Thread safety: any number of threads may use one EmbeddingCache.
class EmbeddingCache {
 public:
  struct Entry {
    EmbeddingKey key;
    std::vector<float> vector;
  };

  virtual ~EmbeddingCache() = default;

  // Returns, for each key, its vector or nullopt. An entry that is damaged
  // counts as absent.
  virtual absl::StatusOr<std::vector<std::optional<std::vector<float>>>> Get(
      std::span<const EmbeddingKey> keys) = 0;

  // Remembers `entries`. Durable with the next synced write of the store, and
  // no sooner: a lost entry costs money, never an answer.
  virtual absl::Status Put(std::span<const Entry> entries) = 0;

  // Forgets all entries, and returns what there was.
  virtual absl::StatusOr<EmbeddingCacheStatistics> Clear() = 0;

  virtual EmbeddingCacheStatistics statistics() const = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_EMBEDDING_CACHE_H_
