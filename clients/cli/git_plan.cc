// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_plan.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "clients/cli/git_repository.h"
#include "clients/cpp/status_macros.h"

namespace copse {

absl::StatusOr<GitPlan> PlanGitPush(const GitRepository& repository,
                                    const GitPlanOptions& options) {
  GitPlan plan;
  bool is_full = false;
  bool since_is_found = false;
  COPSE_CLIENT_RETURN_IF_ERROR(
      repository.WalkFirstParents(options.head, [&](const GitId& id) {
        if (options.is_indexed(id)) {
          plan.base = id;
          return false;
        }
        if (!is_full) {
          plan.commits.push_back(id);
        }
        since_is_found = since_is_found || options.since == id;
        const auto count = static_cast<int64_t>(plan.commits.size());
        is_full =
            is_full || since_is_found || count == options.commit_count_max;
        // The rest of the line tells whether `since` is on it, or has a base.
        const bool since_is_open = options.since.has_value() && !since_is_found;
        return !is_full || options.may_have_older_base || since_is_open;
      }));
  if (options.since.has_value() && !since_is_found && !plan.base.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("commit %s is not on the first-parent line of %s",
                        GitIdToHex(*options.since), GitIdToHex(options.head)));
  }
  std::ranges::reverse(plan.commits);
  return plan;
}

}  // namespace copse
