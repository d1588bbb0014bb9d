// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
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

#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/branch_record.h"
#include "versioning/keys.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/query_sample.h"
#include "versioning/segment_file.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// Puts `new_name` in the place of `name`, once.
void RenameIn(std::vector<std::string>& names, absl::string_view name,
              absl::string_view new_name) {
  const auto place = std::ranges::find(names, name);
  if (place == names.end()) {
    return;
  }
  if (std::ranges::find(names, new_name) == names.end()) {
    *place = std::string(new_name);
  } else {
    names.erase(place);
  }
}

}  // namespace

absl::Status Domain::WriteScope::status() const {
  return entered_ ? absl::OkStatus() : domain_.CheckWritable();
}

absl::StatusOr<PageId> Domain::GatedPageSink::Write(
    std::span<const std::byte> bytes) {
  const WriteScope scope(domain_);
  COPSE_RETURN_IF_ERROR(scope.status());
  return domain_.pages_.Write(bytes);
}

absl::StatusOr<std::shared_ptr<Domain>> Domain::Open(
    std::shared_ptr<StoreContext> context, const DomainRecord& record) {
  const MetaDatabase& database = *context->database;
  const uint32_t number = record.domain_number;
  COPSE_ASSIGN_OR_RETURN(
      const uint64_t commit_count,
      database.GetCounter(CounterKind::kCommitCount, number));
  COPSE_ASSIGN_OR_RETURN(
      const uint64_t published_end,
      database.GetCounter(CounterKind::kPublishedOrdinalEnd, number));
  absl::StatusOr<std::unique_ptr<VectorSegments>> vectors =
      VectorSegments::Open(
          {.folder = context->folder->DomainPath(number),
           .domain_number = number,
           .dimension = record.options.dimension,
           .encoding = record.options.metric == Metric::kHamming
                           ? RowEncoding::kBits
                           : RowEncoding::kFloats,
           .published_end = published_end});
  if (absl::IsNotFound(vectors.status())) {
    // Not the domain is unknown, its folder is lost.
    return DataDamagedError(
        absl::StrCat("domain '", ShownName(record.options.domain), "'"),
        vectors.status().message());
  }
  COPSE_RETURN_IF_ERROR(vectors.status());
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> sample_bytes,
      database.Get(MetaTable::kDomains, QuerySampleKey(number)));
  std::shared_ptr<Domain> domain(
      new Domain(std::move(context), record, *std::move(vectors),
                 static_cast<int64_t>(commit_count), published_end));
  if (sample_bytes.has_value()) {
    absl::StatusOr<QuerySampleRecord> sample =
        QuerySampleRecord::Parse(*sample_bytes);
    // Losing a damaged sample costs a few hundred queries, not the domain.
    if (sample.ok()) {
      domain->query_sample_.Restore(*std::move(sample));
    }
  }
  return domain;
}

Domain::Domain(std::shared_ptr<StoreContext> context,
               const DomainRecord& record,
               std::unique_ptr<VectorSegments> vectors, int64_t commit_count,
               uint64_t published_end)
    : context_(std::move(context)),
      number_(record.domain_number),
      name_(record.options.domain),
      metric_(record.options.metric),
      dimension_(record.options.dimension),
      has_attribute_index_(record.has_attribute_index),
      vectors_(std::move(vectors)),
      ordinals_(*context_->database, OrdinalAllocatorOptions(number_)),
      forest_numbers_(*context_->database, {.kind = CounterKind::kForest,
                                            .domain_number = number_,
                                            .block_count = 16}),
      live_sets_(*context_->database, number_),
      texts_(*context_->database, number_),
      pages_(*context_->database, number_, context_->page_cache),
      page_sink_(*this),
      catalog_(*context_->database, number_, live_sets_, pages_,
               context_->index_memory),
      types_(context_->type_memory),
      lexical_(*context_->database, number_, record.options.lexical,
               context_->type_memory),
      query_sample_(dimension_, number_),
      commit_count_(commit_count),
      published_end_(published_end),
      record_(std::make_shared<const DomainRecord>(record)) {}

std::shared_ptr<const DomainOptions> Domain::options() const {
  MutexLock lock(mutex_);
  return {record_, &record_->options};
}

absl::StatusOr<DomainInfo> Domain::GetInfo() const {
  COPSE_ASSIGN_OR_RETURN(
      const uint64_t commit_count,
      database().GetCounter(CounterKind::kCommitCount, number_));
  MutexLock lock(mutex_);
  return DomainInfo{.options = record_->options,
                    .domain_number = number_,
                    .create_time = record_->create_time,
                    .commit_count = static_cast<int64_t>(commit_count),
                    .former_numbers = record_->former_numbers};
}

// ---- Deletion --------------------------------------------------------------

