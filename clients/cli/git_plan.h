// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Decides which commits of a git repository are to be pushed, and on what.
//
// The commits of a branch are its first-parent line. Those that follow the
// newest indexed one are pushed, oldest first, each as the difference to the
// one before; the first as the difference to that newest indexed one, or as a
// whole tree if none is. So a second run pushes only what is new, and after
// rewritten history the common part is kept.

#ifndef COPSE_CLIENTS_CLI_GIT_PLAN_H_
#define COPSE_CLIENTS_CLI_GIT_PLAN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "clients/cli/git_repository.h"

namespace copse {

struct GitPlanOptions {
  GitId head = {};

  // Begin with this commit unless a later one is indexed.
  std::optional<GitId> since = std::nullopt;

  // Push at most so many commits, the newest. 0 for all.
  int64_t commit_count_max = 0;

  // Whether a commit is indexed.
  std::function<bool(const GitId&)> is_indexed = nullptr;

  // Whether it is worth while to look for an indexed commit beyond the first
  // one that is pushed.
  bool may_have_older_base = true;
};

struct GitPlan {
  // What is to be pushed, oldest first.
  std::vector<GitId> commits;

  // The newest indexed commit of the line, which the first is pushed on. Not
  // set if there is none.
  std::optional<GitId> base;
};

// Fails with kInvalidArgument if `since` is not on the line and no commit is
// indexed.
absl::StatusOr<GitPlan> PlanGitPush(const GitRepository& repository,
                                    const GitPlanOptions& options);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_PLAN_H_
