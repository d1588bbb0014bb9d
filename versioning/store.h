// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A store is a data folder: domains, their commits and branches, and the
// indexes of the commits. It is what `sidecar` opens, and the door of this
// library.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
//                          Store::Open({.folder = "/var/lib/copse"}));
//   COPSE_RETURN_IF_ERROR(store->CreateDomain(domain_options).status());
//   COPSE_ASSIGN_OR_RETURN(auto builder, store->BeginCommit(commit_options));
//   ...
//   COPSE_ASSIGN_OR_RETURN(auto reader, store->OpenCommit(domain, commit));
//
// Errors carry a reason (index/util/error_reason.h) with the values of the
// message:
//
//   kNotFound            DOMAIN_NOT_FOUND, COMMIT_NOT_FOUND, BRANCH_NOT_FOUND,
//                        LEASE_NOT_FOUND
//   kAlreadyExists       DOMAIN_EXISTS, COMMIT_EXISTS, BRANCH_EXISTS,
//                        LEASE_EXISTS
//   kAborted             COMMIT_IN_FLIGHT, BRANCH_MOVED, COLLECTION_IN_FLIGHT,
//                        BACKUP_IN_FLIGHT, REEMBEDDING_IN_FLIGHT,
//                        DOMAIN_REPLACED
//   kFailedPrecondition  PARENT_COMMIT_NOT_FOUND, COMMIT_IN_USE,
//                        MERGE_BASE_NOT_FOUND, MERGE_BASE_DELETED,
//                        MERGE_CONFLICTS, NOTHING_TO_MERGE,
//                        DOCUMENT_WITHOUT_TEXT, DATA_FOLDER_LOCKED,
//                        DATA_FOLDER_FOREIGN, DATA_FOLDER_RESTORING,
//                        DATA_FORMAT_OLDER, BACKUP_FOLDER_FOREIGN,
//                        BACKUP_FOLDER_LOCKED
//   kInvalidArgument     NAME_INVALID, STORE_OPTION_INVALID,
//                        DOMAIN_OPTION_INVALID, COMMIT_OPTION_INVALID,
//                        DOCUMENT_ID_INVALID,
//                        DOCUMENT_INVALID, DIMENSION_MISMATCH,
//                        VECTOR_NOT_FINITE, VECTOR_ZERO, VECTOR_NOT_BINARY,
//                        NEIGHBOR_COUNT_INVALID, PAGE_SIZE_INVALID,
//                        PAGE_TOKEN_INVALID, BACKUP_FOLDER_INVALID
//   kResourceExhausted   DISK_FULL, NUMBERS_EXHAUSTED,
//                        MERGE_HISTORY_TOO_LONG
//   kDataLoss            DATA_DAMAGED
//   kUnimplemented       DATA_FORMAT_NEWER
//
// Readers and builders may outlive their store; the folder is closed when the
// last of them is gone.

#ifndef COPSE_VERSIONING_STORE_H_
#define COPSE_VERSIONING_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/forest.h"
#include "versioning/backup.h"
#include "versioning/commit.h"
#include "versioning/commit_builder.h"
#include "versioning/commit_reader.h"
#include "versioning/domain_replacement.h"
#include "versioning/embedding_cache.h"
#include "versioning/garbage_report.h"
#include "versioning/job_table.h"
#include "versioning/pool_statistics.h"
#include "versioning/size_report.h"

namespace copse {

// What a fold in the background did, or why it failed.
struct FoldReport {
  std::string domain = {};
  std::string commit = {};  // The forest covers its rows.
  // kCancelled if the store was closed, or the domain deleted or replaced.
  absl::Status status = absl::OkStatus();
  int64_t row_count = 0;
  int64_t written_page_count = 0;
  int64_t written_size_bytes = 0;
};

struct StoreOptions {
  // The data folder; created if it does not exist.
  std::string folder = {};

  // The budget of loaded indexes, in bytes.
  int64_t pool_size_bytes = int64_t{1} << 30;

  // The budget of the embedding cache on disk, in bytes. 0 means unbounded.
  int64_t embedding_cache_size_bytes = int64_t{4} << 30;

  // Pushes are refused while the disk has fewer free bytes.
  int64_t free_space_min_bytes = int64_t{1} << 30;

  // Threads that one fold may use, in [1, 256].
  uint32_t thread_count = 2;

  // Forest parameters for new forests (metric, seed and threads are set by the
  // store). Up to `forest_row_count_min` rows a domain has no forest.
  ForestOptions forest = {};
  uint32_t forest_row_count_min = 2048;

