// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/executor.h"

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::ElementsAre;

TEST(ExecutorTest, RunsTasksInTheirOrder) {
  std::vector<int> order;
  {
    Executor executor({.thread_count_max = 1, .waiting_count_max = 10});
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(executor.TryRun([&order, i] { order.push_back(i); }));
    }
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(ExecutorTest, RunsAsManyTasksAtOnceAsItHasThreads) {
  constexpr int kThreadCount = 4;
  std::latch all_run(kThreadCount);
  Executor executor({.thread_count_max = kThreadCount, .waiting_count_max = 0});
  for (int i = 0; i < kThreadCount; ++i) {
    EXPECT_TRUE(executor.TryRun([&all_run] { all_run.arrive_and_wait(); }));
  }
  all_run.wait();  // Ends only if all of them run.
}

TEST(ExecutorTest, RefusesWhatItHasNoRoomFor) {
  std::latch started(1);
  std::latch go_on(1);
  std::atomic<int> run_count = 0;
  {
    Executor executor({.thread_count_max = 1, .waiting_count_max = 2});
    EXPECT_TRUE(executor.TryRun([&] {
      started.count_down();
      go_on.wait();
    }));
    started.wait();
    EXPECT_TRUE(executor.TryRun([&run_count] { ++run_count; }));
    EXPECT_TRUE(executor.TryRun([&run_count] { ++run_count; }));
    EXPECT_FALSE(executor.TryRun([&run_count] { ++run_count; }));
    go_on.count_down();
  }
  EXPECT_EQ(run_count, 2);
}

TEST(ExecutorTest, TakesATaskAgainWhenAThreadIsFree) {
  Executor executor({.thread_count_max = 1, .waiting_count_max = 0});
  for (int i = 0; i < 100; ++i) {
    std::latch done(1);
    while (!executor.TryRun([&done] { done.count_down(); })) {
      std::this_thread::yield();
    }
    done.wait();
  }
}

TEST(ExecutorTest, LetsGoOfATaskWhenItHasRun) {
  const auto held = std::make_shared<int>(1);
  std::optional<Executor> executor(std::in_place,
                                   Executor::Options{.thread_count_max = 1});
  EXPECT_TRUE(executor->TryRun([held] {}));
  while (held.use_count() > 1) {
    std::this_thread::yield();
  }
}

TEST(ExecutorTest, RunsEveryAcceptedTaskOnceFromManyThreads) {
  constexpr int kThreadCount = 4;
  constexpr int kTaskCount = 1000;
  std::atomic<int> accepted_count = 0;
  std::atomic<int> run_count = 0;
  {
    Executor executor({.thread_count_max = 3, .waiting_count_max = 5});
    std::vector<std::jthread> threads;
    threads.reserve(kThreadCount);
    for (int i = 0; i < kThreadCount; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < kTaskCount; ++k) {
          if (executor.TryRun([&run_count] { ++run_count; })) {
            ++accepted_count;
          }
        }
      });
    }
  }
  EXPECT_EQ(run_count, accepted_count);
  EXPECT_GT(run_count, 0);
}

}  // namespace
}  // namespace copse
