// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a word of the command line means where a commit or a branch may stand.

#ifndef COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_
#define COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "clients/cpp/client.h"
#include "copse/v1/branch_service.pb.h"

namespace copse {

struct NamedCommit {
  std::string commit = {};
  std::string branch = {};  // If the name was that of a branch, else empty.
};

// Returns the commit `name`, or the head of branch `name` if there is no such
// commit. Fails with the error of the commit if there is no branch either.
absl::StatusOr<NamedCommit> ResolveCommitName(Client& client,
                                              const std::string& domain,
                                              const std::string& name);

// Returns the branch, or nullopt if it, or its domain, does not exist.
absl::StatusOr<std::optional<v1::Branch>> FindBranch(Client& client,
                                                     const std::string& domain,
                                                     const std::string& branch);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_
