// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/worker_crew.h"

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse::internal {
namespace {

using ::testing::Each;
using ::testing::Eq;

TEST(WorkerCrewTest, RunsEachTaskOnce) {
  for (const uint32_t thread_count : {1U, 2U, 5U}) {
    WorkerCrew crew(thread_count);
    EXPECT_EQ(crew.thread_count(), thread_count);
    for (const size_t task_count : {0U, 1U, 2U, 3U, 1000U}) {
      std::vector<int> runs(task_count);
      crew.Run(task_count, [&](size_t task) { ++runs[task]; });
      EXPECT_THAT(runs, Each(1)) << thread_count << " threads";
    }
  }
}

TEST(WorkerCrewTest, CanBeUsedManyTimes) {
  WorkerCrew crew(3);
  std::vector<int> sums(8);
  for (int round = 0; round < 2000; ++round) {
    crew.Run(sums.size(), [&](size_t task) { ++sums[task]; });
  }
  EXPECT_THAT(sums, Each(2000));
}

TEST(WorkerCrewTest, ReturnsAFailure) {
  for (const uint32_t thread_count : {1U, 4U}) {
    WorkerCrew crew(thread_count);
    EXPECT_THAT(crew.RunChecked(100,
                                [](size_t task) {
                                  return task == 37
                                             ? absl::DataLossError("task 37")
                                             : absl::OkStatus();
                                }),
                StatusIs(absl::StatusCode::kDataLoss, Eq("task 37")));
    EXPECT_THAT(crew.RunChecked(100, [](size_t) { return absl::OkStatus(); }),
                IsOk());
  }
}

}  // namespace
}  // namespace copse::internal
