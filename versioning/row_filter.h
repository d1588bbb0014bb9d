// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which rows of a commit a search may find: those of some types and those of
// some documents.
//
//   COPSE_ASSIGN_OR_RETURN(const RowFilter filter,
//                          RowFilter::Make(reader, types, document_ids));
//   if (!filter.is_hopeless() && filter.Allows(ordinal)) { ... }

#ifndef COPSE_VERSIONING_ROW_FILTER_H_
#define COPSE_VERSIONING_ROW_FILTER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "index/vector_source.h"
#include "versioning/type_index.h"

namespace copse {

class CommitReaderImpl;

// Thread safety: immutable but for assignment.
class RowFilter {
 public:
  // Allows everything.
  RowFilter() = default;

  // Makes a filter for one of `types` and one of `document_ids`; either may be
  // empty, and then filters nothing. Valid as long as the reader.
  static absl::StatusOr<RowFilter> Make(
      const CommitReaderImpl& reader, const std::vector<std::string>& types,
      const std::vector<std::string>& document_ids);

  // Whether no row can be allowed.
  bool is_hopeless() const {
    return (has_types() && type_numbers_.empty()) ||
           (rows_.has_value() && rows_->empty());
  }

  bool has_types() const { return types_ != nullptr; }

  // Ascending; empty without types.
  const std::vector<uint32_t>& type_numbers() const { return type_numbers_; }

  // The live rows of the documents, ascending, if there are any that filter;
  // their types are not looked at.
  const std::optional<std::vector<Ordinal>>& rows() const { return rows_; }

  bool IsOfType(Ordinal ordinal) const {
    return types_ == nullptr ||
           std::binary_search(type_numbers_.begin(), type_numbers_.end(),
                              types_->TypeOf(ordinal));
  }

  bool Allows(Ordinal ordinal) const {
    return IsOfType(ordinal) &&
           (!rows_.has_value() ||
            std::binary_search(rows_->begin(), rows_->end(), ordinal));
  }

 private:
  const TypeIndex* types_ = nullptr;  // Not owned.
  std::vector<uint32_t> type_numbers_;
  std::optional<std::vector<Ordinal>> rows_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_FILTER_H_
