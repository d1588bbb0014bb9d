// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_set.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "versioning/memory_counter.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr Ordinal kOrdinalMax = std::numeric_limits<Ordinal>::max();

TEST(RowSetTest, EmptySetHasNoMembers) {
  const RowSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.Contains(0));
  EXPECT_FALSE(set.Contains(kOrdinalMax));
  EXPECT_THAT(set.ToVector(), IsEmpty());
}

TEST(RowSetTest, HoldsTheFirstAndTheLastOrdinal) {
  const std::vector<Ordinal> ordinals = {0,       4095,    4096,
                                         262'143, 262'144, kOrdinalMax};
  const RowSet set = RowSet::FromSorted(ordinals);
  EXPECT_EQ(set.row_count(), 6);
  EXPECT_EQ(set.Last(), kOrdinalMax);
  EXPECT_TRUE(set.Contains(4096));
  EXPECT_FALSE(set.Contains(4097));
  EXPECT_THAT(set.ToVector(), ElementsAreArray(ordinals));
}

TEST(RowSetTest, EditLeavesTheOriginalAsItWas) {
  const RowSet parent = RowSet::FromSorted(std::vector<Ordinal>{1, 2, 3});
  const RowSet child =
      parent.Edit(std::vector<Ordinal>{4}, std::vector<Ordinal>{2});
  EXPECT_THAT(parent.ToVector(), ElementsAre(1, 2, 3));
  EXPECT_THAT(child.ToVector(), ElementsAre(1, 3, 4));
}

TEST(RowSetTest, EditIgnoresWhatIsThereAlreadyAndWhatIsNot) {
  const RowSet set = RowSet::FromSorted(std::vector<Ordinal>{1, 2});
  const RowSet same =
      set.Edit(std::vector<Ordinal>{1}, std::vector<Ordinal>{3});
  EXPECT_EQ(same.row_count(), 2);
  EXPECT_EQ(RowSet::DifferenceCount(set, same), 0);
}

TEST(RowSetTest, ForgetsWhatHasNoMemberLeft) {
  MemoryCounter counter;
  {
    const std::vector<Ordinal> ordinals = {5, 300'000, 900'000};
    const RowSet set =
        RowSet::FromSorted(ordinals, &counter).Edit({}, ordinals);
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(counter.size_bytes(), 0);
  }
  EXPECT_EQ(counter.size_bytes(), 0);
}

TEST(RowSetTest, CountsWhatIsSharedOnce) {
  MemoryCounter counter;
  std::vector<Ordinal> ordinals(1'000'000);
  std::iota(ordinals.begin(), ordinals.end(), Ordinal{0});
  {
    const RowSet parent = RowSet::FromSorted(ordinals, &counter);
    const int64_t parent_size_bytes = counter.size_bytes();
    EXPECT_GT(parent_size_bytes, 1'000'000 / 8);
    const RowSet child =
        parent.Edit(std::vector<Ordinal>{1'000'000}, std::vector<Ordinal>{77});
    EXPECT_LT(counter.size_bytes() - parent_size_bytes, 5'000);
  }
  EXPECT_EQ(counter.size_bytes(), 0);
}

TEST(RowSetTest, ShareWithGivesUpWhatTheRelativeHasToo) {
  MemoryCounter counter;
  std::vector<Ordinal> ordinals(600'000);
  std::iota(ordinals.begin(), ordinals.end(), Ordinal{0});
  const RowSet relative = RowSet::FromSorted(ordinals, &counter);
  const int64_t relative_size_bytes = counter.size_bytes();
  ordinals[5] = 600'000;
  std::sort(ordinals.begin(), ordinals.end());
  RowSet set = RowSet::FromSorted(ordinals, &counter);
  EXPECT_GT(counter.size_bytes(), 2 * relative_size_bytes - 5'000);
  set = set.ShareWith(relative);
  EXPECT_LT(counter.size_bytes(), relative_size_bytes + 5'000);
  EXPECT_EQ(set.ToVector(), ordinals);
  EXPECT_EQ(set.row_count(), 600'000);
}

// Against std::set, with members near the borders of leaves and groups.
TEST(RowSetTest, AgreesWithAPlainSetOverRandomEdits) {
  constexpr uint32_t kSeed = 17;
  std::mt19937 random(kSeed);
  const auto draw = [&random] {
    const Ordinal border = (random() % 3) * 262'144 + (random() % 4) * 4096;
    return border + random() % 200;
  };
  std::set<Ordinal> model;
  RowSet set;
  std::vector<RowSet> sets = {set};
  std::vector<std::set<Ordinal>> models = {model};
  for (int round = 0; round < 200; ++round) {
    std::set<Ordinal> inserted;
    std::set<Ordinal> deleted;
    for (uint32_t i = random() % 40; i > 0; --i) {
      inserted.insert(draw());
    }
    for (uint32_t i = random() % 40; i > 0; --i) {
      const Ordinal ordinal = draw();
      if (!inserted.contains(ordinal)) {
        deleted.insert(ordinal);
      }
    }
    set = set.Edit(std::vector<Ordinal>(inserted.begin(), inserted.end()),
                   std::vector<Ordinal>(deleted.begin(), deleted.end()));
    model.insert(inserted.begin(), inserted.end());
    for (const Ordinal ordinal : deleted) {
      model.erase(ordinal);
    }
    ASSERT_THAT(set.ToVector(), ElementsAreArray(model)) << "seed " << kSeed;
    ASSERT_EQ(set.row_count(), static_cast<int64_t>(model.size()));
    if (!model.empty()) {
      ASSERT_EQ(set.Last(), *model.rbegin());
    }
    sets.push_back(set);
    models.push_back(model);
    const size_t other = random() % sets.size();
    std::vector<Ordinal> only_left;
    std::vector<Ordinal> only_right;
    RowSet::Compare(sets[other], set, &only_left, &only_right);
    std::vector<Ordinal> expected_left;
    std::set_difference(models[other].begin(), models[other].end(),
                        model.begin(), model.end(),
                        std::back_inserter(expected_left));
    std::vector<Ordinal> expected_right;
    std::set_difference(model.begin(), model.end(), models[other].begin(),
                        models[other].end(),
                        std::back_inserter(expected_right));
    ASSERT_EQ(only_left, expected_left) << "seed " << kSeed;
    ASSERT_EQ(only_right, expected_right) << "seed " << kSeed;
    ASSERT_EQ(RowSet::DifferenceCount(sets[other], set),
              static_cast<int64_t>(only_left.size() + only_right.size()));
  }
}

}  // namespace
}  // namespace copse
