// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/kmeans.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/worker_crew.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_vectors.h"

namespace copse::internal {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

Matrix ToMatrix(const MemoryVectors& vectors) {
  Matrix matrix(vectors.dimension());
  for (Ordinal i = 0; i < vectors.row_count(); ++i) {
    matrix.Append(vectors.row(i));
  }
  return matrix;
}

TEST(KMeansTest, FindsClustersThatAreFarApart) {
  Matrix points(1);
  for (const float center : {-100.F, 0.F, 50.F}) {
    for (int i = 0; i < 9; ++i) {
      const float point = center + static_cast<float>(i - 4);
      points.Append({&point, 1});
    }
  }
  WorkerCrew crew(1);
  const Matrix centroids = KMeans(points, {.cluster_count = 3}, crew);
  std::vector<float> found(centroids.components().begin(),
                           centroids.components().end());
  std::ranges::sort(found);
  EXPECT_THAT(found, ElementsAre(-100, 0, 50));
}

TEST(KMeansTest, IsTheSameForAnyNumberOfThreads) {
  const Matrix points =
      ToMatrix(MakeClusters({.metric = Metric::kEuclidean, .row_count = 1000}));
  WorkerCrew alone(1);
  WorkerCrew crew(4);
  const KMeansOptions options = {.cluster_count = 30, .seed = 5};
  const Matrix expected = KMeans(points, options, alone);
  const Matrix found = KMeans(points, options, crew);
  EXPECT_TRUE(std::ranges::equal(found.components(), expected.components()));
  EXPECT_EQ(NearestRows(points, expected, alone),
            NearestRows(points, expected, crew));
}

TEST(KMeansTest, FindsNoMoreClustersThanDifferentPoints) {
  Matrix points(2);
  const float first[] = {1, 2};
  const float second[] = {3, 4};
  for (int i = 0; i < 100; ++i) {
    points.Append(i % 3 == 0 ? first : second);
  }
  WorkerCrew crew(1);
  EXPECT_EQ(KMeans(points, {.cluster_count = 10}, crew).row_count(), 2U);
}

TEST(KMeansTest, TakesPointsThatAreNotFiniteForZero) {
  Matrix points(2);
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity()};
  const float good[] = {1, 1};
  for (int i = 0; i < 10; ++i) {
    points.Append(i % 2 == 0 ? bad : good);
  }
  WorkerCrew crew(1);
  const Matrix centroids = KMeans(points, {.cluster_count = 2}, crew);
  EXPECT_THAT(centroids.components(), Each(AllOf(Ge(0.F), Le(1.F))));
}

TEST(SplitInTwoTest, SeparatesTwoClusters) {
  Matrix points(1);
  for (int i = 0; i < 20; ++i) {
    const float point = static_cast<float>(i % 2 == 0 ? 10 : -10);
    points.Append({&point, 1});
  }
  const std::vector<bool> second = SplitInTwo(points, 1);
  for (size_t i = 2; i < second.size(); ++i) {
    EXPECT_EQ(second[i], second[i - 2]);
  }
  EXPECT_NE(second[0], second[1]);
}

TEST(SplitInTwoTest, GivesEachPartAQuarter) {
  Matrix points(1);
  for (int i = 0; i < 100; ++i) {
    const float point = i == 0 ? 1e6F : static_cast<float>(i) * 1e-3F;
    points.Append({&point, 1});
  }
  const std::vector<bool> second = SplitInTwo(points, 1);
  EXPECT_THAT(std::ranges::count(second, true), AllOf(Ge(25), Le(75)));
}

TEST(SplitInTwoTest, HalvesEqualPoints) {
  for (const int count : {2, 3, 50, 51}) {
    Matrix points(1);
    for (int i = 0; i < count; ++i) {
      const float point = 4;
      points.Append({&point, 1});
    }
    EXPECT_EQ(std::ranges::count(SplitInTwo(points, 1), false), count / 2);
  }
}

}  // namespace
}  // namespace copse::internal
