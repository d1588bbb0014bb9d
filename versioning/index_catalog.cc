// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/index_catalog.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/domain_forest.h"
#include "versioning/forest_record.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/live_set_store.h"
#include "versioning/meta_database.h"
#include "versioning/row_set.h"
#include "versioning/storage_errors.h"

namespace copse {

std::shared_ptr<const RowSet> IndexCatalog::FindRows(uint64_t number) {
  MutexLock lock(mutex_);
  const auto known = rows_.find(number);
  return known == rows_.end() ? nullptr : known->second.lock();
}

absl::StatusOr<std::shared_ptr<const RowSet>> IndexCatalog::LoadRows(
    uint64_t number, const RowSet* relative) {
  if (auto rows = FindRows(number); rows != nullptr) {
    return rows;
  }
  COPSE_ASSIGN_OR_RETURN(RowSet rows, ReadRows(number, relative));
  auto shared = std::make_shared<const RowSet>(std::move(rows));
  AddRows(number, shared);
  return shared;
}

absl::StatusOr<RowSet> IndexCatalog::ReadRows(uint64_t number,
                                              const RowSet* relative) {
  // From `number` down to what is in memory, a snapshot, or the empty set.
  std::vector<LiveSetRecord> chain;
  std::shared_ptr<const RowSet> base;
  for (uint64_t next = number; next != 0 && base == nullptr;) {
    COPSE_ASSIGN_OR_RETURN(LiveSetRecord record, live_sets_.ReadRecord(next));
    // Depths that fall bound the walk, whatever the records say.
    if (!chain.empty() && record.depth >= chain.back().depth) {
      return DataDamagedError(
          absl::StrCat("live set ", next),
          absl::StrCat("depth is ", record.depth, ", expected less than ",
                       chain.back().depth));
    }
    next = record.base;
    chain.push_back(std::move(record));
    base = FindRows(next);
  }
  const int64_t row_count = chain.empty() ? 0 : chain.front().row_count;
  RowSet rows(&memory_);
  if (!chain.empty() && chain.back().base == 0) {
    rows = RowSet::FromSorted(chain.back().added.ToVector(), &memory_);
    if (relative != nullptr) {
      rows = rows.ShareWith(*relative);
    }
    chain.pop_back();
  } else if (base != nullptr) {
    rows = *base;
  }
  for (; !chain.empty(); chain.pop_back()) {
    rows = rows.Edit(chain.back().added.ToVector(),
                     chain.back().removed.ToVector());
  }
  if (rows.row_count() != row_count) {
    return DataDamagedError(absl::StrCat("live set ", number),
                            absl::StrCat("it has ", rows.row_count(),
                                         " rows, expected ", row_count));
  }
  return rows;
}

void IndexCatalog::AddRows(uint64_t number,
                           const std::shared_ptr<const RowSet>& rows) {
  MutexLock lock(mutex_);
  rows_[number] = rows;
  if (rows_.size() >= rows_swept_at_) {
    absl::erase_if(rows_,
                   [](const auto& entry) { return entry.second.expired(); });
    rows_swept_at_ = std::max<size_t>(64, 2 * rows_.size());
  }
}

absl::StatusOr<std::shared_ptr<const DomainForest>> IndexCatalog::LoadForest(
    uint64_t number) {
  {
    MutexLock lock(mutex_);
    if (condemned_.contains(number)) {
      return absl::NotFoundError(
          absl::StrCat("forest ", number, " is garbage"));
    }
    if (is_collecting_) {
      noted_.insert(number);
    }
    const auto known = forests_.find(number);
    if (known != forests_.end()) {
      if (auto forest = known->second.lock(); forest != nullptr) {
        return forest;
      }
    }
    ++loading_[number];
  }
  absl::StatusOr<std::shared_ptr<const DomainForest>> forest =
      ReadForest(number);
  MutexLock lock(mutex_);
  if (--loading_[number] == 0) {
    loading_.erase(number);
  }
  return forest;
}

absl::StatusOr<std::shared_ptr<const DomainForest>> IndexCatalog::ReadForest(
    uint64_t number) {
  const std::string name = absl::StrCat("forest ", number);
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database_.Get(MetaTable::kForests, ForestKey(domain_number_, number)));
  if (!bytes.has_value()) {
    return DataDamagedError(name, "its record is missing");
  }
  const absl::StatusOr<ForestRecord> record = ForestRecord::Parse(*bytes);
  if (!record.ok()) {
    return AnnotateStored(record.status(), name);
  }
  // The forest it was edited from covers nearly the same rows.
  std::shared_ptr<const DomainForest> base;
  {
    MutexLock lock(mutex_);
    const auto known = forests_.find(record->base_forest);
    base = known == forests_.end() ? nullptr : known->second.lock();
  }
  const absl::StatusOr<std::shared_ptr<const RowSet>> covered = LoadRows(
      record->covered_live_set, base == nullptr ? nullptr : &base->covered());
  if (!covered.ok()) {
    return AnnotateStatus(covered.status(), name);
  }
  if ((*covered)->row_count() != record->row_count) {
    return DataDamagedError(
        name, absl::StrCat("its covered set has ", (*covered)->row_count(),
                           " rows, expected ", record->row_count));
  }
  auto forest = std::make_shared<const DomainForest>(number, *record, **covered,
                                                     pages_, memory_);
  MutexLock lock(mutex_);
  std::weak_ptr<const DomainForest>& slot = forests_[number];
  if (auto other = slot.lock(); other != nullptr) {
    return other;  // Two loaded it at once.
  }
  slot = forest;
  return forest;
}

