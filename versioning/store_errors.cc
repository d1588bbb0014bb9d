// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/store_errors.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"

namespace copse {
namespace {

constexpr absl::string_view kDomainReplacedReason = "DOMAIN_REPLACED";

// Names are at most 512 bytes (document.h); what is longer is no name of ours.
constexpr size_t kShownSizeBytesMax = 512;

std::string Cut(absl::string_view name) {
  return CutText(name, kShownSizeBytesMax);
}

// Where a branch is, or is expected.
std::string ShownHead(absl::string_view commit, absl::string_view absent) {
  return commit.empty() ? std::string(absent)
                        : absl::StrCat("at commit '", ShownName(commit), "'");
}

}  // namespace

std::string CutText(absl::string_view text, size_t size_bytes_max) {
  size_t size = std::min(text.size(), size_bytes_max);
  while (size > 0 && size < text.size() && (text[size] & 0xc0) == 0x80) {
    --size;
  }
  return std::string(text.substr(0, size));
}

std::string ShownName(absl::string_view name) {
  return absl::StrCat(absl::Utf8SafeCHexEscape(Cut(name)),
                      name.size() > kShownSizeBytesMax ? "..." : "");
}

absl::Status DomainNotFoundError(absl::string_view domain) {
  return WithReason(absl::NotFoundError(absl::StrFormat(
                        "domain '%s' does not exist", ShownName(domain))),
                    "DOMAIN_NOT_FOUND", {{"domain", Cut(domain)}});
}

absl::Status DomainExistsError(absl::string_view domain) {
  return WithReason(absl::AlreadyExistsError(absl::StrFormat(
                        "domain '%s' exists already", ShownName(domain))),
                    "DOMAIN_EXISTS", {{"domain", Cut(domain)}});
}

absl::Status DomainReplacedError(absl::string_view domain) {
  return WithReason(
      absl::AbortedError(absl::StrFormat(
          "domain '%s' was replaced by its re-embedded commits meanwhile: try "
          "again",
          ShownName(domain))),
      kDomainReplacedReason, {{"domain", Cut(domain)}});
}

bool IsDomainReplaced(const absl::Status& status) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() && reason->reason == kDomainReplacedReason;
}

absl::Status ReembeddingInFlightError(absl::string_view domain,
                                      absl::string_view owner) {
  return WithReason(
      absl::AbortedError(absl::StrFormat(
          "domain '%s' is being re-embedded by job %s: wait for it, or cancel "
          "it",
          ShownName(domain), owner)),
      "REEMBEDDING_IN_FLIGHT",
      {{"domain", Cut(domain)}, {"job", std::string(owner)}});
}

absl::Status CommitNotFoundError(absl::string_view domain,
                                 absl::string_view commit) {
  return WithReason(absl::NotFoundError(absl::StrFormat(
                        "commit '%s' of domain '%s' is not indexed",
                        ShownName(commit), ShownName(domain))),
                    "COMMIT_NOT_FOUND",
                    {{"domain", Cut(domain)}, {"commit", Cut(commit)}});
}

absl::Status CommitDeletedError(absl::string_view domain,
                                absl::string_view commit) {
  return WithReason(
      absl::NotFoundError(
          absl::StrFormat("commit '%s' of domain '%s' was deleted",
                          ShownName(commit), ShownName(domain))),
      "COMMIT_NOT_FOUND",
      {{"domain", Cut(domain)}, {"commit", Cut(commit)}, {"deleted", "true"}});
}

absl::Status CommitExistsError(absl::string_view domain,
                               absl::string_view commit) {
  return WithReason(absl::AlreadyExistsError(absl::StrFormat(
                        "commit '%s' of domain '%s' is complete already",
                        ShownName(commit), ShownName(domain))),
                    "COMMIT_EXISTS",
                    {{"domain", Cut(domain)}, {"commit", Cut(commit)}});
}

absl::Status CommitInFlightError(absl::string_view domain,
                                 absl::string_view commit) {
  return WithReason(absl::AbortedError(absl::StrFormat(
                        "commit '%s' of domain '%s' is in flight: another push "
                        "of it has not ended",
                        ShownName(commit), ShownName(domain))),
                    "COMMIT_IN_FLIGHT",
                    {{"domain", Cut(domain)}, {"commit", Cut(commit)}});
}

absl::Status CommitInUseError(absl::string_view domain,
                              absl::string_view commit,
                              absl::string_view branch) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "commit '%s' of domain '%s' is the head of branch '%s'; move or "
          "delete the branch first",
          ShownName(commit), ShownName(domain), ShownName(branch))),
      "COMMIT_IN_USE",
      {{"domain", Cut(domain)},
       {"commit", Cut(commit)},
       {"branch", Cut(branch)}});
}

absl::Status CommitLeasedError(absl::string_view domain,
                               absl::string_view commit,
                               absl::string_view lease) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "commit '%s' of domain '%s' is under lease '%s'; delete the lease "
          "first, or wait until it expires",
          ShownName(commit), ShownName(domain), ShownName(lease))),
      "COMMIT_IN_USE",
      {{"domain", Cut(domain)},
       {"commit", Cut(commit)},
       {"lease", Cut(lease)}});
}

absl::Status LeaseNotFoundError(absl::string_view domain,
                                absl::string_view lease) {
  return WithReason(absl::NotFoundError(absl::StrFormat(
                        "lease '%s' of domain '%s' does not exist",
                        ShownName(lease), ShownName(domain))),
                    "LEASE_NOT_FOUND",
                    {{"domain", Cut(domain)}, {"lease", Cut(lease)}});
}

