// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/garbage_mark.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
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
#include "versioning/domain.h"
#include "versioning/fold.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_pins.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_page_store.h"
#include "versioning/row_record.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// How often `check` is called, in entries of a table.
constexpr int64_t kEntriesPerCheck = 1024;

// How many forests that no commit prefers are compared with those that need
// one: the newest.
constexpr size_t kServingForestCountMax = 16;

class Marker {
 public:
  Marker(Domain& domain, const GarbageMarkOptions& options)
      : domain_(domain),
        options_(options),
        page_cache_(/*budget_size_bytes=*/0),
        pages_(domain.database(), domain.number(), page_cache_) {}

  absl::StatusOr<GarbageMark> Run();

 private:
  absl::Status Check() {
    return options_.check != nullptr && ++step_count_ % kEntriesPerCheck == 0
               ? options_.check()
               : absl::OkStatus();
  }

  absl::Status ReadRoots();
  absl::Status ReadManifests(MetaCursor& cursor);
  absl::Status AddLiveSet(uint64_t number);
  absl::Status ReadForests();
  absl::Status FindServingForests();
  absl::Status AddForests();
  absl::Status AddForest(uint64_t number, const ForestRecord& record);
  absl::Status ReadTexts();

  // Returns how many rows of `live` a forest lacks, or has too many.
  absl::StatusOr<int64_t> DifferenceTo(const LiveSet& live, uint64_t forest);

  Domain& domain_;
  const GarbageMarkOptions& options_;
  PageCache page_cache_;
  RocksPageStore pages_;
  int64_t step_count_ = 0;

  GarbageMark mark_;
  absl::flat_hash_set<uint64_t> added_live_sets_;
  absl::flat_hash_set<uint64_t> preferred_forests_;
  absl::flat_hash_map<std::string, PinnedState> commits_;
  std::map<uint64_t, ForestRecord> forests_;
};

// ---- Roots -----------------------------------------------------------------

absl::Status Marker::ReadRoots() {
  COPSE_ASSIGN_OR_RETURN(CollectionStart start, domain_.StartCollection());
  mark_.ends = start.ends;
  mark_.next_ordinal = start.next_ordinal;
  domain_.text_guard().StartCollection();
  COPSE_ASSIGN_OR_RETURN(const GarbagePins::Roots roots,
                         domain_.pins().FinishStart(options_.check));
  COPSE_RETURN_IF_ERROR(ReadManifests(start.manifests));
  for (const auto& [commit, state] : commits_) {
    COPSE_RETURN_IF_ERROR(AddLiveSet(state.live_set_number));
    preferred_forests_.insert(state.forest_number);
  }
  for (const PinnedState& state : roots.states) {
    COPSE_RETURN_IF_ERROR(AddLiveSet(state.live_set_number));
    preferred_forests_.insert(state.forest_number);
  }
  preferred_forests_.erase(0);
  return absl::OkStatus();
}

absl::Status Marker::ReadManifests(MetaCursor& cursor) {
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(Check());
    COPSE_ASSIGN_OR_RETURN(const std::string commit,
                           ParseCommitKey(cursor.key()));
    const absl::StatusOr<Manifest> manifest = Manifest::Parse(cursor.value());
    if (!manifest.ok()) {
      return AnnotateStored(
          manifest.status(),
          absl::StrCat("manifest of commit '", ShownName(commit), "'"));
    }
    if (!manifest->is_skeleton && !options_.expired_commits.contains(commit)) {
      commits_[commit] = {.live_set_number = manifest->live_set_number,
                          .forest_number = manifest->preferred_forest};
    }
  }
  mark_.commit_count = static_cast<int64_t>(commits_.size());
  return cursor.status();
}

absl::Status Marker::AddLiveSet(uint64_t number) {
  COPSE_RETURN_IF_ERROR(options_.check == nullptr ? absl::OkStatus()
                                                  : options_.check());
  if (number == 0 || !added_live_sets_.insert(number).second) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<uint64_t> chain,
                         domain_.live_sets().ListChain(number));
  mark_.live_sets.insert(chain.begin(), chain.end());
  COPSE_ASSIGN_OR_RETURN(const LiveSet rows, domain_.live_sets().Load(number));
  mark_.rows.AddAll(rows);
  return absl::OkStatus();
}

// ---- Forests ---------------------------------------------------------------

