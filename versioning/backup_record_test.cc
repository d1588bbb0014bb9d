// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/backup_record.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/segment_file.h"
#include "versioning/testing/golden_records.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::kSeconds;
using golden::Patched;
using ::testing::HasSubstr;

TEST(BackupRecordTest, HasItsFields) {
  const BackupRecord expected = {
      .id = 7,
      .create_time = absl::FromUnixSeconds(kSeconds),
      .data_format_version = 2,
      .domain_count = 2,
      .commit_count = 30,
      .size_bytes = 500'000,
      .new_size_bytes = 4000,
      .meta_size_bytes = 100'000,
      .segments = {{.domain_number = 1,
                    .segment_number = 0,
                    .dimension = 384,
                    .place_size_bytes = 1536,
                    .place_count = 174'760,
                    .pieces = {{.backup_id = 5,
                                .first = 0,
                                .count = 100,
                                .row_count = 90,
                                .vectors_size_bytes = 138'240,
                                .vectors_checksum = 0x1122334455667788,
                                .checks_checksum = 0x99},
                               {.backup_id = 7,
                                .first = 100,
                                .count = 20,
                                .row_count = 20,
                                .vectors_size_bytes = 30'720,
                                .vectors_checksum = 0xaabb,
                                .checks_checksum = 0xccdd}}},
                   {.domain_number = 3,
                    .segment_number = 1,
                    .dimension = 16,
                    .place_size_bytes = 64,
                    .place_count = 4'194'240}}};
  EXPECT_THAT(BackupRecord::Parse(Bytes(golden::kBackup)),
              IsOkAndHolds(expected));
  EXPECT_EQ(expected.FindSegment(3, 1), &expected.segments[1]);
  EXPECT_EQ(expected.FindSegment(3, 0), nullptr);
}

TEST(BackupRecordTest, SaysWhichSegmentsHoldBits) {
  COPSE_ASSERT_OK_AND_ASSIGN(const BackupRecord record,
                             BackupRecord::Parse(Bytes(golden::kBackupBits)));
  ASSERT_EQ(record.segments.size(), 2u);
  EXPECT_EQ(record.segments[0].encoding, RowEncoding::kFloats);
  EXPECT_EQ(record.segments[0].pieces.size(), 2u);
  EXPECT_EQ(record.segments[1],
            (BackupSegment{.domain_number = 3,
                           .segment_number = 1,
                           .dimension = 384,
                           .place_size_bytes = 48,
                           .place_count = 4'194'304,
                           .encoding = RowEncoding::kBits}));
  constexpr size_t kEncodingOffset = 191;
  EXPECT_THAT(
      BackupRecord::Parse(Patched(golden::kBackupBits, kEncodingOffset, 2)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("encoding at offset")));
  EXPECT_THAT(
      BackupRecord::Parse(Patched(golden::kBackupBits, kEncodingOffset, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("hold no bits, expected some in version 2")));
}

TEST(BackupRecordTest, RefusesPiecesOfNoSegment) {
  // Its first place, so that the last one is beyond the segment.
  constexpr size_t kFirstOffset = 94;
  EXPECT_THAT(
      BackupRecord::Parse(Patched(golden::kBackup, kFirstOffset + 2, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("first place")));
  constexpr size_t kCountOffset = kFirstOffset + 4;
  EXPECT_THAT(BackupRecord::Parse(Patched(golden::kBackup, kCountOffset, 0)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("row count")));
}

}  // namespace
}  // namespace copse
