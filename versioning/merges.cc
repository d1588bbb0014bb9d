// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/commit_builder_impl.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/manifest.h"
#include "versioning/merge.h"
#include "versioning/merge_base.h"
#include "versioning/store_errors.h"
#include "versioning/store_impl.h"

namespace copse {
namespace {

// Finds the commit over which two others are merged.
absl::StatusOr<std::string> ChooseMergeBase(const Domain& domain,
                                            const std::string& ours,
                                            const std::string& theirs,
                                            const MergeVisitor& visitor) {
  const auto read = [&domain](absl::string_view commit)
      -> absl::StatusOr<std::optional<CommitNode>> {
    COPSE_ASSIGN_OR_RETURN(std::optional<Manifest> record,
                           domain.FindRecord(commit));
    if (!record.has_value()) {
      return std::nullopt;
    }
    return CommitNode{
        .parent_commits = std::move(record->parent_commits),
        .parent_fingerprints = std::move(record->parent_fingerprints),
        .fingerprint = record->PublicFingerprint(),
        .create_time = record->create_time,
        .is_deleted = record->is_skeleton};
  };
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<MergeBase> bases,
      FindMergeBases(ours, theirs, {.read = read, .check = visitor.check}));
  if (bases.empty()) {
    return MergeBaseNotFoundError(domain.name(), ours, theirs);
  }
  const MergeBase& base = bases.front();
  if (base.is_deleted) {
    return MergeBaseDeletedError(domain.name(), base.commit);
  }
  if (visitor.on_base != nullptr) {
    COPSE_RETURN_IF_ERROR(visitor.on_base(base.commit, bases.size()));
  }
  return base.commit;
}

}  // namespace

absl::StatusOr<CommitInfo> StoreImpl::MergeCommits(
    const MergeOptions& options, const MergeVisitor& visitor) {
  MergeVisitor remaining = visitor;
  const auto merge_in =
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<CommitInfo> {
    // The readers keep the rows of all three while the merge lasts.
    COPSE_ASSIGN_OR_RETURN(const auto ours,
                           OpenReader(domain, options.commit.parent_commit));
    COPSE_ASSIGN_OR_RETURN(const auto theirs,
                           OpenReader(domain, options.theirs_commit));
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilderImpl> builder,
                           BeginBuilder(domain, options.commit));
    // The builder's parent: another commit may have got its name just now.
    absl::StatusOr<MergedRows> merged =
        MergeReaders(domain, *builder->parent(), *theirs, options, remaining);
    COPSE_RETURN_IF_ERROR(domain->ExplainError(merged.status()));
    // If the domain is replaced now, by one of the same contents, the merge is
    // made again, and finds what was told already.
    remaining.on_base = nullptr;
    remaining.on_conflict = nullptr;
    builder->Merge(*std::move(merged), theirs->info());
    return builder->Commit({}, [&visitor](CommitPhase phase) {
      return phase == CommitPhase::kDone || visitor.check == nullptr
                 ? absl::OkStatus()
                 : visitor.check();
    });
  };
  return WithDomain(options.commit.domain, merge_in);
}

absl::StatusOr<MergedRows> StoreImpl::MergeReaders(
    const std::shared_ptr<Domain>& domain, const CommitReaderImpl& ours,
    const CommitReaderImpl& theirs, const MergeOptions& options,
    const MergeVisitor& visitor) {
  const std::string& ours_commit = options.commit.parent_commit;
  COPSE_ASSIGN_OR_RETURN(
      const std::string base_commit,
      ChooseMergeBase(*domain, ours_commit, options.theirs_commit, visitor));
  if (options.refuses_contained && base_commit == options.theirs_commit) {
    return NothingToMergeError(domain->name(), ours_commit,
                               options.theirs_commit);
  }
  absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> base =
      OpenReader(domain, base_commit);
  if (absl::IsNotFound(base.status()) && !domain->is_deleted()) {
    return MergeBaseDeletedError(domain->name(), base_commit);  // Just now.
  }
  COPSE_RETURN_IF_ERROR(base.status());
  COPSE_ASSIGN_OR_RETURN(MergedRows merged,
                         MergeRows(*domain,
                                   {.base = (*base)->live(),
                                    .ours = ours.live(),
                                    .theirs = theirs.live()},
                                   options.conflict_policy, visitor));
  if (merged.conflict_count > 0 &&
      options.conflict_policy == ConflictPolicy::kFail) {
    return MergeConflictsError(domain->name(), ours_commit,
                               options.theirs_commit, merged.conflict_count);
  }
  return merged;
}

}  // namespace copse
