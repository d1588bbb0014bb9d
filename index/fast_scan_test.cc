// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The scalar kernels are held against the definitions in fast_scan.h, written
// down again without any layout trick; every other level must return the bits
// of the scalar one.

#include "index/fast_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::TestWithParam;
using ::testing::Values;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> RandomFloats(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> floats(size);
  std::generate(floats.begin(), floats.end(), [&] { return normal(random); });
  return floats;
}

std::vector<uint32_t> Bits(std::span<const float> floats) {
  std::vector<uint32_t> bits;
  for (const float value : floats) {
    bits.push_back(std::bit_cast<uint32_t>(value));
  }
  return bits;
}

// An array that begins at an address that is not aligned.
template <typename T>
class Unaligned {
 public:
  explicit Unaligned(size_t size) : bytes_((size + 1) * sizeof(T) + 64) {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
    begin_ = reinterpret_cast<T*>(bytes_.data() + (64 - address % 64) % 64 +
                                  alignof(T));
    size_ = size;
  }

  T* data() { return begin_; }
  std::span<T> span() { return {begin_, size_}; }

 private:
  std::vector<std::byte> bytes_;
  T* begin_;
  size_t size_;
};

unsigned NibbleAt(std::span<const std::byte> codes, size_t group_count,
                  size_t row, size_t group) {
  const size_t block = row / 32;
  const std::byte byte =
      codes[block * group_count * 16 + group * 16 + row % 16];
  return std::to_integer<unsigned>(row % 32 < 16 ? byte & std::byte{15}
                                                 : byte >> 4);
}

class FastScanKernelsTest : public TestWithParam<SimdLevel> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam())) {
      GTEST_SKIP() << "this processor has no " << SimdLevelName(GetParam());
    }
    kernels_ = &FastScanKernelsFor(GetParam());
  }

  const FastScanKernels* kernels_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Levels, FastScanKernelsTest,
                         Values(SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon),
                         [](const auto& parameter) {
                           return std::string(SimdLevelName(parameter.param));
                         });

struct Scan {
  Scan(size_t group_count_in, size_t block_count_in)
      : group_count(group_count_in),
        block_count(block_count_in),
        table(group_count * 16),
        codes(group_count * 16 * block_count) {}

  std::vector<uint16_t> Sums(const FastScanKernels& kernels) {
    constexpr uint16_t kUntouched = 0xabcd;
    std::vector<uint16_t> sums(block_count * 32 + 1, kUntouched);
    kernels.scan_blocks(table.data(), codes.data(), group_count, block_count,
                        sums.data());
    EXPECT_EQ(sums.back(), kUntouched);
    sums.pop_back();
    return sums;
  }

  std::vector<uint16_t> ExpectedSums() {
    std::vector<uint16_t> sums;
    for (size_t row = 0; row < block_count * 32; ++row) {
      unsigned sum = 0;
      for (size_t group = 0; group < group_count; ++group) {
        sum += table.data()[group * 16 +
                            NibbleAt(codes.span(), group_count, row, group)];
      }
      sums.push_back(static_cast<uint16_t>(sum));
    }
    return sums;
  }

  size_t group_count;
  size_t block_count;
  Unaligned<uint8_t> table;
  Unaligned<std::byte> codes;
};

TEST_P(FastScanKernelsTest, AddUpTheEntriesOfRandomCodes) {
  std::mt19937 random(20260201);
  for (const size_t group_count : {16, 32, 48, 64, 96, 112, 192, 384, 1024}) {
    for (const size_t block_count : {0, 1, 2, 3, 4, 5, 128}) {
      Scan scan(group_count, block_count);
      std::ranges::generate(scan.table.span(), [&] {
        return static_cast<uint8_t>(random() % 64);
      });
      std::ranges::generate(scan.codes.span(),
                            [&] { return static_cast<std::byte>(random()); });
      EXPECT_EQ(scan.Sums(*kernels_), scan.ExpectedSums())
          << group_count << " groups, " << block_count << " blocks";
    }
  }
}

