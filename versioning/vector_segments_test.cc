// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/vector_segments.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/stored_vector.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/sigbus_guard.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr uint32_t kDimension = 5;
constexpr size_t kSegmentSizeBytes = 4096 + 65536;
constexpr uint32_t kRowsPerSegment = 65536 / 64;

// Lets calls fail by the names of what they are for.
class FaultyCalls final : public SegmentCalls {
 public:
  ssize_t PWrite(int descriptor, const void* data, size_t size,
                 off_t offset) override {
    if (write_error != 0) {
      errno = write_error;
      return -1;
    }
    // In two parts, as the system may do it.
    return SegmentCalls::PWrite(descriptor, data, (size + 1) / 2, offset);
  }
  int FDataSync(int descriptor) override {
    ++sync_count;
    // As the kernel does it: the error is reported once.
    if (const int error = sync_error.exchange(0); error != 0) {
      errno = error;
      return -1;
    }
    return SegmentCalls::FDataSync(descriptor);
  }
  int FSync(int descriptor) override {
    ++sync_count;
    return SegmentCalls::FSync(descriptor);
  }
  int FTruncate(int descriptor, off_t size) override {
    if (grow_error != 0) {
      errno = grow_error;
      return -1;
    }
    return SegmentCalls::FTruncate(descriptor, size);
  }

  std::atomic<int> write_error = 0;
  std::atomic<int> sync_error = 0;
  std::atomic<int> grow_error = 0;
  std::atomic<int64_t> sync_count = 0;
};

std::vector<float> Row(Ordinal ordinal) {
  std::mt19937 random(ordinal);
  std::vector<float> row(kDimension);
  for (float& component : row) {
    component = static_cast<float>(random() % 1000) / 7;
  }
  return row;
}

std::vector<float> Matrix(Ordinal first, uint32_t count) {
  std::vector<float> matrix;
  for (uint32_t i = 0; i < count; ++i) {
    const std::vector<float> row = Row(first + i);
    matrix.insert(matrix.end(), row.begin(), row.end());
  }
  return matrix;
}

class VectorSegmentsTest : public ::testing::Test {
 protected:
  VectorSegmentsOptions Options(uint64_t published_end) {
    return {.folder = folder_.path(),
            .domain_number = 3,
            .dimension = kDimension,
            .published_end = published_end,
            .segment_size_bytes = kSegmentSizeBytes,
            .step_size_bytes = 4096,
            .calls = &calls_};
  }

  void Open(uint64_t published_end = 0) {
    segments_.reset();
    COPSE_ASSERT_OK_AND_ASSIGN(segments_,
                               VectorSegments::Open(Options(published_end)));
  }

  void SetUp() override { Open(); }

  absl::Status Append(Ordinal first, uint32_t count) {
    return segments_->Append(first, Matrix(first, count));
  }
  absl::Status Sync(Ordinal first, uint32_t count) {
    const std::vector<OrdinalRange> ranges = {{.first = first, .count = count}};
    return segments_->Sync(ranges);
  }
  void AppendAndSync(Ordinal first, uint32_t count) {
    ASSERT_THAT(Append(first, count), IsOk());
    ASSERT_THAT(Sync(first, count), IsOk());
  }

  void ExpectRows(Ordinal first, uint32_t count) {
    for (Ordinal ordinal = first; ordinal < first + count; ++ordinal) {
      segments_->Prefetch(ordinal);
      const auto row = segments_->Read(ordinal);
      ASSERT_THAT(row, IsOk()) << ordinal;
      ASSERT_EQ(row->ToFloats(), Row(ordinal));
    }
  }

  std::string VectorsPath(int number) const {
    return absl::StrFormat("%s/vectors-%06d.seg", folder_.path(), number);
  }
  std::string ChecksPath(int number) const {
    return absl::StrFormat("%s/checks-%06d.seg", folder_.path(), number);
  }

  static void FlipBit(const std::string& path, size_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.good());
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  const TestFolder folder_;
  FaultyCalls calls_;
  std::unique_ptr<VectorSegments> segments_;
};

TEST_F(VectorSegmentsTest, ReadsWhatWasAppendedAlsoAfterARestart) {
  EXPECT_EQ(segments_->dimension(), kDimension);
  EXPECT_EQ(segments_->rows_per_segment(), kRowsPerSegment);
  AppendAndSync(0, 10);
  AppendAndSync(100, 1);  // The numbers between are holes.
  ExpectRows(0, 10);
  ExpectRows(100, 1);
  Open(101);
  EXPECT_THAT(segments_->health(), IsOk());
  ExpectRows(0, 10);
  ExpectRows(100, 1);
}

