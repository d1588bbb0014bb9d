// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/index_pool.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/memory_counter.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::NotNull;

// A reader of `size_bytes`, of which `page_size_bytes` can be let go.
class FakeReader {
 public:
  FakeReader(MemoryCounter& memory, size_t size_bytes,
             size_t page_size_bytes = 0)
      : charge_(&memory, size_bytes - page_size_bytes) {
    pages_.emplace(&memory, page_size_bytes);
  }

  void ReleasePages() const { pages_.reset(); }
  bool has_pages() const { return pages_.has_value(); }

 private:
  MemoryCharge charge_;
  mutable std::optional<MemoryCharge> pages_;
};

using FakePool = IndexPool<FakeReader>;
using FakeRef = FakePool::ReaderRef;

class IndexPoolTest : public ::testing::Test {
 protected:
  FakeRef MakeReader(size_t size_bytes, size_t page_size_bytes = 0) {
    return std::make_shared<const FakeReader>(memory_, size_bytes,
                                              page_size_bytes);
  }

  // Gets `commit` of domain 1, and loads a reader of 100 bytes if need be.
  FakeRef Get(FakePool& pool, const std::string& commit) {
    return pool
        .Get({1, commit},
             [this]() -> absl::StatusOr<FakeRef> { return MakeReader(100); })
        .value();
  }

  std::function<int64_t()> loaded_size_bytes() {
    return [this] { return memory_.size_bytes(); };
  }

  MemoryCounter memory_;
};

TEST_F(IndexPoolTest, LoadsOnceAndHitsAfterwards) {
  FakePool pool(1000, loaded_size_bytes());
  const FakeRef first = Get(pool, "a");
  EXPECT_EQ(Get(pool, "a"), first);
  const PoolStatistics statistics = pool.statistics();
  EXPECT_EQ(statistics.miss_count, 1);
  EXPECT_EQ(statistics.hit_count, 1);
  EXPECT_EQ(statistics.loaded_commit_count, 1);
  EXPECT_EQ(statistics.loaded_size_bytes, 100);
  EXPECT_EQ(statistics.budget_size_bytes, 1000);
}

TEST_F(IndexPoolTest, DropsTheLeastRecentlyUsed) {
  FakePool pool(250, loaded_size_bytes());
  Get(pool, "a");
  Get(pool, "b");
  Get(pool, "a");
  Get(pool, "c");
  EXPECT_EQ(pool.statistics().eviction_count, 1);
  EXPECT_EQ(memory_.size_bytes(), 200);
  Get(pool, "a");
  EXPECT_EQ(pool.statistics().miss_count, 3);
  Get(pool, "b");
  EXPECT_EQ(pool.statistics().miss_count, 4);
}

TEST_F(IndexPoolTest, NeverDropsAPinnedReader) {
  FakePool pool(250, loaded_size_bytes());
  const FakeRef pinned = Get(pool, "a");
  Get(pool, "b");
  Get(pool, "c");
  Get(pool, "d");
  EXPECT_EQ(Get(pool, "a"), pinned);
  EXPECT_EQ(pool.statistics().miss_count, 4);
  EXPECT_EQ(memory_.size_bytes(), 200);
}

TEST_F(IndexPoolTest, AnswersFromAReaderLargerThanTheBudget) {
  FakePool pool(50, loaded_size_bytes());
  const FakeRef reader = Get(pool, "a");
  EXPECT_THAT(reader, NotNull());
  EXPECT_EQ(memory_.size_bytes(), 100);
}

TEST_F(IndexPoolTest, AsksPinnedReadersForTheirPagesWhenNothingElseIsLeft) {
  FakePool pool(120, loaded_size_bytes());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const FakeRef large,
      pool.Get({1, "large"}, [this]() -> absl::StatusOr<FakeRef> {
        return MakeReader(300, 200);
      }));
  EXPECT_FALSE(large->has_pages());
  EXPECT_EQ(memory_.size_bytes(), 100);
}

