// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/coded_query.h"

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
#include "index/fast_scan.h"
#include "index/metric.h"
#include "index/rotation.h"
#include "index/split_mix.h"

namespace copse::internal {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;

constexpr float kMax = std::numeric_limits<float>::max();

std::vector<float> RandomVector(SplitMix& random, size_t dimension) {
  std::vector<float> vector(dimension);
  std::ranges::generate(vector, [&random] {
    return static_cast<float>(2 * random.Fraction() - 1);
  });
  return vector;
}

double Product(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](double x, double y) { return x * y; });
}

// ---- QuantizeInt8()

struct Quantized {
  explicit Quantized(std::span<const float> values)
      : code(Int8SizeBytes(values.size()), int8_t{99}),
        scale(QuantizeInt8(values, code)) {}

  std::vector<int8_t> code;
  float scale;
};

TEST(QuantizeInt8Test, IsWithinHalfAStep) {
  SplitMix random(1);
  for (const size_t dimension : {1, 3, 64, 65, 384}) {
    const std::vector<float> values = RandomVector(random, dimension);
    const Quantized quantized(values);
    EXPECT_TRUE(IsInt8Code(quantized.scale, quantized.code));
    for (size_t i = 0; i < dimension; ++i) {
      EXPECT_NEAR(quantized.scale * quantized.code[i], values[i],
                  0.501F * quantized.scale);
    }
    EXPECT_THAT(std::span(quantized.code).subspan(dimension), Each(0));
  }
}

TEST(QuantizeInt8Test, OfItsOwnProductsIsTheSame) {
  SplitMix random(2);
  for (int i = 0; i < 1000; ++i) {
    std::vector<float> values = RandomVector(random, 64);
    for (float& value : values) {
      value *= std::ldexp(1.0F, static_cast<int>(random.Below(240)) - 120);
    }
    const Quantized quantized(values);
    ASSERT_TRUE(IsInt8Code(quantized.scale, quantized.code));
    for (size_t component = 0; component < 64; ++component) {
      values[component] =
          quantized.scale * static_cast<float>(quantized.code[component]);
    }
    const Quantized again(values);
    EXPECT_EQ(again.scale, quantized.scale);
    EXPECT_EQ(again.code, quantized.code);
  }
}

TEST(QuantizeInt8Test, TakesTheEndsOfTheRange) {
  const Quantized largest(std::vector<float>{kMax, -kMax, 0, kMax / 2});
  EXPECT_TRUE(IsInt8Code(largest.scale, largest.code));
  EXPECT_EQ(largest.code[0], 127);
  EXPECT_EQ(largest.code[1], -127);
  EXPECT_EQ(largest.code[2], 0);
  const Quantized zero(std::vector<float>(4));
  EXPECT_EQ(zero.scale, 0);
  EXPECT_THAT(zero.code, Each(0));
  const Quantized tiny(std::vector<float>{1e-44F, -1e-38F});
  EXPECT_EQ(tiny.scale, 0);
  EXPECT_THAT(tiny.code, Each(0));
}

TEST(QuantizeInt8Test, NoOtherCodesAreItsOwn) {
  const std::vector<int8_t> code = {127, -3, 0};
  EXPECT_TRUE(IsInt8Code(1, code));
  EXPECT_FALSE(IsInt8Code(-1, code));
  EXPECT_FALSE(IsInt8Code(0, code));
  EXPECT_FALSE(IsInt8Code(1.0001F, code)) << "more bits than a scale has";
  EXPECT_FALSE(IsInt8Code(kMax, code));
  EXPECT_FALSE(IsInt8Code(std::numeric_limits<float>::infinity(), code));
  EXPECT_FALSE(IsInt8Code(std::numeric_limits<float>::quiet_NaN(), code));
  EXPECT_FALSE(IsInt8Code(1e-40F, code));
  EXPECT_FALSE(IsInt8Code(1, std::vector<int8_t>{126, 0}));
  EXPECT_FALSE(IsInt8Code(1, std::vector<int8_t>{0, 0}));
  EXPECT_FALSE(IsInt8Code(-0.0F, std::vector<int8_t>{0, 0}));
  EXPECT_TRUE(IsInt8Code(0, std::vector<int8_t>{0, 0}));
}

// ---- CodedQuery

TEST(CodedQueryTest, IsRelativeToTheOrigin) {
  SplitMix random(3);
  for (const size_t dimension : {1, 2, 64, 100}) {
    const Rotation rotation(dimension, 1);
    const std::vector<float> origin = RandomVector(random, dimension);
    const std::vector<float> vector = RandomVector(random, dimension);
    std::vector<float> difference(dimension);
    for (size_t i = 0; i < dimension; ++i) {
      difference[i] = vector[i] - origin[i];
    }
    CodedQuery query;
    query.Prepare(
        {.metric = Metric::kEuclidean, .rotation = &rotation, .origin = origin},
        vector);
    EXPECT_EQ(query.ranking(), Ranking::kSquaredEuclidean);
    EXPECT_THAT(query.difference(), ElementsAreArray(difference));
    EXPECT_NEAR(query.square(), Product(difference, difference), 1e-5);
    const Quantized quantized(difference);
    EXPECT_THAT(query.int8_code(), ElementsAreArray(quantized.code));
    EXPECT_EQ(query.int8_scale(), quantized.scale);
  }
}

