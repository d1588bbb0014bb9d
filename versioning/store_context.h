// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What all domains of an open store share. Domains, readers and builders hold
// it, so it closes when the last of them is gone, in whatever order their
// owners drop them.

#ifndef COPSE_VERSIONING_STORE_CONTEXT_H_
#define COPSE_VERSIONING_STORE_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "versioning/backup_gate.h"
#include "versioning/data_folder.h"
#include "versioning/fold_worker.h"
#include "versioning/index_pool.h"
#include "versioning/memory_counter.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_embedding_cache.h"
#include "versioning/rocks_job_table.h"
#include "versioning/rocks_page_store.h"
#include "versioning/store.h"

namespace copse {

class CommitReaderImpl;

// Thread safety: any number of threads may use one StoreContext.
struct StoreContext {
  explicit StoreContext(const StoreOptions& store_options);

  // Returns kResourceExhausted, DISK_FULL, if the disk has fewer free bytes
  // than `free_space_min_bytes`.
  absl::Status CheckFreeSpace() const;

  // The bytes of loaded indexes: readers, live sets, pages, filters.
  int64_t loaded_size_bytes() const {
    return index_memory.size_bytes() + page_cache.statistics().total_size_bytes;
  }

  const StoreOptions options;
  std::unique_ptr<DataFolder> folder;
  std::unique_ptr<MetaDatabase> database;
  std::unique_ptr<RocksEmbeddingCache> embedding_cache;
  std::unique_ptr<RocksJobTable> jobs;

  // Of what the pool can drop, pages apart, and of the types and
  // lengths of rows, which stay as long as their domain is open.
  MemoryCounter index_memory;
  MemoryCounter type_memory;

  // Keeps no page by itself: the pool decides which forests stay.
  PageCache page_cache;
  IndexPool<CommitReaderImpl> pool;
  std::atomic<int64_t> in_flight_count = 0;
  BackupGate backup_gate;
  FoldWorker folds;  // Stopped with the store.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_STORE_CONTEXT_H_
