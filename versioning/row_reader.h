// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the rows of a domain in the meta database: by ordinal, and by document
// ID at a commit.
//
//   COPSE_ASSIGN_OR_RETURN(std::vector<RowRecord> rows,
//                          ReadRows(database, domain_number, ordinals));
//   DocumentFinder finder(database, domain_number);
//   COPSE_ASSIGN_OR_RETURN(std::optional<LiveDocument> document,
//                          finder.Find("readme", live));

#ifndef COPSE_VERSIONING_ROW_READER_H_
#define COPSE_VERSIONING_ROW_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/vector_source.h"
#include "versioning/meta_database.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"
#include "versioning/type_index.h"
#include "versioning/vector_segments.h"

namespace copse {

// Returns the records of rows `ordinals`, in their order. Fails with kDataLoss,
// DATA_DAMAGED, naming the row, if one is missing or damaged.
absl::StatusOr<std::vector<RowRecord>> ReadRows(
    const MetaDatabase& database, uint32_t domain_number,
    std::span<const Ordinal> ordinals);

// Calls `visit` with the type of each of `ordinals`, which ascend. Fails as
// ReadRows().
absl::Status ReadTypes(const MetaDatabase& database, uint32_t domain_number,
                       std::span<const Ordinal> ordinals,
                       TypeIndex::Visit visit);

// A document at a commit.
struct LiveDocument {
  Ordinal ordinal = 0;  // Of the first row.
  DocumentRecord record;

  OrdinalRange rows() const { return {ordinal, record.chunk_count}; }
};

// Looks for many documents, as the database was at the first look.
//
// Thread safety: one thread at a time.
class DocumentFinder {
 public:
  // `database` is not owned.
  DocumentFinder(const MetaDatabase& database, uint32_t domain_number)
      : database_(database), domain_number_(domain_number) {}

  // Returns the version of `document_id` that is in `live`, the newest if there
  // are several, or nullopt. Versions newer than all of `live` cost nothing.
  absl::StatusOr<std::optional<LiveDocument>> Find(
      absl::string_view document_id, const RowSet& live);

 private:
  // A cursor keeps files and write buffers from being freed, so a long push
  // must not hold one for ever.
  static constexpr size_t kFindsPerCursor = 512;

  const MetaDatabase& database_;
  const uint32_t domain_number_;
  std::optional<MetaCursor> cursor_;
  size_t find_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_READER_H_
