// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/commit_resolver.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

absl::Status CheckSelector(const CommitSelector& selector) {
  if (selector.commit.has_value() == selector.branch.has_value()) {
    return FieldInvalidError(
        "at", selector.commit.has_value() ? "a commit and a branch" : "not set",
        "a commit or a branch");
  }
  if (selector.branch.has_value() && !selector.ancestor_commits.empty()) {
    return FieldInvalidError("at.ancestor_commits", "set",
                             "to be empty with a branch");
  }
  if (selector.ancestor_commits.size() > kAncestorCountMax) {
    return FieldInvalidError(
        "at.ancestor_commits",
        absl::StrCat(selector.ancestor_commits.size(), " commits"),
        absl::StrCat("at most ", kAncestorCountMax));
  }
  if (selector.max_lag.value_or(0) < 0) {
    return FieldInvalidError("at.max_lag", absl::StrCat(*selector.max_lag),
                             "at least 0");
  }
  return absl::OkStatus();
}

// Returns whether `status` says that the commit, and not the domain, is
// unknown.
bool IsCommitNotFound(const absl::Status& status) {
  if (!absl::IsNotFound(status)) {
    return false;
  }
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() && reason->reason == "COMMIT_NOT_FOUND";
}

absl::Status NotFoundError(absl::string_view domain,
                           const CommitSelector& selector,
                           std::optional<size_t> nearest) {
  const std::string& commit = *selector.commit;
  std::string message =
      absl::StrFormat("domain '%s' has no commit '%s'", domain, commit);
  std::vector<std::pair<std::string, std::string>> metadata = {
      {"domain", std::string(domain)}, {"commit", commit}};
  if (nearest.has_value()) {
    const std::string& ancestor = selector.ancestor_commits[*nearest];
    const std::string lag = absl::StrCat(*nearest + 1);
    absl::StrAppend(&message, "; the nearest indexed ancestor is '", ancestor,
                    "' at lag ", lag, ", but max_lag is ", *selector.max_lag);
    metadata.emplace_back("nearest_indexed_commit", ancestor);
    metadata.emplace_back("lag", lag);
    metadata.emplace_back("max_lag", absl::StrCat(*selector.max_lag));
  } else if (!selector.ancestor_commits.empty()) {
    absl::StrAppend(&message, ", nor any of the ",
                    selector.ancestor_commits.size(), " ancestors given");
    metadata.emplace_back("ancestor_count",
                          absl::StrCat(selector.ancestor_commits.size()));
  }
  return WithReason(absl::NotFoundError(message), "COMMIT_NOT_FOUND", metadata);
}

// Returns the position of the first ancestor from `begin` on that is indexed.
absl::StatusOr<std::optional<size_t>> FindIndexed(
    Store& store, absl::string_view domain,
    const std::vector<std::string>& ancestors, size_t begin) {
  for (size_t i = begin; i < ancestors.size(); ++i) {
    const absl::Status found = store.GetCommit(domain, ancestors[i]).status();
    if (found.ok()) {
      return i;
    }
    if (!IsCommitNotFound(found)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<ResolvedCommit> ResolveCommit(Store& store,
                                             absl::string_view domain,
                                             const CommitSelector& selector) {
  COPSE_RETURN_IF_ERROR(CheckSelector(selector));
  ResolvedCommit resolved;
  if (selector.branch.has_value()) {
    COPSE_ASSIGN_OR_RETURN(BranchInfo branch,
                           store.GetBranch(domain, *selector.branch));
    resolved.commit = std::move(branch.head_commit);
    COPSE_ASSIGN_OR_RETURN(resolved.reader,
                           store.OpenCommit(domain, resolved.commit));
    return resolved;
  }
  const std::vector<std::string>& ancestors = selector.ancestor_commits;
  const size_t lag_max = std::min(
      ancestors.size(),
      static_cast<size_t>(selector.max_lag.value_or(int64_t{INT32_MAX})));
  for (size_t lag = 0; lag <= lag_max; ++lag) {
    resolved.commit = lag == 0 ? *selector.commit : ancestors[lag - 1];
    resolved.lag = static_cast<int64_t>(lag);
    auto reader = store.OpenCommit(domain, resolved.commit);
    if (reader.ok()) {
      resolved.reader = *std::move(reader);
      return resolved;
    }
    if (!IsCommitNotFound(reader.status())) {
      return reader.status();
    }
  }
  COPSE_ASSIGN_OR_RETURN(std::optional<size_t> nearest,
                         FindIndexed(store, domain, ancestors, lag_max));
  return NotFoundError(domain, selector, nearest);
}

}  // namespace copse
