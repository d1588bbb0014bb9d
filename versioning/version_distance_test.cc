// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/version_distance.h"

#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"

namespace copse {
namespace {

using Version = std::vector<std::vector<float>>;

float DistanceOf(Metric metric, const Version& base, const Version& target) {
  const std::vector<std::span<const float>> base_spans(base.begin(),
                                                       base.end());
  const std::vector<std::span<const float>> target_spans(target.begin(),
                                                         target.end());
  return VersionDistance(metric, base_spans, target_spans);
}

TEST(VersionDistanceTest, OneChunkEachIsTheDistanceOfTheMetric) {
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kCosine, {{1, 0}}, {{0, 1}}), 1);
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kCosine, {{1, 0}}, {{-1, 0}}), 2);
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kEuclidean, {{0, 0}}, {{3, 4}}), 5);
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kManhattan, {{0, 0}}, {{3, 4}}), 7);
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kHamming, {{0, 1}}, {{1, 1}}), 1);
}

TEST(VersionDistanceTest, TheDotProductIsMeasuredByTheEuclideanDistance) {
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kDotProduct, {{0, 0}}, {{3, 4}}), 5);
  EXPECT_EQ(DistanceOf(Metric::kDotProduct, {{3, 4}}, {{3, 4}}), 0);
}

TEST(VersionDistanceTest, SeveralChunksGiveTheMeanOfTheNearest) {
  // A chunk that is new and far counts once among five.
  EXPECT_FLOAT_EQ(
      DistanceOf(Metric::kEuclidean, {{0}, {10}}, {{0}, {10}, {15}}), 1);
  EXPECT_FLOAT_EQ(
      DistanceOf(Metric::kEuclidean, {{0}, {10}, {15}}, {{0}, {10}}), 1);
  // 0 to 1, 4 to 3; 1 to 0, 3 to 4, 9 to 4.
  EXPECT_FLOAT_EQ(DistanceOf(Metric::kEuclidean, {{0}, {4}}, {{1}, {3}, {9}}),
                  9.0F / 5);
}

TEST(VersionDistanceTest, TheOrderOfChunksMakesNoDifference) {
  EXPECT_EQ(DistanceOf(Metric::kEuclidean, {{0}, {10}, {3}}, {{3}, {0}, {10}}),
            0);
}

}  // namespace
}  // namespace copse