absl::Status LeaseExistsError(absl::string_view domain, absl::string_view lease,
                              absl::string_view commit) {
  return WithReason(
      absl::AlreadyExistsError(absl::StrFormat(
          "lease '%s' of domain '%s' exists already, of commit "
          "'%s'",
          ShownName(lease), ShownName(domain), ShownName(commit))),
      "LEASE_EXISTS",
      {{"domain", Cut(domain)},
       {"lease", Cut(lease)},
       {"commit", Cut(commit)}});
}

absl::Status CollectionInFlightError(absl::string_view domain) {
  return WithReason(absl::AbortedError(absl::StrFormat(
                        "garbage of domain '%s' is being collected already",
                        ShownName(domain))),
                    "COLLECTION_IN_FLIGHT", {{"domain", Cut(domain)}});
}

absl::Status BackupInFlightError() {
  return WithReason(
      absl::AbortedError(
          "a backup is being made: wait until it has ended, and try again"),
      "BACKUP_IN_FLIGHT");
}

absl::Status ParentCommitNotFoundError(absl::string_view domain,
                                       absl::string_view commit,
                                       absl::string_view parent_commit) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "parent commit '%s' of commit '%s' is not indexed in domain '%s'",
          ShownName(parent_commit), ShownName(commit), ShownName(domain))),
      "PARENT_COMMIT_NOT_FOUND",
      {{"domain", Cut(domain)},
       {"commit", Cut(commit)},
       {"parent_commit", Cut(parent_commit)}});
}

absl::Status MergeBaseNotFoundError(absl::string_view domain,
                                    absl::string_view ours_commit,
                                    absl::string_view theirs_commit) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "commits '%s' and '%s' of domain '%s' have no common ancestor",
          ShownName(ours_commit), ShownName(theirs_commit), ShownName(domain))),
      "MERGE_BASE_NOT_FOUND",
      {{"domain", Cut(domain)},
       {"ours_commit", Cut(ours_commit)},
       {"theirs_commit", Cut(theirs_commit)}});
}

absl::Status MergeBaseDeletedError(absl::string_view domain,
                                   absl::string_view base_commit) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "merge base '%s' of domain '%s' was deleted, so that what changed "
          "since is not known; push it again, or push the merged documents",
          ShownName(base_commit), ShownName(domain))),
      "MERGE_BASE_DELETED",
      {{"domain", Cut(domain)}, {"base_commit", Cut(base_commit)}});
}

absl::Status MergeConflictsError(absl::string_view domain,
                                 absl::string_view ours_commit,
                                 absl::string_view theirs_commit,
                                 int64_t conflict_count) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "commits '%s' and '%s' of domain '%s' changed %d %s differently",
          ShownName(ours_commit), ShownName(theirs_commit), ShownName(domain),
          conflict_count, conflict_count == 1 ? "document" : "documents")),
      "MERGE_CONFLICTS",
      {{"domain", Cut(domain)},
       {"ours_commit", Cut(ours_commit)},
       {"theirs_commit", Cut(theirs_commit)},
       {"conflict_count", absl::StrCat(conflict_count)}});
}

absl::Status NothingToMergeError(absl::string_view domain,
                                 absl::string_view ours_commit,
                                 absl::string_view theirs_commit) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "nothing to merge: '%s' already contains '%s' in domain '%s'",
          ShownName(ours_commit), ShownName(theirs_commit), ShownName(domain))),
      "NOTHING_TO_MERGE",
      {{"domain", Cut(domain)},
       {"ours_commit", Cut(ours_commit)},
       {"theirs_commit", Cut(theirs_commit)}});
}

absl::Status BranchNotFoundError(absl::string_view domain,
                                 absl::string_view branch) {
  return WithReason(absl::NotFoundError(absl::StrFormat(
                        "branch '%s' of domain '%s' does not exist",
                        ShownName(branch), ShownName(domain))),
                    "BRANCH_NOT_FOUND",
                    {{"domain", Cut(domain)}, {"branch", Cut(branch)}});
}

absl::Status BranchExistsError(absl::string_view domain,
                               absl::string_view branch) {
  return WithReason(absl::AlreadyExistsError(absl::StrFormat(
                        "branch '%s' of domain '%s' exists already",
                        ShownName(branch), ShownName(domain))),
                    "BRANCH_EXISTS",
                    {{"domain", Cut(domain)}, {"branch", Cut(branch)}});
}

absl::Status BranchMovedError(absl::string_view domain,
                              absl::string_view branch, absl::string_view found,
                              absl::string_view wanted) {
  return WithReason(absl::AbortedError(absl::StrFormat(
                        "branch '%s' of domain '%s' is %s, expected %s",
                        ShownName(branch), ShownName(domain),
                        ShownHead(found, "absent"), ShownHead(wanted, "none"))),
                    "BRANCH_MOVED",
                    {{"domain", Cut(domain)},
                     {"branch", Cut(branch)},
                     {"found", Cut(found)},
                     {"wanted", Cut(wanted)}});
}

absl::Status BranchEndedError(absl::string_view domain,
                              absl::string_view branch, absl::string_view found,
                              absl::string_view wanted) {
  return WithReason(
      absl::AbortedError(absl::StrFormat(
          "branch '%s' of domain '%s' was renamed or deleted meanwhile, and is "
          "now %s",
          ShownName(branch), ShownName(domain), ShownHead(found, "absent"))),
      "BRANCH_MOVED",
      {{"domain", Cut(domain)},
       {"branch", Cut(branch)},
       {"found", Cut(found)},
       {"wanted", Cut(wanted)}});
}

absl::Status LexicalIndexOffError(absl::string_view domain) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "words of domain '%s' are not indexed: make a domain that does, and "
          "push again",
          ShownName(domain))),
      "LEXICAL_INDEX_OFF", {{"domain", Cut(domain)}});
}

}  // namespace copse