TEST_P(FastScanKernelsTest, AddUpExtremeEntries) {
  for (const size_t group_count : {16, 32, 96, 1024}) {
    for (const int entry : {0, 1, 63}) {
      for (const int code : {0x00, 0xff, 0x0f, 0xf0, 0x55, 0xaa, 0x80}) {
        Scan scan(group_count, 3);
        std::ranges::fill(scan.table.span(), static_cast<uint8_t>(entry));
        std::ranges::fill(scan.codes.span(), static_cast<std::byte>(code));
        EXPECT_THAT(scan.Sums(*kernels_),
                    Each(entry * static_cast<int>(group_count)));
      }
    }
  }
}

// Only the entries of odd nibbles count, and the codes alternate.
TEST_P(FastScanKernelsTest, AddUpAlternatingCodes) {
  for (const size_t group_count : {16, 96, 1024}) {
    Scan scan(group_count, 3);
    for (size_t i = 0; i < scan.table.span().size(); ++i) {
      scan.table.data()[i] = i % 2 == 1 ? 63 : 0;
    }
    for (size_t i = 0; i < scan.codes.span().size(); ++i) {
      scan.codes.data()[i] = i % 2 == 0 ? std::byte{0x1e} : std::byte{0xe1};
    }
    const std::vector<uint16_t> sums = scan.Sums(*kernels_);
    EXPECT_EQ(sums, scan.ExpectedSums());
    EXPECT_EQ(sums[1], 63 * group_count);
    EXPECT_EQ(sums[0], 0);
  }
}

// One bit of one row, in each place: no row or group is taken for another.
TEST_P(FastScanKernelsTest, SeeEachPlaceOfACode) {
  constexpr size_t kGroupCount = 32;
  constexpr size_t kBlockCount = 3;
  Scan scan(kGroupCount, kBlockCount);
  for (size_t group = 0; group < kGroupCount; ++group) {
    for (size_t n = 0; n < 16; ++n) {
      scan.table.data()[group * 16 + n] =
          static_cast<uint8_t>(n == 0 ? 0 : group + n);
    }
  }
  for (size_t row = 0; row < kBlockCount * 32; ++row) {
    for (size_t group = 0; group < kGroupCount; ++group) {
      const size_t i = row / 32 * kGroupCount * 16 + group * 16 + row % 16;
      const unsigned n = 1 + (row + group) % 15;
      scan.codes.data()[i] = std::byte(row % 32 < 16 ? n : n << 4);
      std::vector<uint16_t> expected(kBlockCount * 32, 0);
      expected[row] = static_cast<uint16_t>(group + n);
      ASSERT_EQ(scan.Sums(*kernels_), expected) << row << " " << group;
      scan.codes.data()[i] = std::byte{0};
    }
  }
}

// Rows whose values come in all sizes.
struct Rows {
  explicit Rows(size_t count)
      : sums(count),
        factors(count),
        biases(count),
        half_factors(count),
        half_biases(count) {
    std::mt19937 random(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) {
      sums.data()[i] =
          static_cast<uint16_t>(i % 7 == 0 ? 65535 - i : random() % 6048);
      factors.data()[i] = std::ldexp(static_cast<float>(random() % 9999),
                                     static_cast<int>(random() % 40) - 30);
      biases.data()[i] = std::ldexp(static_cast<float>(random() % 9999) - 5000,
                                    static_cast<int>(random() % 40) - 30);
      half_factors.data()[i] = static_cast<uint16_t>(random() % 0x7c00);
      half_biases.data()[i] =
          static_cast<uint16_t>(random() % 0x7c00 | (random() % 2) << 15);
    }
  }

  Unaligned<uint16_t> sums;
  Unaligned<float> factors;
  Unaligned<float> biases;
  Unaligned<uint16_t> half_factors;
  Unaligned<uint16_t> half_biases;
};

