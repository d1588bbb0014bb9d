// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The meta database: everything of a store but the vectors, in one RocksDB with
// a column family per kind of record. This file is the only way to it, so that
// its options, its errors and its exceptions are handled in one place.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<MetaDatabase> database,
//                          MetaDatabase::Open({.folder = folder}));
//   MetaBatch batch(*database);
//   batch.Put(MetaTable::kRows, RowKey(1, 17), record);
//   COPSE_RETURN_IF_ERROR(database->Write(batch, Durability::kUnsynced));
//   ...
//   COPSE_RETURN_IF_ERROR(database->Write(manifest_batch,
//                                         Durability::kSynced));
//
// Invariants:
//
// * A batch is applied whole or not at all, also by a crash.
// * Writes become durable in their order: when a synced write returns OK,
//   every write before it is durable, too.
// * After a failed write nothing is known about that batch until the database
//   is opened again, except that it is whole or absent.
// * Synced writes that are gone at the next start are noticed. After a crash
//   the end of the log may be torn, and RocksDB goes on with what stands
//   before the first damage, wherever that is. So the number of the last write
//   that was synced is kept beside the log, in file SYNCED: 8 bytes, and 8
//   bytes of XXH3-64 over them. It is written after the sync, without one of
//   its own, and so is never ahead of the disk.

#ifndef COPSE_VERSIONING_META_DATABASE_H_
#define COPSE_VERSIONING_META_DATABASE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "rocksdb/status.h"
#include "rocksdb/write_batch.h"

#include "index/util/mutex.h"
#include "versioning/keys.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Iterator;
}  // namespace rocksdb

namespace copse {

// The tables, see keys.h. Each is a column family, because they differ in size
// of value, life time and way of reading: pages, texts and embeddings are
// blobs that compaction must not copy; rows are read by key and want a filter;
// commits and counters are small and written all the time, and would otherwise
// drag the others through compaction.
enum class MetaTable : uint8_t {
  kDomains,
  kCommits,
  kBranches,
  kRows,
  kDocuments,
  kTexts,
  kPages,
  kLiveSets,
  kForests,
  kEmbeddings,
  kCounters,
  kJobs,
  kPostings,
};
inline constexpr size_t kMetaTableCount = 13;

// Returns the name of the column family, such as "livesets".
absl::string_view MetaTableName(MetaTable table);

// Whether a write waits for the disk.
enum class Durability { kUnsynced, kSynced };

// Returns the status of copse for a status of RocksDB: DISK_FULL where there
// is no space, DATA_DAMAGED for corruption, kUnavailable for what passes,
// kUnimplemented for formats it does not know, kInternal for wrong use.
absl::Status FromRocksStatus(const rocksdb::Status& status);

struct MetaDatabaseOptions {
  // Where the files are; created if it does not exist.
  std::string folder;

  // Blocks of tables, indexes and filters in memory.
  int64_t block_cache_size_bytes = int64_t{64} << 20;

  // What was written and is not in tables yet, over all tables.
  int64_t write_buffer_size_bytes = int64_t{64} << 20;

  // How long to wait for RocksDB to get over a full disk that has space again,
  // before writes are given up until the database is opened again.
  absl::Duration resume_timeout = absl::Seconds(20);

  // Where the files are kept, for tests that make disks fail. Not owned; null
  // means the operating system's.
  rocksdb::Env* env = nullptr;
};

// Whether a walk leaves what it reads in the block cache.
enum class CacheUse { kFill, kSpare };

class MetaDatabase;

// Changes that are written together, in the order of the calls.
//
// Thread safety: one thread at a time.
class MetaBatch {
 public:
  // `database` must outlive the batch.
  explicit MetaBatch(const MetaDatabase& database) : database_(&database) {}

  void Put(MetaTable table, absl::string_view key, absl::string_view value);
  void Delete(MetaTable table, absl::string_view key);

  // Adds `postings` to those of a key of kPostings (posting_merge_operator.h).
  void MergePostings(absl::string_view key, absl::string_view postings);
  void DeleteRange(MetaTable table, const KeyRange& range);
  void Clear() { batch_.Clear(); }

  // Sets counter `kind` of a domain, see keys.h.
  void PutCounter(CounterKind kind, uint32_t domain_number, uint64_t value);

  bool empty() const { return batch_.Count() == 0; }
  size_t size_bytes() const { return batch_.GetDataSize(); }

 private:
  friend class MetaDatabase;

  const MetaDatabase* database_;  // Not owned.
  rocksdb::WriteBatch batch_;
};

// Walks over a range of keys as the table was when the cursor was made. Keys
// and values are valid until the cursor moves.
//
//   for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) { ... }
//   COPSE_RETURN_IF_ERROR(cursor.status());
//
// Thread safety: one thread at a time.
class MetaCursor {
 public:
  MetaCursor(MetaCursor&&) noexcept;
  MetaCursor& operator=(MetaCursor&&) noexcept;
  ~MetaCursor();

  void SeekToFirst();
  // To the first key at or after `key` in the range.
  void Seek(absl::string_view key);
  // REQUIRES: Valid()
  void Next();

  // False at the end of the range, and after a failure: then see status().
  bool Valid() const;
  absl::Status status() const;

