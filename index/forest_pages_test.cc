// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The four kinds of pages of a forest: what they keep, how they look in bytes,
// and that no damage gets past them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/centroid_page.h"
#include "index/checksum_page.h"
#include "index/distance.h"
#include "index/forest_page.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/metric.h"
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

Bytes GoldenCentroids() {
  const float components[] = {1, -2, 0.5, 0};
  return EncodeCentroidPage(2, components);
}

Bytes GoldenInner() {
  const PageId centroid_pages[] = {0x11, 0x12};
  const uint32_t centroid_counts[] = {2, 1};
  const PageId children[] = {0x21, 0x22, 0x23};
  const uint32_t row_counts[] = {5, 6, 7};
  const float spreads[] = {0, 1, 0.5};
  return EncodeInnerPage({.level = 1,
                          .centroid_pages = centroid_pages,
                          .centroid_counts = centroid_counts,
                          .children = children,
                          .row_counts = row_counts,
                          .spreads = spreads});
}

Bytes GoldenLeaf() {
  const float centroid[] = {1, 0};
  const float first[] = {1, 1};
  const float second[] = {-1, 0};
  LeafPageBuilder builder(Metric::kEuclidean, centroid, {});
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
  std::function<Bytes()> golden;
  std::function<absl::Status(std::span<const std::byte>)> parse;
  std::string hex;  // As doc/format.md shows it.
};

// For GoogleTest, which would print the bytes of the struct.
void PrintTo(const Kind& kind, std::ostream* stream) { *stream << kind.name; }

std::vector<Kind> Kinds() {
  return {
      {"Forest", GoldenForest,
       [](std::span<const std::byte> bytes) {
         return ParseForestPage(bytes).status();
       },
       "4350534501000100480000000000000001000501020000001000000008000000"
       "0700000000000000120000000000000031000000000000000000000000000000"
       "320000000000000003000000000000000100000000000000a545b4b684fd74cb"},
      {"Inner", GoldenInner,
       [](std::span<const std::byte> bytes) {
         return InnerPage::Parse(bytes).status();
       },
       "4350534501000200780000000000000001000100030000000200000000000000"
       "0000000000000000000000000000000000000000000000000000000000000000"
       "1100000000000000120000000000000021000000000000002200000000000000"
       "2300000000000000020000000100000005000000060000000700000000000000"
       "0000803f0000003fb2b82a303b2e1f12"},
      {"Leaf", GoldenLeaf,
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
      {"Centroids", GoldenCentroids,
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

TEST_P(PageKindTest, WritesTheBytesOfLayout1) {
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
      GetParam().parse(PatchAndSeal<uint16_t>(GetParam().golden(), 16, 2)),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("layout at offset 16")));
}

TEST_P(PageKindTest, RejectsThePagesOfOtherKinds) {
  for (const Kind& other : Kinds()) {
    if (other.name != GetParam().name) {
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
  const Bytes bytes = GoldenCentroids();
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes));
  EXPECT_EQ(page.dimension(), 2U);
  EXPECT_EQ(page.vector_count(), 2U);
  EXPECT_THAT(page.vector(0), ElementsAre(1, -2));
  EXPECT_THAT(page.vector(1), ElementsAre(0.5, 0));
}

TEST(CentroidPageTest, NamesWhatIsWrong) {
  EXPECT_THAT(
      CentroidPage::Parse(PatchAndSeal<uint32_t>(GoldenCentroids(), 20, 5000)),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq("dimension at offset 20 is 5000, expected a number from 1 "
                  "to 4096")));
  EXPECT_THAT(
      CentroidPage::Parse(PatchAndSeal<uint32_t>(GoldenCentroids(), 24, 65)),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq("vector count at offset 24 is 65, expected a number from 1 "
                  "to 64")));
  EXPECT_THAT(
      CentroidPage::Parse(PatchAndSeal<uint32_t>(GoldenCentroids(), 24, 3)),
      StatusIs(absl::StatusCode::kDataLoss,
               Eq("payload is 64 bytes, expected 72 for the counts in its "
                  "head")));
  EXPECT_THAT(CentroidPage::Parse(
                  PatchAndSeal<uint32_t>(GoldenCentroids(), 68, 0x7f800000)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("component at offset 68 is inf, expected a finite "
                          "number")));
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
  expect_refused(24, 0, "row count at offset 24 is 0");
  expect_refused(24, 2049, "row count at offset 24 is 2049");
  expect_refused(64, 9, "ordinal 9 of row 0 is followed by 9");
  expect_refused(72, 0x7f800000, "scale at offset 72 is inf");
  expect_refused(72, 0xbf800000, "scale of row 0 is -1");
  expect_refused(84, 0x7fc00000, "bias at offset 84 is nan");
  expect_refused(88, 1, "reserved byte at offset 88 is 0x01");
  expect_refused(128, 0x80, "code at byte 0 is -128");
  expect_refused(132, 1, "reserved byte at offset 132 is 0x01");
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

// The estimates, against the distances they stand for.
class LeafPageEstimateTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Metrics, LeafPageEstimateTest,
                         ::testing::ValuesIn(kAllMetrics),
                         [](const auto& test) {
                           return MetricName(test.param);
                         });

