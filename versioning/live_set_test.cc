// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/live_set.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Sets of every kind of container: sparse, dense, runs, and mixtures.
std::vector<LiveSet> VariousSets() {
  std::mt19937 random(20263);
  std::vector<LiveSet> sets(1);
  LiveSet sparse;
  for (int i = 0; i < 500; ++i) {
    sparse.Add(random());
  }
  sets.push_back(sparse);
  LiveSet dense;
  for (int i = 0; i < 40000; ++i) {
    dense.Add(random() % 80000);
  }
  sets.push_back(dense);
  LiveSet runs;
  runs.AddRange(100, 70000);
  runs.AddRange(1000000, 5);
  sets.push_back(runs);
  LiveSet mixed = runs;
  mixed.AddAll(sparse);
  mixed.RemoveAll(dense);
  mixed.Add(UINT32_MAX);
  sets.push_back(mixed);
  LiveSet all;
  all.AddRange(0, uint64_t{1} << 32);
  sets.push_back(all);
  return sets;
}

TEST(LiveSetTest, DoesWhatASetDoes) {
  std::mt19937 random(20264);
  std::set<Ordinal> expected;
  LiveSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.ordinal_end(), 0u);
  for (int step = 0; step < 30000; ++step) {
    const Ordinal ordinal =
        random() % 20000 + (step % 2 == 0 ? 0 : Ordinal{0xffff0000});
    if (random() % 3 == 0) {
      set.Remove(ordinal);
      expected.erase(ordinal);
    } else {
      set.Add(ordinal);
      expected.insert(ordinal);
    }
  }
  EXPECT_EQ(set.row_count(), static_cast<int64_t>(expected.size()));
  EXPECT_EQ(set.ordinal_end(), uint64_t{*expected.rbegin()} + 1);
  EXPECT_THAT(set.ToVector(), ElementsAreArray(expected));
  std::vector<Ordinal> visited;
  set.ForEach([&](Ordinal ordinal) { visited.push_back(ordinal); });
  EXPECT_THAT(visited, ElementsAreArray(expected));
  for (Ordinal ordinal = 0; ordinal < 20000; ++ordinal) {
    ASSERT_EQ(set.Contains(ordinal), expected.count(ordinal) == 1);
  }
  EXPECT_EQ(LiveSet::Of(visited), set);
}

TEST(LiveSetTest, StopsVisitingAtAnError) {
  const std::vector<Ordinal> ordinals = {1, 2, 3};
  const LiveSet set = LiveSet::Of(ordinals);
  std::vector<Ordinal> visited;
  EXPECT_THAT(set.ForEachOrFail([&](Ordinal ordinal) {
    visited.push_back(ordinal);
    return ordinal == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  }),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_THAT(visited, ElementsAre(1, 2));
}

TEST(LiveSetTest, CombinesSetsAsTheStandardLibraryDoes) {
  const std::vector<LiveSet> sets = VariousSets();
  for (size_t i = 0; i + 1 < sets.size(); ++i) {    // Not the set of all,
    for (size_t j = 0; j + 1 < sets.size(); ++j) {  // which takes too long.
      const std::vector<Ordinal> left = sets[i].ToVector();
      const std::vector<Ordinal> right = sets[j].ToVector();
      std::vector<Ordinal> expected;
      std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                          std::back_inserter(expected));
      EXPECT_EQ(LiveSet::Difference(sets[i], sets[j]).ToVector(), expected);
      EXPECT_EQ(sets[j].ContainsAll(sets[i]), expected.empty());
      expected.clear();
      std::set_symmetric_difference(left.begin(), left.end(), right.begin(),
                                    right.end(), std::back_inserter(expected));
      EXPECT_EQ(LiveSet::SymmetricDifference(sets[i], sets[j]).ToVector(),
                expected);
      EXPECT_EQ(LiveSet::SymmetricDifferenceCount(sets[i], sets[j]),
                static_cast<int64_t>(expected.size()));
      expected.clear();
      std::set_intersection(left.begin(), left.end(), right.begin(),
                            right.end(), std::back_inserter(expected));
      EXPECT_EQ(LiveSet::Intersection(sets[i], sets[j]).ToVector(), expected);
      EXPECT_EQ(sets[i].Intersects(sets[j]), !expected.empty());
      LiveSet sum = sets[i];
      sum.AddAll(sets[j]);
      EXPECT_EQ(sum.row_count(), sets[i].row_count() + sets[j].row_count() -
                                     static_cast<int64_t>(expected.size()));
    }
  }
}

TEST(LiveSetTest, TakesItselfAsAnArgument) {
  const std::vector<Ordinal> ordinals = {1, 2, 3};
  LiveSet set = LiveSet::Of(ordinals);
  set.AddAll(set);
  EXPECT_EQ(set.row_count(), 3);
  set.RemoveAll(set);
  EXPECT_TRUE(set.empty());
}

TEST(LiveSetTest, ParsesWhatItEncoded) {
  for (const LiveSet& set : VariousSets()) {
    COPSE_ASSERT_OK_AND_ASSIGN(const LiveSet parsed,
                               LiveSet::Parse(set.Encode()));
    EXPECT_EQ(parsed, set);
    EXPECT_EQ(parsed.row_count(), set.row_count());
  }
}

