// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The four kinds of pages of a forest: what they keep, how they look in bytes,
// and that no damage gets past them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/centroid_page.h"
#include "index/checksum_page.h"
#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/distance.h"
#include "index/forest_page.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/rotation.h"
#include "index/row_bitmap.h"
#include "index/top_k.h"
#include "index/util/little_endian.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::HasSubstr;

using Bytes = std::vector<std::byte>;

std::string Hex(std::span<const std::byte> bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// Writes `value` at `offset` of the page and makes the checksum right again.
template <StoredInteger T>
Bytes PatchAndSeal(Bytes page, size_t offset, T value) {
  StoreLittleEndian<T>(page, offset, value);
  const size_t checksum_offset = page.size() - ChecksumPage::kChecksumSizeBytes;
  StoreLittleEndian<uint64_t>(page, checksum_offset,
                              XXH3_64bits(page.data(), checksum_offset));
  return page;
}

Bytes GoldenFloatCentroids() {
  const float components[] = {1, -2, 0.5, 0};
  return EncodeCentroidPage(CentroidEncoding::kFloat, 2, components);
}

Bytes GoldenInt8Centroids() {
  std::vector<float> components(64);
  components[0] = 127;
  components[1] = -2;
  return EncodeCentroidPage(CentroidEncoding::kInt8, 64, components);
}

const Rotation& GoldenRotation() {
  static const Rotation rotation(2, /*seed=*/0);
  return rotation;
}

CodeSpace GoldenSpace() {
  return {.metric = Metric::kEuclidean,
          .rotation = &GoldenRotation(),
          .origin = {}};
}

Bytes GoldenInner() {
  const PageId centroid_pages[] = {0x11, 0x12};
  const uint32_t centroid_counts[] = {2, 1};
  const PageId children[] = {0x21, 0x22, 0x23};
  const uint32_t row_counts[] = {5, 6, 7};
  const float spreads[] = {0, 1, 0.5};
  CodedRowsBuilder codes(GoldenSpace(), {});
  codes.Add(std::vector<float>{1, 0});
  codes.Add(std::vector<float>{0, -2});
  codes.Add(std::vector<float>{3, 4});
  return EncodeInnerPage({.level = 1,
                          .centroid_pages = centroid_pages,
                          .centroid_counts = centroid_counts,
                          .children = children,
                          .row_counts = row_counts,
                          .spreads = spreads},
                         /*dimension=*/2, codes);
}

Bytes GoldenLeaf() {
  const float centroid[] = {1, 0};
  const float first[] = {1, 1};
  const float second[] = {-1, 0};
  LeafPageBuilder builder(GoldenSpace(), centroid);
  builder.AddRow(9, first);
  builder.AddRow(4, second);
  return builder.Finish();
}

ForestRecord GoldenRecord() {
  return {.options = {.metric = Metric::kHamming,
                      .tree_count = 1,
                      .fan_out = 16,
                      .leaf_row_count = 8,
                      .seed = 7},
          .dimension = 2,
          .row_count = 18,
          .origin = 0x31,
          .trees = {{.top = 0x32, .leaf_count = 3, .level = 1}}};
}

Bytes GoldenForest() { return EncodeForestPage(GoldenRecord()); }

// A kind of page and how to parse it.
struct Kind {
  std::string name;
  PageKind kind;
  std::function<Bytes()> golden;
  std::function<absl::Status(std::span<const std::byte>)> parse;
  uint16_t layout;
  std::string hex;  // As doc/format.md shows it.
};

// For GoogleTest, which would print the bytes of the struct.
void PrintTo(const Kind& kind, std::ostream* stream) { *stream << kind.name; }

std::vector<Kind> Kinds() {
  const auto parse_centroids = [](std::span<const std::byte> bytes) {
    return CentroidPage::Parse(bytes).status();
  };
  return {
      {"Forest", PageKind::kForest, GoldenForest,
       [](std::span<const std::byte> bytes) {
         return ParseForestPage(bytes).status();
       },
       1,
       "4350534501000100480000000000000001000501020000001000000008000000"
       "0700000000000000120000000000000031000000000000000000000000000000"
       "320000000000000003000000000000000100000000000000a545b4b684fd74cb"},
      {"Inner", PageKind::kInner, GoldenInner,
       [](std::span<const std::byte> bytes) {
         return InnerPage::Parse(bytes).status();
       },
       2,
       "4350534501000200b00100000000000002000100030000000200000002000000"
       "f3fff7ff00000000000000000000000000000000000000000000000000000000"
       "1100000000000000120000000000000021000000000000002200000000000000"
       "2300000000000000020000000100000005000000060000000700000000000000"
       "0000803f0000003fee68cf6c4972006000684072000000000000000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "05020500000000000000000000000000080d0200000000000000000000000000"
       "0f050e000000000000000000000000000c0d0200000000000000000000000000"
       "000b04000000000000000000000000000a0d0a00000000000000000000000000"
       "0d0d0a0000000000000000000000000005020500000000000000000000000000"
       "0b070900000000000000000000000000030f0100000000000000000000000000"
       "09000d000000000000000000000000000b0a0b00000000000000000000000000"
       "09000d00000000000000000000000000010b0400000000000000000000000000"
       "0d050e00000000000000000000000000090d0000000000000000000000000000"
       "3ec89a82d1be178e"},
      {"Leaf", PageKind::kLeaf, GoldenLeaf,
       [](std::span<const std::byte> bytes) {
         return LeafPage::Parse(bytes).status();
       },
       2,
       "435053450100030070010000000000000200f2ff0200000002000000f2ff0000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "0400000009000000ee70cf6c00006c7200000000000000000000000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "0b0d000000000000000000000000000007020000000000000000000000000000"
       "000a000000000000000000000000000003020000000000000000000000000000"
       "0f04000000000000000000000000000005020000000000000000000000000000"
       "020200000000000000000000000000000a0d0000000000000000000000000000"
       "040800000000000000000000000000000c000000000000000000000000000000"
       "060f000000000000000000000000000004050000000000000000000000000000"
       "060f00000000000000000000000000000f040000000000000000000000000000"
       "020a000000000000000000000000000006020000000000000000000000000000"
       "bc77e86c75d959b5"},
      {"FloatCentroids", PageKind::kCentroids, GoldenFloatCentroids,
       parse_centroids, 2,
       "4350534501000400500000000000000002000100020000000200000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "0000803f000000c00000003f000000000000803f0000803f0000a0400000803e"
       "172feed762ab47e0"},
      {"Int8Centroids", PageKind::kCentroids, GoldenInt8Centroids,
       parse_centroids, 2,
       "4350534501000400780000000000000002000200400000000100000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "7ffe000000000000000000000000000000000000000000000000000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "0000803f00147c46a1bd7a015839bffd"},
  };
}

// Pages as builds before the first release wrote them.
struct OldPage {
  std::string name;
  std::function<absl::Status(std::span<const std::byte>)> parse;
  std::string hex;
};

std::vector<OldPage> OldPages() {
  return {
      {"inner",
       [](std::span<const std::byte> bytes) {
         return InnerPage::Parse(bytes).status();
       },
       "4350534501000200780000000000000001000100030000000200000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "1100000000000000120000000000000021000000000000002200000000000000"
       "2300000000000000020000000100000005000000060000000700000000000000"
       "0000803f0000003fb2b82a303b2e1f12"},
      {"leaf",
       [](std::span<const std::byte> bytes) {
         return LeafPage::Parse(bytes).status();
       },
       "4350534501000300b00000000000000001000000020000000200000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "04000000090000000402813c0402013c000080320000803f0000000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "8100000000000000000000000000000000000000000000000000000000000000"
       "007f000000000000000000000000000000000000000000000000000000000000"
       "9bead584b5292e2d"},
      {"centroids",
       [](std::span<const std::byte> bytes) {
         return CentroidPage::Parse(bytes).status();
       },
       "4350534501000400400000000000000001000000020000000200000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "0000803f000000c00000003f00000000bff55f60cbde88d4"},
  };
}

class PageKindTest : public ::testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, PageKindTest, ::testing::ValuesIn(Kinds()),
                         [](const auto& test) { return test.param.name; });

TEST_P(PageKindTest, WritesTheBytesOfItsLayout) {
  EXPECT_EQ(Hex(GetParam().golden()), GetParam().hex);
  EXPECT_THAT(GetParam().parse(GetParam().golden()), IsOk());
}

TEST_P(PageKindTest, RejectsEveryTruncation) {
  const Bytes page = GetParam().golden();
  for (size_t size = 0; size < page.size(); ++size) {
    EXPECT_THAT(GetParam().parse(std::span(page).first(size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << "cut to " << size << " bytes";
  }
}

TEST_P(PageKindTest, RejectsEveryTruncationUnderARightEnvelope) {
  const Bytes page = GetParam().golden();
  const Bytes payload(page.begin() + ChecksumPage::kHeaderSizeBytes,
                      page.end() - ChecksumPage::kChecksumSizeBytes);
  COPSE_ASSERT_OK_AND_ASSIGN(const ChecksumPage envelope,
                             ChecksumPage::Parse(page));
  for (size_t size = 0; size < payload.size(); ++size) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const Bytes cut,
        ChecksumPage::Encode(envelope.kind(), std::span(payload).first(size)));
    EXPECT_THAT(GetParam().parse(cut), StatusIs(absl::StatusCode::kDataLoss))
        << "cut to " << size << " bytes";
  }
}

TEST_P(PageKindTest, RejectsEveryFlippedBit) {
  Bytes page = GetParam().golden();
  for (size_t bit = 0; bit < page.size() * 8; ++bit) {
    const std::byte mask = std::byte{1} << (bit % 8);
    page[bit / 8] ^= mask;
    EXPECT_THAT(GetParam().parse(page), StatusIs(absl::StatusCode::kDataLoss))
        << "bit " << bit % 8 << " of byte " << bit / 8;
    page[bit / 8] ^= mask;
  }
}

// With the checksum made right a flipped bit may make another legal page, but
// never one that a reader takes for more than it is.
TEST_P(PageKindTest, EveryFlippedBitUnderARightChecksumIsLegalOrRefused) {
  const Bytes golden = GetParam().golden();
  for (size_t bit = 0; bit < golden.size() * 8; ++bit) {
    const std::byte flipped = golden[bit / 8] ^ (std::byte{1} << (bit % 8));
    const absl::Status status = GetParam().parse(PatchAndSeal<uint8_t>(
        golden, bit / 8, std::to_integer<uint8_t>(flipped)));
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) ||
                absl::IsUnimplemented(status))
        << status;
  }
}

