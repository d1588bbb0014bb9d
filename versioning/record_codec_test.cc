// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/record_codec.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr RecordKind kKind = RecordKind::kBranch;

absl::StatusOr<RecordReader> Open(const std::string& bytes) {
  return RecordReader::Open(bytes, kKind, 1);
}

TEST(RecordCodecTest, ReadsWhatWasWritten) {
  RecordWriter writer(kKind, 1);
  writer.U8(200);
  writer.U16(60000);
  writer.U32(4000000000);
  writer.U64(UINT64_MAX);
  writer.I64(-5);
  writer.Double(-0.1);
  writer.Bool(true);
  writer.Text("oak\ntree");
  writer.Floats(std::vector<float>{1.5f, -2.0f});
  writer.Fixed(std::array<std::byte, 32>{std::byte{7}});
  const std::string bytes = std::move(writer).Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
  EXPECT_EQ(reader.version(), 1);
  EXPECT_EQ(reader.U8("a"), 200);
  EXPECT_EQ(reader.U16("b"), 60000);
  EXPECT_EQ(reader.U32("c"), 4000000000);
  EXPECT_EQ(reader.U64("d"), UINT64_MAX);
  EXPECT_EQ(reader.I64("e"), -5);
  EXPECT_EQ(reader.Double("f"), -0.1);
  EXPECT_TRUE(reader.Bool("g"));
  EXPECT_EQ(reader.Text("h", 8), "oak\ntree");
  EXPECT_THAT(reader.Floats("i", 2), ElementsAre(1.5f, -2.0f));
  EXPECT_EQ(reader.Hash("j")[0], std::byte{7});
  EXPECT_THAT(reader.Finish(), IsOk());
}

TEST(RecordCodecTest, KeepsTimesToTheNanosecond) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixNanos(1700000000123456789),
        absl::FromUnixNanos(-1), absl::FromUnixSeconds(-62135596800),
        absl::FromUnixSeconds(253402300799) + absl::Nanoseconds(999999999)}) {
    RecordWriter writer(kKind, 1);
    writer.Time(time);
    const std::string bytes = std::move(writer).Finish();
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    EXPECT_EQ(reader.Time("time"), time);
    EXPECT_THAT(reader.Finish(), IsOk());
  }
}

TEST(RecordCodecTest, TimesBeyondAllBoundsStayOrdered) {
  for (const absl::Time time : {absl::InfinitePast(), absl::InfiniteFuture()}) {
    RecordWriter writer(kKind, 1);
    writer.Time(time);
    const std::string bytes = std::move(writer).Finish();
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    EXPECT_EQ(reader.Time("time") < absl::UnixEpoch(),
              time == absl::InfinitePast());
    EXPECT_THAT(reader.Finish(), IsOk());
  }
}

TEST(RecordCodecTest, TellsDamageFromAnotherKindAndANewerVersion) {
  std::string bytes = RecordWriter(kKind, 1).Finish();
  EXPECT_THAT(Open(bytes), IsOk());
  EXPECT_THAT(Open(bytes.substr(1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("branch record has 9 bytes, expected 10 to "
                          "67108864")));
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  EXPECT_THAT(Open(bytes), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("branch record: checksum is")));
  EXPECT_THAT(Open(RecordWriter(RecordKind::kRow, 1).Finish()),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("record is of kind 4 (row), expected 3 (branch)")));
  EXPECT_THAT(Open(RecordWriter(kKind, 2).Finish()),
              StatusIs(absl::StatusCode::kUnimplemented,
                       Eq("branch record is of version 2, expected at most 1: "
                          "upgrade copse to read it")));
  EXPECT_THAT(Open(RecordWriter(kKind, 0).Finish()),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("branch record is of version 0, expected 1 to 1")));
}

TEST(RecordCodecTest, BelievesNoSizeAndSaysWhere) {
  RecordWriter writer(kKind, 1);
  writer.U32(5);
  writer.U32(UINT32_MAX);
  const std::string bytes = std::move(writer).Finish();
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    reader.U32("count");
    EXPECT_EQ(reader.Text("name", UINT32_MAX), "");
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.U64("later"), 0u);  // Nothing is read any more.
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         Eq("name at offset 10 needs 4294967295 bytes, found "
                            "0")));
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    reader.U32("count");
    EXPECT_TRUE(reader.Floats("vector", 4096).empty());
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("vector at offset 10 has 4294967295 "
                                   "components, expected at most 4096")));
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    EXPECT_EQ(reader.ItemCount("items", 2, 10), 0u);
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         Eq("items at offset 6 is 5, more than the 4 bytes "
                            "left hold")));
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    reader.U32("count");
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         Eq("record has 4 bytes more than its fields")));
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    EXPECT_EQ(reader.U8("state", 4), 0);
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         Eq("state at offset 3 is 5, expected at most 4")));
  }
  {
    COPSE_ASSERT_OK_AND_ASSIGN(RecordReader reader, Open(bytes));
    EXPECT_EQ(reader.Count("rows"), 0);
    EXPECT_THAT(reader.Finish(),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("expected less than 2^63")));
  }
}

}  // namespace
}  // namespace copse