std::vector<size_t> RowCounts() {
  std::vector<size_t> counts = {83, 96, 100, 1000};
  for (size_t count = 0; count <= 66; ++count) {
    counts.push_back(count);
  }
  return counts;
}

constexpr EstimateTerms kTerms = {
    .scale = 0.0137F, .offset = -31.7F, .constant = 1.25F};

// Calls the kernel with one element more than it may touch.
template <typename Factor, typename Bias>
std::vector<float> Estimates(void (*kernel)(const uint16_t*, const Factor*,
                                            const Bias*, size_t,
                                            const EstimateTerms&, float*),
                             Rows& rows, const Factor* factors,
                             const Bias* biases) {
  const size_t count = rows.sums.span().size();
  std::vector<float> estimates(count + 1, -7);
  kernel(rows.sums.data(), factors, biases, count, kTerms, estimates.data());
  EXPECT_EQ(estimates.back(), -7);
  estimates.pop_back();
  return estimates;
}

// `volatile` keeps each step a float of its own.
float ExpectedEstimate(uint16_t sum, float factor, float bias) {
  const volatile float scaled = kTerms.scale * static_cast<float>(sum);
  const volatile float shifted = scaled + kTerms.offset;
  const volatile float product = factor * shifted;
  const volatile float constant = kTerms.constant + bias;
  return constant + product;
}

TEST_P(FastScanKernelsTest, EstimateAsDefinedToTheBit) {
  for (const size_t count : RowCounts()) {
    Rows rows(count);
    std::vector<float> plain;
    std::vector<float> half_factors;
    std::vector<float> halves;
    for (size_t i = 0; i < count; ++i) {
      const uint16_t sum = rows.sums.data()[i];
      const float bias = rows.biases.data()[i];
      const float half_factor = FromHalf(rows.half_factors.data()[i]);
      plain.push_back(ExpectedEstimate(sum, rows.factors.data()[i], bias));
      half_factors.push_back(ExpectedEstimate(sum, half_factor, bias));
      halves.push_back(ExpectedEstimate(sum, half_factor,
                                        FromHalf(rows.half_biases.data()[i])));
    }
    EXPECT_EQ(Bits(Estimates(kernels_->estimate, rows, rows.factors.data(),
                             rows.biases.data())),
              Bits(plain))
        << count;
    EXPECT_EQ(Bits(Estimates(kernels_->estimate_half_factors, rows,
                             rows.half_factors.data(), rows.biases.data())),
              Bits(half_factors))
        << count;
    EXPECT_EQ(
        Bits(Estimates(kernels_->estimate_halves, rows,
                       rows.half_factors.data(), rows.half_biases.data())),
        Bits(halves))
        << count;
  }
}

std::vector<uint32_t> ExpectedSelection(std::span<const float> estimates,
                                        float threshold) {
  std::vector<uint32_t> indices;
  for (size_t i = 0; i < estimates.size(); ++i) {
    if (estimates[i] < threshold) {
      indices.push_back(static_cast<uint32_t>(i));
    }
  }
  return indices;
}

std::vector<uint32_t> Selected(const FastScanKernels& kernels,
                               const std::vector<float>& estimates,
                               float threshold) {
  constexpr uint32_t kUntouched = 0xabcdef01;
  std::vector<uint32_t> indices(estimates.size() + 1, kUntouched);
  const size_t count = kernels.select_below(estimates.data(), estimates.size(),
                                            threshold, indices.data());
  EXPECT_EQ(indices.back(), kUntouched);
  indices.resize(count);
  return indices;
}

TEST_P(FastScanKernelsTest, SelectWhatIsBelowAThreshold) {
  for (const size_t count : RowCounts()) {
    const std::vector<float> estimates =
        RandomFloats(count, static_cast<uint32_t>(count));
    for (const float threshold :
         {-kInfinity, -2.0F, 0.0F, 1.5F, 99.0F, kInfinity, kNan}) {
      EXPECT_EQ(Selected(*kernels_, estimates, threshold),
                ExpectedSelection(estimates, threshold))
          << count << " " << threshold;
    }
  }
}

