// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/rocks_embedding_cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/embedding_cache.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

// An embedding may come from a provider before anyone knows its domain.
constexpr size_t kComponentCountMax = 65536;

// Bounds what one call evicts, and so how long others wait for it.
constexpr size_t kEvictionsPerEntry = 4;
constexpr size_t kEvictionsPerCall = 64;

// What is charged for an entry: its key and value, and its place in the queue.
int64_t ChargedSizeBytes(size_t value_size_bytes) {
  constexpr size_t kKeysSizeBytes = (1 + 32) + (1 + 8) + (1 + 32);
  return static_cast<int64_t>(kKeysSizeBytes + value_size_bytes);
}

// All entries, their order and the totals.
KeyRange AllKeys() { return {.lower = EmbeddingEntryKey({}), .upper = "\x7f"}; }

}  // namespace

std::string EmbeddingRecord::Encode() const {
  RecordWriter writer(RecordKind::kEmbedding, kVersion);
  writer.U64(sequence);
  writer.Floats(vector);
  return std::move(writer).Finish();
}

absl::StatusOr<EmbeddingRecord> EmbeddingRecord::Parse(
    absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kEmbedding, kVersion));
  EmbeddingRecord record;
  record.sequence = reader.U64("sequence");
  record.vector = reader.Floats("vector", kComponentCountMax);
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

std::string EmbeddingTotals::Encode() const {
  RecordWriter writer(RecordKind::kEmbeddingTotals, kVersion);
  writer.U64(next_sequence);
  writer.U64(first_sequence);
  writer.I64(entry_count);
  writer.I64(size_bytes);
  return std::move(writer).Finish();
}

absl::StatusOr<EmbeddingTotals> EmbeddingTotals::Parse(
    absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kEmbeddingTotals, kVersion));
  EmbeddingTotals totals;
  totals.next_sequence = reader.U64("next sequence");
  totals.first_sequence = reader.U64("first sequence");
  totals.entry_count = reader.Count("entry count");
  totals.size_bytes = reader.Count("size");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return totals;
}

absl::StatusOr<std::unique_ptr<RocksEmbeddingCache>> RocksEmbeddingCache::Open(
    MetaDatabase& database, const RocksEmbeddingCacheOptions& options) {
  std::unique_ptr<RocksEmbeddingCache> cache(
      new RocksEmbeddingCache(database, options));
  COPSE_RETURN_IF_ERROR(cache->LoadOrReset());
  return cache;
}

absl::Status RocksEmbeddingCache::LoadOrReset() {
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database_.Get(MetaTable::kEmbeddings, EmbeddingTotalsKey()));
  MutexLock lock(mutex_);
  if (!bytes.has_value()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<EmbeddingTotals> totals = EmbeddingTotals::Parse(*bytes);
  if (totals.ok()) {
    totals_ = *totals;
    return absl::OkStatus();
  }
  if (!absl::IsDataLoss(totals.status())) {
    return totals.status();
  }
  // Nobody knows any more what the entries take: they cost money, not answers.
  MetaBatch batch(database_);
  batch.DeleteRange(MetaTable::kEmbeddings, AllKeys());
  return database_.Write(batch, Durability::kUnsynced);
}

absl::StatusOr<std::vector<std::optional<std::vector<float>>>>
RocksEmbeddingCache::Get(std::span<const EmbeddingKey> keys) {
  std::vector<std::string> entry_keys;
  entry_keys.reserve(keys.size());
  for (const EmbeddingKey& key : keys) {
    entry_keys.push_back(EmbeddingEntryKey(key));
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<std::optional<std::string>> values,
      database_.MultiGet(MetaTable::kEmbeddings, entry_keys));

  std::vector<std::optional<std::vector<float>>> vectors(keys.size());
  std::vector<uint64_t> sequences(keys.size());
  int64_t damaged_count = 0;
  int64_t hit_count = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!values[i].has_value()) {
      continue;
    }
    absl::StatusOr<EmbeddingRecord> record = EmbeddingRecord::Parse(*values[i]);
    if (!record.ok()) {
      ++damaged_count;
      continue;
    }
    ++hit_count;
    sequences[i] = record->sequence;
    vectors[i] = std::move(record->vector);
  }

  MutexLock lock(mutex_);
  counts_.hit_count += hit_count;
  counts_.miss_count += static_cast<int64_t>(keys.size()) - hit_count;
  counts_.damaged_count += damaged_count;
  if (options_.size_bytes_max == 0) {
    return vectors;  // Nothing is evicted, so nothing need be kept.
  }
  const uint64_t middle = totals_.first_sequence +
                          (totals_.next_sequence - totals_.first_sequence) / 2;
  std::vector<Entry> moved;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (vectors[i].has_value() && sequences[i] < middle) {
      moved.push_back({.key = keys[i], .vector = *vectors[i]});
    }
  }
  // A cache that cannot be written, as on a full disk, can still be read.
  PutLocked(moved).IgnoreError();
  return vectors;
}

absl::Status RocksEmbeddingCache::Put(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.vector.size() > kComponentCountMax) {
      return absl::InvalidArgumentError("vector has too many components");
    }
  }
  MutexLock lock(mutex_);
  return PutLocked(entries);
}

