// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/meta_database_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

#include "versioning/info_log.h"
#include "versioning/lexical/posting_merge_operator.h"
#include "versioning/meta_database.h"

namespace copse {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

// Rows and documents fill one in some 50,000 rows; a greater one would only
// make a start after a crash longer.
constexpr size_t kWriteBufferSizeBytes = 16 * kMebibyte;

rocksdb::DBOptions MakeDatabaseOptions(const MetaDatabaseOptions& options) {
  rocksdb::DBOptions database;
  if (options.env != nullptr) {
    database.env = options.env;
  }
  database.create_if_missing = true;
  database.create_missing_column_families = true;

  database.info_log = std::make_shared<InfoLog>(options.folder, database.env,
                                                int64_t{4 * kMebibyte});
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;

  // What is synced must be there after a crash, or the start must fail: logs
  // that were closed are checked against the manifest. A torn end of the last
  // log is what was not synced.
  database.paranoid_checks = true;
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  database.track_and_verify_wals_in_manifest = true;
  // Of each table and blob as it was written, in the manifest: a backup
  // compares what it copies, and fails where a file has rotted since.
  database.file_checksum_gen_factory =
      rocksdb::GetFileChecksumGenCrc32cFactory();

  database.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(
      static_cast<size_t>(options.write_buffer_size_bytes));
  // Tables that are written rarely would hold on to old logs, and the next
  // start would read them all.
  database.max_total_wal_size =
      static_cast<uint64_t>(options.write_buffer_size_bytes);
  // RocksDB would reserve a whole write buffer for each log: 64 MiB on the disk
  // of a folder that holds one commit, and it stays after kill -9. What it
  // saves is metadata of the file system, which a sync writes with the size of
  // the file anyway.
  database.allow_fallocate = false;
  database.max_manifest_file_size = 16 * kMebibyte;
  database.max_open_files = 512;
  database.max_background_jobs = 2;
  database.bytes_per_sync = kMebibyte;
  return database;
}

rocksdb::ColumnFamilyOptions MakeTableOptions(
    const std::shared_ptr<rocksdb::Cache>& block_cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = block_cache;
  blocks.block_size = size_t{8} * 1024;
  // In the cache, so that the budget holds for them, too.
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  // New documents, texts and embeddings are looked up before they are written
  // and are not there: one of a hundred lookups reads a block in vain.
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.format_version = 5;
  blocks.checksum = rocksdb::kXXH3;

  rocksdb::ColumnFamilyOptions table;
  table.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  table.write_buffer_size = kWriteBufferSizeBytes;
  table.max_write_buffer_number = 3;
  table.level_compaction_dynamic_level_bytes = true;
  table.compression = rocksdb::kLZ4Compression;
  table.bottommost_compression = rocksdb::kZSTD;
  return table;
}

// Values from `size_bytes_min` on go to files of their own, which compaction
// does not copy. They are compressed already, or do not compress.
void UseBlobs(uint64_t size_bytes_min, rocksdb::ColumnFamilyOptions& table) {
  table.enable_blob_files = true;
  table.min_blob_size = size_bytes_min;
  table.blob_file_size = 64 * kMebibyte;
  table.blob_compression_type = rocksdb::kNoCompression;
  table.enable_blob_garbage_collection = true;
  table.blob_garbage_collection_age_cutoff = 0.25;
  table.blob_garbage_collection_force_threshold = 0.5;
}

}  // namespace

MetaEngineOptions MakeEngineOptions(const MetaDatabaseOptions& options) {
  MetaEngineOptions engine;
  engine.block_cache =
      rocksdb::NewLRUCache(static_cast<size_t>(options.block_cache_size_bytes));
  engine.database = MakeDatabaseOptions(options);
  engine.tables.fill(MakeTableOptions(engine.block_cache));
  const auto table = [&](MetaTable name) -> rocksdb::ColumnFamilyOptions& {
    return engine.tables[static_cast<size_t>(name)];
  };
  // Short texts stay in their tables, where neighbours share a block.
  UseBlobs(2048, table(MetaTable::kTexts));
  UseBlobs(4096, table(MetaTable::kPages));
  // A vector of 128 components and more; the queue's entries stay in tables.
  UseBlobs(512, table(MetaTable::kEmbeddings));
  UseBlobs(65536, table(MetaTable::kLiveSets));
  table(MetaTable::kPostings).merge_operator = MakePostingMergeOperator();
  return engine;
}

}  // namespace copse
