// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Each kernel is held against the scalar one, and that against sums in double.
// A float sum in 16 or more parts is wrong by at most
//
//   (size / 16 + 12) * 2^-24 * (sum of the magnitudes of its terms)
//
// where 12 covers the rounding of a term and the adding of the parts, and by
// what underflow takes, at most 2^-149 for each term. Two of them differ by at
// most twice that. Int8 products must be equal.

#include "index/distance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance_kernels.h"
#include "index/metric.h"

namespace copse {
namespace {

using ::testing::TestWithParam;
using ::testing::Values;

constexpr float kFloatMax = std::numeric_limits<float>::max();
constexpr float kDenormal = 1e-41F;

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes = {384, 768, 1536, 4096};
  for (size_t size = 0; size <= 130; ++size) {
    sizes.push_back(size);
  }
  return sizes;
}

// Two arrays at addresses that are not aligned, in the middle of values that
// spoil any result they get into.
template <typename T>
class Pair {
 public:
  Pair(size_t size, T spoiler)
      : size_(size),
        a_(size + 2 * kMargin, spoiler),
        b_(size + 2 * kMargin, spoiler) {}

  std::span<T> a() { return std::span(a_).subspan(kMargin, size_); }
  std::span<T> b() { return std::span(b_).subspan(kMargin - 1, size_); }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kMargin = 67;

  size_t size_;
  std::vector<T> a_;
  std::vector<T> b_;
};

using FloatPair = Pair<float>;

FloatPair Spoiled(size_t size) {
  return {size, std::numeric_limits<float>::quiet_NaN()};
}

FloatPair RandomPair(size_t size) {
  std::mt19937 random(static_cast<uint32_t>(size));
  std::normal_distribution<float> normal;
  FloatPair pair = Spoiled(size);
  std::generate(pair.a().begin(), pair.a().end(),
                [&] { return normal(random); });
  std::generate(pair.b().begin(), pair.b().end(),
                [&] { return normal(random); });
  return pair;
}

// Random pairs, and those on which a sum goes wrong first: terms that cancel,
// terms of very different size, denormals, zeros of both signs, equal arrays.
std::vector<FloatPair> Pairs(size_t size) {
  std::vector<FloatPair> pairs(6, RandomPair(size));
  for (size_t i = 0; i < size; ++i) {
    const float sign = i % 2 == 0 ? 1.0F : -1.0F;
    pairs[1].a()[i] = 1000;
    pairs[1].b()[i] = sign * 1000;
    pairs[2].a()[i] *= std::pow(10.0F, static_cast<float>(i % 31) - 15);
    pairs[3].a()[i] = sign * kDenormal * static_cast<float>(i);
    pairs[3].b()[i] = i % 3 == 0 ? 1.0F : kDenormal;
    pairs[4].a()[i] = sign * 0.0F;
    pairs[4].b()[i] = i % 3 == 0 ? 0.0F : kDenormal;
    pairs[5].b()[i] = pairs[5].a()[i];
  }
  return pairs;
}

struct Sum {
  double value = 0;
  double magnitude = 0;

  void Add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

double Tolerance(const Sum& sum, size_t size) {
  return (static_cast<double>(size) / 16 + 12) * 0x1p-24 * sum.magnitude +
         static_cast<double>(size) * 0x1p-149;
}

// The sums of a pair in double.
struct Sums {
  explicit Sums(FloatPair& pair) {
    for (size_t i = 0; i < pair.size(); ++i) {
      const double a = pair.a()[i];
      const double b = pair.b()[i];
      dot.Add(a * b);
      square.Add(b * b);
      squared_euclidean.Add((a - b) * (a - b));
      manhattan.Add(std::abs(a - b));
      hamming += (a != 0) != (b != 0) ? 1 : 0;
    }
  }

  Sum dot;
  Sum square;
  Sum squared_euclidean;
  Sum manhattan;
  float hamming = 0;
};

// One column of the table: the kernels of a level, or nullptr if this
// processor cannot run them.
struct NamedKernels {
  std::string name;
  const DistanceKernels* kernels;
};

const DistanceKernels* KernelsIfSupported(SimdLevel level) {
  return IsSupported(level) ? &KernelsFor(level) : nullptr;
}

// KernelsFor() never returns these on a processor with VNNI.
const DistanceKernels* Avx512WithoutVnni() {
#ifdef COPSE_INDEX_X86_64
  if (IsSupported(SimdLevel::kAvx512)) {
    return &internal::kAvx512Kernels;
  }
#endif
  return nullptr;
}

class DistanceKernelsTest : public TestWithParam<NamedKernels> {
 protected:
  void SetUp() override {
    if (GetParam().kernels == nullptr) {
      GTEST_SKIP() << "this processor has no " << GetParam().name;
    }
    kernels_ = GetParam().kernels;
  }