  // Whether a commit makes the forest that is due (fold.h) before it exists, or
  // leaves it to a thread of the store, so that no push waits for it.
  enum class FoldMode { kInCommit, kInBackground };
  FoldMode fold_mode = FoldMode::kInCommit;

  // How often a commit says that its fold lasts (commit_builder.h).
  absl::Duration fold_notice_interval = absl::Milliseconds(250);

  // Told of every fold in the background when it begins, with the number of
  // rows that it will cover, and when it has ended, on its thread. A fold that
  // is not due does not begin. May be null.
  std::function<void(const FoldReport&)> on_fold_begin = nullptr;
  std::function<void(const FoldReport&)> on_fold = nullptr;

  // The time, injected for tests.
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// One difference between two commits.
struct DocumentChange {
  enum class Kind { kInserted, kReplaced, kDeleted };
  std::string document_id = {};
  std::string type = {};  // In the target, or in the base if it was deleted.
  Kind kind = Kind::kInserted;

  // How far the vectors of a replaced document moved, if it was asked for: see
  // VersionDistance().
  std::optional<float> distance = {};
};

struct DiffOptions {
  enum class Order {
    kDocumentId,  // Ascending by the bytes of the IDs.
    kDistance,    // Replaced documents first, the farthest of them first.
  };

  std::string domain = {};
  std::string base_commit = {};
  std::string target_commit = {};

  // Whether replaced documents have their distance; always with kDistance.
  bool with_distances = false;
  Order order = Order::kDocumentId;

  // How many changes are visited at most; 0 for all. With kDistance it bounds
  // what is held in memory besides the difference of rows.
  size_t change_count_max = 0;

  // If set, asked now and then; a status that is not OK ends the diff.
  std::function<absl::Status()> check = nullptr;
};

// What becomes of a document that both sides of a merge changed, each to
// another content; absence is one.
enum class ConflictPolicy {
  kFail,    // There is no merge.
  kOurs,    // The document is as in ours.
  kTheirs,  // The document is as in theirs.
};

// A document that both sides of a merge changed differently.
struct MergeConflict {
  std::string document_id = {};

  // What each side did to the document of the merge base.
  DocumentChange::Kind ours = DocumentChange::Kind::kReplaced;
  DocumentChange::Kind theirs = DocumentChange::Kind::kReplaced;
};

struct MergeOptions {
  // The commit to make. Its `parent_commit`, "ours", is the first parent.
  CommitOptions commit = {};

  // The commit that is merged into ours: the second parent.
  std::string theirs_commit = {};

  ConflictPolicy conflict_policy = ConflictPolicy::kFail;

  // Fails with kFailedPrecondition, NOTHING_TO_MERGE, if theirs is ours or an
  // ancestor of it, instead of making a commit with the data of ours.
  bool refuses_contained = false;
};

// Hears how a merge goes. What is not set is not told; a status that is not OK
// ends the merge.
struct MergeVisitor {
  // The merge base, and how many best common ancestors there are to choose
  // from.
  std::function<absl::Status(absl::string_view commit, size_t base_count)>
      on_base = nullptr;

  // Each conflict, ascending by the bytes of the IDs, also where the policy
  // resolves it.
  std::function<absl::Status(const MergeConflict&)> on_conflict = nullptr;

  // Asked now and then.
  std::function<absl::Status()> check = nullptr;
};

struct ListOptions {
  // In [0, 1000]; 0 means 50, and more than 1000 gives 1000.
  int32_t page_size = 50;

  // The next_page_token of the page before, or empty for the first one.
  std::string page_token = {};
};

template <typename T>
struct Page {
  std::vector<T> items = {};
  std::string next_page_token = {};  // Empty on the last page.
};

// Folds in the background, since the store was opened.
struct FoldStatistics {
  int64_t waiting_count = 0;  // Now.
  int64_t running_count = 0;  // Now.
  int64_t done_count = 0;
  int64_t failed_count = 0;
};

struct StoreStatistics {
  int64_t domain_count = 0;
  int64_t commit_count = 0;
  int64_t in_flight_count = 0;
  int64_t meta_size_bytes = 0;         // RocksDB's files.
  int64_t meta_memory_size_bytes = 0;  // Its write buffers, caches, filters.
  int64_t vector_size_bytes = 0;       // Allocated in segments.
  int64_t free_size_bytes = 0;         // Of the disk.
  int64_t type_filter_size_bytes = 0;  // Types of rows, in memory.
  PoolStatistics pool = {};
  FoldStatistics folds = {};
  EmbeddingCacheStatistics embedding_cache = {};
};

struct DomainStatistics {
  DomainInfo domain = {};
  int64_t commit_count = 0;
  int64_t branch_count = 0;
  int64_t row_count = 0;  // Ordinals given so far.
  int64_t vector_size_bytes = 0;
  int64_t typed_row_count = 0;         // Rows whose types are in memory.
  int64_t type_filter_size_bytes = 0;  // What these take.
};

struct VerifyFinding {
  // Such as "row 17", "forest 3" or "segment vectors-000000.seg".
  std::string object = {};
  std::string message = {};

