// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"
#include "versioning/testing/golden_records.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::HashOf;
using golden::Patched;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RowRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const RowRecord record,
                             RowRecord::Parse(Bytes(golden::kRow)));
  EXPECT_EQ(record.document_id, "doc/1");
  EXPECT_EQ(record.chunk, 2u);
  EXPECT_EQ(record.content_hash, HashOf(9));
  EXPECT_EQ(record.type, "Tree");
  EXPECT_EQ(record.attributes, (Attributes{{"age", int64_t{-300}},
                                           {"evergreen", true},
                                           {"height", 40.5},
                                           {"name", std::string("Quercus")}}));
  EXPECT_EQ(record.place.first_token, 10u);
  EXPECT_EQ(record.place.token_count, 20u);
  EXPECT_TRUE(record.has_text);
  EXPECT_EQ(DocumentRecord::Parse(Bytes(golden::kDocument)).value(),
            (DocumentRecord{.chunk = 2, .content_hash = HashOf(9)}));
}

TEST(RowRecordTest, HasItsPlaceAmongSeveralChunks) {
  COPSE_ASSERT_OK_AND_ASSIGN(const RowRecord record,
                             RowRecord::Parse(Bytes(golden::kRowChunks)));
  EXPECT_EQ(record.chunk, 2);
  EXPECT_EQ(record.chunk_count, 5);
  EXPECT_EQ(record.place, (ChunkPlace{.first_byte = 4096,
                                      .size_bytes = 2048,
                                      .first_token = 10,
                                      .token_count = 20}));
  EXPECT_THAT(DocumentRecord::Parse(Bytes(golden::kDocumentChunks)),
              IsOkAndHolds(
                  DocumentRecord{.content_hash = HashOf(9), .chunk_count = 5}));
  const size_t count_offset = Bytes(golden::kRowChunks).size() - 8 - 12;
  for (const char count : {1, 2}) {
    EXPECT_THAT(
        RowRecord::Parse(Patched(golden::kRowChunks, count_offset, count)),
        StatusIs(absl::StatusCode::kDataLoss,
                 HasSubstr("expected at least 2 and more than chunk "
                           "2")));
  }
  EXPECT_THAT(
      RowRecord::Parse(Patched(golden::kRowChunks, count_offset + 7, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("first byte")));
  EXPECT_THAT(
      RowRecord::Parse(Patched(golden::kRowChunks, count_offset + 11, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("size in bytes")));
}

TEST(RowRecordTest, HasTheClusteringVectorOfItsDocument) {
  COPSE_ASSERT_OK_AND_ASSIGN(RowRecord record,
                             RowRecord::Parse(Bytes(golden::kRowClustering)));
  EXPECT_THAT(record.clustering_vector, ElementsAre(1, 0, -1));
  EXPECT_EQ(record.chunk_count, 1);
  // Without it, it is a row of before there were any.
  record.clustering_vector.clear();
  EXPECT_EQ(record.Encode()[1], 1);
  COPSE_ASSERT_OK_AND_ASSIGN(
      record, RowRecord::Parse(Bytes(golden::kRowClusteringChunks)));
  EXPECT_THAT(record.clustering_vector, ElementsAre(0.5F));
  EXPECT_EQ(record.place.first_byte, 4096);
  // Of the only chunk no bytes are said, and only chunk 0 has a vector.
  const size_t count_offset =
      Bytes(golden::kRowClustering).size() - 8 - 16 - 12;
  EXPECT_THAT(
      RowRecord::Parse(Patched(golden::kRowClustering, count_offset + 4, 1)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("is said of the only chunk")));
  constexpr size_t kChunkOffset = 2 + 4 + 5;
  EXPECT_THAT(
      RowRecord::Parse(Patched(golden::kRowClusteringChunks, kChunkOffset, 1)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("expected at least 1 with chunk 0")));
}

TEST(RowRecordTest, RefusesAttributesOutOfOrderAndOfUnknownTypes) {
  const auto record = [](absl::string_view first, absl::string_view second,
                         uint8_t type) {
    RecordWriter writer(RecordKind::kRow, 1);
    writer.Text("id");
    writer.U32(0);
    writer.Fixed(HashOf(1));
    writer.Text("");
    writer.U32(2);
    for (const absl::string_view name : {first, second}) {
      writer.Text(name);
      writer.U8(type);
      writer.U8(1);
    }
    writer.U32(0);
    writer.U32(0);
    writer.U8(0);
    return std::move(writer).Finish();
  };
  EXPECT_THAT(RowRecord::Parse(record("a", "b", 4)), IsOk());
  for (const char* second : {"a", "A"}) {
    EXPECT_THAT(RowRecord::Parse(record("a", second, 4)),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("is not greater than the one before it")));
  }
  EXPECT_THAT(RowRecord::Parse(record("a", "b", 5)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is 5, expected 1 to 4")));
}

}  // namespace
}  // namespace copse
