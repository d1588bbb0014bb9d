// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/number_allocator.h"

#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "tests/support/status_matchers.h"
#include "versioning/fault_file_system.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

// RocksDB 7.8 forgets a write buffer when it cannot begin a new log, as on a
// full disk. The sanitizer fixes the name of this function.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:rocksdb::DBImpl::SwitchMemtable\n";
}

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

class NumberAllocatorTest : public ::testing::Test {
 protected:
  static NumberAllocatorOptions Pages() {
    return {.kind = CounterKind::kPage, .domain_number = 3, .block_count = 16};
  }

  const TestFolder folder_;
  std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
};

TEST_F(NumberAllocatorTest, GivesNumbersInARowFromTheFirst) {
  NumberAllocator pages(*database_, Pages());
  EXPECT_THAT(pages.next_number(), IsOkAndHolds(Eq(1u)));
  EXPECT_THAT(pages.Allocate(1), IsOkAndHolds(Eq(1u)));
  EXPECT_THAT(pages.Allocate(40), IsOkAndHolds(Eq(2u)));
  EXPECT_THAT(pages.Allocate(1), IsOkAndHolds(Eq(42u)));
  EXPECT_THAT(pages.next_number(), IsOkAndHolds(Eq(43u)));
  NumberAllocator ordinals(*database_, OrdinalAllocatorOptions(3));
  EXPECT_THAT(ordinals.Allocate(5), IsOkAndHolds(Eq(0u)));
  EXPECT_THAT(ordinals.Allocate(5), IsOkAndHolds(Eq(5u)));
}

TEST_F(NumberAllocatorTest, KeepsKindsAndDomainsApart) {
  NumberAllocator pages(*database_, Pages());
  NumberAllocatorOptions options = Pages();
  options.domain_number = 4;
  NumberAllocator other_pages(*database_, options);
  options.kind = CounterKind::kForest;
  NumberAllocator forests(*database_, options);
  for (NumberAllocator* allocator : {&pages, &other_pages, &forests}) {
    EXPECT_THAT(allocator->Allocate(3), IsOkAndHolds(Eq(1u)));
  }
}

TEST_F(NumberAllocatorTest, NeverGivesANumberAgainAfterARestart) {
  uint64_t last = 0;
  for (int start = 0; start < 5; ++start) {
    database_.reset();
    database_ = OpenTestDatabase(folder_);
    NumberAllocator pages(*database_, Pages());
    COPSE_ASSERT_OK_AND_ASSIGN(const uint64_t first, pages.Allocate(3));
    EXPECT_GT(first, last);
    last = first + 2;
  }
  EXPECT_LE(last, 5u * 16);
}

TEST_F(NumberAllocatorTest, WaitsForTheDiskOncePerBlock) {
  NumberAllocator pages(*database_, Pages());
  for (int i = 0; i < 160; ++i) {
    ASSERT_THAT(pages.Allocate(1), IsOk());
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const MetaStatistics statistics,
                             database_->GetStatistics());
  EXPECT_EQ(statistics.synced_write_count, 10);
}

TEST_F(NumberAllocatorTest, EndsAtTheGreatestNumber) {
  NumberAllocator ordinals(*database_, OrdinalAllocatorOptions(3));
  constexpr uint64_t kCount = UINT32_MAX;  // 0 to 2^32 - 2.
  EXPECT_THAT(ordinals.Allocate(kCount - 2), IsOkAndHolds(Eq(0u)));
  const absl::Status status = ordinals.Allocate(3).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("go beyond the greatest, "
                                         "4294967294")));
  EXPECT_EQ(ReasonOf(status)->reason, "NUMBERS_EXHAUSTED");
  EXPECT_THAT(ordinals.Allocate(2), IsOkAndHolds(Eq(kCount - 2)));
  EXPECT_THAT(ordinals.Allocate(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  NumberAllocator later(*database_, OrdinalAllocatorOptions(3));
  EXPECT_THAT(later.Allocate(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(NumberAllocatorTest, GivesEachNumberToOneThread) {
  NumberAllocator pages(*database_, Pages());
  Mutex mutex;
  std::set<uint64_t> given;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 100; ++round) {
          const absl::StatusOr<uint64_t> first = pages.Allocate(3);
          ASSERT_THAT(first, IsOk());
          MutexLock lock(mutex);
          for (uint64_t number = *first; number < *first + 3; ++number) {
            EXPECT_TRUE(given.insert(number).second);
          }
        }
      });
    }
  }  // Joins the threads.
  EXPECT_EQ(given.size(), 1200u);
}

TEST(NumberAllocatorFaultTest, GivesNothingThatIsNotReserved) {
  const TestFolder folder;
  FaultFileSystem* faults = nullptr;
  const std::unique_ptr<rocksdb::Env> env = MakeFaultEnv(&faults);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<MetaDatabase> database,
      MetaDatabase::Open({.folder = folder.path(), .env = env.get()}));
  NumberAllocator pages(
      *database,
      {.kind = CounterKind::kPage, .domain_number = 3, .block_count = 2});
  EXPECT_THAT(pages.Allocate(2), IsOkAndHolds(Eq(1u)));
  faults->FailAppends(FaultFileSystem::Fault::kNoSpace);
  EXPECT_THAT(pages.Allocate(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults->FailAppends(FaultFileSystem::Fault::kNone);
  EXPECT_THAT(pages.Allocate(1), IsOkAndHolds(Ge(3u)));
}

}  // namespace
}  // namespace copse
