// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A fold that lasts is heard of all along.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/commit_builder.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::Gt;

class FoldNoticeTest : public ::testing::Test {
 protected:
  FoldNoticeTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 50,
               .fold_notice_interval = absl::Microseconds(100)}) {
    test_.CreateDomain("d", Metric::kEuclidean, 64);
    // Their forest takes many times the interval on any machine.
    for (uint32_t i = 0; i < 2000; ++i) {
      documents_.push_back({absl::StrCat("id", i), i});
    }
  }

  TestStore test_;
  std::vector<TestDocument> documents_;
};

TEST_F(FoldNoticeTest, ComesAgainUntilTheFoldHasEnded) {
  std::vector<CommitPhase> phases;
  ASSERT_THAT(test_.Push({.domain = "d", .commit = "c1"}, documents_, {},
                         [&](CommitPhase phase) {
                           phases.push_back(phase);
                           return absl::OkStatus();
                         }),
              IsOk());
  EXPECT_THAT(std::ranges::count(phases, CommitPhase::kFolding), Gt(2));
  EXPECT_TRUE(std::ranges::is_sorted(phases));
}

TEST_F(FoldNoticeTest, StopsTheCommitAndTheFold) {
  int notice_count = 0;
  EXPECT_THAT(test_.Push({.domain = "d", .commit = "c1"}, documents_, {},
                         [&](CommitPhase phase) {
                           return phase == CommitPhase::kFolding &&
                                          ++notice_count == 2
                                      ? absl::CancelledError("no")
                                      : absl::OkStatus();
                         }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(notice_count, 2);
  EXPECT_THAT(test_->GetCommit("d", "c1"),
              StatusIs(absl::StatusCode::kNotFound));
  // Nothing of it is in the way.
  EXPECT_THAT(test_.Push({.domain = "d", .commit = "c1"}, documents_), IsOk());
}

}  // namespace
}  // namespace copse
