// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Segments whose rows are bits, and segments of floats from before there were
// any. vector_segments_test has what does not depend on how rows are stored.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/stored_vector.h"
#include "index/vector_source.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/segment_file.h"
#include "versioning/test_folder.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kSegmentSizeBytes = 4096 + 65536;

std::vector<float> Row(uint32_t dimension, Ordinal ordinal) {
  std::mt19937 random(ordinal * 4099 + dimension);
  std::vector<float> row(dimension);
  for (float& component : row) {
    component = static_cast<float>(random() % 2);
  }
  return row;
}

std::vector<float> Matrix(uint32_t dimension, Ordinal first, uint32_t count) {
  std::vector<float> matrix;
  for (uint32_t i = 0; i < count; ++i) {
    const std::vector<float> row = Row(dimension, first + i);
    matrix.insert(matrix.end(), row.begin(), row.end());
  }
  return matrix;
}

class VectorSegmentsBitsTest : public ::testing::Test {
 protected:
  VectorSegmentsOptions Options(uint32_t dimension,
                                uint64_t published_end = 0) const {
    return {.folder = folder_.path(),
            .domain_number = 3,
            .dimension = dimension,
            .encoding = RowEncoding::kBits,
            .published_end = published_end,
            .segment_size_bytes = kSegmentSizeBytes,
            .step_size_bytes = 4096};
  }

  void Open(const VectorSegmentsOptions& options) {
    segments_.reset();
    COPSE_ASSERT_OK_AND_ASSIGN(segments_, VectorSegments::Open(options));
  }

  void Append(Ordinal first, uint32_t count) {
    const auto dimension = static_cast<uint32_t>(segments_->dimension());
    ASSERT_THAT(segments_->Append(first, Matrix(dimension, first, count)),
                IsOk());
    const std::vector<OrdinalRange> ranges = {{.first = first, .count = count}};
    ASSERT_THAT(segments_->Sync(ranges), IsOk());
  }

  void ExpectRows(Ordinal first, uint32_t count, RowEncoding encoding) const {
    ASSERT_EQ(segments_->encoding(), encoding);
    for (Ordinal ordinal = first; ordinal < first + count; ++ordinal) {
      segments_->Prefetch(ordinal);
      const auto row = segments_->Read(ordinal);
      ASSERT_THAT(row, IsOk()) << ordinal;
      ASSERT_EQ(row->is_bits(), encoding == RowEncoding::kBits);
      ASSERT_EQ(row->ToFloats(),
                Row(static_cast<uint32_t>(segments_->dimension()), ordinal));
      ASSERT_THAT(segments_->Verify(ordinal), IsOk());
    }
  }

  std::string Path(SegmentKind kind, uint32_t number = 0) const {
    return SegmentPath(folder_.path(), kind, number);
  }
  std::string VectorsPath() const { return Path(SegmentKind::kVectors); }

  static void FlipBit(const std::string& path, size_t offset, int bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.good());
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ (1 << bit));
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  const TestFolder folder_;
  std::unique_ptr<VectorSegments> segments_;
};

TEST_F(VectorSegmentsBitsTest, ReadsWhatWasAppendedInEveryDimension) {
  for (uint32_t dimension = 1; dimension <= kDimensionMax;
       dimension += 1 + dimension / 8) {
    VectorSegmentsOptions options = Options(dimension);
    options.folder = absl::StrFormat("%s/%d", folder_.path(), dimension);
    ASSERT_THAT(CreateFolder(options.folder), IsOk());
    Open(options);
    // The place of a row: whole words, and its check.
    EXPECT_EQ(segments_->stored_row_size_bytes(),
              (dimension + 63) / 64 * 8 + 8);
    EXPECT_EQ(segments_->rows_per_segment(),
              65536 / (8 * ((dimension + 63) / 64)));
    Append(0, 40);
    Append(segments_->rows_per_segment() - 5, 10);  // Over the end of one.
    options.published_end = segments_->rows_per_segment() + 5;
    Open(options);
    EXPECT_THAT(segments_->health(), IsOk());
    ExpectRows(0, 40, RowEncoding::kBits);
    ExpectRows(segments_->rows_per_segment() - 5, 10, RowEncoding::kBits);
  }
}

