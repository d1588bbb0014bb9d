// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/segment_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

constexpr SegmentHeader kHeader = {.kind = SegmentKind::kVectors,
                                   .domain_number = 3,
                                   .segment_number = 2,
                                   .dimension = 5,
                                   .place_size_bytes = 64,
                                   .place_count = 1000};

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Makes the checksum right again, as a newer or faulty writer would.
std::string Sealed(std::string page) {
  const uint64_t checksum = XXH3_64bits(page.data(), 32);
  std::memcpy(page.data() + 32, &checksum, sizeof(checksum));
  return page;
}

TEST(SegmentHeaderTest, KeepsItsBytes) {
  const std::string page = EncodeSegmentHeader(kHeader);
  ASSERT_EQ(page.size(), 4096u);
  EXPECT_EQ(absl::BytesToHexString(page.substr(0, 40)),
            "43505347"  // magic
            "0100"      // format version
            "0100"      // kind
            "03000000"  // domain number
            "02000000"  // segment number
            "05000000"  // dimension
            "40000000"  // size of a place
            "e8030000"  // number of places
            "00000000"  // encoding
            "2451a7dde6ce8990");
  EXPECT_EQ(page.substr(40), std::string(4056, '\0'));
  EXPECT_THAT(ParseSegmentHeader(Bytes(page)), IsOkAndHolds(Eq(kHeader)));
}

TEST(SegmentHeaderTest, KeepsItsBytesWithBits) {
  const SegmentHeader header = {.kind = SegmentKind::kVectors,
                                .domain_number = 3,
                                .segment_number = 2,
                                .dimension = 70,
                                .place_size_bytes = 16,
                                .place_count = 4096,
                                .encoding = RowEncoding::kBits};
  std::string page = EncodeSegmentHeader(header);
  EXPECT_EQ(absl::BytesToHexString(page.substr(0, 40)),
            "43505347"  // magic
            "0200"      // format version
            "0100"      // kind
            "03000000"  // domain number
            "02000000"  // segment number
            "46000000"  // dimension
            "10000000"  // size of a place
            "00100000"  // number of places
            "01000000"  // encoding
            "f1a73bb7ce4cb008");
  EXPECT_THAT(ParseSegmentHeader(Bytes(page)), IsOkAndHolds(Eq(header)));
  // Each version has one encoding.
  page[28] = 0;
  EXPECT_THAT(ParseSegmentHeader(Bytes(Sealed(page))),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("encoding at offset 28 is 0, expected 1 in version "
                          "2")));
  page = EncodeSegmentHeader(kHeader);
  page[28] = 1;
  EXPECT_THAT(ParseSegmentHeader(Bytes(Sealed(page))),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("encoding at offset 28 is 1, expected 0 in version "
                          "1")));
}

TEST(SegmentHeaderTest, RefusesEveryFlippedBitAndTruncation) {
  std::string page = EncodeSegmentHeader(kHeader);
  for (size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] = static_cast<char>(page[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_THAT(ParseSegmentHeader(Bytes(page)),
                StatusIs(absl::StatusCode::kDataLoss))
        << bit;
    page[bit / 8] = static_cast<char>(page[bit / 8] ^ (1 << (bit % 8)));
  }
  for (const size_t size : {0u, 1u, 40u, 4095u}) {
    EXPECT_THAT(ParseSegmentHeader(Bytes(page.substr(0, size))),
                StatusIs(absl::StatusCode::kDataLoss,
                         Eq(absl::StrFormat(
                             "header has %d bytes, expected 4096", size))));
  }
}

TEST(SegmentHeaderTest, TellsANewerVersionFromDamage) {
  std::string page = EncodeSegmentHeader(kHeader);
  page[4] = 3;
  EXPECT_THAT(ParseSegmentHeader(Bytes(Sealed(page))),
              StatusIs(absl::StatusCode::kUnimplemented,
                       Eq("format version at offset 4 is 3, expected 1 or 2: "
                          "upgrade copse to read it")));
  page[4] = 1;
  page[6] = 3;
  EXPECT_THAT(ParseSegmentHeader(Bytes(Sealed(page))),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("kind at offset 6 is 3, expected 1 or 2")));
}

class SegmentFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SegmentFile>> Create() {
    return SegmentFile::Create(path_, kHeader,
                               {.step_size_bytes = 8192, .calls = &calls_});
  }
  absl::StatusOr<std::unique_ptr<SegmentFile>> Open(
      uint32_t place_end, const SegmentHeader& header = kHeader) {
    return SegmentFile::Open(path_, header, place_end,
                             {.step_size_bytes = 8192, .calls = &calls_});
  }
  size_t FileSize() {
    struct stat found = {};
    COPSE_CHECK(::stat(path_.c_str(), &found) == 0);
    return static_cast<size_t>(found.st_size);
  }
  static std::string Place(char c) { return std::string(64, c); }
  static char At(const SegmentFile& file, uint32_t place) {
    return static_cast<char>(*file.Find(place));
  }

  const TestFolder folder_;
  const std::string path_ = folder_.path() + "/vectors-000002.seg";
  SegmentCalls calls_;
};

