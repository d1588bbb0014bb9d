// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which rows of a commit a search may find: those of some types, those of some
// documents, and those that pass a filter by ID and attributes.
//
//   COPSE_ASSIGN_OR_RETURN(const RowFilter filter,
//                          RowFilter::Make(reader, options));
//   if (!filter.is_hopeless() && filter.Allows(ordinal)) { ... }

#ifndef COPSE_VERSIONING_ROW_FILTER_H_
#define COPSE_VERSIONING_ROW_FILTER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/vector_source.h"
#include "versioning/commit_reader.h"
#include "versioning/filtered_rows.h"
#include "versioning/type_index.h"

namespace copse {

class CommitReaderImpl;

// Thread safety: immutable but for assignment.
class RowFilter {
 public:
  // Allows everything.
  RowFilter() = default;

  // Makes the filter of the options of a search: of their types, document_ids
  // and filter, those that are empty filter nothing. Valid as long as the
  // reader. Fails with kInvalidArgument, FILTER_INVALID, what the check fails
  // with, and kDataLoss.
  static absl::StatusOr<RowFilter> Make(const CommitReaderImpl& reader,
                                        const DocumentSearchOptions& options);
  static absl::StatusOr<RowFilter> Make(const CommitReaderImpl& reader,
                                        const TextSearchOptions& options);

  // Whether no row can be allowed.
  bool is_hopeless() const {
    return (has_types() && type_numbers_.empty()) ||
           (rows_.has_value() && rows_->empty()) ||
           (passing_ != nullptr && passing_->rows.empty());
  }

  // Whether types filter, and nothing else but documents.
  bool has_types() const { return types_ != nullptr; }

  // The live rows that pass types and filter; null if there is no filter.
  const std::shared_ptr<const FilteredRows>& passing() const {
    return passing_;
  }

  // Ascending; empty without types.
  const std::vector<uint32_t>& type_numbers() const { return type_numbers_; }

  // The live rows of the documents, ascending, if there are any that filter;
  // nothing else of them is looked at.
  const std::optional<std::vector<Ordinal>>& rows() const { return rows_; }

  bool IsOfType(Ordinal ordinal) const {
    return types_ == nullptr ||
           std::binary_search(type_numbers_.begin(), type_numbers_.end(),
                              types_->TypeOf(ordinal));
  }

  bool Allows(Ordinal ordinal) const {
    return IsOfType(ordinal) &&
           (passing_ == nullptr || passing_->rows.Contains(ordinal)) &&
           (!rows_.has_value() ||
            std::binary_search(rows_->begin(), rows_->end(), ordinal));
  }

 private:
  static absl::StatusOr<RowFilter> Make(
      const CommitReaderImpl& reader, const RowQuestion& question,
      const std::vector<std::string>& document_ids,
      const std::function<absl::Status()>& check);

  const TypeIndex* types_ = nullptr;  // Not owned.
  std::vector<uint32_t> type_numbers_;
  std::shared_ptr<const FilteredRows> passing_;
  std::optional<std::vector<Ordinal>> rows_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_FILTER_H_
