// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Moves a branch, whether it exists or not.

#ifndef COPSE_CLIENTS_CLI_MOVE_BRANCH_H_
#define COPSE_CLIENTS_CLI_MOVE_BRANCH_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "clients/cpp/client.h"
#include "copse/v1/branch_service.pb.h"

namespace copse {

// Creates `branch` at `commit` or moves it there. With `expected`, only if it
// is at that commit, or does not exist if that is empty; otherwise fails with
// the reason BRANCH_MOVED, BRANCH_NOT_FOUND or BRANCH_EXISTS.
absl::StatusOr<v1::Branch> MoveBranch(
    Client& client, const std::string& domain, const std::string& branch,
    const std::string& commit, const std::optional<std::string>& expected);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_MOVE_BRANCH_H_
