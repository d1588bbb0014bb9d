// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs through the door of the store: what is kept of them, that a commit and
// the end of its job are one, and commits that are taken before they begin.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/backup.h"
#include "versioning/job_table.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;

JobId Id(uint8_t number) {
  JobId id = {};
  id[7] = static_cast<std::byte>(number);
  return id;
}

JobRecord Record(JobKind kind, JobState state, const std::string& domain) {
  JobRecord record;
  record.kind = kind;
  record.state = state;
  record.domain = domain;
  return record;
}

class StoreJobsTest : public ::testing::Test {
 protected:
  JobTable& jobs() { return test_->jobs(); }

  std::vector<uint8_t> List(const ListJobsOptions& options,
                            std::string* next_page_token = nullptr) {
    const absl::StatusOr<JobPage> page = jobs().List(options);
    EXPECT_THAT(page, IsOk());
    std::vector<uint8_t> numbers;
    for (const StoredJob& job : page->items) {
      numbers.push_back(static_cast<uint8_t>(job.id[7]));
    }
    if (next_page_token != nullptr) {
      *next_page_token = page->next_page_token;
    }
    return numbers;
  }

  TestStore test_;
};

TEST_F(StoreJobsTest, KeepsRecords) {
  const JobRecord record = Record(JobKind::kPush, JobState::kRunning, "d");
  EXPECT_THAT(jobs().Get(Id(1)), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_THAT(jobs().PutDurably(Id(1), record), IsOk());
  ASSERT_THAT(jobs().Put(Id(2), record), IsOk());
  test_.Reopen();
  EXPECT_THAT(jobs().Get(Id(1)), IsOkAndHolds(Optional(record)));
  EXPECT_THAT(jobs().Get(Id(2)), IsOkAndHolds(Optional(record)));
  ASSERT_THAT(jobs().Delete(Id(1)), IsOk());
  EXPECT_THAT(jobs().Get(Id(1)), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(StoreJobsTest, ListsTheNewestFirstByPageAndFilter) {
  ASSERT_THAT(jobs().Put(Id(1), Record(JobKind::kPush, JobState::kFailed, "d")),
              IsOk());
  ASSERT_THAT(
      jobs().Put(Id(2), Record(JobKind::kCollect, JobState::kRunning, "")),
      IsOk());
  ASSERT_THAT(
      jobs().Put(Id(3), Record(JobKind::kPush, JobState::kSucceeded, "e")),
      IsOk());
  EXPECT_THAT(List({}), testing::ElementsAre(3, 2, 1));
  EXPECT_THAT(List({.filter = {.domain = "d"}}), testing::ElementsAre(1));
  EXPECT_THAT(List({.filter = {.kind = JobKind::kPush}}),
              testing::ElementsAre(3, 1));
  EXPECT_THAT(List({.filter = {.state = JobState::kRunning}}),
              testing::ElementsAre(2));
  std::string token;
  EXPECT_THAT(List({.page_size = 2}, &token), testing::ElementsAre(3, 2));
  EXPECT_THAT(List({.page_size = 2, .page_token = token}, &token),
              testing::ElementsAre(1));
  EXPECT_THAT(token, IsEmpty());
  EXPECT_THAT(jobs().List({.page_token = "nonsense"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StoreJobsTest, EndsAJobWithItsCommit) {
  test_.CreateDomain("d");
  const JobRecord running = Record(JobKind::kPush, JobState::kRunning, "d");
  const JobRecord done = Record(JobKind::kPush, JobState::kSucceeded, "d");
  ASSERT_THAT(jobs().PutDurably(Id(1), running), IsOk());
  const CommitSummary summary = {.make_job_record = [&] {
    return StoredJob{Id(1), done};
  }};
  {
    COPSE_ASSERT_OK_AND_ASSIGN(
        auto builder, test_->BeginCommit({.domain = "d", .commit = "c1"}));
    EXPECT_THAT(builder->Commit(summary,
                                [](CommitPhase phase) {
                                  return phase == CommitPhase::kPublishing
                                             ? absl::CancelledError("no")
                                             : absl::OkStatus();
                                }),
                StatusIs(absl::StatusCode::kCancelled));
    EXPECT_THAT(jobs().Get(Id(1)), IsOkAndHolds(Optional(running)));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(
      auto builder, test_->BeginCommit({.domain = "d", .commit = "c1"}));
  ASSERT_THAT(builder->Commit(summary), IsOk());
  EXPECT_THAT(jobs().Get(Id(1)), IsOkAndHolds(Optional(done)));
}

TEST_F(StoreJobsTest, HoldsACommitBeforeAndAfterItsBuilder) {
  test_.CreateDomain("d");
  COPSE_ASSERT_OK_AND_ASSIGN(
      std::shared_ptr<CommitClaim> claim,
      test_->ClaimCommit({.domain = "d", .commit = "c2"}));
  const CommitOptions options = {
      .domain = "d", .commit = "c2", .parent_commit = "c1"};
  EXPECT_THAT(test_->BeginCommit(options),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(test_->BeginCommit(options, claim),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(test_->ClaimCommit({.domain = "d", .commit = "c2"}),
              StatusIs(absl::StatusCode::kAborted));
  ASSERT_THAT(test_.Push({.domain = "d", .commit = "c1"}, {}), IsOk());
  {
    COPSE_ASSERT_OK_AND_ASSIGN(auto builder,
                               test_->BeginCommit(options, claim));
  }
  EXPECT_THAT(test_->BeginCommit(options),
              StatusIs(absl::StatusCode::kAborted));
  claim = nullptr;
  EXPECT_THAT(test_->BeginCommit(options), IsOk());
}

TEST_F(StoreJobsTest, ForgetsAClaimOfADomainThatWasDeleted) {
  test_.CreateDomain("d");
  COPSE_ASSERT_OK_AND_ASSIGN(
      std::shared_ptr<CommitClaim> claim,
      test_->ClaimCommit({.domain = "d", .commit = "c1"}));
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  EXPECT_THAT(test_->BeginCommit({.domain = "d", .commit = "c1"}, claim),
              StatusIs(absl::StatusCode::kNotFound));
  test_.CreateDomain("d");
  COPSE_ASSERT_OK_AND_ASSIGN(
      auto other, test_->ClaimCommit({.domain = "d", .commit = "c1"}));
  EXPECT_THAT(test_->BeginCommit({.domain = "d", .commit = "c1"}, claim),
              StatusIs(absl::StatusCode::kAborted));
}

TEST_F(StoreJobsTest, AreNoPartOfABackup) {
  const TestFolder folder;
  ASSERT_THAT(
      jobs().PutDurably(Id(1), Record(JobKind::kPush, JobState::kRunning, "d")),
      IsOk());
  const std::string backups = folder.path() + "/backups";
  ASSERT_THAT(test_->CreateBackup({.folder = backups}), IsOk());
  const std::string data = folder.path() + "/data";
  ASSERT_THAT(RestoreBackup({.backup_folder = backups, .data_folder = data}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<Store> restored,
      Store::Open({.folder = data, .free_space_min_bytes = 0}));
  EXPECT_THAT(restored->jobs().Get(Id(1)), IsOkAndHolds(Eq(std::nullopt)));
}

}  // namespace
}  // namespace copse
