// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/row_bitmap.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "index/vector_source.h"

namespace copse {
namespace {

TEST(RowBitmapTest, IsEmptyAtFirst) {
  const RowBitmap rows;
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(rows.row_count(), 0);
  for (const Ordinal ordinal : {Ordinal{0}, Ordinal{63}, UINT32_MAX}) {
    EXPECT_FALSE(rows.Contains(ordinal)) << ordinal;
  }
}

TEST(RowBitmapTest, ContainsWhatWasAddedAndNotItsNeighbors) {
  // The edges of words, of chunks and of the ordinals.
  const Ordinal edges[] = {0,    63,   64,   4095,    4096,
                           4097, 8191, 8192, 1 << 20, UINT32_MAX};
  for (const Ordinal edge : edges) {
    RowBitmap rows;
    rows.Add(edge);
    EXPECT_TRUE(rows.Contains(edge)) << edge;
    EXPECT_EQ(rows.row_count(), 1) << edge;
    EXPECT_FALSE(rows.empty()) << edge;
    for (const Ordinal distance : {1, 32, 64, 4096}) {
      EXPECT_FALSE(rows.Contains(edge + distance)) << edge << " " << distance;
      EXPECT_FALSE(rows.Contains(edge - distance)) << edge << " " << distance;
    }
  }
}

TEST(RowBitmapTest, CountsARowAddedTwiceOnce) {
  RowBitmap rows;
  rows.Add(17);
  rows.Add(17);
  EXPECT_EQ(rows.row_count(), 1);
  rows.Add(18);
  EXPECT_EQ(rows.row_count(), 2);
}

TEST(RowBitmapTest, AgreesWithASetOfOrdinals) {
  std::mt19937 random(20260102);
  std::uniform_int_distribution<Ordinal> any(0, 50000);
  RowBitmap rows;
  std::set<Ordinal> expected;
  for (size_t i = 0; i < 20000; ++i) {
    const Ordinal ordinal = any(random);
    rows.Add(ordinal);
    expected.insert(ordinal);
  }
  EXPECT_EQ(rows.row_count(), static_cast<int64_t>(expected.size()));
  for (Ordinal ordinal = 0; ordinal <= 60000; ++ordinal) {
    ASSERT_EQ(rows.Contains(ordinal), expected.contains(ordinal)) << ordinal;
  }
}

TEST(RowBitmapTest, VisitsItsRowsInAscendingOrder) {
  const std::vector<Ordinal> expected = {0,    63,      64,        4095,
                                         4096, 1 << 20, UINT32_MAX};
  RowBitmap rows;
  for (auto ordinal = expected.rbegin(); ordinal != expected.rend();
       ++ordinal) {
    rows.Add(*ordinal);
  }
  std::vector<Ordinal> visited;
  rows.ForEach([&visited](Ordinal ordinal) { visited.push_back(ordinal); });
  EXPECT_EQ(visited, expected);
}

TEST(RowBitmapTest, MovesItsRows) {
  RowBitmap source;
  source.Add(5000);
  const RowBitmap target = std::move(source);
  EXPECT_TRUE(target.Contains(5000));
  EXPECT_EQ(target.row_count(), 1);
}

}  // namespace
}  // namespace copse