TEST_F(VectorSegmentsBitsTest, ManyPiecesAreWrittenInOneAppend) {
  VectorSegmentsOptions options = Options(4096);
  options.segment_size_bytes = size_t{8} << 20;
  Open(options);
  Append(0, 5000);  // 2.4 MiB.
  ExpectRows(0, 5000, RowEncoding::kBits);
}

// The golden bytes are from another program, made from the layout.
TEST_F(VectorSegmentsBitsTest, KeepsItsLayout) {
  Open(Options(70));
  std::vector<float> row(70);
  for (size_t i = 0; i < row.size(); i += 3) {
    row[i] = 1;
  }
  ASSERT_THAT(segments_->Append(7, row), IsOk());
  const std::string vectors = ReadSmallFile(VectorsPath(), 1 << 20).value();
  EXPECT_EQ(absl::BytesToHexString(vectors.substr(0, 32)),
            "4350534702000100030000000000000046000000100000000010000001000000");
  EXPECT_EQ(absl::BytesToHexString(vectors.substr(4096 + 7 * 16, 16)),
            "49922449922449922400000000000000");
  EXPECT_EQ(vectors.substr(4096, 112), std::string(112, '\0'));
  const std::string checks =
      ReadSmallFile(Path(SegmentKind::kChecks), 1 << 20).value();
  EXPECT_EQ(absl::BytesToHexString(checks.substr(4, 2)), "0100");
  EXPECT_EQ(absl::BytesToHexString(checks.substr(4096 + 7 * 8, 8)),
            "cc35f59fc1bae6d8");
}

