// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;

using StoreDiffTest = StoreTest;

TEST_F(StoreDiffTest, DiffNamesWhatChangedInOrderOfIds) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 1}, {"a", 1}, {"c", 1}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 2}, {"\x01z", 3}}, {"a"}),
              IsOk());
  EXPECT_THAT(Diff("c1", "c2"), ElementsAre("+\x01z", "-a", "~c"));
  EXPECT_THAT(Diff("c2", "c1"), ElementsAre("-\x01z", "+a", "~c"));
  EXPECT_THAT(Diff("c1", "c1"), IsEmpty());
}

TEST_F(StoreDiffTest, DiffIgnoresWhatTwoBranchesBothDid) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("left", "base"), {{"a", 2}, {"b", 3}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("right", "base"), {{"a", 2}, {"c", 4}}),
              IsOk());
  EXPECT_THAT(Diff("left", "right"), ElementsAre("-b", "+c"));
}

TEST_F(StoreDiffTest, DiffStopsAtTheFirstError) {
  ASSERT_THAT(test_.Push(Options("c0"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}}), IsOk());
  int visits = 0;
  EXPECT_THAT(test_->DiffCommits("d", "c0", "c1",
                                 [&](const DocumentChange&) {
                                   ++visits;
                                   return absl::CancelledError("gone");
                                 }),
              StatusIs(absl::StatusCode::kCancelled, Eq("gone")));
  EXPECT_EQ(visits, 1);
  EXPECT_THAT(test_->DiffCommits(
                  "d", "c0", "x",
                  [](const DocumentChange&) { return absl::OkStatus(); }),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
}

TEST_F(StoreDiffTest, EqualDataHasEqualFingerprints) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 3}}, {"a"}), IsOk());
  ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"b", 4}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c4", "c3"), {{"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("scratch"), {{"c", 3}, {"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo long_way,
                             test_->GetCommit("d", "c4"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo other,
                             test_->GetCommit("d", "c3"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo scratch,
                             test_->GetCommit("d", "scratch"));
  EXPECT_EQ(long_way.fingerprint, scratch.fingerprint);
  EXPECT_NE(other.fingerprint, scratch.fingerprint);
}

}  // namespace
}  // namespace copse
