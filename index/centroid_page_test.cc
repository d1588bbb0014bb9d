// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What centroids are rounded to, and that pages give back just that. The bytes
// and their damage are in forest_pages_test.cc.

#include "index/centroid_page.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/metric.h"
#include "index/rotation.h"
#include "index/split_mix.h"
#include "tests/support/status_matchers.h"

namespace copse::internal {
namespace {

using ::testing::Each;

std::vector<float> RandomVector(SplitMix& random, size_t dimension,
                                double magnitude) {
  std::vector<float> vector(dimension);
  std::ranges::generate(vector, [&] {
    return static_cast<float>(magnitude * (2 * random.Fraction() - 1));
  });
  return vector;
}

std::vector<float> Difference(std::span<const float> vector,
                              std::span<const float> origin) {
  std::vector<float> difference(vector.begin(), vector.end());
  for (size_t i = 0; i < origin.size(); ++i) {
    difference[i] = ToFinite(double{vector[i]} - origin[i]);
  }
  return difference;
}

std::vector<float> Rounded(std::span<const float> origin,
                           std::vector<float> centroid) {
  RoundCentroid(origin, centroid);
  return centroid;
}

TEST(CentroidRoundingTest, KeepsFewDimensionsAsTheyAre) {
  SplitMix random(1);
  for (const size_t dimension : {1, 2, 63}) {
    EXPECT_EQ(EncodingFor(dimension), CentroidEncoding::kFloat);
    const std::vector<float> centroid = RandomVector(random, dimension, 1);
    EXPECT_EQ(Rounded({}, centroid), centroid);
    const std::vector<float> origin = RandomVector(random, dimension, 1);
    const std::vector<float> rounded = Rounded(origin, centroid);
    for (size_t i = 0; i < dimension; ++i) {
      EXPECT_NEAR(rounded[i], centroid[i], 1e-7);
    }
  }
  for (const size_t dimension : {64, 65, 384, 4096}) {
    EXPECT_EQ(EncodingFor(dimension), CentroidEncoding::kInt8);
  }
}

TEST(CentroidRoundingTest, IsByHalfAStepOfTheLargestComponent) {
  SplitMix random(2);
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> origin = RandomVector(random, 384, 2);
    const std::vector<float> centroid = RandomVector(random, 384, 3);
    const std::vector<float> rounded = Rounded(origin, centroid);
    const std::vector<float> difference = Difference(centroid, origin);
    const float largest = std::abs(*std::ranges::max_element(
        difference, {}, [](float value) { return std::abs(value); }));
    for (size_t component = 0; component < 384; ++component) {
      EXPECT_NEAR(rounded[component], centroid[component],
                  0.501 * largest / 127);
    }
  }
}

TEST(CentroidRoundingTest, RoundingAgainChangesNothing) {
  SplitMix random(3);
  for (const double origin_at : {0.0, 0.1, 1.0, 100.0, 5000.0}) {
    for (const double magnitude : {1e-30, 1e-3, 1.0, 1e30}) {
      for (const size_t dimension : {2, 64, 65, 384}) {
        const std::vector<float> origin =
            RandomVector(random, dimension, origin_at * magnitude);
        std::vector<float> centroid =
            RandomVector(random, dimension, magnitude);
        for (size_t i = 0; i < dimension; ++i) {
          centroid[i] += origin[i];
        }
        const std::vector<float> rounded = Rounded(origin, centroid);
        EXPECT_EQ(Rounded(origin, rounded), rounded)
            << "origin at " << origin_at << ", " << dimension
            << " dimensions, magnitude " << magnitude;
      }
    }
  }
}

TEST(CentroidRoundingTest, OfTheOriginIsTheOrigin) {
  SplitMix random(4);
  const std::vector<float> origin = RandomVector(random, 100, 1);
  EXPECT_EQ(Rounded(origin, origin), origin);
  EXPECT_THAT(Rounded({}, std::vector<float>(100)), Each(0));
}

TEST(CentroidRoundingTest, StaysFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (const float at : {kMax, -kMax}) {
    for (const float origin_at : {kMax, -kMax, 0.0F}) {
      const std::vector<float> origin(64, origin_at);
      for (const float component :
           Rounded(origin, std::vector<float>(64, at))) {
        EXPECT_TRUE(std::isfinite(component)) << component;
      }
    }
  }
}

class CentroidPageDimensionTest : public ::testing::TestWithParam<size_t> {
 protected:
  static constexpr size_t kCount = 20;

