// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/live_set_store.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class LiveSetStoreTest : public ::testing::Test {
 protected:
  WrittenLiveSet Write(uint64_t parent, const LiveSet& added,
                       const LiveSet& removed,
                       const LiveSet* parent_set = nullptr) {
    MetaBatch batch(*database_);
    absl::StatusOr<WrittenLiveSet> written =
        store_.Write({.parent = parent,
                      .added = &added,
                      .removed = &removed,
                      .parent_set = parent_set},
                     batch);
    EXPECT_THAT(written, IsOk());
    EXPECT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
    return *written;
  }

  LiveSetRecord ReadRecord(uint64_t number) {
    return LiveSetRecord::Parse(
               *database_->Get(MetaTable::kLiveSets, LiveSetKey(3, number))
                    .value())
        .value();
  }

  void ReplaceRecord(uint64_t number, const LiveSetRecord& record) {
    MetaBatch batch(*database_);
    batch.Put(MetaTable::kLiveSets, LiveSetKey(3, number), record.Encode());
    ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  }

  static LiveSet Range(Ordinal first, uint64_t count) {
    LiveSet set;
    set.AddRange(first, count);
    return set;
  }

  const TestFolder folder_;
  const std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
  LiveSetStore store_{*database_, 3};
};

TEST_F(LiveSetStoreTest, NumberZeroIsTheEmptySet) {
  COPSE_ASSERT_OK_AND_ASSIGN(const LiveSet none, store_.Load(0));
  EXPECT_TRUE(none.empty());
  const WrittenLiveSet nothing = Write(0, LiveSet(), LiveSet());
  EXPECT_EQ(nothing.number, 0u);
  const WrittenLiveSet some = Write(0, Range(0, 10), LiveSet());
  EXPECT_NE(some.number, 0u);
  const WrittenLiveSet emptied = Write(some.number, LiveSet(), Range(0, 10));
  EXPECT_EQ(emptied.number, 0u);
  EXPECT_EQ(emptied.row_count, 0);
}

TEST_F(LiveSetStoreTest, NoChangeIsTheParent) {
  const WrittenLiveSet parent = Write(0, Range(0, 10), LiveSet());
  const WrittenLiveSet child = Write(parent.number, LiveSet(), LiveSet());
  EXPECT_EQ(child.number, parent.number);
  EXPECT_EQ(child.row_count, 10);
  EXPECT_EQ(child.size_bytes, 0);
}

// A long history of small commits over a large set, with branches: every set
// is what it should be, and each is read in at most 1 + log2(depth) records.
TEST_F(LiveSetStoreTest, FollowsALongHistory) {
  std::mt19937 random(20266);
  std::map<uint64_t, LiveSet> expected;
  const WrittenLiveSet root = Write(0, Range(0, 300000), LiveSet());
  expected[root.number] = Range(0, 300000);
  uint64_t tip = root.number;
  Ordinal next = 300000;
  uint32_t depth_max = 0;
  for (int commit = 0; commit < 700; ++commit) {
    if (commit % 50 == 49) {  // Go on from an older commit.
      auto older = expected.begin();
      std::advance(older, random() % expected.size());
      tip = older->first;
    }
    const LiveSet& parent = expected[tip];
    const LiveSet added = Range(next, random() % 4);
    next += static_cast<Ordinal>(added.row_count());
    LiveSet removed;
    for (int i = 0; i < 2; ++i) {
      const Ordinal gone = random() % next;
      if (parent.Contains(gone)) {
        removed.Add(gone);
      }
    }
    const WrittenLiveSet written = Write(tip, added, removed);
    LiveSet child = parent;
    child.RemoveAll(removed);
    child.AddAll(added);
    EXPECT_EQ(written.row_count, child.row_count());
    expected[written.number] = std::move(child);
    tip = written.number;
  }
  for (const auto& [number, set] : expected) {
    COPSE_ASSERT_OK_AND_ASSIGN(const LiveSet loaded, store_.Load(number));
    ASSERT_EQ(loaded, set) << "live set " << number;
    const uint32_t depth = ReadRecord(number).depth;
    depth_max = std::max(depth_max, depth);
    EXPECT_THAT(store_.ListChain(number),
                IsOkAndHolds(SizeIs(Eq(1 + std::popcount(depth)))));
  }
  EXPECT_GT(depth_max, 64u);
}