  const DistanceKernels* kernels_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(
    Levels, DistanceKernelsTest,
    Values(NamedKernels{"scalar", KernelsIfSupported(SimdLevel::kScalar)},
           NamedKernels{"avx2", KernelsIfSupported(SimdLevel::kAvx2)},
           NamedKernels{"avx512", KernelsIfSupported(SimdLevel::kAvx512)},
           NamedKernels{"avx512_without_vnni", Avx512WithoutVnni()},
           NamedKernels{"neon", KernelsIfSupported(SimdLevel::kNeon)}),
    [](const auto& parameter) { return parameter.param.name; });

TEST_P(DistanceKernelsTest, SumWhatDoubleSums) {
  for (const size_t size : Sizes()) {
    for (FloatPair& pair : Pairs(size)) {
      const float* a = pair.a().data();
      const float* b = pair.b().data();
      const Sums sums(pair);
      EXPECT_NEAR(kernels_->dot(a, b, size), sums.dot.value,
                  Tolerance(sums.dot, size))
          << size;
      EXPECT_NEAR(kernels_->squared_euclidean(a, b, size),
                  sums.squared_euclidean.value,
                  Tolerance(sums.squared_euclidean, size))
          << size;
      EXPECT_NEAR(kernels_->manhattan(a, b, size), sums.manhattan.value,
                  Tolerance(sums.manhattan, size))
          << size;
      EXPECT_EQ(kernels_->hamming(a, b, size), sums.hamming) << size;
    }
  }
}

TEST_P(DistanceKernelsTest, AgreeWithTheScalarOnes) {
  const DistanceKernels& scalar = KernelsFor(SimdLevel::kScalar);
  for (const size_t size : Sizes()) {
    for (FloatPair& pair : Pairs(size)) {
      const float* a = pair.a().data();
      const float* b = pair.b().data();
      const Sums sums(pair);
      EXPECT_NEAR(kernels_->dot(a, b, size), scalar.dot(a, b, size),
                  2 * Tolerance(sums.dot, size))
          << size;
      EXPECT_NEAR(kernels_->squared_euclidean(a, b, size),
                  scalar.squared_euclidean(a, b, size),
                  2 * Tolerance(sums.squared_euclidean, size))
          << size;
      EXPECT_NEAR(kernels_->manhattan(a, b, size), scalar.manhattan(a, b, size),
                  2 * Tolerance(sums.manhattan, size))
          << size;
      EXPECT_EQ(kernels_->hamming(a, b, size), scalar.hamming(a, b, size))
          << size;
    }
  }
}

TEST_P(DistanceKernelsTest, DotAndSquareEqualsTwoDotsToTheBit) {
  for (const size_t size : Sizes()) {
    for (FloatPair& pair : Pairs(size)) {
      const float* a = pair.a().data();
      const float* b = pair.b().data();
      float square = -1;
      EXPECT_EQ(kernels_->dot_and_square(a, b, size, &square),
                kernels_->dot(a, b, size))
          << size;
      EXPECT_EQ(square, kernels_->dot(b, b, size)) << size;
    }
  }
}

TEST_P(DistanceKernelsTest, AreSymmetricToTheBit) {
  for (const size_t size : Sizes()) {
    for (FloatPair& pair : Pairs(size)) {
      const float* a = pair.a().data();
      const float* b = pair.b().data();
      for (const auto kernel : {kernels_->dot, kernels_->squared_euclidean,
                                kernels_->manhattan, kernels_->hamming}) {
        EXPECT_EQ(kernel(a, b, size), kernel(b, a, size)) << size;
      }
    }
  }
}

TEST_P(DistanceKernelsTest, RowsEqualSingleRowsToTheBit) {
  for (const size_t size : {0, 1, 15, 16, 17, 63, 64, 65, 384, 1000}) {
    for (size_t row_count = 0; row_count <= 9; ++row_count) {
      FloatPair pair = RandomPair(size * std::max<size_t>(row_count, 1));
      const float* a = pair.a().data();
      const float* rows = pair.b().data();
      // One more than is written, to see that it stays.
      std::vector<float> dots(row_count + 1, -7);
      std::vector<float> squares(row_count + 1, -7);
      kernels_->dot_rows(a, rows, size, row_count, dots.data());
      kernels_->squared_euclidean_rows(a, rows, size, row_count,
                                       squares.data());
      for (size_t row = 0; row < row_count; ++row) {
        const float* b = rows + row * size;
        EXPECT_EQ(dots[row], kernels_->dot(a, b, size)) << size << " " << row;
        EXPECT_EQ(squares[row], kernels_->squared_euclidean(a, b, size))
            << size << " " << row;
      }
      EXPECT_EQ(dots[row_count], -7);
      EXPECT_EQ(squares[row_count], -7);
    }
  }
}

TEST_P(DistanceKernelsTest, RowsOfBytesEqualSingleRows) {
  std::mt19937 random(20260107);
  std::uniform_int_distribution<int> any(-127, 127);
  for (const size_t size : {0, 1, 31, 32, 63, 64, 65, 127, 384, 1000, 4096}) {
    for (size_t row_count = 0; row_count <= 9; ++row_count) {
      Pair<int8_t> pair(size * std::max<size_t>(row_count, 1), 111);
      for (size_t i = 0; i < pair.size(); ++i) {
        pair.a()[i] = static_cast<int8_t>(row_count == 9 ? -127 : any(random));
        pair.b()[i] = static_cast<int8_t>(row_count == 9 ? 127 : any(random));
      }
      const int8_t* a = pair.a().data();
      const int8_t* rows = pair.b().data();
      std::vector<int32_t> sums(row_count + 1, -7);
      kernels_->dot_int8_rows(a, rows, size, row_count, sums.data());
      for (size_t row = 0; row < row_count; ++row) {
        EXPECT_EQ(
            sums[row],
            KernelsFor(SimdLevel::kScalar).dot_int8(a, rows + row * size, size))
            << size << " " << row;
      }
      EXPECT_EQ(sums[row_count], -7);
    }
  }
}

TEST_P(DistanceKernelsTest, CountEveryNonzeroValueAsOneInHamming) {
  const float values[] = {0.0F,
                          -0.0F,
                          1.0F,
                          -1.0F,
                          kDenormal,
                          kFloatMax,
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
  for (const float a : values) {
    for (const float b : values) {
      EXPECT_EQ(kernels_->hamming(&a, &b, 1),
                (a != 0) != (b != 0) ? 1.0F : 0.0F)
          << a << " " << b;
    }
  }
}

TEST_P(DistanceKernelsTest, CountEveryBitThatDiffers) {
  std::mt19937_64 random(20260203);
  for (size_t word_count = 0; word_count <= 66; ++word_count) {
    Pair<uint64_t> pair(word_count, 0x5555555555555555);
    int64_t expected = 0;
    for (size_t i = 0; i < word_count; ++i) {
      pair.a()[i] = random();
      pair.b()[i] = i % 5 == 0 ? ~pair.a()[i] : random();
      for (uint64_t rest = pair.a()[i] ^ pair.b()[i]; rest != 0; rest /= 2) {
        expected += static_cast<int64_t>(rest % 2);
      }
    }
    const uint64_t* a = pair.a().data();
    const uint64_t* b = pair.b().data();
    EXPECT_EQ(kernels_->hamming_bits(a, b, word_count), expected);
    EXPECT_EQ(kernels_->hamming_bits(b, a, word_count), expected);
  }
}

TEST_P(DistanceKernelsTest, MultiplyBytesExactly) {
  std::mt19937 random(20260103);
  std::uniform_int_distribution<int> any(-127, 127);
  std::vector<size_t> sizes = Sizes();
  sizes.push_back(65536);
  for (const size_t size : sizes) {
    Pair<int8_t> pair(size, 111);
    int64_t expected = 0;
    for (size_t i = 0; i < size; ++i) {
      pair.a()[i] = static_cast<int8_t>(any(random));
      pair.b()[i] = static_cast<int8_t>(any(random));
      expected += int64_t{pair.a()[i]} * pair.b()[i];
    }
    EXPECT_EQ(kernels_->dot_int8(pair.a().data(), pair.b().data(), size),
              expected)
        << size;
  }
}

TEST_P(DistanceKernelsTest, MultiplyTheLargestBytesExactly) {
  for (const size_t size : Sizes()) {
    for (const int a : {-127, 127}) {
      for (const int b : {-127, 127}) {
        Pair<int8_t> pair(size, 111);
        std::fill(pair.a().begin(), pair.a().end(), static_cast<int8_t>(a));
        std::fill(pair.b().begin(), pair.b().end(), static_cast<int8_t>(b));
        EXPECT_EQ(kernels_->dot_int8(pair.a().data(), pair.b().data(), size),
                  int64_t{a} * b * static_cast<int64_t>(size))
            << size << " " << a << " " << b;
      }
    }
  }
}

TEST(SimdLevelTest, BestIsTheHighestSupported) {
  EXPECT_TRUE(IsSupported(SimdLevel::kScalar));
  EXPECT_TRUE(IsSupported(BestSimdLevel()));
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon}) {
    EXPECT_FALSE(IsSupported(level) && level > BestSimdLevel())
        << SimdLevelName(level);
  }
}

TEST(SimdLevelTest, HasNames) {
  EXPECT_EQ(SimdLevelName(SimdLevel::kScalar), "scalar");
  EXPECT_EQ(SimdLevelName(SimdLevel::kAvx2), "avx2");
  EXPECT_EQ(SimdLevelName(SimdLevel::kAvx512), "avx512");
  EXPECT_EQ(SimdLevelName(SimdLevel::kNeon), "neon");
}

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kEuclidean,
                               Metric::kDotProduct, Metric::kManhattan,
                               Metric::kHamming};

TEST(DistanceTest, IsWhatTheTableOfMetricsSays) {
  const std::vector<float> a = {1, 0, 2};
  const std::vector<float> b = {0, 3, -2};
  EXPECT_FLOAT_EQ(Distance(Metric::kCosine, a, b),
                  static_cast<float>(1 + 4 / std::sqrt(5.0 * 13.0)));
  EXPECT_FLOAT_EQ(Distance(Metric::kEuclidean, a, b), std::sqrt(26.0F));
  EXPECT_EQ(Distance(Metric::kDotProduct, a, b), 4);
  EXPECT_EQ(Distance(Metric::kManhattan, a, b), 8);
  EXPECT_EQ(Distance(Metric::kHamming, a, b), 2);
}

TEST(DistanceTest, OfAZeroVectorIsOneInCosine) {
  for (const size_t size : {1, 3, 384}) {
    const std::vector<float> zero(size, 0);
    const std::vector<float> one(size, 1);
    EXPECT_EQ(Distance(Metric::kCosine, zero, one), 1);
    EXPECT_EQ(Distance(Metric::kCosine, one, zero), 1);
    EXPECT_EQ(Distance(Metric::kCosine, zero, zero), 1);
  }
}

// Over the whole range of floats: sums that underflow, are normal, overflow.
TEST(DistanceTest, OfEqualVectorsIsZero) {
  for (const size_t size : {1, 2, 3, 7, 17, 100, 384, 4096}) {
    for (const float scale : {1e-44F, 1e-30F, 1e-18F, 1.0F, 1e18F, 1e37F}) {
      FloatPair pair = RandomPair(size);
      std::vector<float> vector(pair.a().begin(), pair.a().end());
      vector[0] = 2;
      for (float& component : vector) {
        component *= scale;
      }
      for (const Metric metric : {Metric::kCosine, Metric::kEuclidean,
                                  Metric::kManhattan, Metric::kHamming}) {
        EXPECT_EQ(Distance(metric, vector, vector), 0)
            << size << " " << scale << " metric " << static_cast<int>(metric);
      }
    }
  }
}

TEST(DistanceTest, IsSymmetricToTheBit) {
  for (const size_t size : {1, 5, 384, 1000}) {
    for (FloatPair& pair : Pairs(size)) {
      for (const Metric metric : kMetrics) {
        EXPECT_EQ(Distance(metric, pair.a(), pair.b()),
                  Distance(metric, pair.b(), pair.a()));
      }
    }
  }
}

TEST(DistanceTest, InCosineDependsOnTheAngleAlone) {
  const float scales[] = {1e-40F, 1e-20F, 1e-10F, 1, 1e10F, 1e19F, 1e38F};
  for (const float a_scale : scales) {
    for (const float b_scale : scales) {
      const std::vector<float> a = {a_scale, 0, 0};
      const std::vector<float> b = {b_scale, b_scale, 0};
      const std::vector<float> opposite = {-b_scale, 0, 0};
      // A denormal has few bits, so the angle itself is not exact.
      EXPECT_NEAR(Distance(Metric::kCosine, a, b), 1 - std::sqrt(0.5), 1e-4);
      EXPECT_EQ(Distance(Metric::kCosine, a, opposite), 2);
    }
  }
}

TEST(DistanceTest, StaysInRangeInCosine) {
  std::mt19937 random(20260104);
  std::normal_distribution<float> normal;
  for (size_t i = 0; i < 2000; ++i) {
    std::vector<float> a(1 + i % 100);
    std::generate(a.begin(), a.end(), [&] { return normal(random); });
    std::vector<float> nearly(a);
    std::vector<float> opposite(a);
    const float scale = 1 + normal(random) / 100;
    for (size_t j = 0; j < a.size(); ++j) {
      nearly[j] *= scale;
      opposite[j] *= -scale;
    }
    const float near = Distance(Metric::kCosine, a, nearly);
    const float far = Distance(Metric::kCosine, a, opposite);
    EXPECT_GE(near, 0);
    EXPECT_LE(near, 1e-6);
    EXPECT_GE(far, 2 - 1e-6);
    EXPECT_LE(far, 2);
  }
}

TEST(DistanceTest, KeepsTheOrderOfTinyAndOfHugeVectors) {
  for (const float unit : {1e-40F, 1e-25F, 1e-15F, 1e18F, 1e30F, 1e36F}) {
    const std::vector<float> origin(384, 0);
    std::vector<float> near(384, 0);
    std::vector<float> far(384, 0);
    near[5] = unit;
    far[5] = 2 * unit;
    EXPECT_FLOAT_EQ(Distance(Metric::kEuclidean, origin, near), unit);
    EXPECT_FLOAT_EQ(Distance(Metric::kEuclidean, origin, far), 2 * unit);
    EXPECT_FLOAT_EQ(Distance(Metric::kManhattan, origin, far), 2 * unit);
  }
}

TEST(DistanceTest, OfFiniteVectorsIsFinite) {
  const std::vector<float> huge(384, kFloatMax);
  const std::vector<float> negative(384, -kFloatMax);
  const std::vector<float> zero(384, 0);
  std::vector<float> mixed(384, kFloatMax);
  for (size_t i = 0; i < mixed.size(); i += 2) {
    mixed[i] = -kFloatMax;
  }
  const std::vector<float>* const vectors[] = {&huge, &negative, &zero, &mixed};
  for (const Metric metric : kMetrics) {
    for (const std::vector<float>* a : vectors) {
      for (const std::vector<float>* b : vectors) {
        EXPECT_TRUE(std::isfinite(Distance(metric, *a, *b)))
            << "metric " << static_cast<int>(metric);
      }
    }
  }
  EXPECT_EQ(Distance(Metric::kDotProduct, huge, huge), -kFloatMax);
  EXPECT_EQ(Distance(Metric::kDotProduct, huge, negative), kFloatMax);
  EXPECT_EQ(Distance(Metric::kDotProduct, huge, mixed), 0);
  EXPECT_EQ(Distance(Metric::kEuclidean, huge, negative), kFloatMax);
}

// Who sorts by distance relies on it, even if a damaged row came through.
TEST(DistanceTest, IsNeverNotANumber) {
  const float values[] = {0,
                          1,
                          kFloatMax,
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
  for (const Metric metric : kMetrics) {
    for (const float a : values) {
      for (const float b : values) {
        EXPECT_FALSE(std::isnan(Distance(metric, {{a, 1}}, {{b, 1}})))
            << a << " " << b << " metric " << static_cast<int>(metric);
      }
    }
  }
}

TEST(QueryDistanceTest, EqualsDistanceToTheBit) {
  FloatPair pair = RandomPair(384);
  for (const Metric metric : kMetrics) {
    const QueryDistance distance(metric, pair.a());
    EXPECT_EQ(distance.To(pair.b()), Distance(metric, pair.a(), pair.b()));
    EXPECT_EQ(distance.To(pair.a()), Distance(metric, pair.a(), pair.a()));
  }
}

}  // namespace
}  // namespace copse