void IndexCatalog::AddForest(
    const std::shared_ptr<const DomainForest>& forest) {
  MutexLock lock(mutex_);
  forests_[forest->number()] = forest;
  if (is_collecting_) {
    noted_.insert(forest->number());
  }
  if (!are_forests_listed_) {
    return;
  }
  // Two folds at once may end in the other order, and the listing may have
  // found the forest already.
  const auto place = std::lower_bound(forest_numbers_.begin(),
                                      forest_numbers_.end(), forest->number());
  if (place == forest_numbers_.end() || *place != forest->number()) {
    forest_numbers_.insert(place, forest->number());
  }
}

void IndexCatalog::MarkDamaged(uint64_t number) {
  MutexLock lock(mutex_);
  damaged_.insert(number);
}

bool IndexCatalog::IsDamaged(uint64_t number) const {
  MutexLock lock(mutex_);
  return damaged_.contains(number);
}

void IndexCatalog::StartCollection() {
  MutexLock lock(mutex_);
  is_collecting_ = true;
  noted_.clear();
  for (const auto& [number, forest] : forests_) {
    if (!forest.expired()) {
      noted_.insert(number);
    }
  }
  for (const auto& [number, count] : loading_) {
    noted_.insert(number);
  }
}

std::vector<uint64_t> IndexCatalog::UnusedOf(
    const std::vector<uint64_t>& candidates) const {
  std::vector<uint64_t> unused;
  std::ranges::copy_if(candidates, std::back_inserter(unused),
                       [this](uint64_t number) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                         return !noted_.contains(number);
                       });
  return unused;
}

std::vector<uint64_t> IndexCatalog::FindUnused(
    const std::vector<uint64_t>& candidates) {
  MutexLock lock(mutex_);
  return UnusedOf(candidates);
}

std::vector<uint64_t> IndexCatalog::Condemn(
    const std::vector<uint64_t>& candidates) {
  MutexLock lock(mutex_);
  std::vector<uint64_t> condemned = UnusedOf(candidates);
  for (const uint64_t number : condemned) {
    condemned_.insert(number);
    forests_.erase(number);
    damaged_.erase(number);
  }
  std::erase_if(forest_numbers_,
                [this](uint64_t number) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                  return condemned_.contains(number);
                });
  is_collecting_ = false;
  return condemned;
}

void IndexCatalog::EndCollection() {
  MutexLock lock(mutex_);
  is_collecting_ = false;
}

absl::StatusOr<std::vector<uint64_t>> IndexCatalog::ListForests(
    uint64_t made, size_t count_max) {
  // Held while the database is read, once, so that no forest that is added
  // meanwhile is missed.
  MutexLock lock(mutex_);
  if (!are_forests_listed_) {
    std::vector<uint64_t> numbers;
    COPSE_RETURN_IF_ERROR(database_.ForEach(
        MetaTable::kForests, PrefixRange(DomainPrefix(domain_number_)),
        [&numbers](absl::string_view key, absl::string_view) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseForestKey(key));
          numbers.push_back(number);
          return absl::OkStatus();
        }));
    forest_numbers_ = std::move(numbers);
    are_forests_listed_ = true;
  }
  std::vector<uint64_t> listed;
  auto next =
      std::upper_bound(forest_numbers_.begin(), forest_numbers_.end(), made);
  for (; next != forest_numbers_.end() && listed.size() < count_max; ++next) {
    listed.push_back(*next);
  }
  const auto left = static_cast<size_t>(forest_numbers_.end() - next);
  listed.insert(listed.end(), forest_numbers_.rbegin(),
                forest_numbers_.rbegin() +
                    static_cast<std::ptrdiff_t>(std::min(count_max, left)));
  return listed;
}

}  // namespace copse