TEST_F(LiveSetStoreTest, SmallCommitsWriteLittleWhateverTheSizeOfTheSet) {
  // Every second row, so that the snapshot takes 8 KiB for 65,536 rows.
  LiveSet large;
  for (Ordinal ordinal = 0; ordinal < 2000000; ordinal += 2) {
    large.Add(ordinal);
  }
  const WrittenLiveSet root = Write(0, large, LiveSet());
  EXPECT_GT(root.size_bytes, 200000);
  uint64_t tip = root.number;
  int64_t size_bytes = 0;
  constexpr int kCommitCount = 1000;
  for (Ordinal i = 0; i < kCommitCount; ++i) {
    const WrittenLiveSet written =
        Write(tip, Range(3000000 + 2 * i, 1), Range(2000 * i, 1));
    size_bytes += written.size_bytes;
    tip = written.number;
  }
  // 1000 commits of two rows: 2 bytes a row and level, and some 80 a record.
  EXPECT_THAT(size_bytes / kCommitCount, Le(200));
}

TEST_F(LiveSetStoreTest, WritesASnapshotWhenTheDifferencesOutweighIt) {
  const WrittenLiveSet root = Write(0, Range(0, 10), LiveSet());
  uint64_t tip = root.number;
  LiveSet tip_set = Range(0, 10);
  int snapshot_count = 0;
  for (Ordinal i = 0; i < 3000; ++i) {
    const LiveSet added = Range(100 + 3 * i, 1);
    // Half of the time the caller knows the parent.
    tip = Write(tip, added, LiveSet(), i % 2 == 0 ? &tip_set : nullptr).number;
    tip_set.AddAll(added);
    snapshot_count += ReadRecord(tip).depth == 0 ? 1 : 0;
  }
  EXPECT_GE(snapshot_count, 1);
  EXPECT_LE(snapshot_count, 10);
  EXPECT_THAT(store_.Load(tip), IsOkAndHolds(Eq(tip_set)));
}

TEST_F(LiveSetStoreTest, RefusesAChangeThatDoesNotFit) {
  const WrittenLiveSet parent = Write(0, Range(0, 10), LiveSet());
  MetaBatch batch(*database_);
  const LiveSet none;
  const LiveSet many = Range(100, 11);
  EXPECT_THAT(
      store_.Write({.parent = parent.number, .added = &none, .removed = &many},
                   batch),
      StatusIs(absl::StatusCode::kInternal,
               Eq("change of live set 1: 10 rows plus 0 minus 11")));
  EXPECT_THAT(
      store_.Write({.parent = 0, .added = &none, .removed = &many}, batch),
      StatusIs(absl::StatusCode::kInternal,
               Eq("change of live set 0 does not fit it")));
}

TEST_F(LiveSetStoreTest, NumbersAreNotUsedAgainByTheNextStore) {
  const WrittenLiveSet first = Write(0, Range(0, 10), LiveSet());
  LiveSetStore later(*database_, 3);
  MetaBatch batch(*database_);
  const LiveSet added = Range(5, 1);
  const LiveSet none;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const WrittenLiveSet second,
      later.Write({.parent = 0, .added = &added, .removed = &none}, batch));
  EXPECT_GT(second.number, first.number);
}

TEST_F(LiveSetStoreTest, NamesWhatIsMissing) {
  const absl::Status status = store_.Load(42).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               Eq("live set 42: it is missing")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
  EXPECT_THAT(store_.ListChain(42), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(LiveSetStoreTest, NoticesADifferenceOfAnotherSet) {
  const WrittenLiveSet root = Write(0, Range(0, 10), LiveSet());
  const WrittenLiveSet child = Write(root.number, Range(20, 5), LiveSet());
  LiveSetRecord record = ReadRecord(root.number);
  record.added = Range(0, 9);
  ReplaceRecord(root.number, record);
  EXPECT_THAT(store_.Load(child.number),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("live set 2: it has 14 rows, expected 15")));
}

TEST_F(LiveSetStoreTest, ACircleOfRecordsEnds) {
  const WrittenLiveSet root = Write(0, Range(0, 10), LiveSet());
  const WrittenLiveSet child = Write(root.number, Range(20, 5), LiveSet());
  LiveSetRecord record = ReadRecord(child.number);
  record.base = child.number;
  ReplaceRecord(child.number, record);
  EXPECT_THAT(store_.Load(child.number),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("depth is 1, expected 0")));
  EXPECT_THAT(store_.ListChain(child.number),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("depth is 1, expected less than 1")));
}

}  // namespace
}  // namespace copse