absl::Status RocksEmbeddingCache::PutLocked(std::span<const Entry> entries) {
  if (entries.empty()) {
    return absl::OkStatus();
  }
  // The last one of a key wins.
  absl::btree_map<std::string, const Entry*> news;
  for (const Entry& entry : entries) {
    news[EmbeddingEntryKey(entry.key)] = &entry;
  }
  std::vector<std::string> keys;
  keys.reserve(news.size());
  for (const auto& [key, entry] : news) {
    keys.push_back(key);
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::optional<std::string>> olds,
                         database_.MultiGet(MetaTable::kEmbeddings, keys));

  // The totals become true when the write has succeeded, not before.
  EmbeddingTotals totals = totals_;
  MetaBatch batch(database_);
  size_t i = 0;
  for (const auto& [key, entry] : news) {
    if (olds[i].has_value()) {
      RemoveEntry(key, *olds[i], totals, batch);
    }
    ++i;
    const EmbeddingRecord record = {.sequence = totals.next_sequence,
                                    .vector = entry->vector};
    const std::string bytes = record.Encode();
    batch.Put(MetaTable::kEmbeddings, key, bytes);
    batch.Put(MetaTable::kEmbeddings, EmbeddingOrderKey(record.sequence), key);
    ++totals.next_sequence;
    ++totals.entry_count;
    totals.size_bytes += ChargedSizeBytes(bytes.size());
  }
  COPSE_ASSIGN_OR_RETURN(const int64_t eviction_count,
                         EvictLocked(keys, totals, batch));
  batch.Put(MetaTable::kEmbeddings, EmbeddingTotalsKey(), totals.Encode());
  COPSE_RETURN_IF_ERROR(database_.Write(batch, Durability::kUnsynced));
  totals_ = totals;
  counts_.eviction_count += eviction_count;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RocksEmbeddingCache::EvictLocked(
    std::span<const std::string> new_keys, EmbeddingTotals& totals,
    MetaBatch& batch) {
  int64_t eviction_count = 0;
  if (options_.size_bytes_max == 0) {
    return eviction_count;
  }
  const size_t visit_count_max =
      kEvictionsPerCall + kEvictionsPerEntry * new_keys.size();
  MetaCursor cursor = database_.NewCursor(
      MetaTable::kEmbeddings, EmbeddingOrderRange(totals.first_sequence));
  cursor.SeekToFirst();
  for (size_t i = 0; i < visit_count_max && cursor.Valid() &&
                     totals.size_bytes > options_.size_bytes_max;
       ++i, cursor.Next()) {
    COPSE_ASSIGN_OR_RETURN(const uint64_t sequence,
                           ParseEmbeddingOrderKey(cursor.key()));
    const std::string key(cursor.value());
    totals.first_sequence = sequence + 1;
    batch.Delete(MetaTable::kEmbeddings, cursor.key());
    if (std::binary_search(new_keys.begin(), new_keys.end(), key)) {
      continue;  // It has just been written anew, at the end of the queue.
    }
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                           database_.Get(MetaTable::kEmbeddings, key));
    if (!bytes.has_value()) {
      continue;
    }
    const absl::StatusOr<EmbeddingRecord> record =
        EmbeddingRecord::Parse(*bytes);
    // What stands elsewhere in the queue was written anew while the record
    // here could not be read.
    if (!record.ok() || record->sequence == sequence) {
      RemoveEntry(key, *bytes, totals, batch);
      ++eviction_count;
    }
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  return eviction_count;
}

void RocksEmbeddingCache::RemoveEntry(absl::string_view key,
                                      absl::string_view bytes,
                                      EmbeddingTotals& totals,
                                      MetaBatch& batch) {
  const absl::StatusOr<EmbeddingRecord> record = EmbeddingRecord::Parse(bytes);
  if (record.ok()) {
    batch.Delete(MetaTable::kEmbeddings, EmbeddingOrderKey(record->sequence));
  }
  batch.Delete(MetaTable::kEmbeddings, key);
  totals.entry_count = std::max<int64_t>(totals.entry_count - 1, 0);
  totals.size_bytes =
      std::max<int64_t>(totals.size_bytes - ChargedSizeBytes(bytes.size()), 0);
}

absl::StatusOr<EmbeddingCacheStatistics> RocksEmbeddingCache::Clear() {
  const EmbeddingCacheStatistics before = statistics();
  MutexLock lock(mutex_);
  EmbeddingTotals totals;
  totals.next_sequence = totals_.next_sequence;
  totals.first_sequence = totals_.next_sequence;
  MetaBatch batch(database_);
  batch.DeleteRange(MetaTable::kEmbeddings, AllKeys());
  batch.Put(MetaTable::kEmbeddings, EmbeddingTotalsKey(), totals.Encode());
  COPSE_RETURN_IF_ERROR(database_.Write(batch, Durability::kSynced));
  totals_ = totals;
  return before;
}

EmbeddingCacheStatistics RocksEmbeddingCache::statistics() const {
  MutexLock lock(mutex_);
  EmbeddingCacheStatistics statistics = counts_;
  statistics.entry_count = totals_.entry_count;
  statistics.size_bytes = totals_.size_bytes;
  statistics.size_bytes_max = options_.size_bytes_max;
  return statistics;
}

}  // namespace copse