TEST_P(LeafPageEstimateTest, IsNearTheTruth) {
  const Ranking ranking = RankingFor(GetParam());
  for (const size_t dimension : {1, 2, 31, 33, 100, 384}) {
    const MemoryVectors rows = MakeClusters({.metric = GetParam(),
                                             .row_count = 60,
                                             .dimension = dimension,
                                             .cluster_count = 1});
    const auto origin = ranking == Ranking::kInnerProduct
                            ? std::span<const float>()
                            : rows.row(1);
    const auto centroid = rows.row(0);
    LeafPageBuilder builder(GetParam(), centroid, origin);
    for (Ordinal i = 10; i < 60; ++i) {
      builder.AddRow(i, rows.row(i));
    }
    const Bytes bytes = builder.Finish();
    COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
    for (Ordinal query = 2; query < 10; ++query) {
      const auto& kernels = KernelsFor(SimdLevel::kScalar);
      const auto truth = [&](std::span<const float> vector) {
        const auto q = rows.row(query);
        return ranking == Ranking::kInnerProduct
                   ? -kernels.dot(q.data(), vector.data(), dimension)
                   : kernels.squared_euclidean(q.data(), vector.data(),
                                               dimension);
      };
      LeafQuery leaf_query;
      leaf_query.Prepare(ranking, rows.row(query), origin);
      std::vector<float> estimates(page.row_count());
      page.Estimate(leaf_query, truth(centroid), estimates);
      // Both codes are within half a step of 1/127 of the largest component;
      // the errors add up like the square root of the dimension.
      const float length = std::sqrt(kernels.dot(
          rows.row(query).data(), rows.row(query).data(), dimension));
      for (size_t i = 0; i < estimates.size(); ++i) {
        EXPECT_NEAR(estimates[i], truth(rows.row(page.ordinals()[i])),
                    0.06 * (length + 1) * (length + 1))
            << "row " << i << ", query " << query << ", dimension "
            << dimension;
      }
    }
  }
}

TEST_P(LeafPageEstimateTest, ScanIsEstimateBehindTheFilter) {
  const MemoryVectors rows =
      MakeClusters({.metric = GetParam(), .row_count = 100});
  LeafPageBuilder builder(GetParam(), rows.row(0), {});
  for (Ordinal i = 0; i < 100; ++i) {
    builder.AddRow(i, rows.row(i));
  }
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  LeafQuery query;
  query.Prepare(RankingFor(GetParam()), rows.row(5), {});
  std::vector<float> estimates(100);
  page.Estimate(query, 0.25, estimates);
  RowBitmap excluded;
  std::vector<Candidate> expected;
  for (Ordinal i = 0; i < 100; ++i) {
    if (i % 3 == 0) {
      excluded.Add(i);
    } else {
      expected.push_back({estimates[i], i});
    }
  }
  std::sort(expected.begin(), expected.end());
  expected.resize(20);
  TopK candidates;
  candidates.Reset(20);
  EXPECT_EQ(page.Scan(query, 0.25, {.excluded = &excluded}, candidates), 66U);
  EXPECT_THAT(candidates.Finish(), ElementsAreArray(expected));
}

TEST_P(LeafPageEstimateTest, ACopiedRowIsTheRowThatWasAdded) {
  const MemoryVectors rows =
      MakeClusters({.metric = GetParam(), .row_count = 50, .dimension = 20});
  LeafPageBuilder builder(GetParam(), rows.row(0), rows.row(1));
  for (Ordinal i = 0; i < 50; ++i) {
    builder.AddRow(i, rows.row(i));
  }
  const float spread = builder.spread();
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  for (Ordinal i = 50; i-- > 0;) {
    if (i % 2 == 0) {
      builder.CopyRow(page, i);
    } else {
      builder.AddRow(i, rows.row(i));
    }
  }
  EXPECT_FLOAT_EQ(builder.spread(), spread);
  EXPECT_TRUE(builder.Finish() == bytes);
}

TEST(LeafPageTest, AZeroVectorIsAtCosineDistanceOne) {
  const float centroid[] = {0.6, 0.8};
  const float zero[] = {0, 0};
  const float query[] = {1, 0};
  LeafPageBuilder builder(Metric::kCosine, centroid, {});
  builder.AddRow(1, zero);
  const Bytes bytes = builder.Finish();
  COPSE_ASSERT_OK_AND_ASSIGN(const LeafPage page, LeafPage::Parse(bytes));
  LeafQuery leaf_query;
  leaf_query.Prepare(Ranking::kSquaredEuclidean, query, {});
  float estimate = 0;
  page.Estimate(leaf_query, 0.8F, {&estimate, 1});
  EXPECT_NEAR(estimate, 2, 0.02) << "twice the cosine distance";
}

TEST(LeafPageDeathTest, ABuilderRefusesARowTwice) {
  const float row[] = {1, 2};
  LeafPageBuilder builder(Metric::kEuclidean, row, {});
  builder.AddRow(3, row);
  builder.AddRow(3, row);
  EXPECT_DEATH(builder.Finish(), "check failed");
}

}  // namespace
}  // namespace copse::internal
