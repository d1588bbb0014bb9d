// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/checksum_page.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/util/little_endian.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The page of kind kLeaf that holds the three bytes "oak", as version 1 has
// always written it; doc/format.md shows the same bytes.
constexpr uint8_t kGoldenLeaf[] = {
    'C',  'P',  'S',  'E',                          // magic
    0x01, 0x00,                                     // format version
    0x03, 0x00,                                     // page kind
    0x03, 0x00, 0x00, 0x00,                         // payload size
    0x00, 0x00, 0x00, 0x00,                         // reserved
    'o',  'a',  'k',                                // payload
    0x0e, 0x2e, 0x5c, 0x7e, 0x59, 0x2a, 0x70, 0xc6  // checksum
};

std::vector<std::byte> Bytes(absl::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> EncodeOrDie(PageKind kind, absl::string_view payload) {
  return ChecksumPage::Encode(kind, Bytes(payload)).value();
}

// Writes `value` at `offset` and makes the checksum right again, as a faulty
// or a newer writer would. The hash is computed here and not by the code under
// test.
template <StoredInteger T>
std::vector<std::byte> PatchAndSeal(std::vector<std::byte> page, size_t offset,
                                    T value) {
  StoreLittleEndian<T>(page, offset, value);
  const size_t checksum_offset = page.size() - ChecksumPage::kChecksumSizeBytes;
  StoreLittleEndian<uint64_t>(page, checksum_offset,
                              XXH3_64bits(page.data(), checksum_offset));
  return page;
}

TEST(ChecksumPageTest, ParsesWhatItEncoded) {
  for (const PageKind kind :
       {PageKind::kForest, PageKind::kInner, PageKind::kLeaf,
        PageKind::kCentroids, PageKind::kCalibration}) {
    const std::vector<std::byte> bytes = EncodeOrDie(kind, "beech");
    EXPECT_EQ(bytes.size(), ChecksumPage::SizeBytes(5));
    COPSE_ASSERT_OK_AND_ASSIGN(const ChecksumPage page,
                               ChecksumPage::Parse(bytes));
    EXPECT_EQ(page.kind(), kind);
    EXPECT_THAT(page.payload(), ElementsAreArray(Bytes("beech")));
  }
}

TEST(ChecksumPageTest, AcceptsAnEmptyPayload) {
  const std::vector<std::byte> bytes = EncodeOrDie(PageKind::kForest, "");
  COPSE_ASSERT_OK_AND_ASSIGN(const ChecksumPage page,
                             ChecksumPage::Parse(bytes));
  EXPECT_THAT(page.payload(), IsEmpty());
}

TEST(ChecksumPageTest, ReadsAndWritesTheBytesOfFormatVersion1) {
  const std::span<const std::byte> golden =
      std::as_bytes(std::span(kGoldenLeaf));
  EXPECT_THAT(EncodeOrDie(PageKind::kLeaf, "oak"), ElementsAreArray(golden));
  COPSE_ASSERT_OK_AND_ASSIGN(const ChecksumPage page,
                             ChecksumPage::Parse(golden));
  EXPECT_EQ(page.kind(), PageKind::kLeaf);
  EXPECT_THAT(page.payload(), ElementsAreArray(Bytes("oak")));
}

TEST(ChecksumPageTest, RejectsEveryTruncation) {
  const std::vector<std::byte> bytes = EncodeOrDie(PageKind::kLeaf, "oak");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ChecksumPage::Parse(std::span(bytes).first(size)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected")))
        << "cut to " << size << " bytes";
  }
}

TEST(ChecksumPageTest, RejectsTrailingBytes) {
  std::vector<std::byte> bytes = EncodeOrDie(PageKind::kLeaf, "oak");
  bytes.push_back(std::byte{0});
  EXPECT_THAT(ChecksumPage::Parse(bytes),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("size is 28 bytes, expected 27 for the payload size "
                          "3 at offset 8")));
}

TEST(ChecksumPageTest, RejectsEveryFlippedBit) {
  std::vector<std::byte> bytes = EncodeOrDie(PageKind::kInner, "hornbeam");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask = std::byte{1} << (bit % 8);
    bytes[bit / 8] ^= mask;
    EXPECT_THAT(ChecksumPage::Parse(bytes),
                StatusIs(absl::StatusCode::kDataLoss))
        << "bit " << bit % 8 << " of byte " << bit / 8;
    bytes[bit / 8] ^= mask;
  }
}

TEST(ChecksumPageTest, NamesAForeignMagic) {
  const std::vector<std::byte> bytes = PatchAndSeal<uint32_t>(
      EncodeOrDie(PageKind::kLeaf, "oak"), 0, 0x04034b50);
  EXPECT_THAT(
      ChecksumPage::Parse(bytes),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq("magic at offset 0 is 0x04034b50, expected 0x45535043")));
}

TEST(ChecksumPageTest, TellsANewerVersionFromDamage) {
  const std::vector<std::byte> bytes =
      PatchAndSeal<uint16_t>(EncodeOrDie(PageKind::kLeaf, "oak"), 4, 2);
  EXPECT_THAT(ChecksumPage::Parse(bytes),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("format version at offset 4 is 2")));
}

TEST(ChecksumPageTest, RejectsUnknownKinds) {
  for (const uint16_t kind : {0, 6, 0xffff}) {
    const std::vector<std::byte> bytes =
        PatchAndSeal<uint16_t>(EncodeOrDie(PageKind::kLeaf, "oak"), 6, kind);
    EXPECT_THAT(ChecksumPage::Parse(bytes),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("page kind at offset 6")))
        << "kind " << kind;
  }
}

TEST(ChecksumPageTest, RejectsAReservedFieldThatIsSet) {
  const std::vector<std::byte> bytes =
      PatchAndSeal<uint32_t>(EncodeOrDie(PageKind::kLeaf, "oak"), 12, 1);
  EXPECT_THAT(ChecksumPage::Parse(bytes),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("reserved field at offset 12 is 0x00000001, "
                          "expected 0")));
}

TEST(ChecksumPageTest, BoundsThePayloadOnBothSides) {
  const std::vector<std::byte> payload(ChecksumPage::kPayloadSizeBytesMax + 1);
  const std::span<const std::byte> longest = std::span(payload).subspan(1);
  EXPECT_THAT(ChecksumPage::Encode(PageKind::kLeaf, longest), IsOk());
  EXPECT_THAT(ChecksumPage::Encode(PageKind::kLeaf, payload),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("payload is 16777217 bytes, expected at most "
                          "16777216")));
  EXPECT_THAT(ChecksumPage::Parse(PatchAndSeal<uint32_t>(
                  EncodeOrDie(PageKind::kLeaf, "oak"), 8, 0xffffffff)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("payload size at offset 8 is 4294967295")));
}

TEST(ChecksumPageDeathTest, EncodeStopsOnAKindThatIsNoKind) {
  EXPECT_DEATH(EncodeOrDie(static_cast<PageKind>(9), "oak"), "IsKnownKind");
}

}  // namespace
}  // namespace copse
