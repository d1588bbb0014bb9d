// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The options that say what garbage collection keeps: --keep-last,
// --keep-younger-than and --keep-branch.

#ifndef COPSE_CLIENTS_CLI_RETENTION_OPTIONS_H_
#define COPSE_CLIENTS_CLI_RETENTION_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {

struct RetentionFlags {
  int64_t keep_last = 0;
  std::string keep_younger_than;
  std::vector<std::string> keep_branches;

  bool any_given() const {
    return keep_last != 0 || !keep_younger_than.empty() ||
           !keep_branches.empty();
  }
};

void AddRetentionFlags(CLI::App& app, RetentionFlags& flags);

absl::StatusOr<v1::RetentionPolicy> ToRetention(const RetentionFlags& flags);

// Warns of each branch among the rules that does not exist, which is no error:
// it may come later. Returns the warnings.
absl::StatusOr<std::vector<std::string>> FindMissingBranches(
    Context& context, const std::string& domain,
    const v1::RetentionPolicy& retention);

// Reads "30d", "12h", "90m" or "3600s" as seconds. A number needs its unit.
absl::StatusOr<int64_t> ParseAge(absl::string_view option,
                                 absl::string_view text);

// Returns the rules for people, such as "the last 10, younger than 30d".
std::string FormatRetention(const v1::RetentionPolicy& retention);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_RETENTION_OPTIONS_H_
