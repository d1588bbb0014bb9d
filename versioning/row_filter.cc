// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_filter.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/commit_reader.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/document.h"
#include "versioning/filtered_rows.h"
#include "versioning/row_reader.h"

namespace copse {
namespace {

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Appends the live rows of a document, one for each of its chunks.
absl::Status FindRows(const CommitReaderImpl& reader,
                      const std::string& document_id, DocumentFinder& finder,
                      std::vector<Ordinal>& rows) {
  if (document_id.empty() || document_id.size() > kDocumentIdSizeBytesMax) {
    return absl::OkStatus();  // No document has it.
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> document,
                         finder.Find(document_id, reader.live()));
  for (uint32_t chunk = 0;
       document.has_value() && chunk < document->record.chunk_count; ++chunk) {
    rows.push_back(document->ordinal + chunk);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RowFilter> RowFilter::Make(
    const CommitReaderImpl& reader, const DocumentSearchOptions& options) {
  return Make(reader, {options.types, options.filter}, options.document_ids,
              options.check);
}

absl::StatusOr<RowFilter> RowFilter::Make(const CommitReaderImpl& reader,
                                          const TextSearchOptions& options) {
  return Make(reader, {options.types, options.filter}, options.document_ids,
              options.check);
}

absl::StatusOr<RowFilter> RowFilter::Make(
    const CommitReaderImpl& reader, const RowQuestion& question,
    const std::vector<std::string>& document_ids,
    const std::function<absl::Status()>& check) {
  RowFilter filter;
  if (!question.filter.empty()) {
    COPSE_ASSIGN_OR_RETURN(filter.passing_, reader.Filter(question, check));
  } else if (!question.types.empty()) {
    COPSE_RETURN_IF_ERROR(reader.LoadTypes());
    filter.types_ = &reader.domain().types();
    for (const std::string& type : question.types) {
      const std::optional<uint32_t> number = filter.types_->Find(type);
      if (number.has_value()) {
        filter.type_numbers_.push_back(*number);
      }
    }
    SortUnique(filter.type_numbers_);
  }
  if (!document_ids.empty()) {
    filter.rows_.emplace();
    DocumentFinder finder(reader.domain().database(), reader.domain().number());
    for (const std::string& document_id : document_ids) {
      COPSE_RETURN_IF_ERROR(
          FindRows(reader, document_id, finder, *filter.rows_));
    }
    SortUnique(*filter.rows_);
  }
  return filter;
}

}  // namespace copse