TEST_P(FastScanKernelsTest, SelectSpecialValuesAsTheLanguageComparesThem) {
  const std::vector<float> values = {
      kNan,  -kInfinity, 1,       kInfinity, -kNan, 0.0F,
      -0.0F, 1e-45F,     -1e-45F, 5,         kNan,  std::nextafter(5.0F, 0.0F),
      7};
  EXPECT_THAT(Selected(*kernels_, values, 5),
              ElementsAre(1, 2, 5, 6, 7, 8, 11));
  EXPECT_THAT(Selected(*kernels_, values, 0.0F), ElementsAre(1, 8));
  EXPECT_THAT(Selected(*kernels_, values, -0.0F), ElementsAre(1, 8));
  EXPECT_THAT(Selected(*kernels_, values, -kInfinity), IsEmpty());
  EXPECT_THAT(Selected(*kernels_, values, kNan), IsEmpty());
  EXPECT_THAT(Selected(*kernels_, values, kInfinity),
              ElementsAre(1, 2, 5, 6, 7, 8, 9, 11, 12));
  EXPECT_THAT(Selected(*kernels_, std::vector<float>(40, 5.0F), 5), IsEmpty());
}

// Calls the fused kernel and compares it with the two separate ones.
template <typename Factor, typename Bias>
void ExpectFusedIsBoth(
    const FastScanKernels& kernels,
    size_t (*fused)(const uint16_t*, const Factor*, const Bias*, size_t,
                    const EstimateTerms&, float, float*, uint32_t*),
    const std::vector<float>& expected, Rows& rows, const Factor* factors,
    const Bias* biases, float threshold) {
  const size_t count = expected.size();
  std::vector<float> estimates(count + 1, -7);
  std::vector<uint32_t> indices(count + 1, 77777);
  const size_t selected_count =
      fused(rows.sums.data(), factors, biases, count, kTerms, threshold,
            estimates.data(), indices.data());
  EXPECT_EQ(estimates.back(), -7);
  EXPECT_EQ(indices.back(), 77777);
  estimates.pop_back();
  indices.resize(selected_count);
  EXPECT_EQ(Bits(estimates), Bits(expected)) << count;
  EXPECT_EQ(indices, Selected(kernels, expected, threshold)) << count;
}

TEST_P(FastScanKernelsTest, DoBothStepsInOne) {
  for (const size_t count : RowCounts()) {
    Rows rows(count);
    const float* factors = rows.factors.data();
    const float* biases = rows.biases.data();
    const uint16_t* half_factors = rows.half_factors.data();
    const uint16_t* half_biases = rows.half_biases.data();
    for (const float threshold : {-3.0F, 0.5F, kInfinity, kNan}) {
      ExpectFusedIsBoth(*kernels_, kernels_->estimate_and_select,
                        Estimates(kernels_->estimate, rows, factors, biases),
                        rows, factors, biases, threshold);
      ExpectFusedIsBoth(*kernels_, kernels_->estimate_and_select_half_factors,
                        Estimates(kernels_->estimate_half_factors, rows,
                                  half_factors, biases),
                        rows, half_factors, biases, threshold);
      ExpectFusedIsBoth(
          *kernels_, kernels_->estimate_and_select_halves,
          Estimates(kernels_->estimate_halves, rows, half_factors, half_biases),
          rows, half_factors, half_biases, threshold);
    }
  }
}

TEST_P(FastScanKernelsTest, NeverSelectARowWhoseFactorIsNotANumber) {
  Rows rows(40);
  rows.factors.data()[3] = kNan;
  rows.factors.data()[39] = kNan;
  std::vector<float> estimates(40);
  std::vector<uint32_t> indices(40);
  const size_t count = kernels_->estimate_and_select(
      rows.sums.data(), rows.factors.data(), rows.biases.data(), 40, kTerms,
      kInfinity, estimates.data(), indices.data());
  EXPECT_EQ(count, 38);
  EXPECT_TRUE(std::isnan(estimates[3]));
  indices.resize(count);
  EXPECT_THAT(indices, ::testing::Not(::testing::Contains(3)));
}