TEST_F(SegmentFileTest, ReadsWhatWasWrittenAndGrowsBySteps) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Create());
  EXPECT_EQ(file->Find(0), nullptr);
  EXPECT_THAT(file->Write(1, Bytes(Place('a') + Place('b'))), IsOk());
  EXPECT_EQ(FileSize(), 8192u);
  EXPECT_EQ(At(*file, 0), '\0');  // A hole.
  EXPECT_EQ(At(*file, 1), 'a');
  EXPECT_EQ(At(*file, 2), 'b');
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file->Find(1)) % 64, 0u);
  EXPECT_EQ(file->Find(64), nullptr);
  EXPECT_EQ(file->Find(UINT32_MAX), nullptr);
  const std::byte* const first = file->Find(1);
  EXPECT_THAT(file->Write(999, Bytes(Place('z'))), IsOk());
  EXPECT_EQ(FileSize(), 4096u + 64000u);  // No more than it can hold.
  EXPECT_EQ(At(*file, 999), 'z');
  EXPECT_EQ(file->Find(1), first);  // Growing moves nothing.
  EXPECT_EQ(file->Find(1000), nullptr);
  EXPECT_THAT(file->Sync(), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t allocated,
                             file->AllocatedSizeBytes());
  EXPECT_GT(allocated, 0);
  EXPECT_LT(allocated, 60000);  // The hole takes nothing.
}

TEST_F(SegmentFileTest, OpensWhatItCreated) {
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Create());
    EXPECT_THAT(file->Write(3, Bytes(Place('a'))), IsOk());
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Open(4));
  EXPECT_EQ(At(*file, 3), 'a');
  EXPECT_THAT(file->Write(4, Bytes(Place('b'))), IsOk());
  EXPECT_EQ(At(*file, 4), 'b');
}

TEST_F(SegmentFileTest, NamesAMissingOrShortFile) {
  const absl::Status status = Open(0).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq(absl::StrFormat("segment '%s': the file is missing",
                                          path_))));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Create());
    EXPECT_THAT(file->Write(0, Bytes(Place('a'))), IsOk());
  }
  ASSERT_EQ(::truncate(path_.c_str(), 4096 + 100), 0);
  EXPECT_THAT(Open(1), IsOk());
  EXPECT_THAT(Open(2), StatusIs(absl::StatusCode::kDataLoss,
                                HasSubstr("size is 4196 bytes, expected at "
                                          "least 4224")));
  ASSERT_EQ(::truncate(path_.c_str(), 100), 0);
  EXPECT_THAT(Open(0),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("header has 100 bytes, expected 4096")));
}

TEST_F(SegmentFileTest, RefusesTheFileOfAnotherDomainOrDimension) {
  { COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Create()); }
  SegmentHeader other = kHeader;
  other.domain_number = 4;
  EXPECT_THAT(Open(0, other),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("header has kind 1, domain 3, segment 2, "
                                 "dimension 5 and 1000 places of 64 bytes, "
                                 "expected kind 1, domain 4,")));
  other = kHeader;
  other.dimension = 6;
  EXPECT_THAT(Open(0, other), StatusIs(absl::StatusCode::kDataLoss));
  other = kHeader;
  other.encoding = RowEncoding::kBits;
  EXPECT_THAT(Open(0, other), StatusIs(absl::StatusCode::kDataLoss,
                                       HasSubstr("64 bytes of bits")));
  WriteFile(path_, std::string(4096, 'x'));
  EXPECT_THAT(Open(0), StatusIs(absl::StatusCode::kDataLoss,
                                HasSubstr("magic at offset 0 is 0x78787878")));
}

TEST_F(SegmentFileTest, TakesManyThreadsAtOnce) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto file, Create());
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (uint32_t place = i; place < 1000; place += 4) {
          const char c = static_cast<char>('a' + place % 26);
          ASSERT_THAT(file->Write(place, Bytes(Place(c))), IsOk());
          ASSERT_EQ(At(*file, place), c);
        }
      });
    }
  }  // Joins the threads.
  for (uint32_t place = 0; place < 1000; ++place) {
    ASSERT_EQ(At(*file, place), static_cast<char>('a' + place % 26));
  }
}

}  // namespace
}  // namespace copse
