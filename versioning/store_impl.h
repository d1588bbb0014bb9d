// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The store on a data folder. Its functions are in the files of what they are
// about: store.cc, domains.cc, commits.cc, merges.cc, branches.cc and so on.

#ifndef COPSE_VERSIONING_STORE_IMPL_H_
#define COPSE_VERSIONING_STORE_IMPL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/commit_builder_impl.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/domain_registry.h"
#include "versioning/manifest.h"
#include "versioning/merge.h"
#include "versioning/store.h"
#include "versioning/store_context.h"
#include "versioning/store_errors.h"

namespace copse {

// Thread safety: any number of threads may use one StoreImpl.
class StoreImpl final : public Store {
 public:
  // REQUIRES: folder, database and embedding cache of `context` are open.
  explicit StoreImpl(std::shared_ptr<StoreContext> context);
  ~StoreImpl() override;

  // Ends what a crash cut short. Called once, first.
  absl::Status Recover() { return registry_.ResumeDeletions(); }

  absl::StatusOr<DomainInfo> CreateDomain(
      const DomainOptions& options) override;
  absl::StatusOr<DomainInfo> GetDomain(absl::string_view domain) override;
  absl::StatusOr<Page<DomainInfo>> ListDomains(
      const ListOptions& options) override;
  absl::StatusOr<DomainInfo> UpdateDomain(
      absl::string_view domain, absl::string_view description) override;
  absl::StatusOr<DomainInfo> StoreClustering(absl::string_view domain) override;
  absl::StatusOr<DomainInfo> UpdateRetention(
      absl::string_view domain, const RetentionPolicy& retention) override;
  absl::Status DeleteDomain(absl::string_view domain) override;

  absl::StatusOr<std::unique_ptr<DomainReplacement>> BeginReplacement(
      const DomainOptions& options, absl::string_view owner) override;
  absl::StatusOr<std::optional<ReplacementInfo>> FindReplacement(
      absl::string_view domain) override {
    return registry_.FindReplacement(domain);
  }
  absl::StatusOr<std::vector<std::string>> ListReplacementOwners() override {
    return registry_.ListReplacementOwners();
  }
  absl::Status DropReplacement(absl::string_view owner) override {
    return registry_.DropReplacement(owner);
  }
  absl::StatusOr<size_t> RemoveReplacedDomains() override {
    return registry_.RemoveReplaced();
  }

  absl::StatusOr<LeaseInfo> CreateLease(absl::string_view domain,
                                        absl::string_view lease,
                                        absl::string_view commit,
                                        absl::Time expire_time) override;
  absl::StatusOr<Page<LeaseInfo>> ListLeases(
      absl::string_view domain, const ListOptions& options) override;
  absl::Status DeleteLease(absl::string_view domain,
                           absl::string_view lease) override;
  absl::StatusOr<GarbageReport> CollectGarbage(
      absl::string_view domain, const GarbageOptions& options) override;

  using Store::BeginCommit;
  absl::StatusOr<std::unique_ptr<CommitBuilder>> BeginCommit(
      const CommitOptions& options,
      std::shared_ptr<CommitClaim> claim) override;
  absl::StatusOr<std::shared_ptr<CommitClaim>> ClaimCommit(
      const CommitOptions& options) override;
  absl::StatusOr<CommitInfo> GetCommit(absl::string_view domain,
                                       absl::string_view commit) override;
  absl::StatusOr<Page<CommitInfo>> ListCommits(
      absl::string_view domain, const ListOptions& options) override;
  absl::Status DeleteCommit(absl::string_view domain,
                            absl::string_view commit) override;
  absl::StatusOr<CommitInfo> AssignCommit(
      absl::string_view domain, absl::string_view source_commit,
      absl::string_view target_commit) override;
  absl::Status DiffCommits(
      const DiffOptions& options,
      const std::function<absl::Status(const DocumentChange&)>& visit) override;
  absl::StatusOr<CommitInfo> MergeCommits(const MergeOptions& options,
                                          const MergeVisitor& visitor) override;