absl::Status Domain::CheckExists() const {
  return is_deleted() ? DomainNotFoundError(name_) : absl::OkStatus();
}

absl::Status Domain::ExplainError(const absl::Status& status) const {
  return status.ok() || !is_deleted() ? status : DomainNotFoundError(name_);
}

bool Domain::MarkDeleted() {
  MutexLock lock(mutex_);
  if (is_deleted_.exchange(true)) {
    return false;
  }
  while (writes_in_flight_ > 0) {
    writes_ended_.Wait(mutex_);
  }
  return true;
}

void Domain::UnmarkDeleted() { is_deleted_.store(false); }

absl::Status Domain::Write(MetaBatch& batch, Durability durability) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  return database().Write(batch, durability);
}

absl::Status Domain::WritePostings(MetaBatch& batch) {
  MutexLock lock(lexical_.write_mutex());
  return Write(batch, Durability::kUnsynced);
}

absl::Status Domain::AppendVectors(Ordinal first,
                                   std::span<const float> matrix) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  return vectors_->Append(first, matrix);
}

// ---- Commits in flight -----------------------------------------------------

absl::StatusOr<std::shared_ptr<DomainClaim>> DomainClaim::Take(
    std::shared_ptr<Domain> domain, absl::string_view commit,
    absl::string_view branch) {
  std::shared_ptr<DomainClaim> claim(new DomainClaim(domain, commit));
  COPSE_RETURN_IF_ERROR(domain->Claim(commit, claim.get()));
  claim->is_held_ = true;
  if (!branch.empty()) {
    claim->branch_watch_ = claim->domain()->WatchBranch(branch);
  }
  return claim;
}

DomainClaim::~DomainClaim() {
  if (is_held_) {
    domain()->Release(commit_);
  }
}

void DomainClaim::MoveTo(std::shared_ptr<Domain> domain) {
  std::shared_ptr<Domain> former;  // Dropped after the lock.
  MutexLock lock(mutex_);
  former = std::exchange(domain_, std::move(domain));
}

absl::Status Domain::Claim(absl::string_view commit, DomainClaim* claim) {
  {
    MutexLock lock(mutex_);
    while (is_switching_) {
      switch_ended_.Wait(mutex_);
    }
    if (successor_ != nullptr) {
      return DomainReplacedError(name_);
    }
    if (!commits_in_flight_.try_emplace(commit, claim).second) {
      return CommitInFlightError(name_, commit);
    }
  }
  // Asked under the claim: who completes the commit holds it until then.
  const absl::StatusOr<std::optional<Manifest>> manifest = FindManifest(commit);
  if (manifest.ok() && !manifest->has_value()) {
    context_->in_flight_count.fetch_add(1);
    return absl::OkStatus();
  }
  Forget(commit);
  return manifest.ok() ? CommitExistsError(name_, commit) : manifest.status();
}

void Domain::Release(absl::string_view commit) {
  context_->in_flight_count.fetch_sub(1);
  Forget(commit);
}

void Domain::Forget(absl::string_view commit) {
  std::shared_ptr<Domain> successor;
  {
    MutexLock lock(mutex_);
    if (commits_in_flight_.erase(commit) == 0) {
      successor = successor_;
    }
  }
  if (successor != nullptr) {
    successor->Forget(commit);
  }
}

// ---- Commits and branches --------------------------------------------------

absl::StatusOr<std::optional<Manifest>> Domain::FindRecord(
    absl::string_view commit) const {
  if (commit.size() > kNameSizeBytesMax) {
    return std::nullopt;
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database().Get(MetaTable::kCommits, CommitKey(number_, commit)));
  if (!bytes.has_value()) {
    return std::nullopt;
  }
  absl::StatusOr<Manifest> manifest = Manifest::Parse(*bytes);
  if (!manifest.ok()) {
    return AnnotateStored(
        manifest.status(),
        absl::StrCat("manifest of commit '", ShownName(commit), "'"));
  }
  return *std::move(manifest);
}

absl::StatusOr<std::optional<Manifest>> Domain::FindManifest(
    absl::string_view commit) const {
  COPSE_ASSIGN_OR_RETURN(std::optional<Manifest> record, FindRecord(commit));
  if (record.has_value() && record->is_skeleton) {
    return std::nullopt;
  }
  return record;
}

absl::StatusOr<Manifest> Domain::GetManifest(absl::string_view commit) const {
  COPSE_ASSIGN_OR_RETURN(std::optional<Manifest> record, FindRecord(commit));
  if (!record.has_value()) {
    return CommitNotFoundError(name_, commit);
  }
  if (record->is_skeleton) {
    return CommitDeletedError(name_, commit);
  }
  return *std::move(record);
}