  // That reach it; at most 100 are named.
  std::vector<std::string> commits = {};
};

struct VerifyReport {
  int64_t commits_checked = 0;
  int64_t pages_checked = 0;
  int64_t rows_checked = 0;
  std::vector<VerifyFinding> findings = {};  // The first 1000.

  // Of the others. A lost segment alone has 100,000 damaged rows.
  int64_t unlisted_finding_count = 0;

  int64_t finding_count() const {
    return static_cast<int64_t>(findings.size()) + unlisted_finding_count;
  }
};

// Thread safety: any number of threads may use one Store.
class Store {
 public:
  // Opens the store in `options.folder`. Takes no longer for many commits or
  // rows: what is in the folder is read when it is asked for. Fails with
  //
  //   kInvalidArgument, STORE_OPTION_INVALID   naming the option;
  //   kFailedPrecondition, DATA_FOLDER_LOCKED  another process has it open;
  //   kFailedPrecondition, DATA_FOLDER_RESTORING  a restore was cut short;
  //   kFailedPrecondition, DATA_FORMAT_OLDER   a copse from before the first
  //                                            release wrote it;
  //   kUnimplemented, DATA_FORMAT_NEWER        a newer copse wrote it;
  //   kDataLoss, DATA_DAMAGED                  naming what is damaged;
  //   kResourceExhausted, DISK_FULL            too little space to start.
  static absl::StatusOr<std::unique_ptr<Store>> Open(
      const StoreOptions& options);

  virtual ~Store() = default;

  // ---- Domains ----
  virtual absl::StatusOr<DomainInfo> CreateDomain(
      const DomainOptions& options) = 0;
  virtual absl::StatusOr<DomainInfo> GetDomain(absl::string_view domain) = 0;
  // Ascending by the bytes of the names.
  virtual absl::StatusOr<Page<DomainInfo>> ListDomains(
      const ListOptions& options) = 0;
  // Replaces the description.
  virtual absl::StatusOr<DomainInfo> UpdateDomain(
      absl::string_view domain, absl::string_view description) = 0;
  // Has commits that are begun from now on store the clustering vectors that
  // they are given. It cannot be taken back.
  virtual absl::StatusOr<DomainInfo> StoreClustering(
      absl::string_view domain) = 0;
  // Replaces the rules by which CollectGarbage() deletes commits.
  virtual absl::StatusOr<DomainInfo> UpdateRetention(
      absl::string_view domain, const RetentionPolicy& retention) = 0;
  // Makes the domain unreachable at once and removes what it holds before it
  // returns or, after a crash, at the next start; while a backup runs, at its
  // end. Pushes in flight and readers
  // that are open fail with DOMAIN_NOT_FOUND.
  virtual absl::Status DeleteDomain(absl::string_view domain) = 0;

  // ---- Replacements (domain_replacement.h) ----
  // Makes the domain that is to replace the one of the name in `options`, or
  // goes on with the one that `owner`, of at most 64 bytes, has begun, also in
  // a process before; `options` are then not used. Fails with kNotFound,
  // DOMAIN_NOT_FOUND, and kAborted, REEMBEDDING_IN_FLIGHT, if another owner is
  // at it.
  virtual absl::StatusOr<std::unique_ptr<DomainReplacement>> BeginReplacement(
      const DomainOptions& options, absl::string_view owner) = 0;
  // Returns what the domain is being replaced by, or nullopt.
  virtual absl::StatusOr<std::optional<ReplacementInfo>> FindReplacement(
      absl::string_view domain) = 0;
  // Returns the owners of all domains that are to replace others.
  virtual absl::StatusOr<std::vector<std::string>> ListReplacementOwners() = 0;
  // Removes all that `owner` has built, if it has not been put in place.
  virtual absl::Status DropReplacement(absl::string_view owner) = 0;
  // Gives back the space of replaced domains that nobody reads any more.
  // Returns how many are left; the next start removes them, too.
  virtual absl::StatusOr<size_t> RemoveReplacedDomains() = 0;

