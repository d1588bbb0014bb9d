// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/branch_record.h"
#include "versioning/commit_builder_impl.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/diff.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/garbage_pins.h"
#include "versioning/keys.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/page_token.h"
#include "versioning/store_errors.h"
#include "versioning/store_impl.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

absl::Status CommitOptionError(absl::string_view field, absl::string_view found,
                               absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "COMMIT_OPTION_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::Status CheckCommitText(absl::string_view field, absl::string_view text) {
  if (text.size() > kCommitTextSizeBytesMax) {
    return CommitOptionError(
        field, absl::StrCat(text.size(), " bytes"),
        absl::StrCat("at most ", kCommitTextSizeBytesMax, " bytes"));
  }
  const size_t valid_size = ValidUtf8Size(text);
  if (valid_size != text.size()) {
    return CommitOptionError(
        field, absl::StrCat("not UTF-8 at byte ", valid_size), "valid UTF-8");
  }
  return absl::OkStatus();
}

absl::Status CheckCommitOptions(const CommitOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckName("commit", options.commit));
  if (!options.branch.empty() || options.expected_branch_commit.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckName("branch", options.branch));
  }
  COPSE_RETURN_IF_ERROR(CheckCommitText("author", options.author));
  COPSE_RETURN_IF_ERROR(CheckCommitText("message", options.message));
  if (options.commit_time.has_value() &&
      (*options.commit_time == absl::InfiniteFuture() ||
       *options.commit_time == absl::InfinitePast())) {
    return CommitOptionError("commit_time", "infinite", "a time");
  }
  return absl::OkStatus();
}

bool HaveSameSnapshot(const Manifest& left, const Manifest& right) {
  return left.vector_count == right.vector_count &&
         left.fingerprint_sum == right.fingerprint_sum;
}

}  // namespace

// ---- Making commits --------------------------------------------------------

absl::StatusOr<std::unique_ptr<CommitBuilder>> StoreImpl::BeginCommit(
    const CommitOptions& options, std::shared_ptr<CommitClaim> claim) {
  return WithDomain(
      options.domain,
      [&](const std::shared_ptr<Domain>& domain)
          -> absl::StatusOr<std::unique_ptr<CommitBuilder>> {
        // Only ClaimCommit() makes claims.
        auto domain_claim = std::static_pointer_cast<DomainClaim>(claim);
        if (domain_claim != nullptr &&
            !domain_claim->Holds(*domain, options.commit)) {
          domain_claim = nullptr;
        }
        return BeginBuilder(domain, options, std::move(domain_claim));
      });
}

absl::StatusOr<std::shared_ptr<CommitClaim>> StoreImpl::ClaimCommit(
    const CommitOptions& options) {
  return WithDomain(options.domain,
                    [&](const std::shared_ptr<Domain>& domain)
                        -> absl::StatusOr<std::shared_ptr<CommitClaim>> {
                      COPSE_RETURN_IF_ERROR(CheckCommitOptions(options));
                      return DomainClaim::Take(domain, options.commit,
                                               options.branch);
                    });
}

absl::StatusOr<std::unique_ptr<CommitBuilderImpl>> StoreImpl::BeginBuilder(
    const std::shared_ptr<Domain>& domain, const CommitOptions& options,
    std::shared_ptr<DomainClaim> claim) {
  COPSE_RETURN_IF_ERROR(CheckCommitOptions(options));
  // What is full may have space again by the time of the write.
  const absl::Status write_status = context_->database->write_status();
  if (!write_status.ok() && !absl::IsResourceExhausted(write_status)) {
    return write_status;
  }
  COPSE_RETURN_IF_ERROR(context_->CheckFreeSpace());
  if (claim == nullptr) {
    COPSE_ASSIGN_OR_RETURN(
        claim, DomainClaim::Take(domain, options.commit, options.branch));
  }
  return MakeBuilder(domain, options, std::move(claim));
}

absl::StatusOr<std::unique_ptr<CommitBuilderImpl>> StoreImpl::MakeBuilder(
    const std::shared_ptr<Domain>& domain, const CommitOptions& options,
    std::shared_ptr<DomainClaim> claim) {
  std::vector<std::string> parents;
  if (!options.parent_commit.empty()) {
    parents.push_back(options.parent_commit);
  }
  // Before anything is allocated, and before the parent is looked for.
  COPSE_ASSIGN_OR_RETURN(GarbagePin pin, domain->PinBuild(std::move(parents)));
  std::shared_ptr<const CommitReaderImpl> parent;
  if (!options.parent_commit.empty()) {
    absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> opened =
        OpenReader(domain, options.parent_commit);
    if (absl::IsNotFound(opened.status()) && !domain->is_deleted()) {
      return ParentCommitNotFoundError(domain->name(), options.commit,
                                       options.parent_commit);
    }
    COPSE_RETURN_IF_ERROR(opened.status());
    parent = *std::move(opened);
  }
  COPSE_ASSIGN_OR_RETURN(std::optional<BranchRecord> branch,
                         domain->FindBranch(options.branch));
  if (claim->branch_watch() != nullptr && claim->branch_watch()->has_ended) {
    return BranchEndedError(domain->name(), options.branch,
                            branch.has_value() ? branch->head_commit : "", "");
  }
  return std::make_unique<CommitBuilderImpl>(
      domain, options, std::move(claim), std::move(parent),
      branch.has_value() ? std::move(branch->head_commit) : "", std::move(pin));
}

