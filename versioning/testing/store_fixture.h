// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a store begin with: a store with the empty domain "d",
// short forms of options, and a matcher for errors with their reasons.

#ifndef COPSE_VERSIONING_TESTING_STORE_FIXTURE_H_
#define COPSE_VERSIONING_TESTING_STORE_FIXTURE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {

// Matches a status with `code` and the machine-readable reason `reason`.
MATCHER_P2(FailsWith, code, reason,
           absl::StrCat("fails with ", absl::StatusCodeToString(code), " and ",
                        reason)) {
  const absl::Status& status = internal::ToStatus(arg);
  *result_listener << "whose status is " << status;
  const std::optional<ErrorReason> found = ReasonOf(status);
  return status.code() == code && found.has_value() && found->reason == reason;
}

// Options of a commit of the domain "d".
inline CommitOptions Options(const std::string& commit,
                             const std::string& parent = "",
                             const std::string& branch = "") {
  return {.domain = "d",
          .commit = commit,
          .parent_commit = parent,
          .branch = branch};
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { test_.CreateDomain("d"); }

  // Returns the changes from `base` to `target` as "+id", "~id" and "-id".
  std::vector<std::string> Diff(const std::string& base,
                                const std::string& target) {
    using Kind = DocumentChange::Kind;
    std::vector<std::string> changes;
    const absl::Status status = test_->DiffCommits(
        {.domain = "d", .base_commit = base, .target_commit = target},
        [&](const DocumentChange& change) {
          const std::map<Kind, std::string> signs = {{Kind::kInserted, "+"},
                                                     {Kind::kReplaced, "~"},
                                                     {Kind::kDeleted, "-"}};
          changes.push_back(signs.at(change.kind) + change.document_id);
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
    return changes;
  }

  TestStore test_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_TESTING_STORE_FIXTURE_H_
