// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A rotation is held against what a rotation is: lengths, angles, no direction
// that is special. The scalar kernels are held against the matrix of the
// transform, the other levels against the bits of the scalar one.

#include "index/rotation.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/distance.h"
#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

using ::testing::TestWithParam;
using ::testing::Values;

std::vector<float> RandomFloats(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> floats(size);
  std::generate(floats.begin(), floats.end(), [&] { return normal(random); });
  return floats;
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += double{a[i]} * double{b[i]};
  }
  return sum;
}

double Length(std::span<const float> vector) {
  return std::sqrt(Dot(vector, vector));
}

std::vector<float> Rotated(const Rotation& rotation,
                           std::span<const float> vector) {
  std::vector<float> rotated(rotation.padded_dimension(), 7777);
  rotation.Apply(vector, rotated);
  return rotated;
}

std::vector<uint32_t> Bits(std::span<const float> floats) {
  std::vector<uint32_t> bits;
  for (const float value : floats) {
    bits.push_back(std::bit_cast<uint32_t>(value));
  }
  return bits;
}

std::vector<size_t> Dimensions() {
  std::vector<size_t> dimensions = {1,    2,    3,    63,   64,   65,  100, 128,
                                    192,  256,  300,  384,  512,  640, 768, 960,
                                    1024, 1536, 2048, 3000, 4095, 4096};
  return dimensions;
}

class RotationKernelsTest : public TestWithParam<SimdLevel> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam())) {
      GTEST_SKIP() << "this processor has no " << SimdLevelName(GetParam());
    }
    kernels_ = &RotationKernelsFor(GetParam());
  }

  const RotationKernels* kernels_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Levels, RotationKernelsTest,
                         Values(SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon),
                         [](const auto& parameter) {
                           return std::string(SimdLevelName(parameter.param));
                         });

// Element (i, j) of the matrix is -1 to the power of the bits that i and j have
// in common.
TEST_P(RotationKernelsTest, MultiplyWithTheMatrixOfTheTransform) {
  for (const size_t size : {64, 128, 256, 512, 1024, 2048}) {
    const std::vector<float> vector = RandomFloats(size, 1);
    std::vector<float> transformed = vector;
    kernels_->transform(size, 0.25F, transformed.data());
    for (size_t i = 0; i < size; i += 7) {
      double sum = 0;
      for (size_t j = 0; j < size; ++j) {
        sum += std::popcount(i & j) % 2 == 0 ? vector[j] : -vector[j];
      }
      ASSERT_NEAR(transformed[i], sum / 4, 1e-3) << size << " " << i;
    }
  }
}

TEST_P(RotationKernelsTest, FlipTheSignsOfTheBits) {
  const std::vector<uint64_t> signs = {0x8000000000000001, 0x00ff00f0a5000002};
  std::vector<float> data = RandomFloats(129, 2);
  std::vector<float> expected = data;
  for (size_t i = 0; i < 128; ++i) {
    if ((signs[i / 64] >> (i % 64) & 1U) != 0) {
      expected[i] = -expected[i];
    }
  }
  kernels_->flip_signs(signs.data(), 128, data.data());
  EXPECT_EQ(Bits(data), Bits(expected));
}

TEST_P(RotationKernelsTest, MixTheHalves) {
  for (const size_t size : {64, 192, 384}) {
    const std::vector<float> before = RandomFloats(size + 1, 3);
    std::vector<float> data = before;
    kernels_->mix_halves(size, 0.5F, data.data());
    for (size_t i = 0; i < size / 2; ++i) {
      const float a = before[i];
      const float b = before[i + size / 2];
      EXPECT_EQ(data[i], (a + b) * 0.5F);
      EXPECT_EQ(data[i + size / 2], (a - b) * 0.5F);
    }
    EXPECT_EQ(data[size], before[size]);
  }
}

// Also for zeros of both signs, denormals and values that overflow, at an
// address that is not aligned to a vector.
TEST_P(RotationKernelsTest, RotateAsTheScalarOnesToTheBit) {
  for (const size_t dimension : Dimensions()) {
    std::vector<std::vector<float>> vectors(
        4, RandomFloats(dimension, static_cast<uint32_t>(dimension)));
    for (size_t i = 0; i < dimension; ++i) {
      vectors[1][i] *= std::pow(10.0F, static_cast<float>(i % 31) - 20);
      vectors[2][i] *= 1e-41F;
      vectors[3][i] = i % 2 == 0 ? 0.0F : -0.0F;
    }
    const Rotation rotation(dimension, 5, GetParam());
    const Rotation scalar(dimension, 5, SimdLevel::kScalar);
    for (const std::vector<float>& vector : vectors) {
      std::vector<float> rotated(rotation.padded_dimension() + 1);
      const std::span<float> unaligned = std::span(rotated).subspan(1);
      rotation.Apply(vector, unaligned);
      EXPECT_EQ(Bits(unaligned), Bits(Rotated(scalar, vector))) << dimension;
    }
  }
}