absl::StatusOr<CommitInfo> StoreImpl::AssignCommit(
    absl::string_view domain_name, absl::string_view source_commit,
    absl::string_view target_commit) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<CommitInfo> {
        COPSE_RETURN_IF_ERROR(CheckName("target_commit", target_commit));
        COPSE_ASSIGN_OR_RETURN(const Manifest source,
                               domain->GetManifest(source_commit));
        const absl::Status claimed = domain->Claim(target_commit);
        if (absl::IsAlreadyExists(claimed)) {
          COPSE_ASSIGN_OR_RETURN(const Manifest target,
                                 domain->GetManifest(target_commit));
          return HaveSameSnapshot(source, target)
                     ? absl::StatusOr<CommitInfo>(
                           target.ToInfo(domain->name(), target_commit))
                     : claimed;
        }
        COPSE_RETURN_IF_ERROR(claimed);
        const absl::StatusOr<Manifest> target =
            PublishCopy(*domain, source_commit, target_commit);
        domain->Release(target_commit);
        COPSE_RETURN_IF_ERROR(domain->ExplainError(target.status()));
        return target->ToInfo(domain->name(), target_commit);
      });
}

absl::StatusOr<Manifest> StoreImpl::PublishCopy(
    Domain& domain, absl::string_view source_commit,
    absl::string_view target_commit) {
  GarbagePin pin = domain.pins().Open();
  COPSE_ASSIGN_OR_RETURN(Manifest manifest, domain.GetManifest(source_commit));
  pin.Hold({{.live_set_number = manifest.live_set_number,
             .forest_number = manifest.preferred_forest}});
  // A child of the source that changes nothing.
  const Fingerprint fingerprint = *manifest.PublicFingerprint();
  manifest.parent_commits.clear();
  manifest.parent_fingerprints.clear();
  manifest.AddParent(source_commit, fingerprint);
  manifest.branch = "";
  manifest.inserted_count = 0;
  manifest.replaced_count = 0;
  manifest.deleted_count = 0;
  manifest.unknown_delete_count = 0;
  manifest.token_count = 0;
  manifest.written_size_bytes = 0;
  manifest.skipped_documents.clear();
  MetaBatch batch(*context_->database);
  absl::StatusOr<Manifest> published =
      domain.Publish({.commit = std::string(target_commit),
                      .manifest = std::move(manifest),
                      .batch = &batch});
  if (absl::IsFailedPrecondition(published.status())) {
    // Deleted in between.
    COPSE_RETURN_IF_ERROR(domain.GetManifest(source_commit).status());
  }
  return published;
}

// ---- Looking at commits ----------------------------------------------------

absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> StoreImpl::OpenReader(
    const std::shared_ptr<Domain>& domain, absl::string_view commit) {
  if (commit.size() > kNameSizeBytesMax) {
    return CommitNotFoundError(domain->name(), commit);
  }
  absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> reader =
      context_->pool.Get({domain->number(), std::string(commit)}, [&] {
        return CommitReaderImpl::Load(domain, commit);
      });
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  if (reader.ok()) {
    (*reader)->RequestFold();
  }
  return reader;
}

absl::StatusOr<std::shared_ptr<const CommitReader>> StoreImpl::OpenCommit(
    absl::string_view domain_name, absl::string_view commit) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  return OpenReader(domain, commit);
}

absl::StatusOr<CommitInfo> StoreImpl::GetCommit(absl::string_view domain_name,
                                                absl::string_view commit) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  const absl::StatusOr<Manifest> manifest = domain->GetManifest(commit);
  COPSE_RETURN_IF_ERROR(domain->ExplainError(manifest.status()));
  return manifest->ToInfo(domain->name(), commit);
}

absl::StatusOr<Page<CommitInfo>> StoreImpl::ListCommits(
    absl::string_view domain_name, const ListOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_ASSIGN_OR_RETURN(const size_t page_size,
                         EffectivePageSize(options.page_size));
  MetaCursor cursor = context_->database->NewCursor(
      MetaTable::kCommits, CommitTimeRange(domain->number()));
  if (options.page_token.empty()) {
    cursor.SeekToFirst();
  } else {
    COPSE_ASSIGN_OR_RETURN(
        const std::string last_key,
        ParsePageToken(PageTokenKind::kCommits, domain->number(),
                       options.page_token));
    cursor.Seek(last_key + '\0');
  }
  Page<CommitInfo> page;
  std::string last_key;
  for (; cursor.Valid(); cursor.Next()) {
    if (page.items.size() == page_size) {
      page.next_page_token =
          MakePageToken(PageTokenKind::kCommits, domain->number(), last_key);
      break;
    }
    COPSE_ASSIGN_OR_RETURN(const CommitTimeKeyParts parts,
                           ParseCommitTimeKey(cursor.key()));
    COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> manifest,
                           domain->FindManifest(parts.commit));
    last_key = std::string(cursor.key());
    // Otherwise it was deleted, and perhaps pushed again, since the cursor was
    // made.
    if (manifest.has_value() && manifest->create_time == parts.create_time) {
      page.items.push_back(manifest->ToInfo(domain->name(), parts.commit));
    }
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  return page;
}

absl::Status StoreImpl::DeleteCommit(absl::string_view domain_name,
                                     absl::string_view commit) {
  return WithDomain(
      domain_name, [&](const std::shared_ptr<Domain>& domain) -> absl::Status {
        COPSE_RETURN_IF_ERROR(domain->DeleteCommit(commit));
        context_->pool.Erase({domain->number(), std::string(commit)});
        return absl::OkStatus();
      });
}

absl::Status StoreImpl::DiffCommits(
    const DiffOptions& options,
    const std::function<absl::Status(const DocumentChange&)>& visit) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(options.domain));
  COPSE_ASSIGN_OR_RETURN(const auto base,
                         OpenReader(domain, options.base_commit));
  COPSE_ASSIGN_OR_RETURN(const auto target,
                         OpenReader(domain, options.target_commit));
  return domain->ExplainError(
      DiffRows(*domain, base->live(), target->live(), options, visit));
}

}  // namespace copse