TEST_F(VectorSegmentsTest, ARangeMaySpanSegments) {
  const uint32_t count = 2 * kRowsPerSegment + 20;
  AppendAndSync(kRowsPerSegment - 10, count);
  ExpectRows(kRowsPerSegment - 10, count);
  EXPECT_THAT(
      ListFolder(folder_.path()),
      IsOkAndHolds(ElementsAre("checks-000000.seg", "checks-000001.seg",
                               "checks-000002.seg", "checks-000003.seg",
                               "vectors-000000.seg", "vectors-000001.seg",
                               "vectors-000002.seg", "vectors-000003.seg")));
  Open(uint64_t{kRowsPerSegment} - 10 + count);
  EXPECT_THAT(segments_->health(), IsOk());
  ExpectRows(kRowsPerSegment - 10, count);
}

// As after pushes that failed, or a crash with numbers in reserve.
TEST_F(VectorSegmentsTest, HolesMayTakeTheEndOfASegmentOrAllOfIt) {
  AppendAndSync(0, 3);
  AppendAndSync(kRowsPerSegment + 5, 3);
  AppendAndSync(4 * kRowsPerSegment + 5, 3);
  Open(4 * kRowsPerSegment + 8);
  EXPECT_THAT(segments_->health(), IsOk());
  ExpectRows(0, 3);
  ExpectRows(kRowsPerSegment + 5, 3);
  ExpectRows(4 * kRowsPerSegment + 5, 3);
  EXPECT_THAT(segments_->Read(2 * kRowsPerSegment),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("it was never written, or lost")));
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t size_bytes,
                             segments_->AllocatedSizeBytes());
  EXPECT_LE(size_bytes, 20 * 4096);
}

TEST_F(VectorSegmentsTest, NoSegmentBeforeTheFirstRowIsMissed) {
  AppendAndSync(2 * kRowsPerSegment, 1);
  Open(2 * kRowsPerSegment + 1);
  EXPECT_THAT(segments_->health(), IsOk());
  ExpectRows(2 * kRowsPerSegment, 1);
}

TEST_F(VectorSegmentsTest, KeepsItsLayout) {
  AppendAndSync(7, 1);
  const std::string vectors = ReadSmallFile(VectorsPath(0), 1 << 20).value();
  const std::vector<float> row = Row(7);
  EXPECT_EQ(vectors.substr(4096 + 7 * 64, 64),
            std::string(reinterpret_cast<const char*>(row.data()), 20) +
                std::string(44, '\0'));
  const std::string checks = ReadSmallFile(ChecksPath(0), 1 << 20).value();
  const uint64_t check = XXH3_64bits_withSeed(row.data(), 20, 7);
  EXPECT_EQ(checks.substr(4096 + 7 * 8, 8),
            std::string(reinterpret_cast<const char*>(&check), 8));
  EXPECT_EQ(checks.substr(4096 + 8 * 8, 8), std::string(8, '\0'));
}

TEST_F(VectorSegmentsTest, RowsWithoutPaddingAreWrittenInManyPieces) {
  VectorSegmentsOptions options = Options(0);
  options.folder = folder_.path() + "/wide";
  options.dimension = 1024;
  options.segment_size_bytes = size_t{8} << 20;
  ASSERT_THAT(CreateFolder(options.folder), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto segments,
                             VectorSegments::Open(options));
  std::vector<float> matrix(size_t{1024} * 3000);
  for (size_t i = 0; i < matrix.size(); ++i) {
    matrix[i] = static_cast<float>(i % 10007);
  }
  ASSERT_THAT(segments->Append(0, matrix), IsOk());
  for (Ordinal ordinal = 0; ordinal < 3000; ++ordinal) {
    COPSE_ASSERT_OK_AND_ASSIGN(const StoredVector row, segments->Read(ordinal));
    ASSERT_THAT(row.components(), ElementsAreArray(std::span(matrix).subspan(
                                      size_t{ordinal} * 1024, 1024)));
  }
}

