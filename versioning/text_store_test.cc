// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/text_store.h"

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/document.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/record_codec.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ContentHash HashOf(int seed) {
  ContentHash hash;
  hash.fill(static_cast<std::byte>(seed));
  return hash;
}

std::string Noise(size_t size) {
  std::mt19937 random(20267);
  std::string noise(size, '\0');
  for (char& c : noise) {
    c = static_cast<char>(random());
  }
  return noise;
}

class TextStoreTest : public ::testing::Test {
 protected:
  const TestFolder folder_;
  const std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
  const TextStore texts_{*database_, 3};
};

TEST_F(TextStoreTest, GivesBackWhatItWasGiven) {
  const std::vector<std::string> texts = {"", "x", std::string("nul\0nul", 7),
                                          Noise(10000),
                                          std::string(kTextSizeBytesMax, 'a')};
  MetaBatch batch(*database_);
  for (size_t i = 0; i < texts.size(); ++i) {
    texts_.Put(HashOf(static_cast<int>(i)), texts[i], batch);
  }
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_THAT(texts_.Get(HashOf(static_cast<int>(i))),
                IsOkAndHolds(Eq(texts[i])));
  }
}

TEST_F(TextStoreTest, GivesBackSeveralInTheirOrder) {
  MetaBatch batch(*database_);
  texts_.Put(HashOf(1), "oak", batch);
  texts_.Put(HashOf(2), "elm", batch);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  EXPECT_THAT(texts_.GetMany({}), IsOkAndHolds(IsEmpty()));
  const std::vector<ContentHash> hashes = {HashOf(2), HashOf(1), HashOf(2)};
  EXPECT_THAT(texts_.GetMany(hashes),
              IsOkAndHolds(ElementsAre("elm", "oak", "elm")));
  const std::vector<ContentHash> missing = {HashOf(2), HashOf(3)};
  EXPECT_THAT(texts_.GetMany(missing),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("text 0303030303030303030303030303030303030303030303"
                          "030303030303030303: it is missing")));
}

TEST_F(TextStoreTest, CompressesWhatItCan) {
  std::string prose;
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(&prose, "Oak number ", i, " is a tree. ");
  }
  EXPECT_LT(EncodeText(prose).size(), prose.size() / 3);
  EXPECT_LT(EncodeText(Noise(1000)).size(), 1000u + 32);
}

TEST_F(TextStoreTest, KeepsDomainsApart) {
  MetaBatch batch(*database_);
  texts_.Put(HashOf(1), "mine", batch);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  const TextStore others(*database_, 4);
  const absl::Status status = others.Get(HashOf(1)).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("text 0101010101010101010101010101010101010101010101"
                          "010101010101010101: it is missing")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(TextStoreTest, NamesTheTextThatIsDamaged) {
  MetaBatch batch(*database_);
  std::string record = EncodeText("An oak is a tree.");
  record[8] = static_cast<char>(record[8] ^ 1);
  batch.Put(MetaTable::kTexts, TextKey(3, HashOf(1)), record);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  EXPECT_THAT(texts_.Get(HashOf(1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(StartsWith("text 0101"),
                             HasSubstr("text record: checksum is"))));
}

// Records whose checksum is right and whose sizes lie.
TEST(TextRecordTest, BelievesNoSize) {
  const auto record = [](uint8_t codec, uint32_t size,
                         const std::string& data) {
    RecordWriter writer(RecordKind::kText, 1);
    writer.U8(codec);
    writer.U32(size);
    writer.Text(data);
    return std::move(writer).Finish();
  };
  EXPECT_THAT(ParseText(record(0, 3, "oak")), IsOkAndHolds(Eq("oak")));
  EXPECT_THAT(ParseText(record(0, 4, "oak")),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("text record: data has 3 bytes, expected 4")));
  EXPECT_THAT(ParseText(record(0, 2, "oak")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("data at offset 11 has 3 bytes, expected at "
                                 "most 2")));
  EXPECT_THAT(ParseText(record(2, 3, "oak")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("codec at offset 3 is 2, expected at most "
                                 "1")));
  EXPECT_THAT(ParseText(record(1, 1000, "this is no zstd frame")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("the frame does not hold 1000 bytes")));
  EXPECT_THAT(ParseText(record(0, (48 << 20) + 1, "")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("text size at offset 7 is 50331649, expected "
                                 "at most 50331648")));
}

TEST_F(TextStoreTest, CompressesInManyThreads) {
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 50; ++round) {
        const std::string text(1000 + static_cast<size_t>(round),
                               static_cast<char>('a' + i));
        EXPECT_THAT(ParseText(EncodeText(text)), IsOkAndHolds(Eq(text)));
      }
    });
  }
}

}  // namespace
}  // namespace copse
