// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the commit that a read is about: a commit, the head of a branch, or
// the nearest indexed one of a commit and its ancestors.
//
//   COPSE_ASSIGN_OR_RETURN(ResolvedCommit at,
//                          ResolveCommit(store, "admin/books", selector));
//   at.reader->Search(...);

#ifndef COPSE_SIDECAR_SERVICE_COMMIT_RESOLVER_H_
#define COPSE_SIDECAR_SERVICE_COMMIT_RESOLVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {

inline constexpr size_t kAncestorCountMax = 10000;

// What a caller says about the commit to read: exactly one of `commit` and
// `branch` is set.
struct CommitSelector {
  std::optional<std::string> commit;
  std::optional<std::string> branch;

  // The ancestors of `commit`, nearest first; at most kAncestorCountMax. Empty
  // with `branch`.
  std::vector<std::string> ancestor_commits;

  // The greatest position in `ancestor_commits`, counted from 1, that may
  // answer; at least 0. Unset means the whole list.
  std::optional<int64_t> max_lag;
};

struct ResolvedCommit {
  std::shared_ptr<const CommitReader> reader;
  std::string commit;

  // Its position in `ancestor_commits`, counted from 1; 0 if it is the commit
  // that was asked for.
  int64_t lag = 0;
};

// Opens the commit that `selector` means. Fails with kInvalidArgument,
// FIELD_INVALID, for a selector that is not as above, and with kNotFound:
// DOMAIN_NOT_FOUND, BRANCH_NOT_FOUND or COMMIT_NOT_FOUND. The last has the
// metadata `nearest_indexed_commit` and `lag` if an ancestor is indexed but
// farther away than `max_lag` allows.
absl::StatusOr<ResolvedCommit> ResolveCommit(Store& store,
                                             absl::string_view domain,
                                             const CommitSelector& selector);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_COMMIT_RESOLVER_H_