TEST(CodedQueryTest, InnerProductsHaveNoOrigin) {
  const Rotation rotation(2, 1);
  const std::vector<float> vector = {3, -4};
  CodedQuery query;
  query.Prepare(
      {.metric = Metric::kDotProduct, .rotation = &rotation, .origin = {}},
      vector);
  EXPECT_EQ(query.ranking(), Ranking::kInnerProduct);
  EXPECT_THAT(query.difference(), ElementsAreArray(vector));
  EXPECT_EQ(query.square(), 25);
}

TEST(CodedQueryTest, ItsTableGivesProductsWithSigns) {
  SplitMix random(4);
  for (const size_t dimension : {2, 64, 384}) {
    const Rotation rotation(dimension, 1);
    const std::vector<float> vector = RandomVector(random, dimension);
    CodedQuery query;
    query.Prepare(
        {.metric = Metric::kEuclidean, .rotation = &rotation, .origin = {}},
        vector);
    std::vector<float> rotated(rotation.padded_dimension());
    rotation.Apply(vector, rotated);
    const size_t group_count = rotated.size() / kGroupDimension;
    for (int i = 0; i < 20; ++i) {
      std::vector<float> signs = RandomVector(random, rotated.size());
      std::ranges::transform(signs, signs.begin(), [](float component) {
        return component >= 0 ? 1.0F : -1.0F;
      });
      std::vector<std::byte> code(CodesSizeBytes(group_count, 1));
      PackCode(signs, 0, code.data());
      std::vector<uint16_t> sums(kBlockRowCount);
      FastScanKernelsFor(SimdLevel::kScalar)
          .scan_blocks(query.table(), code.data(), group_count, 1, sums.data());
      // Each entry is rounded by half a step at most.
      EXPECT_NEAR(
          query.table_scale() * sums[0] + query.table_offset(),
          Product(rotated, signs),
          0.51 * query.table_scale() * static_cast<double>(group_count));
    }
  }
}

TEST(CodedQueryTest, CanBePreparedAgainForAnotherSpace) {
  SplitMix random(5);
  const Rotation large(200, 1);
  const Rotation small(7, 1);
  const std::vector<float> first = RandomVector(random, 200);
  const std::vector<float> second = RandomVector(random, 7);
  const CodeSpace space = {
      .metric = Metric::kDotProduct, .rotation = &small, .origin = {}};
  CodedQuery used;
  used.Prepare({.metric = Metric::kEuclidean, .rotation = &large, .origin = {}},
               first);
  EXPECT_GE(used.memory_size_bytes(), 200 * sizeof(float));
  used.Prepare(space, second);
  CodedQuery fresh;
  fresh.Prepare(space, second);
  EXPECT_EQ(used.ranking(), fresh.ranking());
  EXPECT_THAT(used.difference(), ElementsAreArray(fresh.difference()));
  EXPECT_THAT(used.int8_code(), ElementsAreArray(fresh.int8_code()));
  EXPECT_EQ(used.table_scale(), fresh.table_scale());
  EXPECT_EQ(used.table_offset(), fresh.table_offset());
  EXPECT_THAT(std::span(used.table(), 64 * kGroupDimension),
              ElementsAreArray(std::span(fresh.table(), 64 * kGroupDimension)));
}

TEST(CodedQueryTest, StaysFiniteAtTheEndsOfTheRange) {
  const Rotation rotation(64, 1);
  const std::vector<float> origin(64, kMax);
  for (const float at : {kMax, -kMax, 1e19F, 1e-44F, 0.0F}) {
    CodedQuery query;
    query.Prepare(
        {.metric = Metric::kEuclidean, .rotation = &rotation, .origin = origin},
        std::vector<float>(64, at));
    for (const float component : query.difference()) {
      EXPECT_TRUE(std::isfinite(component));
    }
    EXPECT_TRUE(std::isfinite(query.square()));
    EXPECT_TRUE(std::isfinite(query.int8_scale()));
    EXPECT_TRUE(std::isfinite(query.table_scale()));
    EXPECT_TRUE(std::isfinite(query.table_offset()));
  }
}

TEST(ToFiniteTest, IsTheNearestFiniteNumber) {
  EXPECT_EQ(ToFinite(1e300), kMax);
  EXPECT_EQ(ToFinite(-1e300), -kMax);
  EXPECT_EQ(ToFinite(0.5), 0.5F);
}

}  // namespace
}  // namespace copse::internal
