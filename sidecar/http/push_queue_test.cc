// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/push_queue.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/http/task_table.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr absl::Duration kLong = absl::Minutes(1);
constexpr absl::Duration kShort = absl::Milliseconds(10);

TEST(PushQueueTest, HasEachCommitOnce) {
  PushQueue queue;
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushQueue::Place> place,
                             queue.Enter({"d", "main", "c"}, kLong));
  EXPECT_THAT(queue.Enter({"d", "other", "c"}, kLong),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("'c'")));
  EXPECT_THAT(queue.Enter({"e", "main", "c"}, kLong), IsOk());
  EXPECT_TRUE(queue.Contains("d", "c"));
  place = nullptr;
  EXPECT_FALSE(queue.Contains("d", "c"));
  EXPECT_THAT(queue.Enter({"d", "other", "c"}, kLong), IsOk());
}

TEST(PushQueueTest, WaitsForTheBranchAndNoLonger) {
  PushQueue queue;
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushQueue::Place> first,
                             queue.Enter({"d", "main", "c1"}, kLong));
  EXPECT_THAT(queue.Enter({"d", "main", "c2"}, kShort),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'main'")));
  EXPECT_FALSE(queue.Contains("d", "c2"));
  EXPECT_THAT(queue.Enter({"d", "fork", "c2"}, kShort), IsOk());
  std::atomic<bool> left = false;
  std::jthread second([&] {
    EXPECT_THAT(queue.Enter({"d", "main", "c3"}, kLong), IsOk());
    EXPECT_TRUE(left);
  });
  while (!queue.Contains("d", "c3")) {
    std::this_thread::yield();
  }
  left = true;
  first = nullptr;
}

TEST(PushQueueTest, CancelsTheOnesOfADomainOrBranch) {
  PushQueue queue;
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushQueue::Place> main,
                             queue.Enter({"d", "main", "c1"}, kLong));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushQueue::Place> fork,
                             queue.Enter({"d", "fork", "c2"}, kLong));
  queue.Cancel("e", "");
  queue.Cancel("d", "fork");
  EXPECT_THAT(main->Check(), IsOk());
  EXPECT_THAT(fork->Check(), StatusIs(absl::StatusCode::kAborted));
  queue.Cancel("d", "");
  EXPECT_THAT(main->Check(), StatusIs(absl::StatusCode::kAborted));
}

TEST(PushQueueTest, ShutsDownThoseThatWait) {
  PushQueue queue;
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PushQueue::Place> first,
                             queue.Enter({"d", "main", "c1"}, kLong));
  std::jthread second([&] {
    EXPECT_THAT(queue.Enter({"d", "main", "c2"}, kLong),
                StatusIs(absl::StatusCode::kUnavailable));
  });
  while (!queue.Contains("d", "c2")) {
    std::this_thread::yield();
  }
  queue.ShutDown();
  EXPECT_THAT(first->Check(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(TaskTableTest, AFinalStateNeverChanges) {
  TaskTable tasks;
  const std::string id = tasks.Add();
  EXPECT_THAT(id, MatchesRegex("task-[0-9a-f]+"));
  EXPECT_EQ(id.size(), 37);
  EXPECT_NE(id, tasks.Add());
  tasks.SetPercentage(id, 0.5);
  tasks.SetPercentage(id, 0.25);
  EXPECT_EQ(tasks.Find(id)->percentage, 0.5);
  tasks.Fail(id, "first");
  tasks.Complete(id, 3, "[]");
  tasks.SetPercentage(id, 1);
  EXPECT_EQ(tasks.Find(id)->kind, TaskState::Kind::kFailed);
  EXPECT_EQ(tasks.Find(id)->error, "first");
  EXPECT_FALSE(tasks.Find("task-0").has_value());
}

TEST(TaskTableTest, DropsTheOldestFinishedAndNoneThatRuns) {
  TaskTable tasks;
  const std::string running = tasks.Add();
  const std::string first = tasks.Add();
  tasks.Complete(first, 1, "[]");
  std::string last;
  for (size_t i = 0; i < TaskTable::kFinishedCountMax; ++i) {
    last = tasks.Add();
    tasks.Complete(last, 1, "[]");
  }
  EXPECT_FALSE(tasks.Find(first).has_value());
  EXPECT_TRUE(tasks.Find(last).has_value());
  EXPECT_TRUE(tasks.Find(running).has_value());
}

}  // namespace
}  // namespace copse
