// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a word of the command line means where a commit or a branch may stand.

#ifndef COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_
#define COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "clients/cli/options.h"
#include "clients/cpp/client.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

struct NamedCommit {
  std::string commit = {};
  std::string branch = {};  // If the name was that of a branch, else empty.
};

// Returns the commit `name`, or the head of branch `name` if there is no such
// commit. If there is no branch either, fails with the error of the commit,
// which then names both.
absl::StatusOr<NamedCommit> ResolveCommitName(Client& client,
                                              const std::string& domain,
                                              const std::string& name);

// As above, but a name that means nothing is that of a commit: one that is not
// there yet.
absl::StatusOr<std::string> ResolveOrKeep(Client& client,
                                          const std::string& domain,
                                          const std::string& name);

// Returns what to read, with a branch at --commit in the place of its head.
absl::StatusOr<v1::CommitSelector> ResolveSelector(
    Client& client, const std::string& domain, const SelectorOptions& options);

// Returns whether `commit` is `ancestor` or descends from it, as far as the
// commits between them are there. Reads, of a history in which it does not,
// all commits of the domain, and takes some 150 bytes of memory for each.
absl::StatusOr<bool> Descends(Client& client, const std::string& domain,
                              const std::string& commit,
                              const std::string& ancestor);

// Returns the branch, or nullopt if it, or its domain, does not exist.
absl::StatusOr<std::optional<v1::Branch>> FindBranch(Client& client,
                                                     const std::string& domain,
                                                     const std::string& branch);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_RESOLVE_COMMIT_H_
