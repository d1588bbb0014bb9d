// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/maintenance_jobs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/testing/memory_job_table.h"
#include "tests/support/status_matchers.h"
#include "versioning/job_record.h"
#include "versioning/job_table.h"
#include "versioning/store.h"

namespace copse {
namespace {

class FoldJobsTest : public ::testing::Test {
 protected:
  FoldJobsTest() { Restart(); }

  void Restart() {
    JobRunnerOptions options;
    options.handlers[JobKind::kFold] = std::make_unique<FoldJobHandler>();
    options.random = [] { return 7; };
    runner_ = std::make_unique<JobRunner>(table_, std::move(options));
  }

  std::vector<JobRecord> Records() {
    std::vector<JobRecord> records;
    JobPage page = runner_->List({}).value();
    for (StoredJob& job : page.items) {
      records.push_back(std::move(job.record));
    }
    return records;
  }

  static FoldReport Report(absl::Status status = absl::OkStatus()) {
    return {.domain = "d",
            .commit = "c1",
            .status = std::move(status),
            .row_count = 200};
  }

  MemoryJobTable table_;
  std::unique_ptr<JobRunner> runner_;
  FoldJobs folds_;
};

TEST_F(FoldJobsTest, AFoldIsAJobFromItsBeginToItsEnd) {
  folds_.Start(*runner_);
  folds_.Begin(Report());
  ASSERT_EQ(Records().size(), 1);
  JobRecord record = Records()[0];
  EXPECT_EQ(record.kind, JobKind::kFold);
  EXPECT_EQ(record.state, JobState::kRunning);
  EXPECT_EQ(record.domain, "d");
  EXPECT_EQ(record.commit, "c1");
  EXPECT_EQ(record.progress.done_count, 0);
  EXPECT_EQ(record.progress.total_count, 200);

  folds_.End(Report());
  ASSERT_EQ(Records().size(), 1);
  record = Records()[0];
  EXPECT_EQ(record.state, JobState::kSucceeded);
  EXPECT_EQ(record.progress.done_count, 200);
}

TEST_F(FoldJobsTest, AFoldThatFailsIsAJobThatCannotBeResumed) {
  folds_.Start(*runner_);
  folds_.Begin(Report());
  folds_.End(Report(absl::DataLossError("a page is damaged")));
  ASSERT_EQ(Records().size(), 1);
  EXPECT_EQ(Records()[0].state, JobState::kFailed);
  EXPECT_EQ(Records()[0].error, absl::DataLossError("a page is damaged"));
  EXPECT_FALSE(Records()[0].is_resumable);
}

TEST_F(FoldJobsTest, AFoldThatIsNotNeededAnyMoreIsCancelled) {
  folds_.Start(*runner_);
  folds_.Begin(Report());
  folds_.End(Report(absl::CancelledError("the fold is not needed")));
  ASSERT_EQ(Records().size(), 1);
  EXPECT_EQ(Records()[0].state, JobState::kCancelled);
}

TEST_F(FoldJobsTest, WhatTheEndOfAProcessInterruptsIsForgotten) {
  folds_.Start(*runner_);
  folds_.Begin(Report());
  folds_.Stop();
  runner_->Stop();
  folds_.End(Report());
  Restart();
  ASSERT_THAT(runner_->Recover(), IsOk());
  EXPECT_TRUE(Records().empty());
}

TEST_F(FoldJobsTest, WithoutARunnerThereAreNoJobs) {
  folds_.Begin(Report());
  folds_.Start(*runner_);
  folds_.End(Report());
  EXPECT_TRUE(Records().empty());
}

}  // namespace
}  // namespace copse
