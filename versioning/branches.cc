// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/branch_record.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/page_token.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"
#include "versioning/store_impl.h"

namespace copse {
namespace {

BranchInfo ToInfo(const Domain& domain, absl::string_view branch,
                  const BranchRecord& record) {
  return {.domain = domain.name(),
          .branch = std::string(branch),
          .head_commit = record.head_commit,
          .version = record.version,
          .update_time = record.update_time};
}

}  // namespace

absl::StatusOr<BranchInfo> StoreImpl::CreateBranch(
    absl::string_view domain_name, absl::string_view branch,
    absl::string_view head_commit) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<BranchInfo> {
        COPSE_RETURN_IF_ERROR(CheckName("branch", branch));
        COPSE_ASSIGN_OR_RETURN(
            const BranchRecord record,
            domain->MoveBranch({.branch = std::string(branch),
                                .head_commit = std::string(head_commit)},
                               /*exists=*/false));
        return ToInfo(*domain, branch, record);
      });
}

absl::StatusOr<BranchInfo> StoreImpl::GetBranch(absl::string_view domain_name,
                                                absl::string_view branch) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_ASSIGN_OR_RETURN(const std::optional<BranchRecord> record,
                         domain->FindBranch(branch));
  if (!record.has_value()) {
    return BranchNotFoundError(domain->name(), branch);
  }
  return ToInfo(*domain, branch, *record);
}

absl::StatusOr<Page<BranchInfo>> StoreImpl::ListBranches(
    absl::string_view domain_name, const ListOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_ASSIGN_OR_RETURN(const size_t page_size,
                         EffectivePageSize(options.page_size));
  MetaCursor cursor = context_->database->NewCursor(
      MetaTable::kBranches, PrefixRange(DomainPrefix(domain->number())));
  if (options.page_token.empty()) {
    cursor.SeekToFirst();
  } else {
    COPSE_ASSIGN_OR_RETURN(
        const std::string last,
        ParsePageToken(PageTokenKind::kBranches, domain->number(),
                       options.page_token));
    cursor.Seek(BranchKey(domain->number(), last) + '\0');
  }
  Page<BranchInfo> page;
  for (; cursor.Valid(); cursor.Next()) {
    if (page.items.size() == page_size) {
      page.next_page_token = MakePageToken(
          PageTokenKind::kBranches, domain->number(), page.items.back().branch);
      break;
    }
    COPSE_ASSIGN_OR_RETURN(const std::string branch,
                           ParseBranchKey(cursor.key()));
    const absl::StatusOr<BranchRecord> record =
        BranchRecord::Parse(cursor.value());
    if (!record.ok()) {
      return AnnotateStored(record.status(),
                            absl::StrCat("branch '", ShownName(branch), "'"));
    }
    page.items.push_back(ToInfo(*domain, branch, *record));
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  return page;
}

absl::StatusOr<BranchInfo> StoreImpl::UpdateBranch(
    absl::string_view domain_name, absl::string_view branch,
    absl::string_view head_commit,
    const std::optional<std::string>& expected_commit) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<BranchInfo> {
        COPSE_ASSIGN_OR_RETURN(
            const BranchRecord record,
            domain->MoveBranch({.branch = std::string(branch),
                                .head_commit = std::string(head_commit),
                                .expected_commit = expected_commit},
                               /*exists=*/true));
        return ToInfo(*domain, branch, record);
      });
}

absl::StatusOr<BranchInfo> StoreImpl::RenameBranch(
    absl::string_view domain_name, absl::string_view branch,
    absl::string_view new_branch,
    const std::optional<std::string>& expected_commit) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<BranchInfo> {
        COPSE_RETURN_IF_ERROR(CheckName("new_branch", new_branch));
        COPSE_ASSIGN_OR_RETURN(
            const BranchRecord record,
            domain->RenameBranch(branch, new_branch, expected_commit));
        return ToInfo(*domain, new_branch, record);
      });
}

absl::Status StoreImpl::DeleteBranch(absl::string_view domain_name,
                                     absl::string_view branch) {
  return WithDomain(domain_name,
                    [&](const std::shared_ptr<Domain>& domain) -> absl::Status {
                      return domain->DeleteBranch(branch);
                    });
}

}  // namespace copse
