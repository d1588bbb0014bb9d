// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

// How many rows one MultiGet() asks for.
constexpr size_t kBatchRowCount = 1024;

// Where more than one of this many rows is wanted, walking over all of them is
// cheaper than asking for each: a step costs 0.3 us, a Get 3 us.
constexpr size_t kScanRatio = 8;

std::string RowName(Ordinal ordinal) { return absl::StrCat("row ", ordinal); }

absl::StatusOr<RowRecord> ParseRow(Ordinal ordinal, absl::string_view bytes) {
  absl::StatusOr<RowRecord> row = RowRecord::Parse(bytes);
  if (!row.ok()) {
    return AnnotateStored(row.status(), RowName(ordinal));
  }
  return row;
}

absl::Status ScanTypes(const MetaDatabase& database, uint32_t domain_number,
                       std::span<const Ordinal> ordinals,
                       TypeIndex::Visit visit) {
  const KeyRange range = {
      .lower = RowKey(domain_number, ordinals.front()),
      .upper = RowKey(domain_number, ordinals.back()) + '\0'};
  MetaCursor cursor = database.NewCursor(MetaTable::kRows, range);
  cursor.SeekToFirst();
  for (const Ordinal wanted : ordinals) {
    for (; cursor.Valid(); cursor.Next()) {
      COPSE_ASSIGN_OR_RETURN(const Ordinal found, ParseRowKey(cursor.key()));
      if (found >= wanted) {
        break;
      }
    }
    if (!cursor.Valid() || cursor.key() != RowKey(domain_number, wanted)) {
      COPSE_RETURN_IF_ERROR(cursor.status());
      return DataDamagedError(RowName(wanted), "its record is missing");
    }
    COPSE_ASSIGN_OR_RETURN(const RowRecord row,
                           ParseRow(wanted, cursor.value()));
    visit(wanted, row.type);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<RowRecord>> ReadRows(
    const MetaDatabase& database, uint32_t domain_number,
    std::span<const Ordinal> ordinals) {
  std::vector<RowRecord> rows;
  rows.reserve(ordinals.size());
  std::vector<std::string> keys;
  for (size_t first = 0; first < ordinals.size(); first += kBatchRowCount) {
    const std::span<const Ordinal> batch = ordinals.subspan(
        first, std::min(kBatchRowCount, ordinals.size() - first));
    keys.clear();
    for (const Ordinal ordinal : batch) {
      keys.push_back(RowKey(domain_number, ordinal));
    }
    COPSE_ASSIGN_OR_RETURN(const auto values,
                           database.MultiGet(MetaTable::kRows, keys));
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!values[i].has_value()) {
        return DataDamagedError(RowName(batch[i]), "its record is missing");
      }
      COPSE_ASSIGN_OR_RETURN(RowRecord row, ParseRow(batch[i], *values[i]));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

absl::Status ReadTypes(const MetaDatabase& database, uint32_t domain_number,
                       std::span<const Ordinal> ordinals,
                       TypeIndex::Visit visit) {
  if (ordinals.empty()) {
    return absl::OkStatus();
  }
  const size_t span_count = ordinals.back() - ordinals.front() + size_t{1};
  if (span_count / kScanRatio < ordinals.size()) {
    return ScanTypes(database, domain_number, ordinals, visit);
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<RowRecord> rows,
                         ReadRows(database, domain_number, ordinals));
  for (size_t i = 0; i < rows.size(); ++i) {
    visit(ordinals[i], rows[i].type);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LiveDocument>> DocumentFinder::Find(
    absl::string_view document_id, const RowSet& live) {
  if (live.empty()) {
    return std::nullopt;
  }
  if (!cursor_.has_value() || find_count_ == kFindsPerCursor) {
    cursor_.reset();
    cursor_ = database_.NewCursor(MetaTable::kDocuments,
                                  PrefixRange(DomainPrefix(domain_number_)));
    find_count_ = 0;
  }
  ++find_count_;
  const std::string prefix = DocumentPrefix(domain_number_, document_id);
  MetaCursor& cursor = *cursor_;
  cursor.Seek(DocumentKey(domain_number_, document_id, live.Last()));
  for (; cursor.Valid() && absl::StartsWith(cursor.key(), prefix);
       cursor.Next()) {
    COPSE_ASSIGN_OR_RETURN(const DocumentKeyParts parts,
                           ParseDocumentKey(cursor.key()));
    if (!live.Contains(parts.ordinal)) {
      continue;
    }
    absl::StatusOr<DocumentRecord> record =
        DocumentRecord::Parse(cursor.value());
    if (!record.ok()) {
      return AnnotateStored(record.status(), RowName(parts.ordinal));
    }
    return LiveDocument{.ordinal = parts.ordinal, .record = *record};
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  return std::nullopt;
}

}  // namespace copse
