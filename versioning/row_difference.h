// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The rows that only one of two commits has, document by document: what a diff
// shows and a merge decides on.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::vector<DifferentRow> rows,
//       ReadRowDifference(domain, base_rows, target_rows, check));
//   for (std::span<const DifferentRow> rest(rows); !rest.empty();) {
//     const std::span<const DifferentRow> document = TakeDocument(rest);
//     if (!WithoutPairs(document).empty()) { ... }
//   }

#ifndef COPSE_VERSIONING_ROW_DIFFERENCE_H_
#define COPSE_VERSIONING_ROW_DIFFERENCE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {

// A row that one of two commits has and the other has not.
struct DifferentRow {
  std::string document_id;
  uint32_t chunk = 0;
  ContentHash content_hash = {};
  bool is_target = false;
  Ordinal ordinal = 0;
  std::string type;

  auto content() const { return std::tie(document_id, chunk, content_hash); }
};

// Sorts `rows` by content, and where that is equal the base before the target.
void SortByContent(std::vector<DifferentRow>& rows);

// Returns the rows that only one of `base` and `target` has, sorted by content.
// `check`, if set, is asked now and then; a status of it that is not OK ends
// this. Takes time and memory that go with the difference. Fails as ReadRows().
absl::StatusOr<std::vector<DifferentRow>> ReadRowDifference(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const std::function<absl::Status()>& check);

// Returns the rows of the first document of `rows`, which are sorted, and takes
// them from `rows`. REQUIRES: !rows.empty()
std::span<const DifferentRow> TakeDocument(std::span<const DifferentRow>& rows);

// Returns the rows of one document, sorted, or none if both commits have the
// same content of it under different ordinals. Pushes to two branches make such
// pairs, and so does a change that is taken back. The rows of one version are
// all there, so the first of each commit decides: it is the same content, too,
// if it was cut into other chunks.
std::vector<DifferentRow> WithoutPairs(std::span<const DifferentRow> rows);

// Returns what became of the document of `rows`, which are no pairs.
// REQUIRES: !rows.empty()
DocumentChange ToChange(std::span<const DifferentRow> rows);

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_DIFFERENCE_H_
