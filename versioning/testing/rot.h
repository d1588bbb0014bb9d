// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Disks that forget, for tests.

#ifndef COPSE_VERSIONING_TESTING_ROT_H_
#define COPSE_VERSIONING_TESTING_ROT_H_

#include <fstream>
#include <ios>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table_properties.h"

#include "index/util/check.h"
#include "versioning/files.h"
#include "versioning/meta_database.h"

namespace copse {

// Flips a bit in the first block of each file of a table of RocksDB in
// `folder`, and returns how many there are. The database is not open.
inline int RotFirstBlocks(const std::string& folder, MetaTable table) {
  int count = 0;
  const std::vector<std::string> names = ListFolder(folder).value();
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!absl::EndsWith(name, ".sst")) {
      continue;
    }
    rocksdb::SstFileReader reader((rocksdb::Options()));
    COPSE_CHECK(reader.Open(path).ok(), path);
    if (reader.GetTableProperties()->column_family_name !=
        MetaTableName(table)) {
      continue;
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(100);
    file.put(byte);
    COPSE_CHECK(file.good(), path);
    ++count;
  }
  return count;
}

}  // namespace copse

#endif  // COPSE_VERSIONING_TESTING_ROT_H_
