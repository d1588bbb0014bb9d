// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The embedding cache in the meta database, bounded in bytes.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::unique_ptr<RocksEmbeddingCache> cache,
//       RocksEmbeddingCache::Open(database, {.size_bytes_max = int64_t{4} <<
//       30}));
//
// Entries stand in a queue in the order of their writing, and what is evicted
// is taken from its front. An entry that is used while it stands in the older
// half of the queue is written again at its end: what is in use stays, and an
// entry is moved at most once for each time that half the queue was replaced.
//
// Records (see record_codec.h for the envelope and the types), version 1:
//
//   EmbeddingRecord   sequence u64, vector floats
//   EmbeddingTotals   next sequence u64, first sequence u64, entry count u64,
//                     size u64
//
// The totals are written with every change, so a start reads one record. An
// entry is charged the bytes of its keys and values.

#ifndef COPSE_VERSIONING_ROCKS_EMBEDDING_CACHE_H_
#define COPSE_VERSIONING_ROCKS_EMBEDDING_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "versioning/embedding_cache.h"
#include "versioning/meta_database.h"

namespace copse {

struct RocksEmbeddingCacheOptions {
  // 0 means unbounded.
  int64_t size_bytes_max = int64_t{4} << 30;
};

// The value under EmbeddingEntryKey().
struct EmbeddingRecord {
  uint64_t sequence = 0;
  std::vector<float> vector;

  std::string Encode() const;
  static absl::StatusOr<EmbeddingRecord> Parse(absl::string_view bytes);
};

// The value under EmbeddingTotalsKey().
struct EmbeddingTotals {
  uint64_t next_sequence = 1;
  uint64_t first_sequence = 1;  // No entry has a smaller one.
  int64_t entry_count = 0;
  int64_t size_bytes = 0;

  std::string Encode() const;
  static absl::StatusOr<EmbeddingTotals> Parse(absl::string_view bytes);
};

// Thread safety: any number of threads may use one RocksEmbeddingCache; Get()
// holds the lock only to move entries, Put() while it writes.
class RocksEmbeddingCache final : public EmbeddingCache {
 public:
  // `database` must outlive the cache. Damaged totals empty the cache, which
  // costs money and no answer.
  static absl::StatusOr<std::unique_ptr<RocksEmbeddingCache>> Open(
      MetaDatabase& database, const RocksEmbeddingCacheOptions& options);

  absl::StatusOr<std::vector<std::optional<std::vector<float>>>> Get(
      std::span<const EmbeddingKey> keys) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Evicts at most four entries for each one put, and 64.
  absl::Status Put(std::span<const Entry> entries) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<EmbeddingCacheStatistics> Clear() override
      ABSL_LOCKS_EXCLUDED(mutex_);

  EmbeddingCacheStatistics statistics() const override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  RocksEmbeddingCache(MetaDatabase& database,
                      const RocksEmbeddingCacheOptions& options)
      : database_(database), options_(options) {}

  absl::Status LoadOrReset() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status PutLocked(std::span<const Entry> entries)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes what is too much from the front of the queue, and returns how much
  // that was. `new_keys`, ascending, are in `batch`.
  absl::StatusOr<int64_t> EvictLocked(std::span<const std::string> new_keys,
                                      EmbeddingTotals& totals, MetaBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void RemoveEntry(absl::string_view key, absl::string_view bytes,
                          EmbeddingTotals& totals, MetaBatch& batch);

  MetaDatabase& database_;
  const RocksEmbeddingCacheOptions options_;
  mutable Mutex mutex_;
  EmbeddingTotals totals_ ABSL_GUARDED_BY(mutex_);
  EmbeddingCacheStatistics counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROCKS_EMBEDDING_CACHE_H_
