// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/rocks_embedding_cache.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/embedding_cache.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Optional;

EmbeddingKey KeyOf(uint32_t number) {
  EmbeddingKey key = {};
  for (size_t i = 0; i < 4; ++i) {
    key[i] = static_cast<std::byte>(number >> (8 * (3 - i)));
  }
  key[31] = std::byte{1};
  return key;
}

std::vector<float> VectorOf(uint32_t number) {
  return std::vector<float>(64, static_cast<float>(number));
}

EmbeddingCache::Entry EntryOf(uint32_t number) {
  return {.key = KeyOf(number), .vector = VectorOf(number)};
}

class RocksEmbeddingCacheTest : public ::testing::Test {
 protected:
  void Open(int64_t size_bytes_max) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        cache_, RocksEmbeddingCache::Open(*database_,
                                          {.size_bytes_max = size_bytes_max}));
  }

  void Put(uint32_t first, uint32_t count) {
    std::vector<EmbeddingCache::Entry> entries;
    for (uint32_t i = first; i < first + count; ++i) {
      entries.push_back(EntryOf(i));
    }
    ASSERT_THAT(cache_->Put(entries), IsOk());
  }

  bool Has(uint32_t number) {
    const std::vector<EmbeddingKey> keys = {KeyOf(number)};
    const auto found = cache_->Get(keys);
    EXPECT_THAT(found, IsOk());
    if ((*found)[0].has_value()) {
      EXPECT_EQ(*(*found)[0], VectorOf(number));
    }
    return (*found)[0].has_value();
  }

  // What the table itself says, against which the totals are compared.
  EmbeddingTotals CountTable() {
    EmbeddingTotals totals = {.next_sequence = 0, .first_sequence = 0};
    int64_t order_count = 0;
    EXPECT_THAT(database_->ForEach(
                    MetaTable::kEmbeddings, {},
                    [&](absl::string_view key, absl::string_view value) {
                      if (key[0] == 1) {
                        ++totals.entry_count;
                      }
                      if (key[0] == 2) {
                        ++order_count;
                      }
                      if (key != EmbeddingTotalsKey()) {
                        totals.size_bytes +=
                            static_cast<int64_t>(key.size() + value.size());
                      }
                      return absl::OkStatus();
                    }),
                IsOk());
    EXPECT_EQ(order_count, totals.entry_count);
    return totals;
  }

  void ExpectTotalsAreTrue() {
    const EmbeddingTotals table = CountTable();
    EXPECT_EQ(cache_->statistics().entry_count, table.entry_count);
    EXPECT_EQ(cache_->statistics().size_bytes, table.size_bytes);
  }

  const TestFolder folder_;
  const std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
  std::unique_ptr<RocksEmbeddingCache> cache_;
};

// About 390 bytes with keys and records.
constexpr int64_t kEntrySizeBytes = 64 * 4 + 100;

TEST_F(RocksEmbeddingCacheTest, AnswersInTheOrderOfTheKeysBitForBit) {
  Open(0);
  const std::vector<float> odd = {
      -0.0f, std::numeric_limits<float>::denorm_min(), 1e30f};
  const std::vector<EmbeddingCache::Entry> entries = {
      {.key = KeyOf(1), .vector = odd}, {.key = KeyOf(2), .vector = {}}};
  ASSERT_THAT(cache_->Put(entries), IsOk());
  const std::vector<EmbeddingKey> keys = {KeyOf(2), KeyOf(9), KeyOf(1)};
  COPSE_ASSERT_OK_AND_ASSIGN(const auto found, cache_->Get(keys));
  EXPECT_THAT(found, ElementsAre(Optional(IsEmpty()), Eq(std::nullopt),
                                 Optional(Eq(odd))));
  EXPECT_TRUE(std::signbit((*found[2])[0]));
  EXPECT_EQ(cache_->statistics().hit_count, 2);
  EXPECT_EQ(cache_->statistics().miss_count, 1);
}

TEST_F(RocksEmbeddingCacheTest, RemembersOverRestarts) {
  Open(1 << 20);
  Put(0, 100);
  const EmbeddingCacheStatistics before = cache_->statistics();
  Open(1 << 20);
  EXPECT_EQ(cache_->statistics().entry_count, 100);
  EXPECT_EQ(cache_->statistics().size_bytes, before.size_bytes);
  EXPECT_TRUE(Has(0));
  EXPECT_TRUE(Has(99));
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, KeepsItsBudgetByDroppingTheOldest) {
  Open(100 * kEntrySizeBytes);
  for (uint32_t i = 0; i < 1000; i += 10) {
    Put(i, 10);
    ASSERT_THAT(cache_->statistics().size_bytes, Le(100 * kEntrySizeBytes));
  }
  ExpectTotalsAreTrue();
  EXPECT_FALSE(Has(0));
  EXPECT_FALSE(Has(500));
  EXPECT_TRUE(Has(999));
  EXPECT_TRUE(Has(950));
  EXPECT_THAT(cache_->statistics().entry_count, AllOf(Ge(80), Le(100)));
  EXPECT_EQ(cache_->statistics().eviction_count,
            1000 - cache_->statistics().entry_count);
}