  // REQUIRES: Valid()
  absl::string_view key() const;
  absl::string_view value() const;

 private:
  friend class MetaDatabase;
  struct State;
  explicit MetaCursor(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

struct MetaStatistics {
  int64_t disk_size_bytes = 0;    // All files: tables, blobs, log.
  int64_t memory_size_bytes = 0;  // Write buffers, block cache, filters.
  int64_t unsynced_write_count = 0;
  int64_t synced_write_count = 0;

  // Tables that are not compacted by themselves, since a compaction has met
  // damage, until the database is opened again or CompactRange() succeeds.
  int64_t halted_table_count = 0;
};

// Thread safety: any number of threads may use one MetaDatabase.
class MetaDatabase {
 public:
  // Fails with kDataLoss, DATA_DAMAGED, if what is there cannot be read whole
  // or synced writes are missing, kUnimplemented, DATA_FORMAT_NEWER, if it has
  // tables this build does not know, and kResourceExhausted, DISK_FULL, if
  // there is no space to start.
  static absl::StatusOr<std::unique_ptr<MetaDatabase>> Open(
      const MetaDatabaseOptions& options);

  // Writes what is in memory to tables, so that the next start is quick, and
  // closes the files. No cursor may exist any more.
  ~MetaDatabase();
  MetaDatabase(const MetaDatabase&) = delete;
  MetaDatabase& operator=(const MetaDatabase&) = delete;

  // Returns the value, or nullopt if there is none.
  absl::StatusOr<std::optional<std::string>> Get(MetaTable table,
                                                 absl::string_view key) const;

  // Returns, for each key, its value or nullopt. Cheaper than one by one.
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      MetaTable table, std::span<const std::string> keys) const;

  // Applies `batch`. Fails with DISK_FULL, and goes on by itself when there is
  // space again, or with WRITES_STOPPED, which stays until the database is
  // opened again (see write_status()): after an error of the disk, and where
  // space was lacking for a new log, which RocksDB does not get over.
  absl::Status Write(MetaBatch& batch, Durability durability)
      ABSL_LOCKS_EXCLUDED(mutex_);

  MetaCursor NewCursor(MetaTable table, const KeyRange& range,
                       CacheUse cache_use = CacheUse::kFill) const;

  // Calls `visit` with each key and value of the range, ascending; stops at
  // the first status that is not OK and returns it.
  absl::Status ForEach(
      MetaTable table, const KeyRange& range,
      const std::function<absl::Status(absl::string_view key,
                                       absl::string_view value)>& visit) const;

  // Returns the value of a counter, 0 if it was never written.
  absl::StatusOr<uint64_t> GetCounter(CounterKind kind,
                                      uint32_t domain_number) const;

  // The database itself, for the one file that copies it (meta_backups.h).
  rocksdb::DB& engine();

  // OK, or why writes are refused until the database is opened again, or
  // until there is space (kResourceExhausted).
  absl::Status write_status() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Writes what is in memory to tables.
  absl::Status Flush();

  // Gives back the disk of what was deleted from a range: rewrites the files
  // that hold it. Reads and writes go on. Stops early, with kCancelled, once
  // `*stop`, which may be null, is true. Fails with kDataLoss, DATA_DAMAGED,
  // if one of these files is damaged, also where it holds other ranges: then
  // they stay as they are.
  absl::Status CompactRange(MetaTable table, const KeyRange& range,
                            std::atomic<bool>* stop);

  // Gives back the files that lie in a range as a whole, at once. REQUIRES: the
  // range was deleted durably, and nobody reads it.
  absl::Status DropFiles(MetaTable table, const KeyRange& range);

  // Reads every table and blob file and checks its checksums, and returns what
  // is damaged, one message for each file (empty: all is well).
  absl::StatusOr<std::vector<std::string>> VerifyFiles() const;

  absl::StatusOr<MetaStatistics> GetStatistics() const;

 private:
  friend class MetaBatch;
  struct State;
  class Listener;

  explicit MetaDatabase(std::unique_ptr<State> state);
  absl::Status SetUpCompactions();
  // Keeps RocksDB from compacting a table by itself, soon.
  void HaltCompactions(absl::string_view table_name);
  absl::Status CheckSyncedWrites();
  void RecordSyncedWrite(uint64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  rocksdb::ColumnFamilyHandle* handle(MetaTable table) const;
  absl::Status TryResume() ABSL_LOCKS_EXCLUDED(resume_mutex_, mutex_);

  // Puts a deletion of nothing into memory, past the log, so that there is
  // something to be flushed. RocksDB gets over a log that could not be written
  // by flushes; without any it keeps that log, whose next write fails for good
  // or, with its asserts, ends the process.
  absl::Status HoldInMemory();
  absl::Status FlushTables();

  void RecordWriteStatus(const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::unique_ptr<State> state_;

  // Held by the one who tries, while others wait for the result. The future is
  // valid only where RocksDB did not come back.
  Mutex resume_mutex_;
  std::future<rocksdb::Status> resume_;

  mutable Mutex mutex_;
  absl::Status write_status_ ABSL_GUARDED_BY(mutex_);
  uint64_t synced_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_META_DATABASE_H_
