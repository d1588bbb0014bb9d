// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/rocks_page_store.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/page_store.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::Eq;

std::span<const std::byte> Bytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string TextOf(const PageRef& page) {
  return {reinterpret_cast<const char*>(page->bytes().data()),
          page->bytes().size()};
}

class RocksPageStoreTest : public ::testing::Test {
 protected:
  const TestFolder folder_;
  const std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
  PageCache cache_{1000};
  RocksPageStore pages_{*database_, 3, cache_};
};

TEST_F(RocksPageStoreTest, ReadsWhatWasWrittenAtAnAlignedAddress) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5000}}) {
    const std::string bytes(size, 'p');
    COPSE_ASSERT_OK_AND_ASSIGN(const PageId page_id,
                               pages_.Write(Bytes(bytes)));
    EXPECT_NE(page_id, kNoPage);
    COPSE_ASSERT_OK_AND_ASSIGN(const PageRef page, pages_.Read(page_id));
    EXPECT_EQ(TextOf(page), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(page->bytes().data()) % 64, 0u);
  }
}

TEST_F(RocksPageStoreTest, NamesThePageThatIsMissing) {
  const absl::Status status = pages_.Read(0x2a).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               Eq("page 000000000000002a: it is missing")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(RocksPageStoreTest, KeepsDomainsApartAndNumbersUnique) {
  RocksPageStore others(*database_, 4, cache_);
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId mine, pages_.Write(Bytes("mine")));
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId theirs,
                             others.Write(Bytes("theirs")));
  EXPECT_EQ(mine, theirs);
  COPSE_ASSERT_OK_AND_ASSIGN(const PageRef page, pages_.Read(mine));
  EXPECT_EQ(TextOf(page), "mine");
  COPSE_ASSERT_OK_AND_ASSIGN(const PageRef other, others.Read(theirs));
  EXPECT_EQ(TextOf(other), "theirs");
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId next, pages_.next_page_id());
  EXPECT_GT(next, mine);
  // The next process goes on behind all that this one may have written.
  RocksPageStore later(*database_, 3, cache_);
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId first, later.Write(Bytes("later")));
  EXPECT_GE(first, next);
}

TEST_F(RocksPageStoreTest, APageThatSomeoneHoldsIsInMemoryOnce) {
  PageCache no_budget(0);
  const RocksPageStore pages(*database_, 3, no_budget);
  COPSE_ASSERT_OK_AND_ASSIGN(const PageId page_id,
                             pages_.Write(Bytes(std::string(100, 'p'))));
  COPSE_ASSERT_OK_AND_ASSIGN(PageRef first, pages.Read(page_id));
  COPSE_ASSERT_OK_AND_ASSIGN(PageRef second, pages.Read(page_id));
  EXPECT_EQ(first, second);
  EXPECT_EQ(no_budget.statistics().total_size_bytes, 100);
  EXPECT_EQ(no_budget.statistics().kept_size_bytes, 0);
  EXPECT_EQ(no_budget.statistics().hit_count, 1);
  EXPECT_EQ(no_budget.statistics().miss_count, 1);
  first.reset();
  EXPECT_EQ(no_budget.statistics().total_size_bytes, 100);
  second.reset();
  EXPECT_EQ(no_budget.statistics().total_size_bytes, 0);
}

TEST(PageCacheTest, KeepsTheMostRecentlyUsedWithinItsBudget) {
  PageCache cache(250);
  const std::string page(100, 'p');
  for (PageId page_id = 1; page_id <= 2; ++page_id) {
    cache.Insert(1, page_id, Bytes(page));
  }
  EXPECT_NE(cache.Find(1, 1), nullptr);  // Now 2 is the older one.
  cache.Insert(1, 3, Bytes(page));
  EXPECT_EQ(cache.statistics().kept_size_bytes, 200);
  EXPECT_EQ(cache.statistics().total_size_bytes, 200);
  EXPECT_EQ(cache.statistics().eviction_count, 1);
  EXPECT_NE(cache.Find(1, 1), nullptr);
  EXPECT_EQ(cache.Find(1, 2), nullptr);
  EXPECT_NE(cache.Find(1, 3), nullptr);
  EXPECT_EQ(cache.Find(2, 3), nullptr);  // Of another domain.
  cache.Clear();
  EXPECT_EQ(cache.statistics().total_size_bytes, 0);
  EXPECT_EQ(cache.Find(1, 1), nullptr);
}

TEST(PageCacheTest, APageLargerThanTheBudgetIsNotKept) {
  PageCache cache(250);
  cache.Insert(1, 1, Bytes(std::string(100, 'p')));
  EXPECT_NE(cache.Insert(1, 2, Bytes(std::string(300, 'q'))), nullptr);
  EXPECT_EQ(cache.Find(1, 2), nullptr);
  EXPECT_NE(cache.Find(1, 1), nullptr);
}

TEST(PageCacheTest, TheFirstCopyOfAPageWins) {
  PageCache cache(0);
  const PageRef first = cache.Insert(1, 1, Bytes("oak"));
  const PageRef second = cache.Insert(1, 1, Bytes("oak"));
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.statistics().total_size_bytes, 3);
}

TEST(PageCacheTest, PagesMayOutliveTheCache) {
  PageRef page;
  {
    PageCache cache(1000);
    page = cache.Insert(1, 1, Bytes("oak"));
  }
  EXPECT_EQ(TextOf(page), "oak");
}

TEST(PageCacheTest, CountsRightWithManyThreads) {
  PageCache cache(500);
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&cache, i] {
        for (PageId round = 0; round < 2000; ++round) {
          const PageId page_id = (round * 7 + static_cast<PageId>(i)) % 20;
          PageRef page = cache.Find(1, page_id);
          if (page == nullptr) {
            page = cache.Insert(
                1, page_id,
                Bytes(std::string(100, static_cast<char>('a' + page_id))));
          }
          ASSERT_EQ(TextOf(page)[0], static_cast<char>('a' + page_id));
        }
      });
    }
  }  // Joins the threads.
  const PageCache::Statistics statistics = cache.statistics();
  EXPECT_EQ(statistics.hit_count + statistics.miss_count, 8000);
  EXPECT_EQ(statistics.kept_size_bytes, statistics.total_size_bytes);
  EXPECT_LE(statistics.kept_size_bytes, 500);
  cache.Clear();
  EXPECT_EQ(cache.statistics().total_size_bytes, 0);
}

}  // namespace
}  // namespace copse