TEST_F(RocksEmbeddingCacheTest, WhatIsUsedStays) {
  Open(100 * kEntrySizeBytes);
  Put(0, 1);
  for (uint32_t i = 1; i < 1000; i += 10) {
    Put(i, 10);
    ASSERT_TRUE(Has(0)) << i;
  }
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, PuttingAgainTakesNoMoreSpace) {
  Open(1 << 20);
  for (int round = 0; round < 10; ++round) {
    Put(0, 20);
  }
  EXPECT_EQ(cache_->statistics().entry_count, 20);
  ExpectTotalsAreTrue();
  // One call, the same key twice: the last one wins.
  std::vector<EmbeddingCache::Entry> twice = {EntryOf(5), EntryOf(5)};
  twice[1].vector = {7.0f};
  ASSERT_THAT(cache_->Put(twice), IsOk());
  const std::vector<EmbeddingKey> keys = {KeyOf(5)};
  EXPECT_THAT(cache_->Get(keys),
              IsOkAndHolds(ElementsAre(Optional(ElementsAre(7.0f)))));
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, ASmallerBudgetIsReachedInBoundedSteps) {
  Open(0);
  Put(0, 1000);
  Open(100 * kEntrySizeBytes);
  Put(2000, 1);
  EXPECT_EQ(cache_->statistics().entry_count, 1001 - (64 + 4));
  for (uint32_t i = 0; i < 20; ++i) {
    Put(2001 + i, 1);
  }
  EXPECT_THAT(cache_->statistics().size_bytes, Le(100 * kEntrySizeBytes));
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, OneEntryMayBeLargerThanTheBudget) {
  Open(10);
  Put(0, 3);
  Put(3, 1);
  EXPECT_THAT(cache_->statistics().entry_count, Le(1));
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, ADamagedEntryIsAbsentUntilItIsPutAgain) {
  Open(1 << 20);
  Put(0, 3);
  MetaBatch batch(*database_);
  std::string bytes =
      *database_->Get(MetaTable::kEmbeddings, EmbeddingEntryKey(KeyOf(1)))
           .value();
  bytes[20] = static_cast<char>(bytes[20] ^ 1);
  batch.Put(MetaTable::kEmbeddings, EmbeddingEntryKey(KeyOf(1)), bytes);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  EXPECT_FALSE(Has(1));
  EXPECT_EQ(cache_->statistics().damaged_count, 1);
  EXPECT_EQ(cache_->statistics().miss_count, 1);
  Put(1, 1);
  EXPECT_TRUE(Has(1));
  EXPECT_EQ(cache_->statistics().entry_count, 3);
  EXPECT_TRUE(Has(0));
  EXPECT_TRUE(Has(2));
}

TEST_F(RocksEmbeddingCacheTest, ForgetsAllEntriesAndGoesOn) {
  Open(0);
  const std::vector<EmbeddingCache::Entry> entries = {EntryOf(1), EntryOf(2)};
  ASSERT_TRUE(cache_->Put(entries).ok());
  const absl::StatusOr<EmbeddingCacheStatistics> before = cache_->Clear();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->entry_count, 2);
  EXPECT_GT(before->size_bytes, 0);
  EXPECT_EQ(cache_->statistics().entry_count, 0);
  EXPECT_EQ(cache_->statistics().size_bytes, 0);
  const std::vector<EmbeddingKey> keys = {entries[0].key, entries[1].key};
  EXPECT_THAT(cache_->Get(keys).value(),
              ElementsAre(std::nullopt, std::nullopt));
  ASSERT_TRUE(cache_->Put(entries).ok());
  EXPECT_THAT(cache_->Get(keys).value(),
              ElementsAre(entries[0].vector, entries[1].vector));
}

TEST_F(RocksEmbeddingCacheTest, DamagedTotalsEmptyTheCache) {
  Open(1 << 20);
  Put(0, 10);
  MetaBatch batch(*database_);
  batch.Put(MetaTable::kEmbeddings, EmbeddingTotalsKey(), "nonsense");
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  Open(1 << 20);
  EXPECT_EQ(cache_->statistics().entry_count, 0);
  EXPECT_FALSE(Has(0));
  Put(0, 10);
  EXPECT_TRUE(Has(0));
  ExpectTotalsAreTrue();
}

TEST_F(RocksEmbeddingCacheTest, TakesManyThreadsAtOnce) {
  Open(50 * kEntrySizeBytes);
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (uint32_t round = 0; round < 50; ++round) {
          const std::vector<EmbeddingCache::Entry> entries = {
              EntryOf(round), EntryOf(1000 * i + round)};
          ASSERT_THAT(cache_->Put(entries), IsOk());
          Has(round);
        }
      });
    }
  }  // Joins the threads.
  ExpectTotalsAreTrue();
}

TEST(EmbeddingRecordTest, KeepsItsBytes) {
  const EmbeddingRecord record = {.sequence = 5, .vector = {1.0f}};
  COPSE_ASSERT_OK_AND_ASSIGN(const EmbeddingRecord parsed,
                             EmbeddingRecord::Parse(record.Encode()));
  EXPECT_EQ(parsed.sequence, 5u);
  EXPECT_THAT(parsed.vector, ElementsAre(1.0f));
  EXPECT_EQ(record.Encode().size(), 2u + 8 + 4 + 4 + 8);
}

}  // namespace
}  // namespace copse
