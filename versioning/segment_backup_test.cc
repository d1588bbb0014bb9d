// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/segment_backup.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "index/vector_source.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup_record.h"
#include "versioning/files.h"
#include "versioning/segment_file.h"
#include "versioning/test_folder.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A row is a block of the file.
constexpr uint32_t kDimension = 1024;

// The segments of a domain in a folder of its own.
struct TestDomain {
  explicit TestDomain(const std::string& folder,
                      RowEncoding encoding = RowEncoding::kFloats)
      : path(folder) {
    COPSE_CHECK(CreateFolder(path).ok());
    segments = *VectorSegments::Open({.folder = path,
                                      .domain_number = 1,
                                      .dimension = kDimension,
                                      .encoding = encoding,
                                      .segment_size_bytes = size_t{1} << 20});
  }

  // Writes `count` rows that have `value` in each component.
  void Append(uint32_t first, uint32_t count, float value) const {
    const std::vector<float> matrix(size_t{count} * kDimension, value);
    ASSERT_THAT(segments->Append(first, matrix), IsOk());
  }

  std::string path;
  std::unique_ptr<VectorSegments> segments;
};

class SegmentBackupTest : public ::testing::Test {
 protected:
  SegmentBackupTest() : data_(folder_.path() + "/data") {
    COPSE_CHECK(CreateFolder(backup_path() + "/vectors/1").ok());
  }

  std::string backup_path() const { return folder_.path() + "/backup"; }

  static SegmentSource SourceOf(const TestDomain& data) {
    return {.domain_path = data.path, .domain_number = 1, .segment_number = 0};
  }

  absl::StatusOr<SegmentPlan> Plan(const TestDomain& data) const {
    return PlanSegment(SourceOf(data), backup_path(),
                       has_previous_ ? &previous_ : nullptr);
  }

  // Makes the next backup, and returns what it copied.
  PlaceRange Backup(const TestDomain& data) {
    absl::StatusOr<SegmentPlan> plan = Plan(data);
    EXPECT_THAT(plan, IsOk());
    EXPECT_THAT(
        CopySegment(SourceOf(data),
                    {.backup_folder = backup_path(), .backup_id = ++backup_id_},
                    *plan),
        IsOk());
    previous_ = plan->segment;
    has_previous_ = true;
    return plan->copied;
  }

  // Restores the last backup, and returns the first component of each row.
  std::vector<float> Restore(uint32_t row_count,
                             RowEncoding encoding = RowEncoding::kFloats) {
    const TestDomain restored(
        absl::StrCat(folder_.path(), "/restored", ++restore_count_), encoding);
    EXPECT_THAT(RestoreSegment(previous_, backup_path(), restored.path,
                               row_count, nullptr),
                IsOk());
    const TestDomain opened(restored.path, encoding);
    std::vector<float> values;
    for (uint32_t row = 0; row < row_count; ++row) {
      const auto read = opened.segments->Read(row);
      EXPECT_THAT(read, IsOk()) << row;
      values.push_back(read.ok() ? read->ToFloats()[0] : -1);
    }
    EXPECT_THAT(opened.segments->Read(row_count),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("has no check: it was never written")));
    return values;
  }

  const TestFolder folder_;
  TestDomain data_;
  BackupSegment previous_;
  bool has_previous_ = false;
  uint32_t backup_id_ = 0;
  int restore_count_ = 0;
};

TEST_F(SegmentBackupTest, CopiesRowsThatAreNew) {
  data_.Append(0, 100, 1);
  EXPECT_EQ(Backup(data_), (PlaceRange{.first = 0, .count = 100}));
  EXPECT_EQ(Backup(data_).count, 0u);
  EXPECT_THAT(previous_.pieces, SizeIs(1));
  // Those before them were in flight.
  data_.Append(120, 10, 3);
  EXPECT_EQ(Backup(data_), (PlaceRange{.first = 120, .count = 10}));
  data_.Append(100, 20, 2);
  EXPECT_EQ(Backup(data_), (PlaceRange{.first = 100, .count = 30}));
  EXPECT_THAT(previous_.pieces, SizeIs(2));
  std::vector<float> expected(100, 1.0F);
  expected.insert(expected.end(), 20, 2.0F);
  expected.insert(expected.end(), 10, 3.0F);
  EXPECT_EQ(Restore(130), expected);
}

