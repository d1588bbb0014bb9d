// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/posting_list.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Made by hand from the header.
constexpr absl::string_view kGoldenHex =
    "010d"      // version, 13 bytes of payload
    "07"        // three postings with positions
    "01"        // offset 0, once
    "0603"      // offset 3, three times
    "f93f"      // offset 3 + 4092 = 4095, once
    "05"        // position 5
    "0001c801"  // positions 0, 1, 201
    "ac02"      // position 300
    "1937c49d"  // checksum
    ;

PostingList GoldenList() {
  PostingList list = {.has_positions = true};
  const std::vector<std::vector<uint32_t>> positions = {
      {5}, {0, 1, 201}, {300}};
  list.Add({.offset = 0, .count = 1}, positions[0]);
  list.Add({.offset = 3, .count = 3}, positions[1]);
  list.Add({.offset = 4095, .count = 1}, positions[2]);
  return list;
}

PostingList RandomList(std::mt19937& random, uint32_t count_max,
                       bool has_positions) {
  std::set<uint32_t> offsets;
  const uint32_t wanted = random() % count_max + 1;
  while (offsets.size() < wanted) {
    offsets.insert(random() % kPostingBucketSize);
  }
  PostingList list = {.has_positions = has_positions};
  for (const uint32_t offset : offsets) {
    const Posting posting = {
        .offset = offset,
        .count = static_cast<uint32_t>(
            random() % (random() % 8 == 0 ? 3000 : 3) + 1)};
    std::vector<uint32_t> positions;
    uint32_t position = random() % 100;
    for (uint32_t i = 0; has_positions && i < posting.position_count(); ++i) {
      positions.push_back(position);
      position += random() % 1000 + 1;
    }
    list.Add(posting, positions);
  }
  return list;
}

TEST(PostingListTest, IsWrittenAsTheHeaderSays) {
  const std::string block = EncodePostings(GoldenList());
  EXPECT_EQ(absl::BytesToHexString(block), kGoldenHex);
  EXPECT_THAT(ParsePostings(block, PostingParts::kCountsAndPositions),
              IsOkAndHolds(GoldenList()));
}

TEST(PostingListTest, ReadsWhatItWrote) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const PostingList list = RandomList(random, 300, i % 2 == 0);
    EXPECT_THAT(
        ParsePostings(EncodePostings(list), PostingParts::kCountsAndPositions),
        IsOkAndHolds(list));
  }
}

TEST(PostingListTest, LeavesPositionsOutWhereTheyAreNotAskedFor) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PostingList list,
      ParsePostings(EncodePostings(GoldenList()), PostingParts::kCounts));
  EXPECT_FALSE(list.has_positions);
  EXPECT_EQ(list.postings, GoldenList().postings);
  EXPECT_THAT(list.positions, SizeIs(0));
}

TEST(PostingListTest, PutsBlocksTogether) {
  std::mt19937 random(2);
  const PostingList all = RandomList(random, 500, true);
  std::vector<PostingList> parts(5, {.has_positions = true});
  ForEachPosting(
      all, [&](const Posting& posting, std::span<const uint32_t> positions) {
        parts[random() % parts.size()].Add(posting, positions);
      });
  std::string value;
  for (const PostingList& part : parts) {
    absl::StrAppend(&value, EncodePostings(part));
  }
  EXPECT_THAT(ParsePostings(value, PostingParts::kCountsAndPositions),
              IsOkAndHolds(all));
}

TEST(PostingListTest, NoBytesAreNoPostings) {
  EXPECT_THAT(ParsePostings("", PostingParts::kCounts),
              IsOkAndHolds(PostingList()));
}

TEST(PostingListTest, RefusesEveryTruncation) {
  const std::string block = EncodePostings(GoldenList());
  for (size_t size = 1; size < block.size(); ++size) {
    EXPECT_THAT(ParsePostings(block.substr(0, size), PostingParts::kCounts),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("the block at offset 0")))
        << size;
  }
}

TEST(PostingListTest, RefusesEveryFlippedBit) {
  const std::string block = EncodePostings(GoldenList());
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(
        static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
    EXPECT_THAT(ParsePostings(damaged, PostingParts::kCounts),
                StatusIs(absl::StatusCode::kDataLoss))
        << bit;
  }
}

TEST(PostingListTest, NamesTheBlockThatIsDamaged) {
  const std::string block = EncodePostings(GoldenList());
  std::string value = block + block;
  value.back() = static_cast<char>(value.back() ^ 1);
  EXPECT_THAT(
      ParsePostings(value, PostingParts::kCounts),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr(absl::StrCat("the block at offset ", block.size()))));
}

}  // namespace
}  // namespace copse