absl::StatusOr<std::optional<BranchRecord>> Domain::FindBranch(
    absl::string_view branch) const {
  if (branch.size() > kNameSizeBytesMax) {
    return std::nullopt;
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database().Get(MetaTable::kBranches, BranchKey(number_, branch)));
  if (!bytes.has_value()) {
    return std::nullopt;
  }
  absl::StatusOr<BranchRecord> record = BranchRecord::Parse(*bytes);
  if (!record.ok()) {
    return AnnotateStored(record.status(),
                          absl::StrCat("branch '", ShownName(branch), "'"));
  }
  return *std::move(record);
}

absl::StatusOr<BranchRecord> Domain::PutMove(const BranchMove& move,
                                             absl::Time now, MetaBatch& batch) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<BranchRecord> current,
                         FindBranch(move.branch));
  const std::string found = current.has_value() ? current->head_commit : "";
  if (move.expected_commit.has_value() && *move.expected_commit != found) {
    return BranchMovedError(name_, move.branch, found, *move.expected_commit);
  }
  if (!current.has_value() && !move.seen_commit.empty()) {
    return BranchMovedError(name_, move.branch, found, move.seen_commit);
  }
  if (move.watch != nullptr && move.watch->has_ended) {
    return BranchEndedError(name_, move.branch, found, move.seen_commit);
  }
  BranchRecord record = {
      .head_commit = move.head_commit,
      .version = current.has_value() ? current->version + 1 : 1,
      .update_time = now};
  batch.Put(MetaTable::kBranches, BranchKey(number_, move.branch),
            record.Encode());
  return record;
}

// Truncated to microseconds, as the key has it. Commits of one microsecond, or
// after a small step back of the clock, are put in the order of publication;
// after a large one the clock is believed.
absl::Time Domain::NextCreateTime() {
  const absl::Time now = absl::FromUnixMicros(
      std::max(int64_t{0}, absl::ToUnixMicros(context_->options.clock())));
  const absl::Time next = last_create_time_ + absl::Microseconds(1);
  if (now < next && next - now < absl::Seconds(1)) {
    return next;
  }
  return now;
}

absl::Status Domain::CheckParents(const Publication& publication) const {
  const Manifest& manifest = publication.manifest;
  for (size_t i = 0; i < manifest.parent_commits.size(); ++i) {
    const std::string& parent = manifest.parent_commits[i];
    COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> found,
                           FindManifest(parent));
    // Not another one that was made under its name.
    if (!found.has_value() ||
        found->PublicFingerprint() != manifest.ParentFingerprint(i)) {
      return ParentCommitNotFoundError(name_, publication.commit, parent);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> Domain::Publish(Publication publication) {
  WaitForHold();
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  const bool is_replayed = publication.replayed_create_time.has_value();
  if (!is_replayed) {
    COPSE_RETURN_IF_ERROR(CheckParents(publication));
  }
  Manifest& manifest = publication.manifest;
  MetaBatch& batch = *publication.batch;
  manifest.create_time =
      is_replayed ? *publication.replayed_create_time : NextCreateTime();
  if (!publication.branch.empty()) {
    COPSE_RETURN_IF_ERROR(
        PutMove({.branch = publication.branch,
                 .head_commit = publication.commit,
                 .expected_commit = publication.expected_branch_commit,
                 .seen_commit = publication.seen_branch_commit,
                 .watch = publication.branch_watch.get()},
                manifest.create_time, batch)
            .status());
  }
  const uint64_t published_end =
      std::max(published_end_, publication.ordinal_end);
  COPSE_ASSIGN_OR_RETURN(const std::string bytes, manifest.Encode());
  batch.Put(MetaTable::kCommits, CommitKey(number_, publication.commit), bytes);
  batch.Put(MetaTable::kCommits,
            CommitTimeKey(number_, manifest.create_time, publication.commit),
            "");
  batch.PutCounter(CounterKind::kCommitCount, number_,
                   static_cast<uint64_t>(commit_count_ + 1));
  batch.PutCounter(CounterKind::kPublishedOrdinalEnd, number_, published_end);
  COPSE_RETURN_IF_ERROR(database().Write(batch, Durability::kSynced));
  ++commit_count_;
  ++change_count_;
  published_end_ = published_end;
  last_create_time_ = is_replayed
                          ? std::max(last_create_time_, manifest.create_time)
                          : manifest.create_time;
  return std::move(manifest);
}

absl::Status Domain::DeleteCommit(absl::string_view commit) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const Manifest manifest, GetManifest(commit));
  COPSE_RETURN_IF_ERROR(CheckUnused(commit));
  return WriteSkeleton(commit, manifest, Durability::kSynced);
}

