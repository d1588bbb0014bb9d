// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The errors that say in which state a store is: one wording and one reason
// for each, wherever it arises. Names come from outside, so messages show them
// escaped and cut.

#ifndef COPSE_VERSIONING_STORE_ERRORS_H_
#define COPSE_VERSIONING_STORE_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Returns `text`, UTF-8, or as many whole characters of it as fit
// `size_bytes_max`.
std::string CutText(absl::string_view text, size_t size_bytes_max);

// Returns `name` as messages show it.
std::string ShownName(absl::string_view name);

absl::Status DomainNotFoundError(absl::string_view domain);
absl::Status DomainExistsError(absl::string_view domain);
// For who writes to a domain object whose name another one has by now, with
// its commits: what failed may be done again.
absl::Status DomainReplacedError(absl::string_view domain);
bool IsDomainReplaced(const absl::Status& status);
absl::Status ReembeddingInFlightError(absl::string_view domain,
                                      absl::string_view owner);
absl::Status CommitNotFoundError(absl::string_view domain,
                                 absl::string_view commit);
// For a commit of which a skeleton is left; the reason is that of the one
// above.
absl::Status CommitDeletedError(absl::string_view domain,
                                absl::string_view commit);
absl::Status LexicalIndexOffError(absl::string_view domain);
absl::Status CommitExistsError(absl::string_view domain,
                               absl::string_view commit);
absl::Status CommitInFlightError(absl::string_view domain,
                                 absl::string_view commit);
absl::Status CommitInUseError(absl::string_view domain,
                              absl::string_view commit,
                              absl::string_view branch);
absl::Status CommitLeasedError(absl::string_view domain,
                               absl::string_view commit,
                               absl::string_view lease);
absl::Status LeaseNotFoundError(absl::string_view domain,
                                absl::string_view lease);
// `commit` is where the lease is.
absl::Status LeaseExistsError(absl::string_view domain, absl::string_view lease,
                              absl::string_view commit);
absl::Status CollectionInFlightError(absl::string_view domain);
absl::Status BackupInFlightError();
absl::Status ParentCommitNotFoundError(absl::string_view domain,
                                       absl::string_view commit,
                                       absl::string_view parent_commit);
absl::Status MergeBaseNotFoundError(absl::string_view domain,
                                    absl::string_view ours_commit,
                                    absl::string_view theirs_commit);
absl::Status MergeBaseDeletedError(absl::string_view domain,
                                   absl::string_view base_commit);
absl::Status MergeConflictsError(absl::string_view domain,
                                 absl::string_view ours_commit,
                                 absl::string_view theirs_commit,
                                 int64_t conflict_count);
absl::Status NothingToMergeError(absl::string_view domain,
                                 absl::string_view ours_commit,
                                 absl::string_view theirs_commit);
absl::Status BranchNotFoundError(absl::string_view domain,
                                 absl::string_view branch);
absl::Status BranchExistsError(absl::string_view domain,
                               absl::string_view branch);

// `found` and `wanted` are commits; empty for a branch that does not exist.
absl::Status BranchMovedError(absl::string_view domain,
                              absl::string_view branch, absl::string_view found,
                              absl::string_view wanted);

// The same for a branch whose name was taken from it since somebody began to
// move it, whatever has the name now.
absl::Status BranchEndedError(absl::string_view domain,
                              absl::string_view branch, absl::string_view found,
                              absl::string_view wanted);

}  // namespace copse

#endif  // COPSE_VERSIONING_STORE_ERRORS_H_
