// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/calibration.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/checksum_page.h"
#include "index/metric.h"
#include "index/util/little_endian.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr Metric kMetric = Metric::kCosine;

Calibration Example() {
  return {100000, 256,
          Calibration::Settings{{
              {{.recall = 0.75F, .scan_budget = 500, .rerank_count = 10},
               {.recall = 0.875F, .scan_budget = 1000, .rerank_count = 20}},
              {{.recall = 0.875F, .scan_budget = 2000, .rerank_count = 40}},
              {{.recall = 0.5F, .scan_budget = 4000, .rerank_count = 100},
               {.recall = 0.875F, .scan_budget = 8000, .rerank_count = 400}},
          }}};
}

std::vector<std::byte> Payload() {
  const std::vector<std::byte> page = Example().Encode();
  const std::span<const std::byte> payload =
      ChecksumPage::Parse(page)->payload();
  return {payload.begin(), payload.end()};
}

absl::Status ParsePayload(std::span<const std::byte> payload) {
  return Calibration::Parse(
             *ChecksumPage::Encode(PageKind::kCalibration, payload))
      .status();
}

TEST(CalibrationTest, ParsesWhatItEncoded) {
  EXPECT_THAT(Calibration::Parse(Example().Encode()), IsOkAndHolds(Example()));
  const Calibration empty(1, 1, {});
  EXPECT_THAT(Calibration::Parse(empty.Encode()), IsOkAndHolds(empty));
}

// The page of doc/format.md.
TEST(CalibrationTest, EncodesTheGoldenPage) {
  const Calibration calibration(
      1000, 3,
      Calibration::Settings{
          {{},
           {{.recall = 0.75F, .scan_budget = 258, .rerank_count = 44}},
           {}}});
  const std::vector<uint8_t> golden = {
      0x43, 0x50, 0x53, 0x45, 0x01, 0x00, 0x05, 0x00, 0x3c, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00,
      0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x3f, 0x02, 0x01, 0x00, 0x00,
      0x2c, 0x00, 0x00, 0x00, 0x85, 0x88, 0x37, 0x71, 0xed, 0x86, 0x0c, 0xe6,
  };
  const auto bytes = std::as_bytes(std::span(golden));
  EXPECT_THAT(calibration.Encode(), ElementsAreArray(bytes));
  EXPECT_THAT(Calibration::Parse(bytes), IsOkAndHolds(calibration));
}