absl::Status Marker::ReadForests() {
  MetaCursor cursor = domain_.database().NewCursor(
      MetaTable::kForests, PrefixRange(DomainPrefix(domain_.number())));
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseForestKey(cursor.key()));
    absl::StatusOr<ForestRecord> record = ForestRecord::Parse(cursor.value());
    if (!record.ok()) {
      return AnnotateStored(record.status(), absl::StrCat("forest ", number));
    }
    forests_.emplace(number, *std::move(record));
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  for (const uint64_t number : preferred_forests_) {
    if (!forests_.contains(number)) {
      return DataDamagedError(absl::StrCat("forest ", number),
                              "its record is missing");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Marker::DifferenceTo(const LiveSet& live,
                                             uint64_t forest) {
  const auto record = forests_.find(forest);
  if (record == forests_.end()) {
    return live.row_count();
  }
  COPSE_ASSIGN_OR_RETURN(
      const LiveSet covered,
      domain_.live_sets().Load(record->second.covered_live_set));
  return LiveSet::SymmetricDifferenceCount(live, covered);
}

absl::Status Marker::FindServingForests() {
  std::map<uint64_t, LiveSet> candidates;
  for (auto forest = forests_.rbegin();
       forest != forests_.rend() && candidates.size() < kServingForestCountMax;
       ++forest) {
    if (!preferred_forests_.contains(forest->first)) {
      COPSE_ASSIGN_OR_RETURN(
          candidates[forest->first],
          domain_.live_sets().Load(forest->second.covered_live_set));
    }
  }
  absl::flat_hash_set<uint64_t> serving;
  for (auto commit = commits_.begin();
       !candidates.empty() && commit != commits_.end(); ++commit) {
    COPSE_RETURN_IF_ERROR(Check());
    COPSE_ASSIGN_OR_RETURN(
        const LiveSet live,
        domain_.live_sets().Load(commit->second.live_set_number));
    COPSE_ASSIGN_OR_RETURN(int64_t least,
                           DifferenceTo(live, commit->second.forest_number));
    if (least <= ChangeCountMax(domain_, live.row_count())) {
      continue;
    }
    uint64_t best = 0;
    for (const auto& [number, covered] : candidates) {
      const int64_t difference =
          LiveSet::SymmetricDifferenceCount(live, covered);
      if (difference < least) {
        least = difference;
        best = number;
      }
    }
    serving.insert(best);
  }
  preferred_forests_.insert(serving.begin(), serving.end());
  preferred_forests_.erase(0);
  return absl::OkStatus();
}

absl::Status Marker::AddForests() {
  COPSE_RETURN_IF_ERROR(ReadForests());
  COPSE_RETURN_IF_ERROR(FindServingForests());
  std::vector<uint64_t> candidates;
  for (const auto& [number, record] : forests_) {
    if (number < mark_.ends.forest_end &&
        !preferred_forests_.contains(number)) {
      candidates.push_back(number);
    }
  }
  mark_.condemned_forests = options_.is_dry_run
                                ? domain_.catalog().FindUnused(candidates)
                                : domain_.catalog().Condemn(candidates);
  for (const uint64_t number : mark_.condemned_forests) {
    forests_.erase(number);
  }
  for (const auto& [number, record] : forests_) {
    COPSE_RETURN_IF_ERROR(AddForest(number, record));
  }
  mark_.forest_count = static_cast<int64_t>(forests_.size());
  return absl::OkStatus();
}

absl::Status Marker::AddForest(uint64_t number, const ForestRecord& record) {
  absl::Status status = AddLiveSet(record.covered_live_set);
  if (status.ok()) {
    const absl::StatusOr<std::shared_ptr<const Forest>> forest =
        Forest::Open(record.root_page, pages_);
    status = forest.ok() ? (*forest)->ForEachPageId([this](PageId page_id) {
      mark_.pages.insert(page_id);
      return Check();
    })
                         : forest.status();
  }
  return absl::IsDataLoss(status)
             ? AnnotateStored(status, absl::StrCat("forest ", number))
             : status;
}

// ---- Texts -----------------------------------------------------------------

absl::Status Marker::ReadTexts() {
  MetaCursor cursor = domain_.database().NewCursor(
      MetaTable::kRows, PrefixRange(DomainPrefix(domain_.number())),
      CacheUse::kSpare);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(Check());
    COPSE_ASSIGN_OR_RETURN(const Ordinal ordinal, ParseRowKey(cursor.key()));
    if (!mark_.KeepsRow(ordinal)) {
      continue;
    }
    const absl::StatusOr<RowRecord> row = RowRecord::Parse(cursor.value());
    if (!row.ok()) {
      return AnnotateStored(row.status(), absl::StrCat("row ", ordinal));
    }
    if (row->has_text) {
      mark_.texts.push_back(ShortHash(row->content_hash));
    }
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  std::ranges::sort(mark_.texts);
  mark_.texts.erase(std::unique(mark_.texts.begin(), mark_.texts.end()),
                    mark_.texts.end());
  return absl::OkStatus();
}

absl::StatusOr<GarbageMark> Marker::Run() {
  COPSE_RETURN_IF_ERROR(ReadRoots());
  COPSE_RETURN_IF_ERROR(AddForests());
  COPSE_RETURN_IF_ERROR(ReadTexts());
  return std::move(mark_);
}

}  // namespace

uint64_t ShortHash(const ContentHash& content_hash) {
  uint64_t hash = 0;
  static_assert(sizeof(hash) <= sizeof(content_hash));
  std::memcpy(&hash, content_hash.data(), sizeof(hash));
  return hash;
}

bool GarbageMark::KeepsText(const ContentHash& content_hash) const {
  return std::ranges::binary_search(texts, ShortHash(content_hash));
}

absl::StatusOr<GarbageMark> MarkDomain(Domain& domain,
                                       const GarbageMarkOptions& options) {
  return Marker(domain, options).Run();
}

}  // namespace copse
