// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/size_meter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/domain.h"
#include "versioning/rocks_page_store.h"
#include "versioning/row_set.h"
#include "versioning/size_report.h"
#include "versioning/storage_errors.h"
#include "versioning/stored_extents.h"

namespace copse {
namespace {

// How often `check` is asked, in entries.
constexpr int64_t kEntriesPerCheck = 1024;

// Live sets that are kept while those after them are loaded, which are mostly
// differences to one of the last 64. They share what they have in common.
constexpr size_t kKeptLiveSetCount = 64;

class SizeMeter {
 public:
  SizeMeter(Domain& domain, const std::function<absl::Status()>& check)
      : domain_(domain),
        check_(check),
        page_cache_(/*budget_size_bytes=*/0),
        pages_(domain.database(), domain.number(), page_cache_) {}

  absl::StatusOr<SizeReport> Run();

 private:
  absl::Status Check() {
    return check_ != nullptr && ++step_count_ % kEntriesPerCheck == 0
               ? check_()
               : absl::OkStatus();
  }

  absl::Status WalkRows();
  absl::Status BeginRow(Ordinal ordinal, uint32_t position);
  void EndRow(Ordinal ordinal, uint32_t position);
  absl::StatusOr<std::shared_ptr<const RowSet>> LoadRows(uint64_t number);
  absl::Status WalkForests();
  absl::Status AddForestPages(uint64_t number, ForestExtent& forest);

  // Gives the records that live set `number` is put together from to `owner`,
  // and returns the size of those that are not in `counted` yet.
  absl::StatusOr<int64_t> AddChain(uint64_t number, uint32_t owner,
                                   absl::flat_hash_set<uint64_t>& counted);

  // Adds up who reaches what.
  void Settle(const Extent& extent);
  SizeReport Report();

  Domain& domain_;
  const std::function<absl::Status()>& check_;
  PageCache page_cache_;
  RocksPageStore pages_;
  int64_t step_count_ = 0;

  StoredExtents stored_;

  // Of the commit that the walk is at.
  std::deque<std::shared_ptr<const RowSet>> kept_live_sets_;
  int64_t rows_size_bytes_ = 0;

