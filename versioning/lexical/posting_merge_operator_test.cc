// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Through the database, which decides when postings are put together.

#include "versioning/lexical/posting_merge_operator.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/keys.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::StartsWith;

std::string BlockOf(uint32_t offset) {
  PostingList list;
  list.Add({.offset = offset, .count = 1}, {});
  return EncodePostings(list);
}

std::string BlockOf(uint32_t first, uint32_t end) {
  PostingList list;
  for (; first < end; ++first) {
    list.Add({.offset = first, .count = 1}, {});
  }
  return EncodePostings(list);
}

class PostingMergeOperatorTest : public ::testing::Test {
 protected:
  PostingMergeOperatorTest() { Open(); }

  void Open() {
    database_.reset();
    database_ = *MetaDatabase::Open({.folder = folder_.path() + "/meta"});
  }

  void Merge(const std::string& postings) {
    MetaBatch batch(*database_);
    batch.MergePostings(key_, postings);
    ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  }

  void Compact() {
    ASSERT_THAT(database_->Flush(), IsOk());
    ASSERT_THAT(database_->CompactRange(MetaTable::kPostings,
                                        PrefixRange(DomainPrefix(1)), nullptr),
                IsOk());
  }

  std::string Read() {
    return database_->Get(MetaTable::kPostings, key_)->value_or("");
  }

  TestFolder folder_;
  const std::string key_ = PostingKey(1, {.term_kind = 2, .term = "word"});
  std::unique_ptr<MetaDatabase> database_;
};

TEST_F(PostingMergeOperatorTest, PostingsAreOneBlockWheneverTheyAreRead) {
  for (uint32_t i = 0; i < 30; ++i) {
    Merge(BlockOf(i * 7 % 30));  // In no order.
    if (i % 10 == 3) {
      ASSERT_THAT(database_->Flush(), IsOk());
    }
    if (i == 15) {
      Open();
    }
  }
  EXPECT_EQ(Read(), BlockOf(0, 30));
  Compact();
  EXPECT_EQ(Read(), BlockOf(0, 30));
  Merge(BlockOf(30));
  EXPECT_EQ(Read(), BlockOf(0, 31));
}

TEST_F(PostingMergeOperatorTest, WhatIsPutReplacesWhatWasAddedBefore) {
  Merge(BlockOf(1));
  MetaBatch batch(*database_);
  batch.Put(MetaTable::kPostings, key_, BlockOf(2));
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  Merge(BlockOf(3));
  EXPECT_EQ(Read(), BlockOf(2, 4));
  batch.Clear();
  batch.Delete(MetaTable::kPostings, key_);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  EXPECT_EQ(Read(), "");
  Merge(BlockOf(4));
  Compact();
  EXPECT_EQ(Read(), BlockOf(4));
}

TEST_F(PostingMergeOperatorTest, DamageStaysAndStopsNoWrites) {
  Merge("damaged");
  Merge(BlockOf(1));
  Compact();
  EXPECT_EQ(Read(), "damaged" + BlockOf(1));
  EXPECT_THAT(ParsePostings(Read(), PostingParts::kCounts),
              StatusIs(absl::StatusCode::kDataLoss));
  Merge(BlockOf(2));
  Compact();
  EXPECT_THAT(database_->write_status(), IsOk());
  EXPECT_THAT(Read(), StartsWith("damaged"));
}

}  // namespace
}  // namespace copse