TEST_F(VectorSegmentsTest, TellsRowsThatNeverWereFromLostOnes) {
  EXPECT_THAT(segments_->Read(0),
              StatusIs(absl::StatusCode::kNotFound,
                       Eq("row 0 lies beyond what was written")));
  AppendAndSync(0, 3);
  EXPECT_THAT(segments_->Read(500),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("row 500 lies beyond what was written to "
                                 "segment")));
  EXPECT_THAT(segments_->Read(UINT32_MAX),
              StatusIs(absl::StatusCode::kNotFound));
  const absl::Status status = segments_->Read(3).status();  // A hole.
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq(absl::StrFormat("segment '%s': row 3 has no check: "
                                          "it was never written, or lost",
                                          VectorsPath(0)))));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(VectorSegmentsTest, FindsEveryFlippedBitOfARowAtFirstTouch) {
  AppendAndSync(0, 160);
  for (Ordinal bit = 0; bit < 160; ++bit) {
    FlipBit(VectorsPath(0), 4096 + 64 * bit + bit / 8);
  }
  for (Ordinal ordinal = 0; ordinal < 160; ++ordinal) {
    EXPECT_THAT(
        segments_->Read(ordinal),
        StatusIs(
            absl::StatusCode::kDataLoss,
            AllOf(HasSubstr(VectorsPath(0)),
                  HasSubstr(absl::StrFormat("row %d: checksum is", ordinal)))));
    EXPECT_THAT(segments_->Verify(ordinal),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(segments_->health(), IsOk());  // Rows, not the file, are bad.
}

TEST_F(VectorSegmentsTest, FindsARowInTheWrongPlace) {
  AppendAndSync(0, 2);
  // Both the row and its check are copied from place 0 to place 1.
  std::string vectors = ReadSmallFile(VectorsPath(0), 1 << 20).value();
  std::string checks = ReadSmallFile(ChecksPath(0), 1 << 20).value();
  vectors.replace(4096 + 64, 64, vectors.substr(4096, 64));
  checks.replace(4096 + 8, 8, checks.substr(4096, 8));
  segments_.reset();
  WriteFile(VectorsPath(0), vectors);
  WriteFile(ChecksPath(0), checks);
  Open(2);
  ExpectRows(0, 1);
  EXPECT_THAT(segments_->Read(1), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(VectorSegmentsTest, ChecksARowOnceWhenItIsReadAndAgainWhenVerified) {
  AppendAndSync(0, 1);
  ExpectRows(0, 1);
  FlipBit(VectorsPath(0), 4096);
  EXPECT_THAT(segments_->Read(0), IsOk());  // It was right when it was read.
  EXPECT_THAT(segments_->Verify(0), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(VectorSegmentsTest, AMissingSegmentFailsAloneAndIsNamed) {
  constexpr uint64_t kRowCount = uint64_t{2} * kRowsPerSegment;
  AppendAndSync(0, kRowCount);
  segments_.reset();
  ASSERT_THAT(RemoveTree(ChecksPath(0)), IsOk());
  Open(kRowCount);
  const std::string expected =
      absl::StrFormat("segment '%s': the file is missing", ChecksPath(0));
  EXPECT_THAT(segments_->health(),
              StatusIs(absl::StatusCode::kDataLoss, Eq(expected)));
  EXPECT_THAT(segments_->Read(5),
              StatusIs(absl::StatusCode::kDataLoss, Eq(expected)));
  EXPECT_THAT(Append(6, 1),
              StatusIs(absl::StatusCode::kDataLoss, Eq(expected)));
  ExpectRows(kRowsPerSegment, 5);
  segments_->Prefetch(5);
}

TEST_F(VectorSegmentsTest, AShortSegmentIsNamedWhenItIsOpened) {
  AppendAndSync(0, 1000);
  segments_.reset();
  ASSERT_EQ(::truncate(VectorsPath(0).c_str(), 4096 + 64 * 999), 0);
  Open(1000);
  EXPECT_THAT(segments_->health(),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq(absl::StrFormat(
                           "segment '%s': size is 68032 bytes, expected at "
                           "least 68096",
                           VectorsPath(0)))));
  Open(999);
  EXPECT_THAT(segments_->health(), IsOk());
  ExpectRows(0, 999);
}

TEST_F(VectorSegmentsTest, MakesAnewWhatACrashLeftHalfMade) {
  segments_.reset();
  WriteFile(VectorsPath(0), "half");
  WriteFile(VectorsPath(1) + ".tmp", "half");
  Open(0);
  EXPECT_THAT(ListFolder(folder_.path()),
              IsOkAndHolds(ElementsAre("vectors-000000.seg")));
  EXPECT_THAT(segments_->health(), IsOk());
  AppendAndSync(0, 3);
  ExpectRows(0, 3);
}

// The file is cut under the map: without the guard the process would end.
TEST_F(VectorSegmentsTest, AFileCutUnderTheMapIsAnErrorAndNotTheEnd) {
  AppendAndSync(0, 2 * kRowsPerSegment);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto require = [](bool condition, int number) {
      if (!condition) {
        ::_exit(number);
      }
    };
    require(SigbusGuard::Install().ok(), 1);
    require(segments_->Read(900).ok(), 2);
    require(::truncate(VectorsPath(0).c_str(), 4096) == 0, 3);
    const absl::Status status = segments_->Read(901).status();
    require(absl::IsDataLoss(status), 4);
    require(absl::StrContains(status.message(), VectorsPath(0)), 5);
    require(ReasonOf(status)->reason == "DATA_DAMAGED", 6);
    require(!segments_->health().ok(), 7);
    require(!segments_->Read(900).ok(), 8);  // Although it was read before.
    require(segments_->Read(kRowsPerSegment).ok(), 9);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(VectorSegmentsTest, AFullDiskGivesUpTheRangeAndNoOther) {
  AppendAndSync(0, 10);
  calls_.write_error = ENOSPC;
  const absl::Status status = Append(10, 5);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("No space left on device")));
  EXPECT_EQ(ReasonOf(status)->reason, "DISK_FULL");
  calls_.write_error = 0;
  EXPECT_THAT(Sync(10, 5),
              StatusIs(absl::StatusCode::kUnavailable,
                       Eq(absl::StrFormat("rows 10 to 14 of segment '%s' could "
                                          "not be written and are given up",
                                          VectorsPath(0)))));
  EXPECT_THAT(Sync(14, 1), StatusIs(absl::StatusCode::kUnavailable));
  AppendAndSync(15, 5);
  ExpectRows(15, 5);
  calls_.grow_error = ENOSPC;
  EXPECT_THAT(Append(500, 1), StatusIs(absl::StatusCode::kResourceExhausted,
                                       HasSubstr("cannot grow '")));
  EXPECT_THAT(Append(kRowsPerSegment, 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  calls_.grow_error = EFBIG;
  const absl::Status too_large = Append(kRowsPerSegment + 1, 1);
  EXPECT_THAT(too_large, StatusIs(absl::StatusCode::kResourceExhausted,
                                  HasSubstr("raise the limit on file sizes")));
  EXPECT_EQ(ReasonOf(too_large)->reason, "DISK_FULL");
  calls_.grow_error = 0;
  EXPECT_THAT(Append(kRowsPerSegment + 2, 1), IsOk());
}

TEST_F(VectorSegmentsTest, AFailedSyncLosesAllThatWasNotSynced) {
  AppendAndSync(0, 10);
  ASSERT_THAT(Append(10, 5), IsOk());
  ASSERT_THAT(Append(15, 5), IsOk());
  calls_.sync_error = EIO;
  EXPECT_THAT(Sync(10, 5), StatusIs(absl::StatusCode::kDataLoss,
                                    HasSubstr("cannot sync '")));
  // The second builder is told, too, although the disk now says all is well.
  EXPECT_THAT(Sync(15, 5), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Sync(10, 5), StatusIs(absl::StatusCode::kUnavailable));
  AppendAndSync(20, 5);
  EXPECT_THAT(Sync(0, 10), IsOk());
}

TEST_F(VectorSegmentsTest, ASyncCostsOneCallForEachFile) {
  ASSERT_THAT(Append(0, 10), IsOk());
  ASSERT_THAT(Append(10, 10), IsOk());
  const int64_t before = calls_.sync_count;
  const std::vector<OrdinalRange> ranges = {{.first = 0, .count = 10},
                                            {.first = 10, .count = 10},
                                            {.first = 20, .count = 0}};
  EXPECT_THAT(segments_->Sync(ranges), IsOk());
  EXPECT_EQ(calls_.sync_count, before + 2);
  EXPECT_THAT(segments_->Sync(ranges), IsOk());  // Nothing is left to do.
  EXPECT_EQ(calls_.sync_count, before + 2);
}

TEST_F(VectorSegmentsTest, CountsWhatTheDiskHolds) {
  EXPECT_THAT(segments_->AllocatedSizeBytes(), IsOkAndHolds(Eq(0)));
  AppendAndSync(0, 1000);
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t size_bytes,
                             segments_->AllocatedSizeBytes());
  EXPECT_GE(size_bytes, 1000 * (64 + 8));
  EXPECT_LE(size_bytes, 1000 * (64 + 8) + 8 * 4096);
}

TEST_F(VectorSegmentsTest, BuildersAndReadersWorkAtOnce) {
  constexpr uint32_t kBatch = 37;
  std::atomic<Ordinal> next = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(3);
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 40; ++round) {
          const Ordinal first = next.fetch_add(kBatch);
          ASSERT_THAT(Append(first, kBatch), IsOk());
          ASSERT_THAT(Sync(first, kBatch), IsOk());
          for (Ordinal ordinal = first; ordinal < first + kBatch; ++ordinal) {
            const auto row = segments_->Read(ordinal);
            ASSERT_THAT(row, IsOk());
            ASSERT_EQ(row->components()[0], Row(ordinal)[0]);
          }
          EXPECT_THAT(segments_->health(), IsOk());
        }
      });
    }
  }  // Joins the threads.
  ExpectRows(0, next);
  Open(next);
  ExpectRows(0, next);
}

}  // namespace
}  // namespace copse
