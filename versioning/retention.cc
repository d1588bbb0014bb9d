// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/retention.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/document.h"

namespace copse {
namespace {

absl::Status RetentionError(absl::string_view field, absl::string_view found,
                            absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "DOMAIN_OPTION_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

// The commits that `heads` descend from, themselves included, through deleted
// ones as well.
absl::flat_hash_set<std::string> FindHistory(
    std::span<const RetainedCommit> commits, std::vector<std::string> heads) {
  absl::flat_hash_map<std::string, const RetainedCommit*> by_name;
  for (const RetainedCommit& commit : commits) {
    by_name[commit.commit] = &commit;
  }
  absl::flat_hash_set<std::string> history;
  while (!heads.empty()) {
    std::string name = std::move(heads.back());
    heads.pop_back();
    const auto commit = by_name.find(name);
    if (commit == by_name.end() || !history.insert(name).second) {
      continue;
    }
    const std::vector<std::string>& parents = commit->second->parent_commits;
    heads.insert(heads.end(), parents.begin(), parents.end());
  }
  return history;
}

}  // namespace

absl::Status CheckRetention(const RetentionPolicy& policy) {
  const absl::Duration age = policy.keep_younger_than;
  if (age < absl::ZeroDuration() || age > absl::Seconds(kRetentionSecondsMax)) {
    return RetentionError(
        "retention.keep_younger_than", absl::FormatDuration(age),
        absl::StrCat("0 to ", kRetentionSecondsMax, " seconds"));
  }
  if (absl::Seconds(absl::ToInt64Seconds(age)) != age) {
    return RetentionError("retention.keep_younger_than",
                          absl::FormatDuration(age), "whole seconds");
  }
  if (policy.keep_branches.size() > kRetainedBranchCountMax) {
    return RetentionError(
        "retention.keep_branches",
        absl::StrCat(policy.keep_branches.size(), " branches"),
        absl::StrCat("at most ", kRetainedBranchCountMax));
  }
  for (const std::string& branch : policy.keep_branches) {
    COPSE_RETURN_IF_ERROR(CheckName("retention.keep_branches", branch));
  }
  return absl::OkStatus();
}

std::vector<const RetainedCommit*> ChooseExpired(
    const RetentionPolicy& policy, std::span<const RetainedCommit> commits,
    const RetentionRoots& roots, absl::Time now) {
  if (!policy.has_rules()) {
    return {};
  }
  absl::flat_hash_set<std::string> kept = roots.pinned_commits;
  std::vector<std::string> kept_heads;
  for (const auto& [branch, head] : roots.branches) {
    kept.insert(head);
    if (std::ranges::find(policy.keep_branches, branch) !=
        policy.keep_branches.end()) {
      kept_heads.push_back(head);
    }
  }
  if (!kept_heads.empty()) {
    kept.merge(FindHistory(commits, std::move(kept_heads)));
  }
  std::vector<const RetainedCommit*> newest_first;
  for (const RetainedCommit& commit : commits) {
    if (!commit.is_skeleton) {
      newest_first.push_back(&commit);
    }
  }
  std::ranges::sort(newest_first, [](const auto* left, const auto* right) {
    return left->create_time > right->create_time;
  });
  std::vector<const RetainedCommit*> expired;
  const size_t keep_count = std::max<size_t>(policy.keep_last_count, 1);
  for (size_t i = keep_count; i < newest_first.size(); ++i) {
    const RetainedCommit& commit = *newest_first[i];
    if (!kept.contains(commit.commit) &&
        now - commit.create_time >= policy.keep_younger_than) {
      expired.push_back(&commit);
    }
  }
  return expired;
}

}  // namespace copse
