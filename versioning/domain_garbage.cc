// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a Domain has for leases, retention and garbage collection.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/branch_record.h"
#include "versioning/domain.h"
#include "versioning/garbage_pins.h"
#include "versioning/keys.h"
#include "versioning/lease_record.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/retention.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// Returns the heads of all branches.
absl::StatusOr<std::map<std::string, std::string>> ReadHeads(
    const MetaDatabase& database, uint32_t domain_number) {
  std::map<std::string, std::string> heads;
  COPSE_RETURN_IF_ERROR(database.ForEach(
      MetaTable::kBranches, PrefixRange(DomainPrefix(domain_number)),
      [&heads](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const std::string branch, ParseBranchKey(key));
        absl::StatusOr<BranchRecord> record = BranchRecord::Parse(value);
        if (!record.ok()) {
          return AnnotateStored(
              record.status(),
              absl::StrCat("branch '", ShownName(branch), "'"));
        }
        heads[branch] = std::move(record->head_commit);
        return absl::OkStatus();
      }));
  return heads;
}

// Returns the commits of all leases that have not expired.
absl::StatusOr<std::map<std::string, std::string>> ReadLeases(
    const MetaDatabase& database, uint32_t domain_number, absl::Time now) {
  std::map<std::string, std::string> leases;
  COPSE_RETURN_IF_ERROR(database.ForEach(
      MetaTable::kDomains, LeaseRange(domain_number),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const std::string lease, ParseLeaseKey(key));
        absl::StatusOr<LeaseRecord> record = LeaseRecord::Parse(value);
        if (!record.ok()) {
          return AnnotateStored(record.status(),
                                absl::StrCat("lease '", ShownName(lease), "'"));
        }
        if (record->expire_time > now) {
          leases[lease] = std::move(record->commit);
        }
        return absl::OkStatus();
      }));
  return leases;
}

}  // namespace

// ---- Leases ----------------------------------------------------------------

absl::StatusOr<LeaseRecord> Domain::PutLease(absl::string_view lease,
                                             absl::string_view commit,
                                             absl::Time expire_time) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_RETURN_IF_ERROR(GetManifest(commit).status());
  const absl::Time now = context_->options.clock();
  LeaseRecord record = {.commit = std::string(commit),
                        .create_time = now,
                        .expire_time = expire_time};
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database().Get(MetaTable::kDomains, LeaseKey(number_, lease)));
  if (bytes.has_value()) {
    const absl::StatusOr<LeaseRecord> existing = LeaseRecord::Parse(*bytes);
    if (!existing.ok()) {
      return AnnotateStored(existing.status(),
                            absl::StrCat("lease '", ShownName(lease), "'"));
    }
    if (existing->commit != commit && existing->expire_time > now) {
      return LeaseExistsError(name_, lease, existing->commit);
    }
    if (existing->commit == commit) {
      record.create_time = existing->create_time;
    }
  }
  MetaBatch batch(database());
  batch.Put(MetaTable::kDomains, LeaseKey(number_, lease), record.Encode());
  COPSE_RETURN_IF_ERROR(database().Write(batch, Durability::kSynced));
  return record;
}

absl::Status Domain::DeleteLease(absl::string_view lease) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  if (lease.size() > kNameSizeBytesMax) {
    return LeaseNotFoundError(name_, lease);
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database().Get(MetaTable::kDomains, LeaseKey(number_, lease)));
  if (!bytes.has_value()) {
    return LeaseNotFoundError(name_, lease);
  }
  MetaBatch batch(database());
  batch.Delete(MetaTable::kDomains, LeaseKey(number_, lease));
  return database().Write(batch, Durability::kSynced);
}

absl::Status Domain::DeleteExpiredLeases() {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  const absl::Time now = context_->options.clock();
  MetaBatch batch(database());
  COPSE_RETURN_IF_ERROR(database().ForEach(
      MetaTable::kDomains, LeaseRange(number_),
      [&](absl::string_view key, absl::string_view value) {
        const absl::StatusOr<LeaseRecord> record = LeaseRecord::Parse(value);
        if (record.ok() && record->expire_time <= now) {
          batch.Delete(MetaTable::kDomains, key);
        }
        return absl::OkStatus();
      }));
  return batch.empty() ? absl::OkStatus()
                       : database().Write(batch, Durability::kUnsynced);
}

// ---- Deleting commits ------------------------------------------------------

absl::Status Domain::CheckUnused(absl::string_view commit) {
  using Names = std::map<std::string, std::string>;
  COPSE_ASSIGN_OR_RETURN(const Names heads, ReadHeads(database(), number_));
  for (const auto& [branch, head] : heads) {
    if (head == commit) {
      return CommitInUseError(name_, commit, branch);
    }
  }
  COPSE_ASSIGN_OR_RETURN(
      const Names leases,
      ReadLeases(database(), number_, context_->options.clock()));
  for (const auto& [lease, leased] : leases) {
    if (leased == commit) {
      return CommitLeasedError(name_, commit, lease);
    }
  }
  return absl::OkStatus();
}

