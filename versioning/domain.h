// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An open domain: its storage, its commits in flight, and the one moment at
// which a commit begins to exist.
//
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Domain> domain,
//                          Domain::Open(context, record));
//   COPSE_RETURN_IF_ERROR(domain->Claim("9f31c07a"));
//   ...
//   COPSE_ASSIGN_OR_RETURN(Manifest manifest, domain->Publish(publication));
//   domain->Release("9f31c07a");
//
// Invariants:
//
// * There is at most one Domain object for a domain in the process.
// * Everything that Publish() writes, and nothing else, makes commits and moves
//   branches, under one lock: what it checks still holds when it writes.
// * After MarkDeleted() nothing is written under the domain's number any more,
//   and nothing is read; after ReplaceBy() nothing is written.

#ifndef COPSE_VERSIONING_DOMAIN_H_
#define COPSE_VERSIONING_DOMAIN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/page_store.h"
#include "index/util/mutex.h"
#include "versioning/branch_record.h"
#include "versioning/commit.h"
#include "versioning/commit_builder.h"
#include "versioning/domain_record.h"
#include "versioning/garbage_pins.h"
#include "versioning/index_catalog.h"
#include "versioning/lease_record.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/number_allocator.h"
#include "versioning/query_sample.h"
#include "versioning/retention.h"
#include "versioning/rocks_page_store.h"
#include "versioning/store_context.h"
#include "versioning/text_guard.h"
#include "versioning/text_store.h"
#include "versioning/type_index.h"
#include "versioning/vector_segments.h"

namespace copse {

// What somebody holds who means to move a branch later. A name that was taken
// from a branch and given again is another branch.
struct BranchWatch {
  // Whether the branch was renamed or deleted meanwhile, even if it had been
  // made only then.
  std::atomic<bool> has_ended = false;
};

// A commit that is ready to exist.
struct Publication {
  std::string commit;

  // Its create time is set by Publish(). Its parents must be complete at that
  // moment, and what it says they are.
  Manifest manifest;

  // The branch to move, if not empty, and where it must be, if set (an empty
  // string: it must not exist).
  std::string branch = {};
  std::optional<std::string> expected_branch_commit = std::nullopt;

  // Where the branch was when the push began; empty: it did not exist.
  std::string seen_branch_commit = {};
  std::shared_ptr<const BranchWatch> branch_watch = nullptr;

  // If set, the commit was made then, in the domain that this one is to
  // replace. Its parents may be deleted by now, and are not looked for.
  std::optional<absl::Time> replayed_create_time = std::nullopt;

  // Every ordinal of the live set is below it.
  uint64_t ordinal_end = 0;

  // What is written with it: live set and forest record. Not owned.
  MetaBatch* batch = nullptr;
};

// A branch to be moved or made.
struct BranchMove {
  std::string branch = {};
  std::string head_commit;

  // Unset: wherever it is. An empty string: it must not exist.
  std::optional<std::string> expected_commit = std::nullopt;

  // Where it was seen before. If not empty, and it is gone, it was deleted or
  // renamed, and is not made again (BRANCH_MOVED).
  std::string seen_commit = {};

  // If set, of somebody who fails the same way if it has ended. Not owned.
  const BranchWatch* watch = nullptr;
};

class Domain;

// A commit in flight, as long as somebody holds this.
class DomainClaim final : public CommitClaim {
 public:
  // `branch`, if not empty, is watched from then on. Fails as Domain::Claim().
  static absl::StatusOr<std::shared_ptr<DomainClaim>> Take(
      std::shared_ptr<Domain> domain, absl::string_view commit,
      absl::string_view branch);
  ~DomainClaim() override;
  DomainClaim(const DomainClaim&) = delete;
  DomainClaim& operator=(const DomainClaim&) = delete;

  bool Holds(const Domain& domain, absl::string_view commit) const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return domain_.get() == &domain && commit_ == commit;
  }

  // From now on it is a claim of a commit of `domain`, which replaces the one
  // before.
  void MoveTo(std::shared_ptr<Domain> domain) ABSL_LOCKS_EXCLUDED(mutex_);

  // Null without a branch.
  const std::shared_ptr<const BranchWatch>& branch_watch() const {
    return branch_watch_;
  }

 private:
  DomainClaim(std::shared_ptr<Domain> domain, absl::string_view commit)
      : domain_(std::move(domain)), commit_(commit) {}

  std::shared_ptr<Domain> domain() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return domain_;
  }

  mutable Mutex mutex_;
  std::shared_ptr<Domain> domain_ ABSL_GUARDED_BY(mutex_);
  const std::string commit_;
  bool is_held_ = false;
  std::shared_ptr<const BranchWatch> branch_watch_;
};

