// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a Domain has for its replacement by another one, which has the same
// commits with other vectors.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/domain_record.h"
#include "versioning/keys.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/store_errors.h"

namespace copse {

bool Domain::is_replaced() const {
  MutexLock lock(mutex_);
  return successor_ != nullptr;
}

absl::Status Domain::CheckWritable() const {
  COPSE_RETURN_IF_ERROR(CheckExists());
  return is_replaced() ? DomainReplacedError(name_) : absl::OkStatus();
}

uint64_t Domain::change_count() {
  MutexLock lock(publish_mutex_);
  return change_count_;
}

// ---- Commits that wait -----------------------------------------------------

void Domain::HoldPublications() {
  MutexLock lock(hold_mutex_);
  is_held_ = true;
}

void Domain::ReleasePublications() {
  MutexLock lock(hold_mutex_);
  is_held_ = false;
  hold_ended_.NotifyAll();
}

void Domain::WaitForHold() {
  MutexLock lock(hold_mutex_);
  while (is_held_) {
    hold_ended_.Wait(hold_mutex_);
  }
}

// ---- The switch ------------------------------------------------------------

absl::StatusOr<bool> Domain::ReplaceBy(const std::shared_ptr<Domain>& successor,
                                       uint64_t change_count,
                                       MetaBatch& batch) {
  COPSE_RETURN_IF_ERROR(BeginSwitch());
  const absl::StatusOr<bool> is_replaced =
      WriteSwitch(*successor, change_count, batch);
  EndSwitch(is_replaced.ok() && *is_replaced ? successor : nullptr);
  return is_replaced;
}

absl::Status Domain::BeginSwitch() {
  MutexLock lock(mutex_);
  if (is_deleted_.load() || successor_ != nullptr) {
    return DomainNotFoundError(name_);
  }
  is_switching_ = true;
  while (writes_in_flight_ > 0) {
    writes_ended_.Wait(mutex_);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Domain::WriteSwitch(Domain& successor,
                                         uint64_t change_count,
                                         MetaBatch& batch) {
  MutexLock lock(publish_mutex_);
  MutexLock successor_lock(successor.publish_mutex_);
  if (change_count_ != change_count) {
    return false;
  }
  COPSE_RETURN_IF_ERROR(PutCopies(successor.number_, batch));
  DomainRecord former = CopyRecord();
  DomainRecord record = successor.CopyRecord();
  record.state = DomainState::kLive;
  record.owner.clear();
  record.options.description = former.options.description;
  record.options.retention = former.options.retention;
  record.options.stores_clustering = former.options.stores_clustering;
  former.state = DomainState::kDeleted;
  batch.Put(MetaTable::kDomains, DomainNumberKey(number_), former.Encode());
  batch.Put(MetaTable::kDomains, DomainNameKey(name_),
            EncodeDomainName(successor.number_));
  COPSE_RETURN_IF_ERROR(successor.WriteRecord(std::move(record), batch));
  successor.last_create_time_ =
      std::max(successor.last_create_time_, last_create_time_);
  successor.branch_watches_ = std::move(branch_watches_);
  branch_watches_.clear();
  return true;
}

absl::Status Domain::PutCopies(uint32_t domain_number, MetaBatch& batch) const {
  COPSE_RETURN_IF_ERROR(database().ForEach(
      MetaTable::kBranches, PrefixRange(DomainPrefix(number_)),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const std::string branch, ParseBranchKey(key));
        batch.Put(MetaTable::kBranches, BranchKey(domain_number, branch),
                  value);
        return absl::OkStatus();
      }));
  return database().ForEach(
      MetaTable::kDomains, LeaseRange(number_),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const std::string lease, ParseLeaseKey(key));
        batch.Put(MetaTable::kDomains, LeaseKey(domain_number, lease), value);
        return absl::OkStatus();
      });
}

void Domain::EndSwitch(const std::shared_ptr<Domain>& successor) {
  MutexLock lock(mutex_);
  if (successor != nullptr) {
    // Who has a claim here has it there from now on: nobody else may push the
    // commit in between.
    for (const auto& [commit, claim] : commits_in_flight_) {
      successor->Adopt(commit, claim);
      if (claim != nullptr) {
        claim->MoveTo(successor);
      }
    }
    commits_in_flight_.clear();
    successor_ = successor;
  }
  is_switching_ = false;
  switch_ended_.NotifyAll();
}

void Domain::Adopt(absl::string_view commit, DomainClaim* claim) {
  MutexLock lock(mutex_);
  commits_in_flight_.try_emplace(commit, claim);
}

absl::Status Domain::PutSkeleton(absl::string_view commit,
                                 const Manifest& skeleton) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const std::string bytes, skeleton.Encode());
  MetaBatch batch(database());
  batch.Put(MetaTable::kCommits, CommitKey(number_, commit), bytes);
  return database().Write(batch, Durability::kUnsynced);
}

}  // namespace copse
