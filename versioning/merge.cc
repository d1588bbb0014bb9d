// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/merge.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/status_macros.h"
#include "versioning/row_difference.h"

namespace copse {
namespace {

using Kind = DocumentChange::Kind;
using Rows = std::span<const DifferentRow>;

// How the rows of one document differ from the base on each side. Either may be
// empty, not both.
struct DocumentSides {
  Rows ours;
  Rows theirs;
};

// Takes the first document of the two lists, which are sorted by content.
DocumentSides TakeFirst(Rows& ours, Rows& theirs) {
  DocumentSides document;
  const bool has_ours =
      !ours.empty() && (theirs.empty() ||
                        ours.front().document_id <= theirs.front().document_id);
  const bool has_theirs =
      !theirs.empty() &&
      (ours.empty() || theirs.front().document_id <= ours.front().document_id);
  if (has_ours) {
    document.ours = TakeDocument(ours);
  }
  if (has_theirs) {
    document.theirs = TakeDocument(theirs);
  }
  return document;
}

// Returns how theirs differs from ours in the document, sorted by content. A
// row that differs from the base on one side only differs between the sides.
std::vector<DifferentRow> Compare(const DocumentSides& document) {
  std::vector<DifferentRow> all(document.ours.begin(), document.ours.end());
  for (DifferentRow& row : all) {
    // Ours has what it added to the base, and has not what it took away.
    row.is_target = !row.is_target;
  }
  all.insert(all.end(), document.theirs.begin(), document.theirs.end());
  std::sort(all.begin(), all.end(),
            [](const DifferentRow& left, const DifferentRow& right) {
              return left.ordinal < right.ordinal;
            });
  std::vector<DifferentRow> rows;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && all[i].ordinal == all[i + 1].ordinal) {
      ++i;  // Both sides have it, or neither.
    } else {
      rows.push_back(std::move(all[i]));
    }
  }
  SortByContent(rows);
  return rows;
}

// What a side did to a document that it changed.
Kind KindOf(Rows rows) { return ToChange(WithoutPairs(rows)).kind; }

class Merger {
 public:
  Merger(ConflictPolicy policy, const MergeVisitor& visitor)
      : policy_(policy), visitor_(visitor) {}

  absl::Status Add(const DocumentSides& document) {
    const std::vector<DifferentRow> rows = Compare(document);
    if (document.ours.empty()) {
      Take(rows);
      return absl::OkStatus();
    }
    if (WithoutPairs(rows).empty() || WithoutPairs(document.theirs).empty()) {
      return absl::OkStatus();
    }
    if (!WithoutPairs(document.ours).empty()) {
      COPSE_RETURN_IF_ERROR(AddConflict(document));
      if (policy_ != ConflictPolicy::kTheirs) {
        return absl::OkStatus();
      }
    }
    Take(rows);
    return absl::OkStatus();
  }

  MergedRows TakeResult() {
    std::sort(merged_.added.begin(), merged_.added.end());
    std::sort(merged_.removed.begin(), merged_.removed.end());
    return std::move(merged_);
  }

 private:
  // Makes the document what it is in theirs.
  void Take(Rows rows) {
    for (const DifferentRow& row : rows) {
      (row.is_target ? merged_.added : merged_.removed).push_back(row.ordinal);
    }
    const std::vector<DifferentRow> changed = WithoutPairs(rows);
    if (changed.empty()) {
      return;
    }
    const Kind kind = ToChange(changed).kind;
    merged_.inserted_count += kind == Kind::kInserted ? 1 : 0;
    merged_.replaced_count += kind == Kind::kReplaced ? 1 : 0;
    merged_.deleted_count += kind == Kind::kDeleted ? 1 : 0;
  }

  absl::Status AddConflict(const DocumentSides& document) {
    ++merged_.conflict_count;
    return visitor_.on_conflict == nullptr
               ? absl::OkStatus()
               : visitor_.on_conflict(
                     {.document_id = document.ours.front().document_id,
                      .ours = KindOf(document.ours),
                      .theirs = KindOf(document.theirs)});
  }

  const ConflictPolicy policy_;
  const MergeVisitor& visitor_;
  MergedRows merged_;
};

}  // namespace

absl::StatusOr<MergedRows> MergeRows(const Domain& domain,
                                     const MergeSides& sides,
                                     ConflictPolicy policy,
                                     const MergeVisitor& visitor) {
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<DifferentRow> ours,
      ReadRowDifference(domain, sides.base, sides.ours, visitor.check));
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<DifferentRow> theirs,
      ReadRowDifference(domain, sides.base, sides.theirs, visitor.check));
  Merger merger(policy, visitor);
  for (Rows ours_left(ours), theirs_left(theirs); !theirs_left.empty();) {
    COPSE_RETURN_IF_ERROR(merger.Add(TakeFirst(ours_left, theirs_left)));
  }
  return merger.TakeResult();
}

}  // namespace copse
