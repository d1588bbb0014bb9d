// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/domain_path.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/service/request_errors.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr absl::string_view kReservedBranchPrefix = ".-compact_rebuild_";

}  // namespace

absl::StatusOr<DomainPath> ParseDomainPath(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  const size_t count = parts.size();
  const bool is_short = count == 2 || count == 3;
  const bool is_long =
      count == 5 && (parts[3] == "branch" || parts[3] == "commit");
  if ((!is_short && !is_long) || std::ranges::count(parts, "") > 0) {
    return FieldInvalidError("domain", ShownText(text),
                             "org/db, org/db/repo, org/db/repo/branch/NAME or "
                             "org/db/repo/commit/NAME");
  }
  DomainPath path;
  path.domain = absl::StrCat(parts[0], "/", parts[1]);
  COPSE_RETURN_IF_ERROR(CheckName("domain", path.domain));
  if (is_long && parts[3] == "branch") {
    path.branch = std::string(parts[4]);
    COPSE_RETURN_IF_ERROR(CheckBranch(*path.branch));
  }
  return path;
}

absl::Status CheckBranch(absl::string_view branch) {
  if (absl::StartsWith(branch, kReservedBranchPrefix)) {
    return FieldInvalidError(
        "branch", absl::StrCat("the reserved ", ShownText(branch)),
        absl::StrCat("one that does not start with ", kReservedBranchPrefix));
  }
  return absl::OkStatus();
}

}  // namespace copse