  // ---- Commits ----
  // Claims the commit for a push. Fails with kAlreadyExists if it is complete,
  // kAborted if it is in flight, kNotFound for an unknown domain,
  // kFailedPrecondition for an unknown parent and kResourceExhausted if the
  // disk has too little space.
  virtual absl::StatusOr<std::unique_ptr<CommitBuilder>> BeginCommit(
      const CommitOptions& options) {
    return BeginCommit(options, nullptr);
  }
  // The same for a caller that has the commit already, and keeps it after the
  // builder is gone until `claim` is, too. A claim of a domain that was deleted
  // since counts for nothing.
  virtual absl::StatusOr<std::unique_ptr<CommitBuilder>> BeginCommit(
      const CommitOptions& options, std::shared_ptr<CommitClaim> claim) = 0;
  // Takes a commit, so that it is in flight for everybody else, before its
  // parent is complete, and whatever space the disk has. Fails as BeginCommit()
  // otherwise.
  virtual absl::StatusOr<std::shared_ptr<CommitClaim>> ClaimCommit(
      const CommitOptions& options) = 0;
  virtual absl::StatusOr<CommitInfo> GetCommit(absl::string_view domain,
                                               absl::string_view commit) = 0;
  // Newest `create_time` first.
  virtual absl::StatusOr<Page<CommitInfo>> ListCommits(
      absl::string_view domain, const ListOptions& options) = 0;
  // Forgets the commit but for its skeleton (ID and parents). Its children
  // stay as they are, and the ID may be pushed again. Fails with
  // kFailedPrecondition, COMMIT_IN_USE, if a branch or a lease is at it. What
  // it alone used is given back by CollectGarbage().
  virtual absl::Status DeleteCommit(absl::string_view domain,
                                    absl::string_view commit) = 0;
  // Gives the snapshot of `source_commit` to `target_commit`, as a child that
  // changes nothing, in O(1). Succeeds without effect if the target has equal
  // data already; fails with COMMIT_EXISTS if it has other data, and
  // COMMIT_IN_FLIGHT if it is being pushed.
  virtual absl::StatusOr<CommitInfo> AssignCommit(
      absl::string_view domain, absl::string_view source_commit,
      absl::string_view target_commit) = 0;
  // Calls `visit` with each document that differs, in time that goes with the
  // difference; stops at the first status that is not OK. Fails with kNotFound
  // for an unknown commit.
  virtual absl::Status DiffCommits(
      const DiffOptions& options,
      const std::function<absl::Status(const DocumentChange&)>& visit) = 0;
  // Makes the commit that has what both `parent_commit` and `theirs_commit`
  // changed since their merge base (merge_base.h), in time that goes with what
  // they changed: no document is embedded, and no vector written. Its parents
  // are the two, also where one is an ancestor of the other; if they are the
  // same commit, that one. Fails as BeginCommit() and CommitBuilder::Commit(),
  // and with
  //
  //   kNotFound, COMMIT_NOT_FOUND                  for an unknown side;
  //   kFailedPrecondition, MERGE_BASE_NOT_FOUND    no common ancestor;
  //   kFailedPrecondition, MERGE_BASE_DELETED      it was deleted;
  //   kFailedPrecondition, MERGE_CONFLICTS         conflicts, and kFail;
  //   kFailedPrecondition, NOTHING_TO_MERGE        see `refuses_contained`;
  //   kResourceExhausted, MERGE_HISTORY_TOO_LONG   too many commits between.
  virtual absl::StatusOr<CommitInfo> MergeCommits(
      const MergeOptions& options, const MergeVisitor& visitor) = 0;

