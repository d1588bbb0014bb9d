// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/type_index.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/memory_counter.h"
#include "versioning/row_set.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;

// Rows whose type is a function of the ordinal; remembers which were read.
class TypeIndexTest : public ::testing::Test {
 protected:
  absl::Status Extend(const std::vector<Ordinal>& ordinals) {
    return types_.Extend(
        RowSet::FromSorted(ordinals),
        [this](std::span<const Ordinal> rows, TypeIndex::Visit visit) {
          for (const Ordinal ordinal : rows) {
            if (ordinal == 13) {
              return absl::DataLossError("row 13");
            }
            read_.push_back(ordinal);
            visit(ordinal, TypeName(ordinal));
          }
          return absl::OkStatus();
        });
  }

  static std::string TypeName(Ordinal ordinal) {
    return ordinal % 2 == 0 ? "even" : "odd";
  }

  MemoryCounter memory_;
  TypeIndex types_{memory_};
  std::vector<Ordinal> read_;
};

TEST_F(TypeIndexTest, KnowsNothingAtFirst) {
  EXPECT_EQ(types_.Find("even"), std::nullopt);
  EXPECT_EQ(types_.TypeOf(0), 0);
  EXPECT_EQ(types_.row_count(), 0);
}

TEST_F(TypeIndexTest, ReadsEachRowOnceWhateverTheOrder) {
  ASSERT_THAT(Extend({2, 5, 4'000'000'000}), IsOk());
  ASSERT_THAT(Extend({1, 2, 3, 5}), IsOk());
  EXPECT_THAT(read_, ElementsAre(2, 5, 4'000'000'000, 1, 3));
  EXPECT_EQ(types_.row_count(), 5);
  EXPECT_EQ(types_.TypeOf(4'000'000'000), types_.Find("even"));
  EXPECT_EQ(types_.TypeOf(3), types_.Find("odd"));
  EXPECT_NE(types_.Find("odd"), types_.Find("even"));
  EXPECT_EQ(types_.TypeOf(4), 0);
  EXPECT_EQ(memory_.size_bytes() > types_.size_bytes(), true);
}

TEST_F(TypeIndexTest, NamesTypes) {
  ASSERT_THAT(Extend({2, 3}), IsOk());
  const std::vector<uint32_t> numbers = {*types_.Find("odd"), 77};
  EXPECT_THAT(types_.NamesOf(numbers), ElementsAre("odd"));
}

TEST_F(TypeIndexTest, AFailureLeavesItAsItWas) {
  EXPECT_THAT(Extend({12, 13, 14}),
              StatusIs(absl::StatusCode::kDataLoss, Eq("row 13")));
  EXPECT_EQ(types_.row_count(), 0);
  EXPECT_EQ(types_.TypeOf(12), 0);
  EXPECT_THAT(Extend({12, 14}), IsOk());
  EXPECT_EQ(types_.TypeOf(12), types_.Find("even"));
}

TEST_F(TypeIndexTest, MayBeReadWhileItGrows) {
  std::vector<Ordinal> first(5000);
  std::vector<Ordinal> second(5000);
  for (Ordinal i = 0; i < 5000; ++i) {
    first[i] = 100 + 2 * i;
    second[i] = 101 + 2 * i;
  }
  ASSERT_THAT(Extend(first), IsOk());
  const uint32_t even = *types_.Find("even");
  {
    const std::jthread writer([&] { ASSERT_THAT(Extend(second), IsOk()); });
    for (const Ordinal ordinal : first) {
      ASSERT_EQ(types_.TypeOf(ordinal), even);
    }
  }
  EXPECT_EQ(types_.row_count(), 10000);
}

TEST(TypeIndexMemoryTest, GivesBackWhatItTook) {
  MemoryCounter memory;
  {
    TypeIndex types(memory);
    ASSERT_THAT(
        types.Extend(RowSet::FromSorted(std::vector<Ordinal>{1, 1'000'000}),
                     [](std::span<const Ordinal> rows, TypeIndex::Visit visit) {
                       for (const Ordinal ordinal : rows) {
                         visit(ordinal, "t");
                       }
                       return absl::OkStatus();
                     }),
        IsOk());
    EXPECT_GT(memory.size_bytes(), 0);
  }
  EXPECT_EQ(memory.size_bytes(), 0);
}

}  // namespace
}  // namespace copse