TEST_P(PageKindTest, TellsANewerLayoutFromDamage) {
  EXPECT_THAT(
      GetParam().parse(PatchAndSeal<uint16_t>(GetParam().golden(), 16, 3)),
      StatusIs(absl::StatusCode::kUnimplemented,
               Eq(absl::StrFormat(
                   "layout at offset 16 of page kind %s is 3, expected %d: "
                   "upgrade copse to read it",
                   PageKindName(GetParam().kind), GetParam().layout))));
  EXPECT_THAT(
      GetParam().parse(PatchAndSeal<uint16_t>(GetParam().golden(), 16, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq(absl::StrFormat(
                   "layout at offset 16 of page kind %s is 0, expected %d",
                   PageKindName(GetParam().kind), GetParam().layout))));
}

TEST(OldPagesTest, AreToldFromDamageAndFromNewerOnes) {
  for (const OldPage& page : OldPages()) {
    const std::string bytes = absl::HexStringToBytes(page.hex);
    EXPECT_THAT(page.parse(std::as_bytes(std::span(bytes))),
                StatusIs(absl::StatusCode::kUnimplemented,
                         Eq("layout at offset 16 of page kind " + page.name +
                            " is 1, expected 2: a version before the first "
                            "release wrote it, build the forest anew")));
  }
}

TEST_P(PageKindTest, RejectsThePagesOfOtherKinds) {
  for (const Kind& other : Kinds()) {
    if (other.kind != GetParam().kind) {
      EXPECT_THAT(
          GetParam().parse(other.golden()),
          StatusIs(absl::StatusCode::kDataLoss, HasSubstr("page is of kind ")));
    }
  }
}

TEST_P(PageKindTest, RejectsAReservedByteThatIsSet) {
  // The last byte before the arrays is reserved in every layout.
  EXPECT_THAT(
      GetParam().parse(PatchAndSeal<uint8_t>(GetParam().golden(), 63, 1)),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq("reserved byte at offset 63 is 0x01, expected 0")));
}

