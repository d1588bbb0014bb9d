// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/retention_options.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {
namespace {

// The largest that the server takes.
constexpr int64_t kAgeSecondsMax = (int64_t{1} << 33) - 1;

constexpr std::array<std::pair<char, int64_t>, 4> kUnits = {
    {{'d', 86'400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

std::string FormatAge(int64_t seconds) {
  for (const auto& [unit, unit_seconds] : kUnits) {
    if (seconds % unit_seconds == 0) {
      return absl::StrCat(seconds / unit_seconds, std::string(1, unit));
    }
  }
  return absl::StrCat(seconds, "s");
}

}  // namespace

void AddRetentionFlags(CLI::App& app, RetentionFlags& flags) {
  app.add_option("--keep-last", flags.keep_last,
                 "Garbage collection keeps the newest N commits")
      ->type_name("N")
      ->check(InRange(1, 4'294'967'295));
  app.add_option(
         "--keep-younger-than", flags.keep_younger_than,
         "It keeps commits that were indexed so long ago or later, such "
         "as 30d or 12h; the times of the database do not count")
      ->type_name("AGE");
  AddRepeated(app, "--keep-branch", flags.keep_branches,
              "It keeps the history of this branch")
      .type_name("BRANCH");
}

absl::StatusOr<int64_t> ParseAge(absl::string_view option,
                                 absl::string_view text) {
  absl::string_view number = text;
  int64_t unit_seconds = 0;  // A number without a unit would mean anything.
  for (const auto& [unit, seconds] : kUnits) {
    if (!number.empty() && number.back() == unit) {
      unit_seconds = seconds;
      number.remove_suffix(1);
      break;
    }
  }
  int64_t count = 0;
  if (unit_seconds == 0 || !absl::SimpleAtoi(number, &count) || count <= 0 ||
      count > kAgeSecondsMax / unit_seconds) {
    return UsageError(
        absl::StrCat(option, ": found '", TruncateUtf8(ToValidUtf8(text), 40),
                     "', wanted an age such as 30d, 12h, 90m or 3600s"));
  }
  return count * unit_seconds;
}

absl::StatusOr<v1::RetentionPolicy> ToRetention(const RetentionFlags& flags) {
  v1::RetentionPolicy retention;
  retention.set_keep_last_count(flags.keep_last);
  if (!flags.keep_younger_than.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const int64_t seconds,
        ParseAge("--keep-younger-than", flags.keep_younger_than));
    retention.set_keep_younger_than_seconds(seconds);
  }
  for (const std::string& branch : flags.keep_branches) {
    retention.add_keep_branches(branch);
  }
  return retention;
}

absl::StatusOr<std::vector<std::string>> FindMissingBranches(
    Context& context, const std::string& domain,
    const v1::RetentionPolicy& retention) {
  std::vector<std::string> warnings;
  for (const std::string& name : retention.keep_branches()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<v1::Branch> branch,
                                  FindBranch(context.client(), domain, name));
    if (!branch.has_value()) {
      warnings.push_back(absl::StrCat("branch '", Printable(name),
                                      "' of domain '", Printable(domain),
                                      "' does not exist: the rule to keep its "
                                      "history keeps nothing until it does"));
      context.Warn(absl::StrCat("warning: ", warnings.back()));
    }
  }
  return warnings;
}

std::string FormatRetention(const v1::RetentionPolicy& retention) {
  std::vector<std::string> rules;
  if (retention.keep_last_count() > 0) {
    rules.push_back(absl::StrCat("the last ", retention.keep_last_count()));
  }
  if (retention.keep_younger_than_seconds() > 0) {
    rules.push_back(absl::StrCat(
        "younger than ", FormatAge(retention.keep_younger_than_seconds())));
  }
  for (const std::string& branch : retention.keep_branches()) {
    rules.push_back(absl::StrCat("of branch ", Printable(branch)));
  }
  return rules.empty() ? "every commit" : absl::StrJoin(rules, ", ");
}

}  // namespace copse
