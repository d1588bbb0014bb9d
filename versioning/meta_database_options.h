// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The options of RocksDB, apart from the code that uses them.

#ifndef COPSE_VERSIONING_META_DATABASE_OPTIONS_H_
#define COPSE_VERSIONING_META_DATABASE_OPTIONS_H_

#include <array>
#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/options.h"

#include "versioning/meta_database.h"

namespace copse {

struct MetaEngineOptions {
  rocksdb::DBOptions database;
  std::array<rocksdb::ColumnFamilyOptions, kMetaTableCount> tables;
  std::shared_ptr<rocksdb::Cache> block_cache;
};

// Returns the options for a database that commits often and little, and keeps
// to a budget of memory.
MetaEngineOptions MakeEngineOptions(const MetaDatabaseOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_META_DATABASE_OPTIONS_H_