// ---- Each kind
// ---------------------------------------------------------------

TEST(CentroidPageTest, KeepsItsVectors) {
  const Bytes bytes = GoldenFloatCentroids();
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes));
  EXPECT_EQ(page.encoding(), CentroidEncoding::kFloat);
  EXPECT_EQ(page.dimension(), 2U);
  EXPECT_EQ(page.vector_count(), 2U);
  std::vector<float> vector(2);
  page.Decode(0, {}, vector);
  EXPECT_THAT(vector, ElementsAre(1, -2));
  page.Decode(1, {}, vector);
  EXPECT_THAT(vector, ElementsAre(0.5, 0));
  page.Decode(1, std::vector<float>{1, 3}, vector);
  EXPECT_THAT(vector, ElementsAre(1.5, 3));
}

TEST(CentroidPageTest, NamesWhatIsWrong) {
  const auto expect_refused = [](const Bytes& golden, size_t offset,
                                 uint32_t value, absl::string_view message) {
    EXPECT_THAT(
        CentroidPage::Parse(PatchAndSeal<uint32_t>(golden, offset, value)),
        StatusIs(absl::StatusCode::kDataLoss, Eq(std::string(message))));
  };
  const Bytes golden = GoldenFloatCentroids();
  expect_refused(golden, 20, 5000,
                 "dimension at offset 20 is 5000, expected a number from 1 to "
                 "4096");
  expect_refused(golden, 24, 65,
                 "vector count at offset 24 is 65, expected a number from 1 to "
                 "64");
  expect_refused(golden, 24, 3,
                 "payload is 80 bytes, expected 96 for the counts in its head");
  expect_refused(golden, 68, 0x7f800000,
                 "component at offset 68 is inf, expected a finite number");
  expect_refused(golden, 80, 0x40000000,
                 "scale of vector 0 is 2, expected 1 for its components");
  expect_refused(golden, 88, 0x40000000,
                 "square of vector 0 is 2, expected 5 for its components");
  EXPECT_THAT(CentroidPage::Parse(PatchAndSeal<uint8_t>(golden, 18, 3)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("encoding at offset 18 is 3, expected a number from "
                          "1 to 2")));
  EXPECT_THAT(CentroidPage::Parse(PatchAndSeal<uint8_t>(golden, 19, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("reserved byte at offset 19 is 0x01, expected 0")));
}

TEST(CentroidPageTest, NamesWhatIsWrongWithInt8Codes) {
  const Bytes golden = GoldenInt8Centroids();
  const auto refuse = [&golden](size_t offset, uint32_t value) {
    return CentroidPage::Parse(PatchAndSeal<uint32_t>(golden, offset, value))
        .status();
  };
  EXPECT_THAT(refuse(64, 0x80),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("code at offset 64 is -128, expected -127 to 127")));
  // No component is at an end, so the scale could be smaller.
  EXPECT_THAT(refuse(64, 0x7e),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("code of vector 0 with the scale 1 is not one that "
                          "is written")));
  for (const uint32_t scale :
       {0x00000000U, 0x80000000U, 0xbf800000U, 0x7f800000U, 0x7fc00000U,
        0x00400000U, 0x3f800001U, 0x7c020000U}) {
    EXPECT_THAT(refuse(128, scale),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("code of vector 0 with the scale ")))
        << absl::StrFormat("0x%08x", scale);
  }
  EXPECT_THAT(refuse(132, 0x7f800000),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("square of vector 0 is inf, expected 16133 for its "
                          "components")));
  const Bytes narrow = [] {
    std::vector<float> components(70);
    components[69] = 1;
    return EncodeCentroidPage(CentroidEncoding::kInt8, 70, components);
  }();
  EXPECT_THAT(CentroidPage::Parse(PatchAndSeal<uint8_t>(narrow, 64 + 70, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("reserved byte at offset 134 is 0x01, expected 0")));
}