  // ---- Branches ----
  // A branch is at a commit that is complete.
  virtual absl::StatusOr<BranchInfo> CreateBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view head_commit) = 0;
  virtual absl::StatusOr<BranchInfo> GetBranch(absl::string_view domain,
                                               absl::string_view branch) = 0;
  virtual absl::StatusOr<Page<BranchInfo>> ListBranches(
      absl::string_view domain, const ListOptions& options) = 0;
  // Moves the branch to `head_commit`, if `expected_commit` is unset or where
  // the branch is (kAborted, BRANCH_MOVED otherwise).
  virtual absl::StatusOr<BranchInfo> UpdateBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view head_commit,
      const std::optional<std::string>& expected_commit) = 0;
  // Gives the branch, which must be at `expected_commit` if that is set
  // (kAborted, BRANCH_MOVED), a name that no branch has (kAlreadyExists,
  // BRANCH_EXISTS). Retention rules that name it name it anew. Commits that are
  // being built on it fail with BRANCH_MOVED, as when it is deleted.
  virtual absl::StatusOr<BranchInfo> RenameBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view new_branch,
      const std::optional<std::string>& expected_commit) = 0;
  virtual absl::Status DeleteBranch(absl::string_view domain,
                                    absl::string_view branch) = 0;

  // ---- Leases ----
  // Keeps `commit` from being deleted until `expire_time`. The same name again
  // for the same commit changes the time; for another commit it fails with
  // kAlreadyExists, LEASE_EXISTS, until the lease has expired.
  virtual absl::StatusOr<LeaseInfo> CreateLease(absl::string_view domain,
                                                absl::string_view lease,
                                                absl::string_view commit,
                                                absl::Time expire_time) = 0;
  // Ascending by the bytes of the names; with those that have expired, until
  // the next collection.
  virtual absl::StatusOr<Page<LeaseInfo>> ListLeases(
      absl::string_view domain, const ListOptions& options) = 0;
  virtual absl::Status DeleteLease(absl::string_view domain,
                                   absl::string_view lease) = 0;

  // ---- Garbage ----
  // Deletes the commits that the domain's retention rules let go and whatever
  // no commit, open reader or push in flight uses any more, and gives its disk
  // back. Reads and pushes go on meanwhile. Fails with kAborted,
  // COLLECTION_IN_FLIGHT, if the domain is being collected already, kDataLoss
  // if something is damaged that decides what is garbage, and what
  // `options.on_progress` returns; what was deleted until then was garbage, and
  // the next call goes on.
  virtual absl::StatusOr<GarbageReport> CollectGarbage(
      absl::string_view domain, const GarbageOptions& options) = 0;

  // ---- Backup ----
  // Makes a backup of the whole store (backup.h). Reads, pushes and folds go
  // on; collections wait before they give back the disk of vectors, and what is
  // left of domains that are deleted meanwhile is removed at the end. Fails
  // with kAborted, BACKUP_IN_FLIGHT, while another backup runs,
  // kInvalidArgument, BACKUP_FOLDER_INVALID, kFailedPrecondition,
  // BACKUP_FOLDER_FOREIGN and BACKUP_FOLDER_LOCKED, kResourceExhausted,
  // DISK_FULL, naming the folder, also where its disk comes below
  // `free_space_min_bytes`, kDataLoss if something cannot be read, and what
  // `options.on_progress` returns. There is no new backup then, and the others
  // are as they were.
  virtual absl::StatusOr<BackupInfo> CreateBackup(
      const BackupOptions& options) = 0;

  // ---- Reading ----
  // Opens a commit, or returns the reader that the pool has. Fails with
  // kNotFound and kDataLoss.
  virtual absl::StatusOr<std::shared_ptr<const CommitReader>> OpenCommit(
      absl::string_view domain, absl::string_view commit) = 0;

  // ---- The store itself ----
  virtual EmbeddingCache& embedding_cache() = 0;
  virtual JobTable& jobs() = 0;
  virtual absl::StatusOr<StoreStatistics> GetStatistics() = 0;
  virtual absl::StatusOr<DomainStatistics> GetDomainStatistics(
      absl::string_view domain) = 0;
  // Measures what each commit of `domain` takes, and how much of it they share.
  // Reads all of the domain but its vectors. `check`, if set, is asked now and
  // then; a status of it that is not OK ends this. Fails with kDataLoss if
  // something that a commit reaches is missing or damaged.
  virtual absl::StatusOr<SizeReport> MeasureSizes(
      absl::string_view domain,
      const std::function<absl::Status()>& check = nullptr) = 0;
  // Walks everything that the commits of `domain` reach and checks every
  // checksum, count and fingerprint. Damage is a finding, not an error; 1,000
  // findings are listed at most. `stop`, if set, is asked now and then; when it
  // returns true, this fails with kCancelled.
  virtual absl::StatusOr<VerifyReport> VerifyDomain(
      absl::string_view domain,
      const std::function<bool()>& stop = nullptr) = 0;

  // Writes what the tables of the database hold in memory to their files, so
  // that the sizes of these say what there is. Nothing depends on it.
  virtual absl::Status Flush() = 0;

  // Returns when no fold in the background runs or waits.
  virtual void WaitForFolds() = 0;

  // OK, or why writes are refused until the store is opened again.
  virtual absl::Status write_status() const = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_STORE_H_