TEST_F(IndexPoolTest, PutReplacesAndErases) {
  FakePool pool(1000, loaded_size_bytes());
  Get(pool, "a");
  const FakeRef second = MakeReader(10);
  pool.Put({1, "a"}, second);
  EXPECT_EQ(Get(pool, "a"), second);
  EXPECT_EQ(memory_.size_bytes(), 10);
  pool.Erase({1, "a"});
  EXPECT_NE(Get(pool, "a"), second);
}

TEST_F(IndexPoolTest, EraseDomainLeavesOtherDomains) {
  FakePool pool(1000, loaded_size_bytes());
  Get(pool, "a");
  pool.Put({2, "a"}, MakeReader(10));
  pool.EraseDomain(1);
  EXPECT_EQ(pool.statistics().loaded_commit_count, 1);
  EXPECT_EQ(memory_.size_bytes(), 10);
}

TEST_F(IndexPoolTest, KeepsNothingOnceClosed) {
  FakePool pool(1000, loaded_size_bytes());
  Get(pool, "a");
  pool.Close();
  EXPECT_EQ(memory_.size_bytes(), 0);
  EXPECT_THAT(Get(pool, "a"), NotNull());
  pool.Put({1, "b"}, MakeReader(10));
  EXPECT_EQ(memory_.size_bytes(), 0);
}

TEST_F(IndexPoolTest, ForgetsFailures) {
  FakePool pool(1000, loaded_size_bytes());
  EXPECT_THAT(pool.Get({1, "a"},
                       []() -> absl::StatusOr<FakeRef> {
                         return absl::DataLossError("torn");
                       }),
              StatusIs(absl::StatusCode::kDataLoss, Eq("torn")));
  EXPECT_THAT(Get(pool, "a"), NotNull());
  EXPECT_EQ(pool.statistics().miss_count, 2);
}

TEST_F(IndexPoolTest, DoesNotKeepALoadThatWasErasedMeanwhile) {
  FakePool pool(1000, loaded_size_bytes());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const FakeRef stale, pool.Get({1, "a"}, [&]() -> absl::StatusOr<FakeRef> {
        pool.Erase({1, "a"});
        return MakeReader(100);
      }));
  EXPECT_EQ(pool.statistics().loaded_commit_count, 0);
  EXPECT_NE(Get(pool, "a"), stale);
}

TEST_F(IndexPoolTest, LoadsOnceForManyThreads) {
  FakePool pool(1000, loaded_size_bytes());
  constexpr int kThreadCount = 8;
  std::latch ready(kThreadCount);
  std::atomic<int> load_count = 0;
  std::vector<FakeRef> readers(kThreadCount);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreadCount);
    for (int i = 0; i < kThreadCount; ++i) {
      threads.emplace_back([&, i] {
        ready.arrive_and_wait();
        readers[static_cast<size_t>(i)] =
            pool.Get({1, "a"},
                     [&]() -> absl::StatusOr<FakeRef> {
                       ++load_count;
                       return MakeReader(100);
                     })
                .value();
      });
    }
  }
  EXPECT_EQ(load_count, 1);
  for (const FakeRef& reader : readers) {
    EXPECT_EQ(reader, readers.front());
  }
}

TEST_F(IndexPoolTest, HoldsItsBudgetUnderManyThreads) {
  FakePool pool(500, loaded_size_bytes());
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 2000; ++round) {
          const std::string commit = absl::StrCat((round * 7 + i) % 20);
          switch (round % 50) {
            case 0:
              pool.Erase({1, commit});
              break;
            case 1:
              pool.Put({1, commit}, MakeReader(100));
              break;
            default:
              EXPECT_THAT(Get(pool, commit), NotNull());
          }
        }
      });
    }
  }
  pool.Trim();
  EXPECT_LE(memory_.size_bytes(), 500);
  pool.EraseDomain(1);
  EXPECT_EQ(memory_.size_bytes(), 0);
}

}  // namespace
}  // namespace copse