// Blocks of zeros are holes elsewhere.
TEST_F(SegmentBackupTest, ALaterPieceStandsOverAnEarlierOneWithItsZeros) {
  data_.Append(0, 100, 1);
  Backup(data_);
  const TestDomain other(folder_.path() + "/other");
  other.Append(0, 60, 1);
  other.Append(60, 10, 0);
  EXPECT_EQ(Backup(other), (PlaceRange{.first = 60, .count = 10}));
  EXPECT_THAT(previous_.pieces, SizeIs(2));
  std::vector<float> expected(60, 1.0F);
  expected.insert(expected.end(), 10, 0.0F);
  EXPECT_EQ(Restore(70), expected);
}

TEST_F(SegmentBackupTest, CopiesBitsAsBits) {
  const TestDomain bits(folder_.path() + "/bits", RowEncoding::kBits);
  bits.Append(0, 100, 1);
  EXPECT_EQ(Backup(bits), (PlaceRange{.first = 0, .count = 100}));
  EXPECT_EQ(Backup(bits).count, 0u);
  EXPECT_EQ(previous_.encoding, RowEncoding::kBits);
  EXPECT_EQ(previous_.place_size_bytes, kDimension / 8);
  bits.Append(100, 7, 0);
  EXPECT_EQ(Backup(bits), (PlaceRange{.first = 100, .count = 7}));
  std::vector<float> expected(100, 1.0F);
  expected.insert(expected.end(), 7, 0.0F);
  EXPECT_EQ(Restore(107, RowEncoding::kBits), expected);
  // Floats of the same numbers are another segment, and copied anew.
  data_.Append(0, 107, 1);
  EXPECT_EQ(Backup(data_), (PlaceRange{.first = 0, .count = 107}));
  EXPECT_EQ(Restore(107), std::vector<float>(107, 1.0F));
}

TEST_F(SegmentBackupTest, ReplacesPiecesThatAreMostlyGarbage) {
  data_.Append(0, 100, 1);
  Backup(data_);
  const std::vector<Ordinal> kept = {7, 50, 51, 52};
  ASSERT_THAT(data_.segments->Rewrite(0, kept, 100), IsOk());
  EXPECT_EQ(Backup(data_), (PlaceRange{.first = 7, .count = 46}));
  ASSERT_THAT(previous_.pieces, SizeIs(1));
  EXPECT_EQ(previous_.pieces[0].row_count, 4u);
  EXPECT_LE(previous_.pieces[0].vectors_size_bytes, 4 * 4096);
  // None of it is left.
  ASSERT_THAT(data_.segments->Rewrite(0, {}, 100), IsOk());
  EXPECT_EQ(Backup(data_).count, 0u);
  EXPECT_THAT(previous_.pieces, IsEmpty());
}

TEST_F(SegmentBackupTest, HasFewPiecesAfterManyBackups) {
  for (uint32_t i = 0; i < 200; ++i) {
    data_.Append(i, 1, static_cast<float>(i + 1));
    Backup(data_);
  }
  EXPECT_LE(previous_.pieces.size(), 12u);
  const std::vector<float> values = Restore(200);
  for (uint32_t i = 0; i < 200; ++i) {
    EXPECT_EQ(values[i], static_cast<float>(i + 1));
  }
}

TEST_F(SegmentBackupTest, StopsWhenItIsTold) {
  data_.Append(0, 100, 1);
  COPSE_ASSERT_OK_AND_ASSIGN(SegmentPlan plan, Plan(data_));
  EXPECT_THAT(
      CopySegment(
          SourceOf(data_),
          {.backup_folder = backup_path(),
           .backup_id = 1,
           .on_read = [](int64_t) { return absl::CancelledError("x"); }},
          plan),
      StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(plan.segment.pieces, IsEmpty());
}

}  // namespace
}  // namespace copse