TEST(InnerPageTest, KeepsItsContents) {
  const Bytes bytes = GoldenInner();
  COPSE_ASSERT_OK_AND_ASSIGN(const InnerPage page, InnerPage::Parse(bytes));
  EXPECT_EQ(page.level(), 1U);
  EXPECT_THAT(page.centroid_pages(), ElementsAre(0x11, 0x12));
  EXPECT_THAT(page.centroid_counts(), ElementsAre(2, 1));
  EXPECT_THAT(page.children(), ElementsAre(0x21, 0x22, 0x23));
  EXPECT_THAT(page.row_counts(), ElementsAre(5, 6, 7));
  EXPECT_THAT(page.spreads(), ElementsAre(0, 1, 0.5));
  EXPECT_EQ(page.row_count(), 18U);
}

TEST(InnerPageTest, NamesWhatIsWrong) {
  const auto expect_refused = [](size_t offset, uint32_t value,
                                 absl::string_view message) {
    EXPECT_THAT(
        InnerPage::Parse(PatchAndSeal<uint32_t>(GoldenInner(), offset, value)),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(std::string(message))));
  };
  expect_refused(20, 0, "child count at offset 20 is 0");
  expect_refused(20, 1025, "child count at offset 20 is 1025");
  expect_refused(24, 4, "centroid page count at offset 24 is 4");
  expect_refused(64, 0, "a page number is 0");  // A centroid page.
  expect_refused(80, 0, "a page number is 0");  // A child.
  expect_refused(104, 0, "a centroid count or row count is 0");
  expect_refused(104, 3,
                 "centroid counts sum up to 4, expected the child "
                 "count 3");
  expect_refused(112, 0, "a centroid count or row count is 0");
  expect_refused(124, 0x7fc00000, "spread of child 0 is nan");
  expect_refused(128, 0xbf800000, "spread of child 1 is -1");
  expect_refused(28, 0, "dimension at offset 28 is 0");
  expect_refused(28, 65, "payload is 432 bytes, expected 688");
  expect_refused(32, 0x00008000, "exponent of every factor is -32768");
  expect_refused(136, 0x7c00, "factor of entry 0 is the half float 0x7c00");
  expect_refused(148, 1, "reserved byte at offset 148 is 0x01");
  expect_refused(192, 0x10000000,
                 "byte 3 of the last block has a code of an entry past the 3 "
                 "there are");
  EXPECT_THAT(InnerPage::Parse(PatchAndSeal<uint8_t>(GoldenInner(), 18, 33)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("level at offset 18 is 33, expected a number from 1 "
                          "to 32")));
}

