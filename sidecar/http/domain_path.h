// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How VectorLink names domains, branches and the types of documents.

#ifndef COPSE_SIDECAR_HTTP_DOMAIN_PATH_H_
#define COPSE_SIDECAR_HTTP_DOMAIN_PATH_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

inline constexpr absl::string_view kMainBranch = "main";

struct DomainPath {
  std::string domain;                 // "org/db": the name in the store.
  std::optional<std::string> branch;  // If the path names one.
};

// Parses org/db, org/db/repo, org/db/repo/branch/b and org/db/repo/commit/c.
// Fails with kInvalidArgument, FIELD_INVALID, naming `domain`.
absl::StatusOr<DomainPath> ParseDomainPath(absl::string_view text);

// Fails with kInvalidArgument, FIELD_INVALID, naming `branch`, for the names
// that VectorLink keeps for itself.
absl::Status CheckBranch(absl::string_view branch);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_DOMAIN_PATH_H_