// What a garbage collection begins with, all of one moment.
struct CollectionStart {
  // Numbers from these on are new.
  NumberMarks ends;

  // Where the next row was to be written.
  uint64_t next_ordinal = 0;

  // Over CommitRange().
  MetaCursor manifests;
};

// Thread safety: any number of threads may use one Domain.
class Domain {
 public:
  // Fails with what opening the segments fails with.
  static absl::StatusOr<std::shared_ptr<Domain>> Open(
      std::shared_ptr<StoreContext> context, const DomainRecord& record);

  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  uint32_t number() const { return number_; }
  const std::string& name() const { return name_; }
  Metric metric() const { return metric_; }
  uint32_t dimension() const { return dimension_; }

  // Whether the postings have the attributes of all its documents.
  bool has_attribute_index() const { return has_attribute_index_; }

  // The options as they are now: the description may change.
  std::shared_ptr<const DomainOptions> options() const;
  absl::StatusOr<DomainInfo> GetInfo() const;

  StoreContext& context() const { return *context_; }
  MetaDatabase& database() const { return *context_->database; }
  VectorSegments& vectors() const { return *vectors_; }
  NumberAllocator& ordinals() { return ordinals_; }
  NumberAllocator& forest_numbers() { return forest_numbers_; }
  LiveSetStore& live_sets() { return live_sets_; }
  const TextStore& texts() const { return texts_; }
  const PageSource& pages() const { return pages_; }
  // Writes fail once the domain is deleted.
  PageSink& page_sink() { return page_sink_; }
  IndexCatalog& catalog() { return catalog_; }
  TypeIndex& types() { return types_; }
  LexicalIndex& lexical() { return lexical_; }

  // Queries that searches had, as of the last fold before the store was opened
  // and since. Written with each fold.
  QuerySample& query_sample() const { return query_sample_; }

  // ---- Deletion ----

  bool is_deleted() const { return is_deleted_.load(); }

  // Returns OK, or DOMAIN_NOT_FOUND once the domain is deleted.
  absl::Status CheckExists() const;

  // Returns `status`, or DOMAIN_NOT_FOUND in the place of an error that the
  // deletion may have caused.
  absl::Status ExplainError(const absl::Status& status) const;

  // Refuses writes from now on and waits for those that have begun. Returns
  // false if someone else did so before.
  bool MarkDeleted();

  // Takes MarkDeleted() back, whose caller could not go on.
  void UnmarkDeleted();

  // ---- Replacement (domain_switch.cc) ----

  // Whether another domain has taken over the name, and the commits. Readers go
  // on, and writers fail with DOMAIN_REPLACED.
  bool is_replaced() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns OK, DOMAIN_NOT_FOUND or DOMAIN_REPLACED.
  absl::Status CheckWritable() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Grows with every commit that begins to exist or is deleted.
  uint64_t change_count() ABSL_LOCKS_EXCLUDED(publish_mutex_);

  // Makes commits wait that are about to begin to exist, until
  // ReleasePublications().
  void HoldPublications() ABSL_LOCKS_EXCLUDED(hold_mutex_);
  void ReleasePublications() ABSL_LOCKS_EXCLUDED(hold_mutex_);

  // Has `successor`, which has the commits that this domain has, take over
  // branches, leases, rules, commits in flight and the name, in one synced
  // write of `batch`; from then on this domain is replaced, and as good as
  // deleted for the next start. Returns false, and does nothing, if
  // change_count() is not `change_count` any more. Fails with DOMAIN_NOT_FOUND,
  // and what the write fails with.
  absl::StatusOr<bool> ReplaceBy(const std::shared_ptr<Domain>& successor,
                                 uint64_t change_count, MetaBatch& batch);

  // Writes what is left of a commit that was deleted in the domain that this
  // one is to replace.
  absl::Status PutSkeleton(absl::string_view commit, const Manifest& skeleton);

  // Applies `batch` unless the domain is deleted (DOMAIN_NOT_FOUND).
  absl::Status Write(MetaBatch& batch, Durability durability);

  // The same, unsynced, for a batch that adds postings.
  absl::Status WritePostings(MetaBatch& batch);

  // Appends and syncs vectors unless the domain is deleted.
  absl::Status AppendVectors(Ordinal first, std::span<const float> matrix);

  // ---- Commits in flight ----

