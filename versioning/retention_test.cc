// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/retention.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "versioning/commit.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Time At(int second) { return absl::FromUnixSeconds(1000 + second); }

// a1 - a2 - a3 - a4, and b1 - b2 from a2; the numbers are the order of time.
std::vector<RetainedCommit> History() {
  return {{.commit = "a1", .parent_commits = {}, .create_time = At(1)},
          {.commit = "a2", .parent_commits = {"a1"}, .create_time = At(2)},
          {.commit = "b1", .parent_commits = {"a2"}, .create_time = At(3)},
          {.commit = "a3", .parent_commits = {"a2"}, .create_time = At(4)},
          {.commit = "b2", .parent_commits = {"b1"}, .create_time = At(5)},
          {.commit = "a4", .parent_commits = {"a3"}, .create_time = At(6)}};
}

std::vector<std::string> Expired(const RetentionPolicy& policy,
                                 const RetentionRoots& roots = {},
                                 int now = 10) {
  std::vector<std::string> names;
  const std::vector<RetainedCommit> history = History();
  for (const RetainedCommit* commit :
       ChooseExpired(policy, history, roots, At(now))) {
    names.push_back(commit->commit);
  }
  return names;
}

TEST(RetentionTest, WithoutARuleEverythingIsKept) {
  EXPECT_THAT(Expired({}), IsEmpty());
}

TEST(RetentionTest, KeepsTheLastOnes) {
  EXPECT_THAT(Expired({.keep_last_count = 4}), ElementsAre("a2", "a1"));
  EXPECT_THAT(Expired({.keep_last_count = 6}), IsEmpty());
  EXPECT_THAT(Expired({.keep_last_count = 100}), IsEmpty());
}

TEST(RetentionTest, KeepsTheYoungOnes) {
  const RetentionPolicy policy = {.keep_younger_than = absl::Seconds(6)};
  EXPECT_THAT(Expired(policy), ElementsAre("a3", "b1", "a2", "a1"));
  // The newest stays, however old it is.
  EXPECT_THAT(Expired(policy, {}, 1000),
              ElementsAre("b2", "a3", "b1", "a2", "a1"));
}

TEST(RetentionTest, AnyRuleKeeps) {
  EXPECT_THAT(
      Expired({.keep_last_count = 3, .keep_younger_than = absl::Seconds(8)}),
      ElementsAre("a2", "a1"));
}

TEST(RetentionTest, KeepsHeadsAndPinnedCommits) {
  EXPECT_THAT(Expired({.keep_last_count = 1},
                      {.branches = {{"side", "b1"}}, .pinned_commits = {"a1"}}),
              ElementsAre("b2", "a3", "a2"));
}

TEST(RetentionTest, KeepsTheHistoryOfBranches) {
  const RetentionRoots roots = {.branches = {{"main", "a4"}, {"side", "b2"}}};
  EXPECT_THAT(Expired({.keep_branches = {"main"}}, roots), ElementsAre("b1"));
  EXPECT_THAT(Expired({.keep_branches = {"main", "side", "none"}}, roots),
              IsEmpty());
}

TEST(RetentionTest, HistoryGoesThroughDeletedCommits) {
  std::vector<RetainedCommit> history = History();
  history[3].is_skeleton = true;  // a3
  const auto expired = ChooseExpired({.keep_branches = {"main"}}, history,
                                     {.branches = {{"main", "a4"}}}, At(10));
  std::vector<std::string> names;
  names.reserve(expired.size());
  for (const RetainedCommit* commit : expired) {
    names.push_back(commit->commit);
  }
  EXPECT_THAT(names, ElementsAre("b2", "b1"));
}

}  // namespace
}  // namespace copse