  DomainSize domain_size_;
};

// ---- Who reaches it --------------------------------------------------------

absl::StatusOr<std::shared_ptr<const RowSet>> SizeMeter::LoadRows(
    uint64_t number) {
  COPSE_ASSIGN_OR_RETURN(
      std::shared_ptr<const RowSet> rows,
      domain_.catalog().LoadRows(number, kept_live_sets_.empty()
                                             ? nullptr
                                             : kept_live_sets_.back().get()));
  kept_live_sets_.push_back(rows);
  if (kept_live_sets_.size() > kKeptLiveSetCount) {
    kept_live_sets_.pop_front();
  }
  return rows;
}

absl::Status SizeMeter::BeginRow(Ordinal ordinal, uint32_t position) {
  const auto found = stored_.rows.find(ordinal);
  if (found == stored_.rows.end()) {
    return DataDamagedError(absl::StrCat("row ", ordinal),
                            "its record is missing");
  }
  RowExtent& row = found->second;
  row.extent.Begin(position);
  rows_size_bytes_ += row.extent.size_bytes;
  if (row.text == RowExtent::kNoText) {
    return absl::OkStatus();
  }
  TextExtent& text = stored_.texts[row.text];
  if (text.extent.size_bytes == 0) {
    return DataDamagedError(absl::StrCat("row ", ordinal),
                            "its text is missing");
  }
  if (++text.row_count == 1) {
    text.extent.Begin(position);
    rows_size_bytes_ += text.extent.size_bytes;
  }
  return absl::OkStatus();
}

void SizeMeter::EndRow(Ordinal ordinal, uint32_t position) {
  RowExtent& row = stored_.rows.at(ordinal);
  row.extent.End(position);
  rows_size_bytes_ -= row.extent.size_bytes;
  if (row.text == RowExtent::kNoText) {
    return;
  }
  TextExtent& text = stored_.texts[row.text];
  if (--text.row_count == 0) {
    text.extent.End(position);
    rows_size_bytes_ -= text.extent.size_bytes;
  }
}

absl::Status SizeMeter::WalkRows() {
  auto rows = std::make_shared<const RowSet>();
  uint64_t live_set_number = 0;
  const auto go_to = [&](const RowSet& next, uint32_t position) {
    std::vector<Ordinal> ended;
    std::vector<Ordinal> begun;
    RowSet::Compare(*rows, next, &ended, &begun);
    // In this order, so that no text ends that goes on with another row.
    for (const Ordinal ordinal : begun) {
      COPSE_RETURN_IF_ERROR(Check());
      COPSE_RETURN_IF_ERROR(BeginRow(ordinal, position));
    }
    for (const Ordinal ordinal : ended) {
      EndRow(ordinal, position);
    }
    return absl::OkStatus();
  };
  for (uint32_t position = 0; position < stored_.commits.size(); ++position) {
    CommitExtent& commit = stored_.commits[position];
    COPSE_RETURN_IF_ERROR(Check());
    if (commit.live_set_number != live_set_number) {
      COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const RowSet> next,
                             LoadRows(commit.live_set_number));
      COPSE_RETURN_IF_ERROR(go_to(*next, position));
      rows = std::move(next);
      live_set_number = commit.live_set_number;
    }
    commit.logical_size_bytes = commit.manifest_size_bytes + rows_size_bytes_;
    commit.unique_size_bytes = commit.manifest_size_bytes;
  }
  return go_to(RowSet(), static_cast<uint32_t>(stored_.commits.size()));
}

absl::StatusOr<int64_t> SizeMeter::AddChain(
    uint64_t number, uint32_t owner, absl::flat_hash_set<uint64_t>& counted) {
  int64_t size_bytes = 0;
  for (uint64_t next = number; next != 0;) {
    const auto found = stored_.live_sets.find(next);
    if (found == stored_.live_sets.end()) {
      return DataDamagedError(absl::StrCat("live set ", next), "it is missing");
    }
    LiveSetExtent& live_set = found->second;
    if (counted.insert(next).second) {
      live_set.extent.AddOwner(owner);
      size_bytes += live_set.extent.size_bytes;
    } else {
      break;  // And so are those below.
    }
    next = live_set.base;
  }
  return size_bytes;
}

absl::Status SizeMeter::WalkForests() {
  for (uint32_t position = 0; position < stored_.commits.size(); ++position) {
    COPSE_RETURN_IF_ERROR(Check());
    CommitExtent& commit = stored_.commits[position];
    absl::flat_hash_set<uint64_t> counted;
    COPSE_ASSIGN_OR_RETURN(int64_t size_bytes,
                           AddChain(commit.live_set_number, position, counted));
    commit.logical_size_bytes += size_bytes;
    if (commit.forest_number == 0) {
      continue;
    }
    const auto found = stored_.forests.find(commit.forest_number);
    if (found == stored_.forests.end()) {
      return DataDamagedError(absl::StrCat("forest ", commit.forest_number),
                              "its record is missing");
    }
    ForestExtent& forest = found->second;
    forest.extent.AddOwner(position);
    COPSE_ASSIGN_OR_RETURN(size_bytes, AddChain(forest.record.covered_live_set,
                                                position, counted));
    commit.logical_size_bytes += size_bytes + forest.extent.size_bytes;
  }
  for (auto& [number, forest] : stored_.forests) {
    if (forest.extent.owner != Extent::kNobody) {
      COPSE_RETURN_IF_ERROR(AddForestPages(number, forest));
    }
  }
  for (CommitExtent& commit : stored_.commits) {
    if (commit.forest_number != 0) {
      commit.logical_size_bytes +=
          stored_.forests.at(commit.forest_number).page_size_bytes;
    }
  }
  return absl::OkStatus();
}

absl::Status SizeMeter::AddForestPages(uint64_t number, ForestExtent& forest) {
  const absl::StatusOr<std::shared_ptr<const Forest>> opened =
      Forest::Open(forest.record.root_page, pages_);
  const absl::Status status =
      opened.ok()
          ? (*opened)->ForEachPageId([&](PageId page_id) -> absl::Status {
              const auto page = stored_.pages.find(page_id);
              if (page == stored_.pages.end()) {
                return absl::DataLossError(
                    absl::StrCat("page ", page_id, " is missing"));
              }
              // A commit names one forest, so two forests of one page have two
              // commits.
              page->second.AddOwner(forest.extent.owner);
              forest.page_size_bytes += page->second.size_bytes;
              return Check();
            })
          : opened.status();
  return absl::IsDataLoss(status)
             ? AnnotateStored(status, absl::StrCat("forest ", number))
             : status;
}

// ---- The sum ---------------------------------------------------------------

void SizeMeter::Settle(const Extent& extent) {
  if (extent.owner == Extent::kSeveral) {
    domain_size_.shared_size_bytes += extent.size_bytes;
  } else if (extent.owner != Extent::kNobody) {
    stored_.commits[extent.owner].unique_size_bytes += extent.size_bytes;
  }
}

SizeReport SizeMeter::Report() {
  for (const auto& [ordinal, row] : stored_.rows) {
    Settle(row.extent);
  }
  for (const TextExtent& text : stored_.texts) {
    Settle(text.extent);
  }
  for (const auto& [page_id, extent] : stored_.pages) {
    Settle(extent);
  }
  for (const auto& [number, live_set] : stored_.live_sets) {
    Settle(live_set.extent);
  }
  for (const auto& [number, forest] : stored_.forests) {
    Settle(forest.extent);
  }
  SizeReport report;
  for (CommitExtent& commit : stored_.commits) {
    domain_size_.logical_size_bytes += commit.logical_size_bytes;
    domain_size_.unique_size_bytes += commit.unique_size_bytes;
    report.commits.push_back({.commit = std::move(commit.commit),
                              .create_time = commit.create_time,
                              .logical_size_bytes = commit.logical_size_bytes,
                              .unique_size_bytes = commit.unique_size_bytes});
  }
  std::ranges::sort(report.commits, [](const auto& left, const auto& right) {
    return std::tie(right.create_time, left.commit) <
           std::tie(left.create_time, right.commit);
  });
  domain_size_.commit_count = static_cast<int64_t>(report.commits.size());
  domain_size_.other_size_bytes = stored_.size_bytes -
                                  domain_size_.unique_size_bytes -
                                  domain_size_.shared_size_bytes;
  report.domain = domain_size_;
  return report;
}

absl::StatusOr<SizeReport> SizeMeter::Run() {
  COPSE_ASSIGN_OR_RETURN(
      stored_, ReadStoredExtents(domain_, [this] { return Check(); }));
  COPSE_RETURN_IF_ERROR(WalkRows());
  COPSE_RETURN_IF_ERROR(WalkForests());
  return Report();
}

}  // namespace

absl::StatusOr<SizeReport> MeasureDomainSizes(
    Domain& domain, const std::function<absl::Status()>& check) {
  return SizeMeter(domain, check).Run();
}

}  // namespace copse