  absl::StatusOr<BranchInfo> CreateBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view head_commit) override;
  absl::StatusOr<BranchInfo> GetBranch(absl::string_view domain,
                                       absl::string_view branch) override;
  absl::StatusOr<Page<BranchInfo>> ListBranches(
      absl::string_view domain, const ListOptions& options) override;
  absl::StatusOr<BranchInfo> UpdateBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view head_commit,
      const std::optional<std::string>& expected_commit) override;
  absl::StatusOr<BranchInfo> RenameBranch(
      absl::string_view domain, absl::string_view branch,
      absl::string_view new_branch,
      const std::optional<std::string>& expected_commit) override;
  absl::Status DeleteBranch(absl::string_view domain,
                            absl::string_view branch) override;

  absl::StatusOr<std::shared_ptr<const CommitReader>> OpenCommit(
      absl::string_view domain, absl::string_view commit) override;

  absl::StatusOr<BackupInfo> CreateBackup(
      const BackupOptions& options) override;

  EmbeddingCache& embedding_cache() override {
    return *context_->embedding_cache;
  }
  JobTable& jobs() override { return *context_->jobs; }
  absl::StatusOr<StoreStatistics> GetStatistics() override;
  absl::StatusOr<DomainStatistics> GetDomainStatistics(
      absl::string_view domain) override;
  absl::StatusOr<SizeReport> MeasureSizes(
      absl::string_view domain,
      const std::function<absl::Status()>& check) override;
  absl::StatusOr<VerifyReport> VerifyDomain(
      absl::string_view domain, const std::function<bool()>& stop) override;
  absl::Status Flush() override { return context_->database->Flush(); }
  void WaitForFolds() override { context_->folds.WaitUntilIdle(); }
  absl::Status write_status() const override {
    return context_->database->write_status();
  }

  // ---- For replacements ----

  // Returns the reader of a complete commit from the pool.
  absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> OpenReader(
      const std::shared_ptr<Domain>& domain, absl::string_view commit);

  // BeginCommit() in `domain`. `claim` may be null.
  absl::StatusOr<std::unique_ptr<CommitBuilderImpl>> BeginBuilder(
      const std::shared_ptr<Domain>& domain, const CommitOptions& options,
      std::shared_ptr<DomainClaim> claim = nullptr);

  // DomainReplacement::Switch() of the two domains.
  absl::StatusOr<bool> Replace(
      const std::shared_ptr<Domain>& source,
      const std::shared_ptr<Domain>& target, uint64_t change_count,
      const std::function<StoredJob()>& make_job_record);

 private:
  // Calls `use` with the domain of that name, and again if it was replaced
  // meanwhile.
  template <typename Use>
  auto WithDomain(absl::string_view name, const Use& use)
      -> decltype(use(std::shared_ptr<Domain>())) {
    for (;;) {
      COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                             registry_.Get(name));
      auto result = use(domain);
      if (!IsDomainReplaced(StatusOf(result))) {
        return result;
      }
    }
  }
  static const absl::Status& StatusOf(const absl::Status& status) {
    return status;
  }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }

  // The rest of it, when the commit is claimed.
  absl::StatusOr<std::unique_ptr<CommitBuilderImpl>> MakeBuilder(
      const std::shared_ptr<Domain>& domain, const CommitOptions& options,
      std::shared_ptr<DomainClaim> claim);

  // The rest of AssignCommit(), when the target is claimed.
  absl::StatusOr<Manifest> PublishCopy(Domain& domain,
                                       absl::string_view source_commit,
                                       absl::string_view target_commit);

  // Merges the rows of two commits, unless there are conflicts that the options
  // do not resolve.
  absl::StatusOr<MergedRows> MergeReaders(const std::shared_ptr<Domain>& domain,
                                          const CommitReaderImpl& ours,
                                          const CommitReaderImpl& theirs,
                                          const MergeOptions& options,
                                          const MergeVisitor& visitor);

  const std::shared_ptr<StoreContext> context_;
  DomainRegistry registry_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_STORE_IMPL_H_