TEST_P(FastScanKernelsTest, ReadEveryHalf) {
  const std::vector<uint16_t> sums(65536, 1);
  const std::vector<float> biases(65536, 0);
  std::vector<uint16_t> halves;
  for (uint32_t half = 0; half < 65536; ++half) {
    halves.push_back(static_cast<uint16_t>(half));
  }
  std::vector<float> values(65536);
  kernels_->estimate_half_factors(sums.data(), halves.data(), biases.data(),
                                  values.size(), {.scale = 1}, values.data());
  for (size_t half = 0; half < values.size(); ++half) {
    const float expected = 0.0F + FromHalf(halves[half]);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(values[half])) << half;
    } else {
      EXPECT_EQ(values[half], expected) << half;
    }
  }
}

struct Table {
  Table(const FastScanKernels& kernels, std::span<const float> query)
      : entries(query.size() * 4 + 1, 201) {
    kernels.build_table(query.data(), query.size() / 4, &scale, &offset,
                        entries.data());
    EXPECT_EQ(entries.back(), 201);
    entries.pop_back();
  }

  float scale = -1;
  float offset = -1;
  std::vector<uint8_t> entries;
};

// Queries with which rounding and ranges are on the edge.
std::vector<std::vector<float>> Queries(size_t dimension) {
  std::vector<std::vector<float>> queries(
      7, RandomFloats(dimension, static_cast<uint32_t>(dimension)));
  for (size_t i = 0; i < dimension; ++i) {
    const float sign = i % 3 == 0 ? -1.0F : 1.0F;
    queries[1][i] = sign;  // Many ties: entries are 63 * k / 4.
    queries[2][i] *= std::pow(10.0F, static_cast<float>(i % 31) - 25);
    queries[3][i] = i == dimension - 1 ? -2.5F : sign * 0.0F;
    queries[4][i] *= 1e-30F;
    queries[5][i] *= 1e30F;
    queries[6][i] = sign * (i < 4 ? 63.0F : 8.5F);
  }
  return queries;
}

TEST_P(FastScanKernelsTest, BuildTheTableOfTheScalarKernelToTheBit) {
  for (const size_t dimension : {64, 128, 192, 384, 1536, 4096}) {
    for (const std::vector<float>& query : Queries(dimension)) {
      const Table table(*kernels_, query);
      const Table scalar(kScalarFastScanKernels, query);
      EXPECT_EQ(table.entries, scalar.entries) << dimension;
      EXPECT_EQ(table.scale, scalar.scale) << dimension;
      EXPECT_EQ(table.offset, scalar.offset) << dimension;
    }
  }
}

TEST_P(FastScanKernelsTest, BuildTablesOfSixBitsWhichAreUsed) {
  for (const size_t dimension : {64, 384, 4096}) {
    for (const std::vector<float>& query : Queries(dimension)) {
      const Table table(*kernels_, query);
      EXPECT_THAT(table.entries, Each(Le(63)));
      EXPECT_EQ(*std::ranges::max_element(table.entries), 63);
      EXPECT_EQ(*std::ranges::min_element(table.entries), 0);
    }
  }
}

// Each entry is off by half of `scale` at most, and by little for rounding.
TEST_P(FastScanKernelsTest, BuildTablesThatApproximateEachSum) {
  for (const size_t dimension : {64, 384, 4096}) {
    for (const std::vector<float>& query : Queries(dimension)) {
      const Table table(*kernels_, query);
      double offset = 0;
      for (size_t group = 0; group < dimension / 4; ++group) {
        const float* q = query.data() + group * 4;
        const double least = -(std::abs(double{q[0]}) + std::abs(double{q[1]}) +
                               std::abs(double{q[2]}) + std::abs(double{q[3]}));
        offset += least;
        for (size_t n = 0; n < 16; ++n) {
          double sum = 0;
          for (size_t t = 0; t < 4; ++t) {
            sum += (n >> t & 1U) != 0 ? q[t] : -double{q[t]};
          }
          ASSERT_NEAR((sum - least) / table.scale,
                      table.entries[group * 16 + n], 0.5 + 1e-4)
              << dimension << " " << group << " " << n;
        }
      }
      EXPECT_NEAR(table.offset, offset, 1e-5 * std::abs(offset));
    }
  }
}

