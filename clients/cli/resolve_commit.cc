// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/resolve_commit.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "clients/cpp/client.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

absl::StatusOr<NamedCommit> ResolveCommitName(Client& client,
                                              const std::string& domain,
                                              const std::string& name) {
  v1::GetCommitRequest request;
  request.set_domain(domain);
  request.set_commit(name);
  const absl::Status found = client.GetCommit(request).status();
  if (found.ok()) {
    return NamedCommit{.commit = name};
  }
  if (ErrorReasonOf(found) != "COMMIT_NOT_FOUND") {
    return found;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<v1::Branch> branch,
                                FindBranch(client, domain, name));
  if (!branch.has_value()) {
    return found;
  }
  return NamedCommit{.commit = branch->head_commit(), .branch = name};
}

absl::StatusOr<std::optional<v1::Branch>> FindBranch(
    Client& client, const std::string& domain, const std::string& branch) {
  v1::GetBranchRequest request;
  request.set_domain(domain);
  request.set_branch(branch);
  absl::StatusOr<v1::Branch> found = client.GetBranch(request);
  if (absl::IsNotFound(found.status())) {
    return std::nullopt;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(found.status());
  return *std::move(found);
}

}  // namespace copse