  // Takes `commit` for the caller. Fails with kAborted, COMMIT_IN_FLIGHT, if
  // someone has it, and kAlreadyExists, COMMIT_EXISTS, if it is complete.
  // `claim`, which may be null, hears of it when the commit moves to another
  // domain.
  absl::Status Claim(absl::string_view commit, DomainClaim* claim = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(absl::string_view commit) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- Commits and branches ----

  // Returns what is stored of a commit: its manifest, the skeleton of one that
  // was deleted, or nullopt.
  absl::StatusOr<std::optional<Manifest>> FindRecord(
      absl::string_view commit) const;
  // Returns the manifest of a complete commit, or nullopt.
  absl::StatusOr<std::optional<Manifest>> FindManifest(
      absl::string_view commit) const;
  // Fails with kNotFound, COMMIT_NOT_FOUND, if it is not complete.
  absl::StatusOr<Manifest> GetManifest(absl::string_view commit) const;
  absl::StatusOr<std::optional<BranchRecord>> FindBranch(
      absl::string_view branch) const;

  // Makes a commit exist, durably, in one write, and returns its manifest.
  // Fails with PARENT_COMMIT_NOT_FOUND if a parent is not complete, or is
  // another commit than the one it was built from, BRANCH_MOVED, and what the
  // write fails with.
  absl::StatusOr<Manifest> Publish(Publication publication);

  // Deletes the commit but for its skeleton. Fails with COMMIT_NOT_FOUND, and
  // kFailedPrecondition, COMMIT_IN_USE, naming a branch or a lease that is at
  // it.
  absl::Status DeleteCommit(absl::string_view commit);

  // Moves or makes a branch. Fails with COMMIT_NOT_FOUND and BRANCH_MOVED.
  // `exists`: whether the branch must exist (BRANCH_NOT_FOUND) or must not
  // (BRANCH_EXISTS).
  absl::StatusOr<BranchRecord> MoveBranch(const BranchMove& move, bool exists);
  // Gives a branch another name, with its retention rule. Fails with
  // BRANCH_NOT_FOUND, BRANCH_EXISTS and BRANCH_MOVED.
  absl::StatusOr<BranchRecord> RenameBranch(
      absl::string_view branch, absl::string_view new_branch,
      const std::optional<std::string>& expected_commit);
  absl::Status DeleteBranch(absl::string_view branch);

  // Watches a branch, which need not exist, as long as somebody holds what is
  // returned.
  std::shared_ptr<const BranchWatch> WatchBranch(absl::string_view branch);

  // Replaces the description, or the retention rules.
  absl::Status SetDescription(absl::string_view description);
  absl::Status SetRetention(const RetentionPolicy& retention);
  // From now on clustering vectors are stored. Without effect if they are.
  absl::Status StoreClustering();

  // ---- Leases (domain_garbage.cc) ----

  // Makes a lease, or gives the one of that name another expire time. Fails
  // with COMMIT_NOT_FOUND, and LEASE_EXISTS if it is of another commit.
  absl::StatusOr<LeaseRecord> PutLease(absl::string_view lease,
                                       absl::string_view commit,
                                       absl::Time expire_time);
  absl::Status DeleteLease(absl::string_view lease);

  // ---- Garbage collection (domain_garbage.cc) ----

  GarbagePins& pins() { return pins_; }
  TextGuard& text_guard() { return text_guard_; }

  // Returns a pin of someone who allocates numbers from now on, and needs the
  // manifests of `commits`.
  absl::StatusOr<GarbagePin> PinBuild(std::vector<std::string> commits);

  // Returns whether the caller may collect: one does at a time.
  bool BeginCollection() { return !is_collecting_.exchange(true); }
  void EndCollection();

  // Takes the state of the domain that a collection goes by. Ends with
  // EndCollection().
  absl::StatusOr<CollectionStart> StartCollection();

  // Forgets the leases that have expired. Not synced.
  absl::Status DeleteExpiredLeases();

  // Returns what `retention`, or the rules of the domain if it is unset, say
  // may go.
  absl::StatusOr<std::vector<RetainedCommit>> ListExpired(
      const std::optional<RetentionPolicy>& retention);

  // Deletes the commit unless it has become needed, or is another one, since it
  // was listed. Not synced. Returns whether it did.
  absl::StatusOr<bool> DeleteExpired(const RetainedCommit& expired);

  // VectorSegments::Rewrite() unless the domain is deleted.
  absl::Status RewriteSegment(uint32_t segment_number,
                              std::span<const Ordinal> kept, uint64_t open_end);

 private:
  // Counts a write while it lasts, unless the domain is deleted or replaced,
  // which waits for it.
  class WriteScope {
   public:
    explicit WriteScope(Domain& domain) : domain_(domain) {
      MutexLock lock(domain_.mutex_);
      while (domain_.is_switching_) {
        domain_.switch_ended_.Wait(domain_.mutex_);
      }
      entered_ = !domain_.is_deleted_.load() && domain_.successor_ == nullptr;
      domain_.writes_in_flight_ += entered_ ? 1 : 0;
    }
    ~WriteScope() {
      if (!entered_) {
        return;
      }
      MutexLock lock(domain_.mutex_);
      if (--domain_.writes_in_flight_ == 0) {
        domain_.writes_ended_.NotifyAll();
      }
    }
    WriteScope(const WriteScope&) = delete;
    WriteScope& operator=(const WriteScope&) = delete;

    // OK, DOMAIN_NOT_FOUND or DOMAIN_REPLACED: then nothing may be written.
    absl::Status status() const;

   private:
    Domain& domain_;
    bool entered_;
  };

  // Pages of folds, which end when the domain is deleted.
  class GatedPageSink final : public PageSink {
   public:
    explicit GatedPageSink(Domain& domain) : domain_(domain) {}
    absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override;

   private:
    Domain& domain_;
  };

  Domain(std::shared_ptr<StoreContext> context, const DomainRecord& record,
         std::unique_ptr<VectorSegments> vectors, int64_t commit_count,
         uint64_t published_end);

  // Fails as Publish() unless the parents are what they were built from.
  absl::Status CheckParents(const Publication& publication) const;
  // Puts the move into `batch`, and returns the record.
  absl::StatusOr<BranchRecord> PutMove(const BranchMove& move, absl::Time now,
                                       MetaBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  // Tells those who watch the branch that it has ended.
  void EndBranch(absl::string_view branch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  // Fails with COMMIT_IN_USE if a branch is at the commit, or a lease.
  absl::Status CheckUnused(absl::string_view commit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  absl::Status WriteSkeleton(absl::string_view commit, const Manifest& manifest,
                             Durability durability)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  DomainRecord CopyRecord() const;
  // Writes `batch` with the record, which is the domain's from then on.
  absl::Status WriteRecord(DomainRecord record, MetaBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  absl::Status ReplaceRecord(
      const std::function<void(DomainOptions& options)>& change);
  // Forgets that `commit` is in flight, here or where it went.
  void Forget(absl::string_view commit) ABSL_LOCKS_EXCLUDED(mutex_);

  // The steps of ReplaceBy(): writes wait from the first to the last.
  absl::Status BeginSwitch() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<bool> WriteSwitch(Domain& successor, uint64_t change_count,
                                   MetaBatch& batch)
      ABSL_LOCKS_EXCLUDED(publish_mutex_);
  // `successor` is null if there was no switch.
  void EndSwitch(const std::shared_ptr<Domain>& successor)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Adopt(absl::string_view commit, DomainClaim* claim)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status PutCopies(uint32_t domain_number, MetaBatch& batch) const;
  void WaitForHold() ABSL_LOCKS_EXCLUDED(hold_mutex_);

  absl::StatusOr<NumberMarks> NextNumbers();
  absl::Time NextCreateTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);

  const std::shared_ptr<StoreContext> context_;
  const uint32_t number_;
  const std::string name_;
  const Metric metric_;
  const uint32_t dimension_;
  const bool has_attribute_index_;
  const std::unique_ptr<VectorSegments> vectors_;
  NumberAllocator ordinals_;
  NumberAllocator forest_numbers_;
  LiveSetStore live_sets_;
  TextStore texts_;
  RocksPageStore pages_;
  GatedPageSink page_sink_;
  IndexCatalog catalog_;
  TypeIndex types_;
  LexicalIndex lexical_;
  mutable QuerySample query_sample_;
  std::atomic<bool> is_deleted_ = false;
  GarbagePins pins_;
  TextGuard text_guard_;
  std::atomic<bool> is_collecting_ = false;

  // Held while a commit or branch is written, and taken before mutex_.
  Mutex publish_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  int64_t commit_count_ ABSL_GUARDED_BY(publish_mutex_);
  uint64_t change_count_ ABSL_GUARDED_BY(publish_mutex_) = 0;
  uint64_t published_end_ ABSL_GUARDED_BY(publish_mutex_);
  absl::Time last_create_time_ ABSL_GUARDED_BY(publish_mutex_) =
      absl::InfinitePast();
  absl::flat_hash_map<std::string, std::weak_ptr<BranchWatch>> branch_watches_
      ABSL_GUARDED_BY(publish_mutex_);
  // At this size branch_watches_ is rid of what nobody holds.
  size_t watches_swept_at_ ABSL_GUARDED_BY(publish_mutex_) = 64;

  Mutex hold_mutex_;
  CondVar hold_ended_;
  bool is_held_ ABSL_GUARDED_BY(hold_mutex_) = false;

  mutable Mutex mutex_;
  CondVar writes_ended_;
  CondVar switch_ended_;
  int64_t writes_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_switching_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Domain> successor_ ABSL_GUARDED_BY(mutex_);
  // By whom, if by an object.
  absl::flat_hash_map<std::string, DomainClaim*> commits_in_flight_
      ABSL_GUARDED_BY(mutex_);
  // Replaced as a whole when the description changes.
  std::shared_ptr<const DomainRecord> record_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_H_