TEST(LiveSetTest, EqualSetsHaveEqualBytesWhateverTheirHistory) {
  for (const LiveSet& set : VariousSets()) {
    if (set.row_count() > 1000000) {
      continue;
    }
    const std::string bytes = set.Encode();
    std::vector<Ordinal> ordinals = set.ToVector();
    std::mt19937 random(20265);
    std::shuffle(ordinals.begin(), ordinals.end(), random);
    LiveSet one_by_one;
    for (const Ordinal ordinal : ordinals) {
      one_by_one.Add(ordinal);
    }
    EXPECT_EQ(one_by_one.Encode(), bytes);
    LiveSet from_more;
    from_more.AddRange(0, 100000);
    from_more.AddAll(set);
    from_more.RemoveAll(LiveSet::Difference(from_more, set));
    EXPECT_EQ(from_more.Encode(), bytes);
    COPSE_ASSERT_OK_AND_ASSIGN(LiveSet parsed, LiveSet::Parse(bytes));
    EXPECT_EQ(parsed.Encode(), bytes);
  }
}

TEST(LiveSetTest, KeepsItsBytes) {
  const std::vector<Ordinal> ordinals = {1, 5, 65537};
  EXPECT_EQ(absl::BytesToHexString(LiveSet::Of(ordinals).Encode()),
            "3a300000"  // cookie 12346
            "02000000"  // two containers
            "00000100"  // key 0, two values
            "01000000"  // key 1, one value
            "18000000"  // where the first one lies
            "1c000000"  // where the second one lies
            "01000500"
            "0100");
  LiveSet run;
  run.AddRange(10, 1000);
  EXPECT_EQ(absl::BytesToHexString(run.Encode()),
            "3b300000"  // cookie 12347, one container
            "01"        // it holds runs
            "0000e703"  // key 0, 1000 values
            "0100"
            "0a00e703");  // one run: from 10 on, 999 more
  EXPECT_EQ(absl::BytesToHexString(LiveSet().Encode()), "3a30000000000000");
}

TEST(LiveSetTest, RefusesEveryTruncationAndTrailingBytes) {
  for (const LiveSet& set : VariousSets()) {
    const std::string bytes = set.Encode();
    const size_t step = bytes.size() > 5000 ? 97 : 1;
    for (size_t size = 0; size < bytes.size(); size += step) {
      ASSERT_THAT(
          LiveSet::Parse(absl::string_view(bytes).substr(0, size)),
          StatusIs(absl::StatusCode::kDataLoss, HasSubstr("live set of")));
    }
    EXPECT_THAT(LiveSet::Parse(bytes + "x"),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("bytes after the last container")));
  }
}

// What CRoaring would take, and break on later.
TEST(LiveSetTest, RefusesContainersThatLie) {
  const auto parse = [](absl::string_view hex) {
    return LiveSet::Parse(absl::HexStringToBytes(hex));
  };
  // An array out of order, and with a value twice.
  EXPECT_THAT(parse("3a300000"
                    "01000000"
                    "00000100"
                    "10000000"
                    "05000100"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("an array is not in order")));
  EXPECT_THAT(parse("3a300000"
                    "01000000"
                    "00000100"
                    "10000000"
                    "05000500"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("an array is not in order")));
  // A key twice.
  EXPECT_THAT(parse("3a300000"
                    "02000000"
                    "00000000"
                    "00000000"
                    "18000000"
                    "1a000000"
                    "0100"
                    "0100"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("containers are not in order")));
  // An offset that leads elsewhere.
  EXPECT_THAT(parse("3a300000"
                    "01000000"
                    "00000100"
                    "11000000"
                    "01000500"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("not where its offset says")));
  // Runs that overlap, leave the container, or have another sum.
  EXPECT_THAT(parse("3b300000"
                    "01"
                    "00000300"
                    "0200"
                    "00000100"
                    "01000100"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("runs are not in order")));
  EXPECT_THAT(parse("3b300000"
                    "01"
                    "00000100"
                    "0100"
                    "ffff0100"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("runs are not in order")));
  EXPECT_THAT(parse("3b300000"
                    "01"
                    "00000700"
                    "0100"
                    "0a00e703"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("runs have 1000 values, expected 8")));
  // A bitmap with too few bits.
  EXPECT_THAT(LiveSet::Parse(absl::HexStringToBytes("3a300000"
                                                    "01000000"
                                                    "0000ffff"
                                                    "10000000") +
                             std::string(8192, '\x55')),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("a bitmap has 32768 bits, expected 65536")));
  // More containers than there are keys.
  EXPECT_THAT(parse("3a300000"
                    "01000100"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("65537 containers, expected at most 65536")));
  EXPECT_THAT(
      parse("3c300000"
            "00000000"),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cookie is 12348")));
}

TEST(LiveSetTest, CopiesAreIndependent) {
  const std::vector<Ordinal> ordinals = {1, 2};
  LiveSet set = LiveSet::Of(ordinals);
  const LiveSet copy = set;
  set.Add(3);
  EXPECT_THAT(copy.ToVector(), ElementsAre(1, 2));
  set = LiveSet();
  EXPECT_THAT(set.ToVector(), IsEmpty());
  EXPECT_GT(copy.memory_size_bytes(), sizeof(LiveSet));
}

}  // namespace
}  // namespace copse