TEST_P(FastScanKernelsTest, BuildATableOfZerosWhereThereIsNothingToScale) {
  std::vector<std::vector<float>> queries(7, std::vector<float>(384, 0));
  queries[1].assign(384, -0.0F);
  queries[2].assign(384, 1e-42F);
  queries[3][100] = kNan;
  queries[4][100] = -kInfinity;
  queries[5].assign(384, std::numeric_limits<float>::max());
  queries[6] = RandomFloats(384, 8);
  queries[6][383] = kNan;
  for (const std::vector<float>& query : queries) {
    const Table table(*kernels_, query);
    EXPECT_THAT(table.entries, Each(0));
    EXPECT_EQ(table.scale, 0);
    EXPECT_EQ(table.offset, 0);
  }
}

TEST(FastScanTest, ApproximatesTheProductOfSignsAndQuery) {
  for (const size_t dimension : {64, 384, 1536}) {
    const size_t group_count = dimension / 4;
    const std::vector<float> query = RandomFloats(dimension, 11);
    std::vector<uint8_t> table(dimension * 4);
    float scale = 0;
    float offset = 0;
    BuildTable(query, &scale, &offset, table.data());
    std::vector<std::byte> codes(CodesSizeBytes(group_count, 50));
    std::vector<double> expected;
    for (size_t row = 0; row < 50; ++row) {
      const std::vector<float> vector =
          RandomFloats(dimension, static_cast<uint32_t>(100 + row));
      PackCode(vector, row, codes.data());
      double sum = 0;
      for (size_t i = 0; i < dimension; ++i) {
        sum += vector[i] >= 0 ? query[i] : -query[i];
      }
      expected.push_back(sum);
    }
    std::vector<uint16_t> sums(64);
    FastScanKernelsFor(BestSimdLevel())
        .scan_blocks(table.data(), codes.data(), group_count, 2, sums.data());
    // The errors of entries are as good as uniform in [-scale / 2, scale / 2]:
    // six standard deviations.
    const double tolerance =
        6 * scale * std::sqrt(static_cast<double>(group_count) / 12);
    for (size_t row = 0; row < 50; ++row) {
      EXPECT_NEAR(double{scale} * sums[row] + offset, expected[row], tolerance);
    }
  }
}

TEST(FastScanTest, PacksSignsAsTheLayoutSays) {
  std::vector<float> vector(64, -1);
  vector[0] = 2;      // Bit 0 of group 0.
  vector[1] = 0;      // Bit 1: zero is not negative,
  vector[2] = -0.0F;  // bit 2: whatever its sign.
  vector[3] = kNan;
  vector[7] = 1e-45F;      // Bit 3 of group 1.
  vector[61] = kInfinity;  // Bit 1 of group 15.
  vector[62] = -kInfinity;
  std::vector<std::byte> codes(CodesSizeBytes(16, 64));
  PackCode(vector, 5, codes.data());
  PackCode(vector, 32 + 16 + 15, codes.data());
  std::vector<std::byte> expected(512);
  expected[5] = std::byte{0x07};
  expected[16 + 5] = std::byte{0x08};
  expected[240 + 5] = std::byte{0x02};
  expected[256 + 15] = std::byte{0x70};
  expected[256 + 16 + 15] = std::byte{0x80};
  expected[256 + 240 + 15] = std::byte{0x20};
  EXPECT_THAT(codes, ElementsAreArray(expected));
}