absl::Status Domain::WriteSkeleton(absl::string_view commit,
                                   const Manifest& manifest,
                                   Durability durability) {
  COPSE_ASSIGN_OR_RETURN(const std::string skeleton,
                         manifest.Skeleton().Encode());
  MetaBatch batch(database());
  batch.Put(MetaTable::kCommits, CommitKey(number_, commit), skeleton);
  batch.Delete(MetaTable::kCommits,
               CommitTimeKey(number_, manifest.create_time, commit));
  batch.PutCounter(CounterKind::kCommitCount, number_,
                   static_cast<uint64_t>(commit_count_ - 1));
  COPSE_RETURN_IF_ERROR(database().Write(batch, durability));
  --commit_count_;
  ++change_count_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RetainedCommit>> Domain::ListExpired(
    const std::optional<RetentionPolicy>& retention) {
  const absl::Time now = context_->options.clock();
  RetentionPolicy rules;
  RetentionRoots roots;
  {
    // So that no branch is renamed between the look at the rules and at it.
    MutexLock lock(publish_mutex_);
    rules = retention.has_value() ? *retention : options()->retention;
    COPSE_ASSIGN_OR_RETURN(roots.branches, ReadHeads(database(), number_));
  }
  if (!rules.has_rules()) {
    return std::vector<RetainedCommit>();
  }
  using Names = std::map<std::string, std::string>;
  COPSE_ASSIGN_OR_RETURN(const Names leases,
                         ReadLeases(database(), number_, now));
  for (const auto& [lease, commit] : leases) {
    roots.pinned_commits.insert(commit);
  }
  for (std::string& commit : pins_.PinnedCommits()) {
    roots.pinned_commits.insert(std::move(commit));
  }
  std::vector<RetainedCommit> commits;
  COPSE_RETURN_IF_ERROR(database().ForEach(
      MetaTable::kCommits, CommitRange(number_),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(std::string commit, ParseCommitKey(key));
        absl::StatusOr<Manifest> manifest = Manifest::Parse(value);
        if (!manifest.ok()) {
          return AnnotateStored(
              manifest.status(),
              absl::StrCat("manifest of commit '", ShownName(commit), "'"));
        }
        commits.push_back(
            {.commit = std::move(commit),
             .parent_commits = std::move(manifest->parent_commits),
             .create_time = manifest->create_time,
             .is_skeleton = manifest->is_skeleton});
        return absl::OkStatus();
      }));
  std::vector<RetainedCommit> expired;
  for (const RetainedCommit* commit :
       ChooseExpired(rules, commits, roots, now)) {
    expired.push_back(*commit);
  }
  return expired;
}

absl::StatusOr<bool> Domain::DeleteExpired(const RetainedCommit& expired) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> manifest,
                         FindManifest(expired.commit));
  if (!manifest.has_value() || manifest->create_time != expired.create_time) {
    return false;
  }
  const std::vector<std::string> pinned = pins_.PinnedCommits();
  if (std::ranges::find(pinned, expired.commit) != pinned.end()) {
    return false;
  }
  const absl::Status unused = CheckUnused(expired.commit);
  if (absl::IsFailedPrecondition(unused)) {
    return false;
  }
  COPSE_RETURN_IF_ERROR(unused);
  COPSE_RETURN_IF_ERROR(
      WriteSkeleton(expired.commit, *manifest, Durability::kUnsynced));
  return true;
}

// ---- Collection ------------------------------------------------------------

absl::StatusOr<NumberMarks> Domain::NextNumbers() {
  NumberMarks numbers;
  COPSE_ASSIGN_OR_RETURN(numbers.ordinal_end, ordinals_.next_number());
  COPSE_ASSIGN_OR_RETURN(numbers.page_end, pages_.next_page_id());
  COPSE_ASSIGN_OR_RETURN(numbers.live_set_end, live_sets_.next_number());
  COPSE_ASSIGN_OR_RETURN(numbers.forest_end, forest_numbers_.next_number());
  return numbers;
}

absl::StatusOr<GarbagePin> Domain::PinBuild(std::vector<std::string> commits) {
  COPSE_ASSIGN_OR_RETURN(const NumberMarks numbers, NextNumbers());
  // So that a parent is not deleted between the look for pins and the write.
  MutexLock lock(publish_mutex_);
  return pins_.Build(numbers, std::move(commits));
}

absl::StatusOr<CollectionStart> Domain::StartCollection() {
  // Under this lock no commit begins to exist and none is deleted, so what was
  // pinned and what the manifests say fit together. The numbers are taken
  // before the pins: a build whose pin is not seen allocates later ones.
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const NumberMarks numbers, NextNumbers());
  catalog_.StartCollection();
  return CollectionStart{
      .ends = pins_.StartCollection(numbers),
      .next_ordinal = numbers.ordinal_end,
      .manifests = database().NewCursor(
          MetaTable::kCommits, CommitRange(number_), CacheUse::kSpare)};
}

void Domain::EndCollection() {
  text_guard_.EndCollection();
  catalog_.EndCollection();
  is_collecting_.store(false);
}

absl::Status Domain::RewriteSegment(uint32_t segment_number,
                                    std::span<const Ordinal> kept,
                                    uint64_t open_end) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  return vectors_->Rewrite(segment_number, kept, open_end);
}

}  // namespace copse