absl::StatusOr<BranchRecord> Domain::MoveBranch(const BranchMove& move,
                                                bool exists) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const std::optional<BranchRecord> current,
                         FindBranch(move.branch));
  if (exists && !current.has_value()) {
    return BranchNotFoundError(name_, move.branch);
  }
  if (!exists && current.has_value()) {
    return BranchExistsError(name_, move.branch);
  }
  COPSE_RETURN_IF_ERROR(GetManifest(move.head_commit).status());
  MetaBatch batch(database());
  COPSE_ASSIGN_OR_RETURN(BranchRecord record,
                         PutMove(move, context_->options.clock(), batch));
  COPSE_RETURN_IF_ERROR(database().Write(batch, Durability::kSynced));
  return record;
}

absl::StatusOr<BranchRecord> Domain::RenameBranch(
    absl::string_view branch, absl::string_view new_branch,
    const std::optional<std::string>& expected_commit) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(std::optional<BranchRecord> record,
                         FindBranch(branch));
  if (!record.has_value()) {
    return BranchNotFoundError(name_, branch);
  }
  if (expected_commit.has_value() && *expected_commit != record->head_commit) {
    return BranchMovedError(name_, branch, record->head_commit,
                            *expected_commit);
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<BranchRecord> existing,
                         FindBranch(new_branch));
  if (existing.has_value()) {
    return BranchExistsError(name_, new_branch);
  }
  DomainRecord domain_record = CopyRecord();
  RenameIn(domain_record.options.retention.keep_branches, branch, new_branch);
  MetaBatch batch(database());
  batch.Delete(MetaTable::kBranches, BranchKey(number_, branch));
  batch.Put(MetaTable::kBranches, BranchKey(number_, new_branch),
            record->Encode());
  COPSE_RETURN_IF_ERROR(WriteRecord(std::move(domain_record), batch));
  EndBranch(branch);
  return *std::move(record);
}

absl::Status Domain::DeleteBranch(absl::string_view branch) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  COPSE_ASSIGN_OR_RETURN(const std::optional<BranchRecord> current,
                         FindBranch(branch));
  if (!current.has_value()) {
    return BranchNotFoundError(name_, branch);
  }
  MetaBatch batch(database());
  batch.Delete(MetaTable::kBranches, BranchKey(number_, branch));
  COPSE_RETURN_IF_ERROR(database().Write(batch, Durability::kSynced));
  EndBranch(branch);
  return absl::OkStatus();
}

std::shared_ptr<const BranchWatch> Domain::WatchBranch(
    absl::string_view branch) {
  MutexLock lock(publish_mutex_);
  if (branch_watches_.size() >= watches_swept_at_) {
    absl::erase_if(branch_watches_,
                   [](const auto& entry) { return entry.second.expired(); });
    watches_swept_at_ = std::max<size_t>(64, 2 * branch_watches_.size());
  }
  std::weak_ptr<BranchWatch>& slot = branch_watches_[branch];
  std::shared_ptr<BranchWatch> watch = slot.lock();
  if (watch == nullptr) {
    watch = std::make_shared<BranchWatch>();
    slot = watch;
  }
  return watch;
}

void Domain::EndBranch(absl::string_view branch) {
  const auto slot = branch_watches_.find(branch);
  if (slot == branch_watches_.end()) {
    return;
  }
  if (const auto watch = slot->second.lock(); watch != nullptr) {
    watch->has_ended = true;
  }
  // Who watches the name from now on watches another branch.
  branch_watches_.erase(slot);
}

absl::Status Domain::SetDescription(absl::string_view description) {
  return ReplaceRecord([description](DomainOptions& options) {
    options.description = std::string(description);
  });
}

absl::Status Domain::SetRetention(const RetentionPolicy& retention) {
  return ReplaceRecord(
      [&retention](DomainOptions& options) { options.retention = retention; });
}

absl::Status Domain::StoreClustering() {
  return options()->stores_clustering
             ? absl::OkStatus()
             : ReplaceRecord([](DomainOptions& options) {
                 options.stores_clustering = true;
               });
}

absl::Status Domain::ReplaceRecord(
    const std::function<void(DomainOptions& options)>& change) {
  const WriteScope scope(*this);
  COPSE_RETURN_IF_ERROR(scope.status());
  MutexLock lock(publish_mutex_);
  DomainRecord record = CopyRecord();
  change(record.options);
  MetaBatch batch(database());
  return WriteRecord(std::move(record), batch);
}

DomainRecord Domain::CopyRecord() const {
  MutexLock lock(mutex_);
  return *record_;
}

absl::Status Domain::WriteRecord(DomainRecord record, MetaBatch& batch) {
  batch.Put(MetaTable::kDomains, DomainNumberKey(number_), record.Encode());
  COPSE_RETURN_IF_ERROR(database().Write(batch, Durability::kSynced));
  MutexLock lock(mutex_);
  record_ = std::make_shared<const DomainRecord>(std::move(record));
  return absl::OkStatus();
}

}  // namespace copse
