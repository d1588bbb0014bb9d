// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_difference.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/status_macros.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"

namespace copse {
namespace {

// Attributes are dropped batch by batch.
constexpr size_t kBatchRowCount = 1024;

absl::Status AppendRows(const Domain& domain, std::span<const Ordinal> ordinals,
                        bool is_target,
                        const std::function<absl::Status()>& check,
                        std::vector<DifferentRow>& rows) {
  while (!ordinals.empty()) {
    if (check != nullptr) {
      COPSE_RETURN_IF_ERROR(check());
    }
    const size_t count = std::min(ordinals.size(), kBatchRowCount);
    COPSE_ASSIGN_OR_RETURN(
        std::vector<RowRecord> records,
        ReadRows(domain.database(), domain.number(), ordinals.first(count)));
    for (size_t i = 0; i < count; ++i) {
      rows.push_back({.document_id = std::move(records[i].document_id),
                      .chunk = records[i].chunk,
                      .content_hash = records[i].content_hash,
                      .is_target = is_target,
                      .ordinal = ordinals[i],
                      .type = std::move(records[i].type)});
    }
    ordinals = ordinals.subspan(count);
  }
  return absl::OkStatus();
}

}  // namespace

void SortByContent(std::vector<DifferentRow>& rows) {
  std::sort(rows.begin(), rows.end(),
            [](const DifferentRow& left, const DifferentRow& right) {
              return left.content() != right.content()
                         ? left.content() < right.content()
                         : left.is_target < right.is_target;
            });
}

absl::StatusOr<std::vector<DifferentRow>> ReadRowDifference(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const std::function<absl::Status()>& check) {
  std::vector<Ordinal> only_base;
  std::vector<Ordinal> only_target;
  RowSet::Compare(base, target, &only_base, &only_target);
  std::vector<DifferentRow> rows;
  rows.reserve(only_base.size() + only_target.size());
  COPSE_RETURN_IF_ERROR(AppendRows(domain, only_base, false, check, rows));
  COPSE_RETURN_IF_ERROR(AppendRows(domain, only_target, true, check, rows));
  SortByContent(rows);
  return rows;
}

std::span<const DifferentRow> TakeDocument(
    std::span<const DifferentRow>& rows) {
  size_t count = 1;
  while (count < rows.size() &&
         rows[count].document_id == rows.front().document_id) {
    ++count;
  }
  const std::span<const DifferentRow> taken = rows.first(count);
  rows = rows.subspan(count);
  return taken;
}

std::vector<DifferentRow> WithoutPairs(std::span<const DifferentRow> rows) {
  const auto base = std::ranges::find(rows, false, &DifferentRow::is_target);
  const auto target = std::ranges::find(rows, true, &DifferentRow::is_target);
  if (base != rows.end() && target != rows.end() &&
      base->content_hash == target->content_hash) {
    return {};
  }
  return {rows.begin(), rows.end()};
}

DocumentChange ToChange(std::span<const DifferentRow> rows) {
  const auto is_target = [](const DifferentRow& row) { return row.is_target; };
  const auto target = std::find_if(rows.begin(), rows.end(), is_target);
  const bool has_base = !std::all_of(rows.begin(), rows.end(), is_target);
  DocumentChange change = {.document_id = rows.front().document_id,
                           .type = rows.front().type,
                           .kind = DocumentChange::Kind::kDeleted};
  if (target != rows.end()) {
    change.type = target->type;
    change.kind = has_base ? DocumentChange::Kind::kReplaced
                           : DocumentChange::Kind::kInserted;
  }
  return change;
}

}  // namespace copse
