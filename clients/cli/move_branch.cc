// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/move_branch.h"

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "clients/cpp/client.h"
#include "clients/cpp/error.h"
#include "copse/v1/branch_service.pb.h"

namespace copse {

absl::StatusOr<v1::Branch> MoveBranch(
    Client& client, const std::string& domain, const std::string& branch,
    const std::string& commit, const std::optional<std::string>& expected) {
  if (expected != "") {
    v1::UpdateBranchRequest request;
    request.set_domain(domain);
    request.set_branch(branch);
    request.set_head_commit(commit);
    if (expected.has_value()) {
      request.set_expected_commit(*expected);
    }
    absl::StatusOr<v1::Branch> updated = client.UpdateBranch(request);
    if (updated.ok() || expected.has_value() ||
        ErrorReasonOf(updated.status()) != "BRANCH_NOT_FOUND") {
      return updated;
    }
  }
  v1::CreateBranchRequest request;
  request.set_domain(domain);
  request.set_branch(branch);
  request.set_head_commit(commit);
  return client.CreateBranch(request);
}

}  // namespace copse