TEST(RotationTest, PadsToTheNextMultipleOf64) {
  EXPECT_EQ(Rotation(1, 0).padded_dimension(), 64);
  EXPECT_EQ(Rotation(64, 0).padded_dimension(), 64);
  EXPECT_EQ(Rotation(65, 0).padded_dimension(), 128);
  EXPECT_EQ(Rotation(300, 0).padded_dimension(), 320);
  EXPECT_EQ(Rotation(4096, 0).padded_dimension(), 4096);
  EXPECT_EQ(Rotation(300, 0).dimension(), 300);
}

TEST(RotationTest, KeepsLengthsAndInnerProducts) {
  for (const size_t dimension : Dimensions()) {
    for (const uint64_t seed : {0, 1, 99}) {
      const Rotation rotation(dimension, seed);
      const std::vector<float> a = RandomFloats(dimension, 6);
      const std::vector<float> b = RandomFloats(dimension, 7);
      const double scale = Length(a) * Length(b);
      const std::vector<float> rotated_a = Rotated(rotation, a);
      const std::vector<float> rotated_b = Rotated(rotation, b);
      EXPECT_NEAR(Length(rotated_a), Length(a), 1e-6 * Length(a)) << dimension;
      EXPECT_NEAR(Dot(rotated_a, rotated_b), Dot(a, b), 2e-6 * scale)
          << dimension;
    }
  }
}

TEST(RotationTest, IsLinearInPowersOfTwoToTheBit) {
  const Rotation rotation(384, 8);
  std::vector<float> vector = RandomFloats(384, 9);
  std::vector<float> expected = Rotated(rotation, vector);
  for (float& value : vector) {
    value *= -1024;
  }
  for (float& value : expected) {
    value *= -1024;
  }
  EXPECT_EQ(Bits(Rotated(rotation, vector)), Bits(expected));
}

// A rotated unit vector looks like one that was drawn from the sphere: for all
// axes together, components have the fourth moment of a normal distribution, 3,
// and none is further out than chance allows.
TEST(RotationTest, SpreadsEachAxisOverAllComponents) {
  for (const size_t dimension : {64, 192, 320, 384, 448, 768, 960, 1536}) {
    const Rotation rotation(dimension, 10);
    double fourth_moment = 0;
    double largest = 0;
    for (size_t axis = 0; axis < dimension; ++axis) {
      std::vector<float> unit(dimension, 0);
      unit[axis] = 1;
      for (const float component : Rotated(rotation, unit)) {
        const double square =
            double{component} * component * static_cast<double>(dimension);
        fourth_moment += square * square;
        largest = std::max(largest, std::sqrt(square));
      }
    }
    fourth_moment /= static_cast<double>(dimension * dimension);
    // The moment is an average of dependent components, and for the sphere it
    // is less than 3 by 6 / dimension.
    EXPECT_NEAR(fourth_moment, 3, 0.3) << dimension;
    EXPECT_LT(largest, 6) << dimension;
  }
}

// So do two vectors that agree in all but their signs, where one transform
// alone would put everything into one component.
TEST(RotationTest, SpreadsVectorsOfEqualMagnitudes) {
  for (const size_t dimension : {64, 384, 1024}) {
    const Rotation rotation(dimension, 11);
    std::vector<float> vector(dimension, 1);
    for (size_t stride = 1; stride <= dimension / 2; stride *= 2) {
      for (size_t i = 0; i < dimension; ++i) {
        vector[i] = (i & stride) == 0 ? 1.0F : -1.0F;
      }
      for (const float component : Rotated(rotation, vector)) {
        EXPECT_LT(std::abs(component), 6) << dimension << " " << stride;
      }
    }
  }
}

TEST(RotationTest, WorksInPlace) {
  const Rotation rotation(300, 12);
  const std::vector<float> vector = RandomFloats(300, 13);
  std::vector<float> data = vector;
  data.resize(rotation.padded_dimension(), 99);
  rotation.Apply(std::span(data).first(300), data);
  EXPECT_EQ(Bits(data), Bits(Rotated(rotation, vector)));
}

TEST(RotationTest, DependsOnTheSeed) {
  const std::vector<float> vector = RandomFloats(384, 14);
  EXPECT_EQ(Bits(Rotated(Rotation(384, 1), vector)),
            Bits(Rotated(Rotation(384, 1), vector)));
  const std::vector<float> a = Rotated(Rotation(384, 1), vector);
  const std::vector<float> b = Rotated(Rotation(384, 2), vector);
  EXPECT_LT(std::abs(Dot(a, b)), 0.3 * Length(a) * Length(b));
}

// Stored pages depend on these bits: they must not change.
TEST(RotationTest, ReturnsTheBitsItAlwaysReturned) {
  for (const size_t dimension : {3, 384}) {
    std::vector<float> vector(dimension);
    for (size_t i = 0; i < dimension; ++i) {
      vector[i] = static_cast<float>(i % 17) - 7.25F;
    }
    std::string text;
    for (const uint32_t word :
         Bits(Rotated(Rotation(dimension, 20260101), vector))) {
      text += std::to_string(word) + " ";
    }
    EXPECT_EQ(std::to_string(XXH3_64bits(text.data(), text.size())),
              dimension == 3 ? "11228458191337276422" : "3085709221996090537");
  }
}

}  // namespace
}  // namespace copse::internal