TEST(FastScanTest, PacksOverWhatIsThereAndNothingElse) {
  const std::vector<float> negative(128, -1);
  const std::vector<float> positive(128, 1);
  std::vector<std::byte> codes(CodesSizeBytes(32, 96), std::byte{0xff});
  for (size_t row = 0; row < 96; ++row) {
    PackCode(negative, row, codes.data());
    for (size_t other = 0; other < 96; ++other) {
      for (size_t group = 0; group < 32; ++group) {
        ASSERT_EQ(NibbleAt(codes, 32, other, group), other == row ? 0 : 15);
      }
    }
    PackCode(positive, row, codes.data());
  }
  EXPECT_THAT(codes, Each(std::byte{0xff}));
}

TEST(FastScanTest, CopiesACodeFromAnyPlaceToAnyPlace) {
  constexpr size_t kGroupCount = 32;
  std::mt19937 random(20260202);
  std::vector<std::byte> source(CodesSizeBytes(kGroupCount, 64));
  std::ranges::generate(source,
                        [&] { return static_cast<std::byte>(random()); });
  for (size_t from = 0; from < 64; ++from) {
    for (size_t to = 0; to < 64; ++to) {
      std::vector<std::byte> target(source.rbegin(), source.rend());
      const std::vector<std::byte> before = target;
      CopyCode(source.data(), from, kGroupCount, to, target.data());
      for (size_t row = 0; row < 64; ++row) {
        for (size_t group = 0; group < kGroupCount; ++group) {
          ASSERT_EQ(NibbleAt(target, kGroupCount, row, group),
                    row == to ? NibbleAt(source, kGroupCount, from, group)
                              : NibbleAt(before, kGroupCount, row, group));
        }
      }
    }
  }
}

TEST(FastScanTest, CountsBlocksAndBytes) {
  EXPECT_EQ(BlockCount(0), 0);
  EXPECT_EQ(BlockCount(1), 1);
  EXPECT_EQ(BlockCount(32), 1);
  EXPECT_EQ(BlockCount(33), 2);
  EXPECT_EQ(CodesSizeBytes(96, 33), 2 * 96 * 16);
}

TEST(HalfTest, OfEveryValueIsThatValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = FromHalf(half);
    if (std::isnan(value)) {
      EXPECT_EQ(ToHalf(value), (half & 0x8000U) | 0x7e00U);
    } else {
      EXPECT_EQ(ToHalf(value), half) << value;
    }
  }
  EXPECT_EQ(FromHalf(0x3c00), 1);
  EXPECT_EQ(FromHalf(0xc000), -2);
  EXPECT_EQ(FromHalf(0x7bff), 65504);
  EXPECT_EQ(FromHalf(0x0001), 0x1p-24F);
  EXPECT_EQ(FromHalf(0x7c00), kInfinity);
}

TEST(HalfTest, IsTheNearestAndOfTwoTheEven) {
  for (uint16_t half = 0; half < 0x7bff; ++half) {
    const auto next = static_cast<uint16_t>(half + 1);
    const float middle = (FromHalf(half) + FromHalf(next)) / 2;  // Exact.
    EXPECT_EQ(ToHalf(middle), half % 2 == 0 ? half : next);
    EXPECT_EQ(ToHalf(std::nextafter(middle, 0.0F)), half);
    EXPECT_EQ(ToHalf(std::nextafter(middle, kInfinity)), next);
    EXPECT_EQ(ToHalf(-middle), 0x8000 | (half % 2 == 0 ? half : next));
  }
  EXPECT_EQ(ToHalf(std::nextafter(65520.0F, 0.0F)), 0x7bff);
  EXPECT_EQ(ToHalf(65520), 0x7c00);
  EXPECT_EQ(ToHalf(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(ToHalf(-kInfinity), 0xfc00);
  EXPECT_EQ(ToHalf(1e-45F), 0);
}

}  // namespace
}  // namespace copse::internal