TEST(CalibrationTest, RejectsEveryTruncation) {
  const std::vector<std::byte> page = Example().Encode();
  for (size_t size = 0; size < page.size(); ++size) {
    EXPECT_THAT(Calibration::Parse(std::span(page).first(size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  const std::vector<std::byte> payload = Payload();
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_THAT(ParsePayload(std::span(payload).first(size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(CalibrationTest, RejectsEveryFlippedBit) {
  std::vector<std::byte> page = Example().Encode();
  for (size_t bit = 0; bit < 8 * page.size(); ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    page[bit / 8] ^= mask;
    EXPECT_THAT(Calibration::Parse(page),
                StatusIs(absl::StatusCode::kDataLoss));
    page[bit / 8] ^= mask;
  }
}

TEST(CalibrationTest, NamesTheFieldThatIsOutOfRange) {
  struct Damage {
    size_t offset;  // In the page.
    uint32_t value;
    const char* message;
  };
  for (const Damage& damage : std::vector<Damage>{
           {20, 0, "row count at offset 20 is 0"},
           {24, 0, "query count at offset 24 is 0"},
           {28, 129, "number of settings at offset 28 is 129"},
           {44, 7, "offset 44"},
           {64, 0, "recall at offset 64 is 0, expected more than 0"},
           {64, 0x7fc00000, "recall at offset 64 is nan"},
           {68, 0x3f800000, "recall at offset 68 is 1, expected more than"},
           {68, 0x3f400000, "recall at offset 68 is 0.75, expected more than"},
           {72, 0, "scan budget at offset 72 is 0"},
           {72, 100001, "scan budget at offset 72 is 100001"},
           {80, 0, "rerank count at offset 80 is 0"}}) {
    std::vector<std::byte> payload = Payload();
    StoreLittleEndian<uint32_t>(
        payload, damage.offset - ChecksumPage::kHeaderSizeBytes, damage.value);
    EXPECT_THAT(ParsePayload(payload), StatusIs(absl::StatusCode::kDataLoss,
                                                HasSubstr(damage.message)));
  }
}

TEST(CalibrationTest, RefusesANewerLayout) {
  std::vector<std::byte> payload = Payload();
  StoreLittleEndian<uint16_t>(payload, 0, 2);
  EXPECT_THAT(ParsePayload(payload),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(CalibrationTest, ChoosesTheFirstSettingThatPromisesTheTarget) {
  const Calibration example = Example();
  EXPECT_EQ(example.EffortFor(0.1, kMetric, 1, 100000),
            (SearchEffort{500, 10}));
  EXPECT_EQ(example.EffortFor(0.75, kMetric, 1, 100000),
            (SearchEffort{500, 10}));
  EXPECT_EQ(example.EffortFor(0.76, kMetric, 1, 100000),
            (SearchEffort{1000, 20}));
  EXPECT_EQ(example.EffortFor(0.875, kMetric, 10, 100000),
            (SearchEffort{2000, 40}));
}

TEST(CalibrationTest, GrowsWithTheSquareOfTheMissesAboveTheLastSetting) {
  EXPECT_EQ(Example().EffortFor(0.9375, kMetric, 10, 100000),
            (SearchEffort{8000, 160}));
  EXPECT_EQ(Example().EffortFor(1 - 1e-9, kMetric, 10, 100000),
            (SearchEffort{100000, 100000}));
}

TEST(CalibrationTest, TakesOneForAllRows) {
  EXPECT_EQ(Example().EffortFor(1, kMetric, 10, 120000),
            (SearchEffort{120000, 120000}));
}

TEST(CalibrationTest, LiesBetweenTheCountsThatWereMeasured) {
  size_t budget = 0;
  size_t rerank = 0;
  for (size_t k = 1; k <= 400; ++k) {
    const SearchEffort effort = Example().EffortFor(0.875, kMetric, k, 100000);
    EXPECT_GE(effort.scan_budget, budget) << k;
    EXPECT_GE(effort.rerank_count, rerank) << k;
    budget = effort.scan_budget;
    rerank = effort.rerank_count;
  }
  EXPECT_EQ(budget, 32000);
  EXPECT_EQ(rerank, 1600);
}

TEST(CalibrationTest, NeverAsksForLessWithMoreNeighbors) {
  // 100 neighbors are measured to need a smaller budget than 10.
  const Calibration calibration(
      1000, 9,
      Calibration::Settings{
          {{},
           {{.recall = 0.75F, .scan_budget = 200, .rerank_count = 20}},
           {{.recall = 0.75F, .scan_budget = 100, .rerank_count = 100}}}});
  EXPECT_EQ(calibration.EffortFor(0.75, kMetric, 50, 1000).scan_budget, 200);
}

TEST(CalibrationTest, GrowsWithTheForestButNeverShrinks) {
  EXPECT_EQ(Example().EffortFor(0.875, kMetric, 10, 120000).scan_budget, 2400);
  EXPECT_EQ(Example().EffortFor(0.875, kMetric, 10, 80000).scan_budget, 2000);
  EXPECT_EQ(Example().EffortFor(0.875, kMetric, 10, 500),
            (SearchEffort{500, 40}));
}

TEST(CalibrationTest, FallsBackToTheBuiltInCurves) {
  const Calibration empty(10000, 1, {});
  for (const size_t k : {1, 10, 100}) {
    EXPECT_EQ(empty.EffortFor(0.95, kMetric, k, 10000),
              BuiltInEffort(0.95, kMetric, k, 10000));
  }
  EXPECT_EQ(EffortFor(nullptr, 0.9, kMetric, 10, 10000),
            BuiltInEffort(0.9, kMetric, 10, 10000));
}

TEST(CalibrationTest, IsRaisedToWhatQuestionsNeed) {
  constexpr uint32_t kRowCount = 1000000;
  const Calibration::Settings settings = {
      {{}, {{0.5F, 64, 10}, {0.9F, 138, 18}, {0.99F, 900000, 7000}}, {}}};
  const Calibration raised =
      Calibration(kRowCount, 128, settings).RaisedToQuestions(Metric::kCosine);
  ASSERT_EQ(raised.settings(1).size(), 3);
  const SearchEffort built_in =
      BuiltInEffort(0.9F, Metric::kCosine, 10, kRowCount);
  EXPECT_EQ(
      raised.settings(1)[1],
      (CalibratedSetting{0.9F, static_cast<uint32_t>(built_in.scan_budget / 2),
                         static_cast<uint32_t>(built_in.rerank_count)}));
  EXPECT_EQ(raised.settings(1)[2], settings[1][2]) << "is enough already";
  EXPECT_EQ(raised.RaisedToQuestions(Metric::kCosine), raised);
  COPSE_ASSERT_OK_AND_ASSIGN(const Calibration parsed,
                             Calibration::Parse(raised.Encode()));
  EXPECT_EQ(parsed, raised);
}

TEST(CalibrationTest, BuiltInCurvesHalveTheMissesWithTwiceTheBudget) {
  EXPECT_EQ(BuiltInEffort(0.95, kMetric, 10, 100000),
            DefaultEffort(kMetric, 10, 100000));
  EXPECT_EQ(BuiltInEffort(0.9, kMetric, 10, 1000000),
            (SearchEffort{16000, 60}));
  EXPECT_EQ(BuiltInEffort(0.975, kMetric, 10, 1000000),
            (SearchEffort{64000, 120}));
  EXPECT_EQ(BuiltInEffort(1, kMetric, 10, 777), (SearchEffort{777, 777}));
}

TEST(CalibrationTest, RefusesTargetsOutOfRange) {
  for (const double target : {0.0, 1e-9, 0.95, 1.0}) {
    EXPECT_THAT(CheckRecallTarget(target), IsOk());
  }
  EXPECT_THAT(
      CheckRecallTarget(1.5),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "recall_target is 1.5, expected more than 0 and at most 1"));
  for (const double target : {-0.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(CheckRecallTarget(target),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(FilteredEffortTest, IsAtLeastTheDefault) {
  const SearchEffort least = DefaultEffort(Metric::kCosine, 10, 20000);
  EXPECT_EQ(FilteredEffort({.scan_budget = 300, .rerank_count = 20},
                           Metric::kCosine, 10, 20000),
            least);
  const SearchEffort more = {.scan_budget = least.scan_budget + 1,
                             .rerank_count = least.rerank_count + 1};
  EXPECT_EQ(FilteredEffort(more, Metric::kCosine, 10, 20000), more);
}

}  // namespace
}  // namespace copse
