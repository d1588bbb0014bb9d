// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/stored_vector.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/metric.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<float> RandomBits(size_t dimension, std::mt19937& random) {
  std::vector<float> vector(dimension);
  for (float& component : vector) {
    component = static_cast<float>(random() % 2);
  }
  return vector;
}

std::vector<uint64_t> Packed(std::span<const float> vector) {
  // What is there before must not be left.
  std::vector<uint64_t> words(BitWordCount(vector.size()), ~uint64_t{0});
  PackBits(vector, words);
  return words;
}

TEST(StoredVectorTest, KeepsTheOrderOfItsBits) {
  std::vector<float> vector(67);
  vector[0] = 1;
  vector[3] = 1;
  vector[63] = 1;
  vector[65] = 1;
  EXPECT_THAT(Packed(vector), ElementsAre(0x8000000000000009, 0x2));
  EXPECT_EQ(BitWordCount(0), 0u);
  EXPECT_EQ(BitWordCount(1), 1u);
  EXPECT_EQ(BitWordCount(64), 1u);
  EXPECT_EQ(BitWordCount(65), 2u);
  EXPECT_EQ(BitWordCount(kDimensionMax), 64u);
}

TEST(StoredVectorTest, SetsABitForWhateverIsNotZero) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> vector = {0, -0.0F, 1, -1, 1e-45F, kInfinity, kNan};
  EXPECT_THAT(Packed(vector), ElementsAre(0b1111100));
}

TEST(StoredVectorTest, FloatsAreHandedOutWhereTheyAre) {
  const std::vector<float> vector = {1, 2.5F, -3};
  const StoredVector stored{std::span(vector)};
  EXPECT_FALSE(stored.is_bits());
  EXPECT_EQ(stored.dimension(), 3u);
  std::vector<float> buffer;
  EXPECT_EQ(stored.Components(buffer).data(), vector.data());
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(stored.ToFloats(), vector);
}

TEST(StoredVectorTest, BitsComeBackInEveryDimension) {
  std::mt19937 random(20260201);
  std::vector<float> buffer(9, 7.0F);
  for (size_t dimension = 1; dimension <= kDimensionMax; ++dimension) {
    const std::vector<float> vector = RandomBits(dimension, random);
    const std::vector<uint64_t> words = Packed(vector);
    const StoredVector stored = StoredVector::OfBits(words, dimension);
    ASSERT_TRUE(stored.is_bits());
    ASSERT_EQ(stored.dimension(), dimension);
    ASSERT_EQ(stored.words().data(), words.data());
    ASSERT_THAT(stored.Components(buffer), ElementsAreArray(vector));
    ASSERT_EQ(stored.ToFloats(), vector);
  }
}

TEST(StoredVectorTest, BitsHaveTheHammingDistanceOfTheirFloats) {
  std::mt19937 random(20260202);
  for (size_t dimension = 1; dimension <= kDimensionMax;
       dimension += 1 + dimension / 20) {
    const std::vector<float> row = RandomBits(dimension, random);
    const std::vector<uint64_t> words = Packed(row);
    std::vector<float> query = RandomBits(dimension, random);
    query[0] *= -2.5F;  // Not zero is what counts.
    const QueryDistance distance(Metric::kHamming, query);
    ASSERT_EQ(distance.To(StoredVector::OfBits(words, dimension)),
              distance.To(row))
        << dimension;
    ASSERT_EQ(QueryDistance(Metric::kHamming, row)
                  .To(StoredVector::OfBits(words, dimension)),
              0)
        << dimension;
  }
}

TEST(StoredVectorTest, FloatsHaveTheirDistanceInEachMetric) {
  const std::vector<float> query = {1, 0, 1};
  const std::vector<float> row = {0, 0.5F, 1};
  for (const Metric metric :
       {Metric::kCosine, Metric::kEuclidean, Metric::kDotProduct,
        Metric::kManhattan, Metric::kHamming}) {
    const QueryDistance distance(metric, query);
    EXPECT_EQ(distance.To(StoredVector(std::span(row))), distance.To(row));
  }
}

}  // namespace
}  // namespace copse
