// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "index/util/status_macros.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"

namespace copse {
namespace {

// Attributes are dropped batch by batch.
constexpr size_t kBatchRowCount = 1024;

struct DifferentRow {
  std::string document_id;
  uint32_t chunk = 0;
  ContentHash content_hash = {};
  bool is_target = false;
  std::string type;

  auto content() const { return std::tie(document_id, chunk, content_hash); }
};

absl::Status AppendRows(const Domain& domain, std::span<const Ordinal> ordinals,
                        bool is_target, std::vector<DifferentRow>& rows) {
  while (!ordinals.empty()) {
    const size_t count = std::min(ordinals.size(), kBatchRowCount);
    COPSE_ASSIGN_OR_RETURN(
        std::vector<RowRecord> records,
        ReadRows(domain.database(), domain.number(), ordinals.first(count)));
    for (RowRecord& record : records) {
      rows.push_back({.document_id = std::move(record.document_id),
                      .chunk = record.chunk,
                      .content_hash = record.content_hash,
                      .is_target = is_target,
                      .type = std::move(record.type)});
    }
    ordinals = ordinals.subspan(count);
  }
  return absl::OkStatus();
}

// Takes out rows that both commits have under different ordinals. `rows` are
// sorted by content, then by commit.
void RemovePairs(std::vector<DifferentRow>& rows) {
  size_t kept = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && rows[i].content() == rows[i + 1].content() &&
        rows[i].is_target != rows[i + 1].is_target) {
      ++i;
      continue;
    }
    if (kept != i) {
      rows[kept] = std::move(rows[i]);
    }
    ++kept;
  }
  rows.resize(kept);
}

// What became of the document of `rows`.
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

}  // namespace

absl::Status DiffRows(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const std::function<absl::Status(const DocumentChange&)>& visit) {
  std::vector<Ordinal> only_base;
  std::vector<Ordinal> only_target;
  RowSet::Compare(base, target, &only_base, &only_target);
  std::vector<DifferentRow> rows;
  rows.reserve(only_base.size() + only_target.size());
  COPSE_RETURN_IF_ERROR(AppendRows(domain, only_base, false, rows));
  COPSE_RETURN_IF_ERROR(AppendRows(domain, only_target, true, rows));
  std::sort(rows.begin(), rows.end(),
            [](const DifferentRow& left, const DifferentRow& right) {
              return left.content() != right.content()
                         ? left.content() < right.content()
                         : left.is_target < right.is_target;
            });
  RemovePairs(rows);
  for (size_t first = 0, last = 0; first < rows.size(); first = last) {
    while (last < rows.size() &&
           rows[last].document_id == rows[first].document_id) {
      ++last;
    }
    COPSE_RETURN_IF_ERROR(
        visit(ToChange(std::span(rows).subspan(first, last - first))));
  }
  return absl::OkStatus();
}

}  // namespace copse
