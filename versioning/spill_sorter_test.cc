// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/spill_sorter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/spill_file.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Record {
  uint32_t key = 0;
  uint32_t rank = 0;

  friend auto operator<=>(const Record&, const Record&) = default;
};
struct Less {
  bool operator()(const Record& left, const Record& right) const {
    return left < right;
  }
};
struct SameKey {
  bool operator()(const Record& left, const Record& right) const {
    return left.key == right.key;
  }
};
using Sorter = SpillSorter<Record, Less, SameKey>;

std::vector<Record> MakeRecords(size_t count, uint32_t key_count) {
  std::mt19937 random(7);
  std::vector<Record> records(count);
  for (Record& record : records) {
    record = {.key = static_cast<uint32_t>(random() % key_count),
              .rank = static_cast<uint32_t>(random() % 100)};
  }
  return records;
}

absl::StatusOr<std::vector<Record>> Drain(Sorter& sorter) {
  COPSE_RETURN_IF_ERROR(sorter.Finish());
  std::vector<Record> found;
  for (;;) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<Record> record, sorter.Next());
    if (!record.has_value()) {
      return found;
    }
    found.push_back(*record);
  }
}

class SpillSorterTest : public ::testing::Test {
 protected:
  SpillOptions Options(size_t record_count) {
    return {.folder = folder_.path() + "/spill",
            .memory_size_bytes = record_count * sizeof(Record),
            .budget = &budget_};
  }

  TestFolder folder_;
  SpillBudget budget_{1 << 20, "duplicates.spill_max_bytes"};
};

TEST_F(SpillSorterTest, KeepsTheFirstOfEachKeyHoweverManyRunsThereAre) {
  for (const uint32_t key_count : {30U, 3000U, 1'000'000'000U}) {
    const std::vector<Record> records = MakeRecords(20'000, key_count);
    std::vector<Record> wanted = records;
    std::ranges::sort(wanted);
    wanted.erase(std::unique(wanted.begin(), wanted.end(), SameKey()),
                 wanted.end());
    for (const size_t memory : {1U, 37U, 5000U, 20'000U, 100'000U}) {
      Sorter sorter(Options(memory));
      for (const Record& record : records) {
        ASSERT_THAT(sorter.Add(record), IsOk());
      }
      EXPECT_THAT(Drain(sorter), IsOkAndHolds(Eq(wanted))) << memory;
      sorter.Clear();
      EXPECT_EQ(budget_.size_bytes(), 0);
    }
  }
}

TEST_F(SpillSorterTest, LeavesNoFileWithAName) {
  Sorter sorter(Options(10));
  for (const Record& record : MakeRecords(1000, 1'000'000)) {
    ASSERT_THAT(sorter.Add(record), IsOk());
  }
  EXPECT_GT(budget_.size_bytes(), 0);
  EXPECT_THAT(ListFolder(folder_.path() + "/spill"), IsOkAndHolds(IsEmpty()));
}

TEST_F(SpillSorterTest, NamesTheSettingThatIsUsedUp) {
  budget_.Take((1 << 20) - 100).IgnoreError();
  Sorter sorter(Options(10));
  absl::Status status = absl::OkStatus();
  for (const Record& record : MakeRecords(1000, 1'000'000)) {
    status.Update(sorter.Add(record));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than the 1048576 bytes of disk "
                                         "that duplicates.spill_max_bytes "
                                         "allows")));
}

TEST_F(SpillSorterTest, AsksForSpaceBeforeEachRun) {
  SpillOptions options = Options(10);
  options.check_space = [] { return absl::ResourceExhaustedError("no space"); };
  Sorter sorter(options);
  for (uint32_t i = 0; i < 9; ++i) {
    ASSERT_THAT(sorter.Add({.key = i}), IsOk());
  }
  EXPECT_THAT(sorter.Add({.key = 9}),
              StatusIs(absl::StatusCode::kResourceExhausted, "no space"));
  EXPECT_EQ(budget_.size_bytes(), 0);
}

}  // namespace
}  // namespace copse
