// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which commits the retention rules of a domain let go.
//
//   COPSE_RETURN_IF_ERROR(CheckRetention(policy));
//   for (const RetainedCommit* commit :
//        ChooseExpired(policy, commits, branches, clock())) { ... }

#ifndef COPSE_VERSIONING_RETENTION_H_
#define COPSE_VERSIONING_RETENTION_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "versioning/commit.h"

namespace copse {

// What the rules go by.
struct RetainedCommit {
  std::string commit;
  std::vector<std::string> parent_commits;
  absl::Time create_time;

  // Deleted already; only its parents count.
  bool is_skeleton = false;
};

// What no rule may delete, and what rules are about.
struct RetentionRoots {
  std::map<std::string, std::string> branches = {};      // Name to head.
  absl::flat_hash_set<std::string> pinned_commits = {};  // Leases, pushes.
};

// Returns kInvalidArgument, DOMAIN_OPTION_INVALID, naming the field, unless
// `policy` can be stored.
absl::Status CheckRetention(const RetentionPolicy& policy);

// Returns the complete commits of `commits`, which are all of a domain, that
// neither a rule nor a root keeps; none if there is no rule. The newest commit
// is kept whatever the rules say.
std::vector<const RetainedCommit*> ChooseExpired(
    const RetentionPolicy& policy, std::span<const RetainedCommit> commits,
    const RetentionRoots& roots, absl::Time now);

}  // namespace copse

#endif  // COPSE_VERSIONING_RETENTION_H_