  CentroidPageDimensionTest() : random_(GetParam()) {
    origin_ = RandomVector(random_, GetParam(), 5);
    for (size_t i = 0; i < kCount; ++i) {
      const std::vector<float> centroid =
          Rounded(origin_, RandomVector(random_, GetParam(), 6));
      const std::vector<float> difference = Difference(centroid, origin_);
      differences_.insert(differences_.end(), difference.begin(),
                          difference.end());
      centroids_.push_back(centroid);
    }
    bytes_ =
        EncodeCentroidPage(EncodingFor(GetParam()), GetParam(), differences_);
  }

  SplitMix random_;
  std::vector<float> origin_;
  std::vector<std::vector<float>> centroids_;
  std::vector<float> differences_;
  std::vector<std::byte> bytes_;
};

INSTANTIATE_TEST_SUITE_P(Dimensions, CentroidPageDimensionTest,
                         ::testing::Values(1, 2, 63, 64, 65, 384, 1000),
                         ::testing::PrintToStringParamName());

TEST_P(CentroidPageDimensionTest, DecodesWhatWasRounded) {
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes_));
  EXPECT_EQ(page.encoding(), EncodingFor(GetParam()));
  EXPECT_EQ(page.dimension(), GetParam());
  ASSERT_EQ(page.vector_count(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    std::vector<float> decoded(GetParam());
    page.Decode(i, origin_, decoded);
    EXPECT_EQ(decoded, centroids_[i]);
  }
}

// So a page that is decoded and written again, as edits do, is the same page.
TEST_P(CentroidPageDimensionTest, WritesWhatItDecodesByteForByte) {
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes_));
  std::vector<float> differences;
  for (size_t i = 0; i < kCount; ++i) {
    std::vector<float> decoded(GetParam());
    page.Decode(i, {}, decoded);
    differences.insert(differences.end(), decoded.begin(), decoded.end());
  }
  EXPECT_TRUE(EncodeCentroidPage(page.encoding(), GetParam(), differences) ==
              bytes_);
}

TEST_P(CentroidPageDimensionTest, ScoresAreThoseOfTheDecodedVectors) {
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes_));
  const Rotation rotation(GetParam(), 1);
  for (const Metric metric : {Metric::kEuclidean, Metric::kDotProduct}) {
    const bool inner_product = metric == Metric::kDotProduct;
    const std::span<const float> origin =
        inner_product ? std::span<const float>() : origin_;
    CodedQuery query;
    const std::vector<float> vector = RandomVector(random_, GetParam(), 6);
    query.Prepare({.metric = metric, .rotation = &rotation, .origin = origin},
                  vector);
    for (size_t i = 0; i < kCount; ++i) {
      std::vector<float> decoded(GetParam());
      page.Decode(i, origin, decoded);
      const double product = std::inner_product(
          vector.begin(), vector.end(), decoded.begin(), 0.0, std::plus<>(),
          [](double a, double b) { return a * b; });
      const double distance = std::inner_product(
          vector.begin(), vector.end(), decoded.begin(), 0.0, std::plus<>(),
          [](double a, double b) { return (a - b) * (a - b); });
      // The query is rounded to steps of 1/127 of its largest component.
      EXPECT_NEAR(page.Score(query, i), inner_product ? -product : distance,
                  0.6 * std::sqrt(static_cast<double>(GetParam())));
    }
  }
}

TEST(CentroidPageTest, ScoresOfHugeVectorsAreFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  std::vector<float> differences(size_t{3} * 64, kMax);
  std::fill(differences.begin() + 64, differences.begin() + 128, -kMax);
  std::fill(differences.begin() + 128, differences.end(), 0.0F);
  const std::vector<std::byte> bytes =
      EncodeCentroidPage(CentroidEncoding::kInt8, 64, differences);
  COPSE_ASSERT_OK_AND_ASSIGN(const CentroidPage page,
                             CentroidPage::Parse(bytes));
  const Rotation rotation(64, 1);
  for (const Metric metric : {Metric::kEuclidean, Metric::kDotProduct}) {
    for (const float at : {kMax, 0.0F, -kMax}) {
      CodedQuery query;
      query.Prepare({.metric = metric, .rotation = &rotation, .origin = {}},
                    std::vector<float>(64, at));
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(std::isfinite(page.Score(query, i)));
      }
    }
  }
}

}  // namespace
}  // namespace copse::internal