TEST(ForestPageTest, KeepsItsRecord) {
  const Bytes bytes = GoldenForest();
  COPSE_ASSERT_OK_AND_ASSIGN(const ForestRecord record, ParseForestPage(bytes));
  const ForestRecord golden = GoldenRecord();
  EXPECT_EQ(record.options.metric, golden.options.metric);
  EXPECT_EQ(record.options.tree_count, golden.options.tree_count);
  EXPECT_EQ(record.options.fan_out, golden.options.fan_out);
  EXPECT_EQ(record.options.leaf_row_count, golden.options.leaf_row_count);
  EXPECT_EQ(record.options.seed, golden.options.seed);
  EXPECT_EQ(record.dimension, golden.dimension);
  EXPECT_EQ(record.row_count, golden.row_count);
  EXPECT_EQ(record.origin, golden.origin);
  EXPECT_THAT(record.trees, ElementsAreArray(golden.trees));
}

TEST(ForestPageTest, NamesWhatIsWrong) {
  const auto expect_refused = [](size_t offset, uint8_t value,
                                 absl::string_view message) {
    EXPECT_THAT(
        ParseForestPage(PatchAndSeal<uint8_t>(GoldenForest(), offset, value)),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(std::string(message))));
  };
  expect_refused(18, 0, "metric at offset 18 is 0");
  expect_refused(19, 9, "tree count at offset 19 is 9");
  expect_refused(19, 2, "payload is 72 bytes, expected 96");
  expect_refused(20, 0, "dimension at offset 20 is 0");
  expect_refused(24, 3, "fan-out at offset 24 is 3");
  expect_refused(28, 7, "leaf row count at offset 28 is 7");
  expect_refused(47, 1, "row count at offset 40");
  expect_refused(40, 0,
                 "top page at offset 64 is 50, expected a number from "
                 "0 to 0");
  expect_refused(64, 0, "top page at offset 64 is 0");
  expect_refused(72, 19,
                 "leaf count at offset 72 is 19, expected a number "
                 "from 1 to 18");
  expect_refused(80, 0, "level at offset 80 is 0");
  expect_refused(87, 1, "reserved byte at offset 87");
}