TEST_F(VectorSegmentsBitsTest, FindsEveryFlippedBitAlsoBehindTheLast) {
  Open(Options(70));
  Append(0, 128);
  for (Ordinal bit = 0; bit < 128; ++bit) {
    FlipBit(VectorsPath(), 4096 + 16 * bit + bit / 8,
            static_cast<int>(bit % 8));
  }
  for (Ordinal ordinal = 0; ordinal < 128; ++ordinal) {
    EXPECT_THAT(
        segments_->Read(ordinal),
        StatusIs(
            absl::StatusCode::kDataLoss,
            AllOf(HasSubstr(VectorsPath()),
                  HasSubstr(absl::StrFormat("row %d: checksum is", ordinal)))));
    EXPECT_THAT(segments_->Verify(ordinal),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(segments_->health(), IsOk());  // Rows, not the file, are bad.
}

TEST_F(VectorSegmentsBitsTest, FindsARowInTheWrongPlace) {
  Open(Options(70));
  Append(0, 2);
  segments_.reset();
  std::string vectors = ReadSmallFile(VectorsPath(), 1 << 20).value();
  std::string checks =
      ReadSmallFile(Path(SegmentKind::kChecks), 1 << 20).value();
  vectors.replace(4096 + 16, 16, vectors.substr(4096, 16));
  checks.replace(4096 + 8, 8, checks.substr(4096, 8));
  WriteFile(VectorsPath(), vectors);
  WriteFile(Path(SegmentKind::kChecks), checks);
  Open(Options(70, 2));
  ExpectRows(0, 1, RowEncoding::kBits);
  EXPECT_THAT(segments_->Read(1), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(VectorSegmentsBitsTest, GivesBackTheDiskOfRowsThatNobodyNeeds) {
  constexpr uint32_t kDimension = 384;
  VectorSegmentsOptions options = Options(kDimension);
  options.segment_size_bytes = size_t{2} << 20;
  Open(options);
  Append(0, 20'000);  // 48 bytes each, so that rows lie over blocks.
  std::vector<Ordinal> kept;
  for (Ordinal ordinal = 0; ordinal < 20'000; ++ordinal) {
    // Few rows here, none there, and all at the end.
    if ((ordinal < 3000 && ordinal % 1000 == 17) || ordinal >= 19'000) {
      kept.push_back(ordinal);
    }
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<VectorSegments::Garbage> garbage,
                             segments_->FindGarbage(kept, 20'000, 20'000));
  ASSERT_THAT(garbage, SizeIs(1));
  EXPECT_GT(garbage[0].freed_size_bytes, 850'000);
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t before,
                             segments_->AllocatedSizeBytes());
  const StoredVector held = *segments_->Read(1017);
  ASSERT_THAT(segments_->Rewrite(0, kept, 20'000), IsOk());
  EXPECT_EQ(held.ToFloats(), Row(kDimension, 1017));  // The view stays valid.
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t after,
                             segments_->AllocatedSizeBytes());
  EXPECT_LT(after, before - 850'000);
  Append(20'000, 100);
  for (int round = 0; round < 2; ++round) {
    for (const Ordinal ordinal : kept) {
      ExpectRows(ordinal, 1, RowEncoding::kBits);
    }
    ExpectRows(20'000, 100, RowEncoding::kBits);
    options.published_end = 20'100;
    Open(options);  // And once more from the disk.
  }
  EXPECT_THAT(segments_->Read(5000),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("it was never written, or lost")));
}

TEST_F(VectorSegmentsBitsTest, FloatsFromBeforeStayFloats) {
  VectorSegmentsOptions options = Options(70);
  options.encoding = RowEncoding::kFloats;
  Open(options);
  Append(0, 300);  // Two segments, of 204 rows each.
  Open(Options(70, 300));
  EXPECT_THAT(segments_->health(), IsOk());
  EXPECT_EQ(segments_->stored_row_size_bytes(), 320 + 8);
  ExpectRows(0, 300, RowEncoding::kFloats);
  Append(300, 200);
  Open(Options(70, 500));
  ExpectRows(0, 500, RowEncoding::kFloats);
  EXPECT_EQ(ReadSegmentHeader(Path(SegmentKind::kVectors, 2))->encoding,
            RowEncoding::kFloats);
}

TEST_F(VectorSegmentsBitsTest, ADamagedHeaderDoesNotDecideForTheOthers) {
  VectorSegmentsOptions options = Options(70);
  options.encoding = RowEncoding::kFloats;
  Open(options);
  Append(0, 300);
  segments_.reset();
  FlipBit(VectorsPath(), 28, 0);
  Open(Options(70, 300));
  ExpectRows(204, 96, RowEncoding::kFloats);
  EXPECT_THAT(segments_->Read(0),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(VectorsPath()), HasSubstr("checksum"))));
}

TEST_F(VectorSegmentsBitsTest, ASegmentOfBitsIsDamageWhereFloatsAreExpected) {
  Open(Options(70));
  Append(0, 3);
  VectorSegmentsOptions options = Options(70, 3);
  options.encoding = RowEncoding::kFloats;
  Open(options);
  EXPECT_THAT(
      segments_->Read(0),
      StatusIs(absl::StatusCode::kDataLoss,
               AllOf(HasSubstr(VectorsPath()),
                     HasSubstr("4096 places of 16 bytes of bits, expected"))));
}

TEST_F(VectorSegmentsBitsTest, ASegmentHasABoundOfRows) {
  VectorSegmentsOptions options = Options(1);
  options.segment_size_bytes = size_t{256} << 20;
  Open(options);
  EXPECT_EQ(segments_->rows_per_segment(), 1u << 22);
  Append((1u << 22) - 2, 4);
  ExpectRows((1u << 22) - 2, 4, RowEncoding::kBits);
}

}  // namespace
}  // namespace copse