TEST(LeafPageTest, NamesWhatIsWrong) {
  const auto expect_refused = [](size_t offset, uint32_t value,
                                 absl::string_view message) {
    EXPECT_THAT(
        LeafPage::Parse(PatchAndSeal<uint32_t>(GoldenLeaf(), offset, value)),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(std::string(message))));
  };
  expect_refused(20, 4097, "dimension at offset 20 is 4097");
  expect_refused(20, 65, "payload is 368 bytes, expected 624");
  expect_refused(24, 0, "row count at offset 24 is 0");
  expect_refused(24, 2049, "row count at offset 24 is 2049");
  expect_refused(28, 0x7fff, "exponent of every bias is 32767");
  expect_refused(64, 9, "ordinal 9 of row 0 is followed by 9");
  expect_refused(80, 1, "reserved byte at offset 80 is 0x01");
  expect_refused(128, 0x100000,
                 "byte 2 of the last block has a code of an entry past the 2 "
                 "there are, expected zeros");
}

TEST(LeafPageTest, NamesWhatIsWrongWithFactorsAndBiases) {
  const auto expect_refused = [](size_t offset, uint16_t value,
                                 absl::string_view message) {
    EXPECT_THAT(
        LeafPage::Parse(PatchAndSeal<uint16_t>(GoldenLeaf(), offset, value)),
        StatusIs(absl::StatusCode::kDataLoss, Eq(std::string(message))));
  };
  constexpr uint16_t kHalfNan = 0x7e00;
  expect_refused(72, 0x7400,
                 "factor of entry 0 is the half float 0x7400, expected a "
                 "number below 16384");
  expect_refused(74, 0x8000,
                 "factor of entry 1 is the half float 0x8000, expected a "
                 "number below 16384");
  expect_refused(76, 0xf400,
                 "bias of entry 0 is the half float 0xf400, expected a "
                 "magnitude below 16384");
  expect_refused(78, kHalfNan,
                 "bias of entry 1 is the half float 0x7e00, expected a "
                 "magnitude below 16384");
  // The larger factor could have more bits with another exponent.
  expect_refused(72, 0x6fff,
                 "exponent of every factor is -14, expected another for the "
                 "largest of them, the half float 0x6fff");
}

TEST(LeafPageTest, FindsRowsByOrdinal) {
  const Bytes bytes = GoldenLeaf();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  EXPECT_THAT(page.ordinals(), ElementsAre(4, 9));
  EXPECT_EQ(page.Find(4), 0U);
  EXPECT_EQ(page.Find(9), 1U);
  EXPECT_EQ(page.Find(5), std::nullopt);
  EXPECT_EQ(page.Find(10), std::nullopt);
}

class LeafPageScanTest : public ::testing::TestWithParam<Metric> {
 protected:
  static constexpr size_t kRowCount = 100;
  static constexpr size_t kDimension = 80;

  LeafPageScanTest()
      : rows_(MakeClusters({.metric = GetParam(),
                            .row_count = kRowCount,
                            .dimension = kDimension})),
        rotation_(kDimension, /*seed=*/5) {
    space_ = {.metric = GetParam(), .rotation = &rotation_, .origin = {}};
    if (space_.ranking() != Ranking::kInnerProduct) {
      space_.origin = rows_.row(1);
    }
  }

  MemoryVectors rows_;
  Rotation rotation_;
  CodeSpace space_;
};

INSTANTIATE_TEST_SUITE_P(Metrics, LeafPageScanTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(LeafPageScanTest, IsEstimateBehindTheFilter) {
  LeafPageBuilder builder(space_, rows_.row(0));
  for (Ordinal i = 0; i < kRowCount; ++i) {
    builder.AddRow(i, rows_.row(i));
  }
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  CodedQuery query;
  query.Prepare(space_, rows_.row(5));
  ScanScratch scratch;
  scratch.Reserve(kRowCount);
  page.coded_rows().Estimate(query, 0.25, scratch.sums, scratch.estimates);
  RowBitmap excluded;
  std::vector<Candidate> all;
  std::vector<Candidate> some;
  for (Ordinal i = 0; i < kRowCount; ++i) {
    all.push_back({scratch.estimates[i], i});
    if (i % 3 == 0) {
      excluded.Add(i);
    } else {
      some.push_back({scratch.estimates[i], i});
    }
  }
  for (std::vector<Candidate>* expected : {&all, &some}) {
    std::sort(expected->begin(), expected->end());
    expected->resize(20);
  }
  TopK candidates;
  candidates.Reset(20);
  EXPECT_EQ(
      page.Scan(query, 0.25, {.excluded = &excluded}, scratch, candidates),
      66U);
  EXPECT_THAT(candidates.Finish(), ElementsAreArray(some));
  candidates.Reset(20);
  EXPECT_EQ(page.Scan(query, 0.25, {}, scratch, candidates), kRowCount);
  EXPECT_TRUE(candidates.has_limit());
  EXPECT_THAT(candidates.Finish(), ElementsAreArray(all));
}

// With a limit, rows are selected while they are estimated: that must find the
// same ones, also those that are as near as the last.
TEST_P(LeafPageScanTest, FindsTheSameRowsWhateverWasScannedBefore) {
  LeafPageBuilder builder(space_, rows_.row(0));
  for (Ordinal i = 0; i < kRowCount; ++i) {
    builder.AddRow(kRowCount - i, rows_.row(i));
    builder.AddRow(2 * kRowCount + i, rows_.row(i));
  }
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  CodedQuery query;
  ScanScratch scratch;
  for (Ordinal row = 0; row < kRowCount; ++row) {
    query.Prepare(space_, rows_.row(row));
    TopK once;
    once.Reset(15);
    page.Scan(query, 7, {}, scratch, once);
    std::vector<Candidate> expected;
    for (const Candidate& candidate : once.Finish()) {
      expected.push_back({candidate.estimate, candidate.ordinal % 1000});
    }
    TopK twice;
    twice.Reset(15);
    page.Scan(query, 9, {}, scratch, twice);
    page.Scan(query, 7, {}, scratch, twice);
    std::vector<Candidate> found(twice.Finish().begin(), twice.Finish().end());
    EXPECT_LE(found, expected);
  }
}

TEST_P(LeafPageScanTest, ACopiedRowIsTheRowThatWasAdded) {
  LeafPageBuilder builder(space_, rows_.row(0));
  for (Ordinal i = 0; i < kRowCount; ++i) {
    builder.AddRow(i, rows_.row(i));
  }
  const float spread = builder.spread();
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  LeafPageBuilder copies(space_, rows_.row(0));
  for (Ordinal i = kRowCount; i-- > 0;) {
    if (i % 2 == 0) {
      copies.CopyRow(page, i);
    } else {
      copies.AddRow(i, rows_.row(i));
    }
  }
  EXPECT_NEAR(copies.spread(), spread, 1e-3 * spread);
  EXPECT_TRUE(copies.Finish() == bytes);
}

TEST(LeafPageTest, AZeroVectorIsAtCosineDistanceOne) {
  constexpr size_t kDimension = 384;
  const MemoryVectors rows =
      MakeClusters({.row_count = 100, .dimension = kDimension});
  const std::vector<float> zero(kDimension);
  double sum = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Rotation rotation(kDimension, seed);
    const CodeSpace space = {
        .metric = Metric::kCosine, .rotation = &rotation, .origin = {}};
    LeafPageBuilder builder(space, rows.row(0));
    builder.AddRow(1, zero);
    const Bytes bytes = builder.Finish();
    COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
    CodedQuery query;
    query.Prepare(space, rows.row(1));
    const float centroid_score =
        KernelsFor(SimdLevel::kScalar)
            .squared_euclidean(rows.row(0).data(), rows.row(1).data(),
                               kDimension);
    ScanScratch scratch;
    TopK candidates;
    candidates.Reset(1);
    page.Scan(query, centroid_score, {}, scratch, candidates);
    sum += candidates.Finish()[0].estimate;
  }
  EXPECT_NEAR(sum / 50, 2, 0.05) << "twice the cosine distance";
}

TEST(LeafPageDeathTest, ABuilderRefusesARowTwice) {
  const float row[] = {1, 2};
  LeafPageBuilder builder(GoldenSpace(), row);
  builder.AddRow(3, row);
  builder.AddRow(3, row);
  EXPECT_DEATH(builder.Finish(), "check failed");
}

}  // namespace
}  // namespace copse::internal
