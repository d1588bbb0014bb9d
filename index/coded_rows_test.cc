// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Estimates against the numbers they stand for, summed up in double, and what
// happens to codes that are stored, read and copied.

#include "index/coded_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/fast_scan.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/rotation.h"
#include "index/split_mix.h"
#include "tests/support/status_matchers.h"

namespace copse::internal {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;

// About normally distributed numbers, the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}

  float Normal() {
    double sum = 0;
    for (int i = 0; i < 12; ++i) {
      sum += random_.Fraction() - 0.5;
    }
    return static_cast<float>(sum);
  }

  // Returns a vector with components of about `magnitude`.
  std::vector<float> Vector(size_t dimension, float magnitude = 1) {
    std::vector<float> vector(dimension);
    std::ranges::generate(vector, [&] { return magnitude * Normal(); });
    return vector;
  }

 private:
  SplitMix random_;
};

std::vector<float> Sum(std::span<const float> a, std::span<const float> b) {
  std::vector<float> sum(a.begin(), a.end());
  for (size_t i = 0; i < sum.size(); ++i) {
    sum[i] += b[i];
  }
  return sum;
}

double Product(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](double x, double y) { return x * y; });
}

double SquaredDistance(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(
      a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
      [](double x, double y) { return (x - y) * (x - y); });
}

std::vector<uint32_t> InOrder(size_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  return order;
}

// Coded rows that stand alone in a payload.
class StoredRows {
 public:
  StoredRows(const CodedRowsBuilder& builder, size_t dimension,
             std::span<const uint32_t> order)
      : bytes_(CodedRowsEnd(0, dimension, order.size())),
        exponents_(builder.Store(order, bytes_, 0)),
        dimension_(dimension),
        row_count_(order.size()) {}
  StoredRows(const CodedRowsBuilder& builder, size_t dimension)
      : StoredRows(builder, dimension, InOrder(builder.row_count())) {}

  absl::StatusOr<CodedRows> Parse() const {
    return CodedRows::Parse(bytes_, 0, dimension_, row_count_, exponents_);
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  const CodedRowsExponents& exponents() const { return exponents_; }

 private:
  std::vector<std::byte> bytes_;
  CodedRowsExponents exponents_;
  size_t dimension_;
  size_t row_count_;
};

std::vector<float> Estimates(const CodedRows& rows, const CodedQuery& query,
                             float centroid_score) {
  ScanScratch scratch;
  scratch.Reserve(rows.row_count());
  rows.Estimate(query, centroid_score, scratch.sums, scratch.estimates);
  scratch.estimates.resize(rows.row_count());
  return scratch.estimates;
}

// Rows around a centroid that lies off the origin, as on a leaf page.
struct Scene {
  Scene(Metric metric, size_t dimension, size_t row_count, uint64_t seed,
        float magnitude = 1)
      : rotation(dimension, seed), random(seed + 100) {
    if (RankingFor(metric) == Ranking::kSquaredEuclidean) {
      origin = random.Vector(dimension, 3 * magnitude);
    }
    space = {.metric = metric, .rotation = &rotation, .origin = origin};
    centroid = random.Vector(dimension, magnitude);
    if (!origin.empty()) {
      centroid = Sum(centroid, origin);
    }
    for (size_t i = 0; i < row_count; ++i) {
      rows.push_back(Sum(centroid, random.Vector(dimension, magnitude)));
    }
  }

  CodedRowsBuilder Build() const {
    CodedRowsBuilder builder(space, centroid);
    for (const std::vector<float>& row : rows) {
      builder.Add(row);
    }
    return builder;
  }

  // What estimates of `vector` stand for.
  double Score(std::span<const float> query,
               std::span<const float> vector) const {
    return space.ranking() == Ranking::kInnerProduct
               ? -Product(query, vector)
               : SquaredDistance(query, vector);
  }

  Rotation rotation;
  Random random;
  std::vector<float> origin;
  CodeSpace space;
  std::vector<float> centroid;
  std::vector<std::vector<float>> rows;
};

struct ErrorStatistics {
  double mean = 0;
  double deviation = 0;
  double count = 0;
};

// Returns the errors of estimates in units of |r| * |v| / sqrt(D), where the
// product of the residual r with v is estimated: v is q - c for squared
// distances, and q for inner products.
ErrorStatistics MeasureErrors(Metric metric, size_t dimension,
                              float magnitude) {
  double sum = 0;
  double square_sum = 0;
  double count = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Scene scene(metric, dimension, 40, seed, magnitude);
    const CodedRowsBuilder builder = scene.Build();
    const StoredRows stored(builder, dimension);
    const absl::StatusOr<CodedRows> rows = stored.Parse();
    EXPECT_THAT(rows, IsOk());
    for (int i = 0; i < 10; ++i) {
      const std::vector<float> query =
          Sum(scene.centroid, scene.random.Vector(dimension, magnitude));
      CodedQuery coded_query;
      coded_query.Prepare(scene.space, query);
      const auto centroid_score =
          static_cast<float>(scene.Score(query, scene.centroid));
      const std::vector<float> estimates =
          Estimates(*rows, coded_query, centroid_score);
      const bool inner_product = metric == Metric::kDotProduct;
      const double length =
          std::sqrt(inner_product ? Product(query, query)
                                  : 4 * SquaredDistance(query, scene.centroid));
      for (size_t row = 0; row < estimates.size(); ++row) {
        const double error =
            (estimates[row] - scene.Score(query, scene.rows[row])) /
            (std::sqrt(SquaredDistance(scene.rows[row], scene.centroid)) *
             length) *
            std::sqrt(static_cast<double>(dimension));
        sum += error;
        square_sum += error * error;
        ++count;
      }
    }
  }
  return {.mean = sum / count,
          .deviation = std::sqrt(square_sum / count),
          .count = count};
}

class CodedRowsErrorTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Rankings, CodedRowsErrorTest,
                         ::testing::Values(Metric::kEuclidean,
                                           Metric::kDotProduct),
                         [](const auto& test) {
                           return test.param == Metric::kEuclidean
                                      ? "SquaredEuclidean"
                                      : "InnerProduct";
                         });

// In units of 1 / sqrt(D) the error is the same at every dimension.
TEST_P(CodedRowsErrorTest, IsUnbiasedAndShrinksLikeTheRootOfTheDimension) {
  for (const size_t dimension : {64, 100, 384, 1024}) {
    const ErrorStatistics errors = MeasureErrors(GetParam(), dimension, 1);
    // Errors of one rotation depend on each other: at most by the 200 pairs
    // of a row, or of a query, with all others.
    EXPECT_NEAR(errors.mean, 0, 4 * errors.deviation / std::sqrt(20 * 10))
        << "dimension " << dimension;
    EXPECT_GT(errors.deviation, 0.65) << "dimension " << dimension;
    EXPECT_LT(errors.deviation, 0.85) << "dimension " << dimension;
  }
}

TEST_P(CodedRowsErrorTest, IsTheSameForVectorsOfAnyMagnitude) {
  const ErrorStatistics usual = MeasureErrors(GetParam(), 128, 1);
  for (const float magnitude : {1e-17F, 1e-9F, 1e9F, 1e17F}) {
    const ErrorStatistics errors = MeasureErrors(GetParam(), 128, magnitude);
    EXPECT_NEAR(errors.deviation, usual.deviation, 0.02) << magnitude;
    EXPECT_NEAR(errors.mean, usual.mean, 0.02) << magnitude;
  }
}

// Where query and rows are nearer to the centroid than that is to the origin by
// four magnitudes, estimates are wrong by rounding, and hardly by their codes.
TEST(CodedRowsRoundingTest, IsAsLargeAsItIsSaidToBeNearTheCentroid) {
  for (const size_t dimension : {64, 384, 1024}) {
    double square_sum = 0;
    double count = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Scene scene(Metric::kEuclidean, dimension, 0, seed);
      for (int i = 0; i < 40; ++i) {
        scene.rows.push_back(
            Sum(scene.centroid, scene.random.Vector(dimension, 1e-4F)));
      }
      const CodedRowsBuilder builder = scene.Build();
      const StoredRows stored(builder, dimension);
      COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
      const std::vector<float> query =
          Sum(scene.centroid, scene.random.Vector(dimension, 1e-4F));
      CodedQuery coded_query;
      coded_query.Prepare(scene.space, query);
      const std::vector<float> estimates =
          Estimates(rows, coded_query,
                    static_cast<float>(scene.Score(query, scene.centroid)));
      for (size_t row = 0; row < estimates.size(); ++row) {
        const double error =
            (estimates[row] - scene.Score(query, scene.rows[row])) /
            rows.RoundingError(coded_query);
        square_sum += error * error;
        ++count;
      }
    }
    EXPECT_GT(std::sqrt(square_sum / count), 0.6) << dimension;
    EXPECT_LT(std::sqrt(square_sum / count), 1.1) << dimension;
  }
}

class CodedRowsTest : public ::testing::TestWithParam<Metric> {};

INSTANTIATE_TEST_SUITE_P(Rankings, CodedRowsTest,
                         ::testing::Values(Metric::kEuclidean,
                                           Metric::kDotProduct),
                         [](const auto& test) {
                           return test.param == Metric::kEuclidean
                                      ? "SquaredEuclidean"
                                      : "InnerProduct";
                         });

TEST_P(CodedRowsTest, AnEntryAtTheCentroidHasItsScore) {
  Scene scene(GetParam(), 70, 0, 1);
  CodedRowsBuilder builder(scene.space, scene.centroid);
  builder.Add(scene.centroid);
  EXPECT_EQ(builder.spread(), 0);
  const StoredRows stored(builder, 70);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
  EXPECT_EQ(rows.factor(0), 0);
  CodedQuery query;
  query.Prepare(scene.space, scene.random.Vector(70));
  EXPECT_THAT(Estimates(rows, query, 7.25F), Each(7.25F));
}

TEST_P(CodedRowsTest, AnEmptyCentroidIsTheOrigin) {
  const Scene scene(GetParam(), 70, 50, 2);
  CodedRowsBuilder at_origin(scene.space, {});
  const std::vector<float> centroid =
      scene.origin.empty() ? std::vector<float>(70) : scene.origin;
  CodedRowsBuilder at_centroid(scene.space, centroid);
  for (const std::vector<float>& row : scene.rows) {
    at_origin.Add(row);
    at_centroid.Add(row);
  }
  EXPECT_EQ(StoredRows(at_origin, 70).bytes(),
            StoredRows(at_centroid, 70).bytes());
}

TEST_P(CodedRowsTest, SpreadIsAboutTheMeanSquareOfTheResiduals) {
  const Scene scene(GetParam(), 384, 100, 3);
  double sum = 0;
  for (const std::vector<float>& row : scene.rows) {
    sum += SquaredDistance(row, scene.centroid);
  }
  EXPECT_NEAR(scene.Build().spread(), sum / 100, 0.03 * sum / 100);
  EXPECT_EQ(CodedRowsBuilder(scene.space, scene.centroid).spread(), 0);
}

TEST_P(CodedRowsTest, BiasCorrectionsAreAddedToEstimates) {
  Scene scene(GetParam(), 64, 1, 4);
  CodedRowsBuilder builder(scene.space, scene.centroid);
  builder.Add(scene.rows[0]);
  builder.Add(scene.rows[0], 8);
  const StoredRows stored(builder, 64);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
  CodedQuery query;
  query.Prepare(scene.space, scene.rows[0]);
  const std::vector<float> estimates = Estimates(rows, query, 1);
  // A half float has 11 bits.
  EXPECT_NEAR(estimates[1] - estimates[0], 8, 0.1);
}

TEST_P(CodedRowsTest, EstimatesProductsOfTheResiduals) {
  Scene scene(GetParam(), 384, 200, 5);
  const StoredRows stored(scene.Build(), 384);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
  const std::vector<float> way = scene.random.Vector(384);
  CodedQuery query;
  query.Prepare(
      {.metric = Metric::kEuclidean, .rotation = &scene.rotation, .origin = {}},
      way);
  ScanScratch scratch;
  scratch.Reserve(rows.row_count());
  rows.EstimateProducts(query, scratch.sums, scratch.estimates);
  double square_sum = 0;
  for (size_t i = 0; i < rows.row_count(); ++i) {
    const double truth =
        Product(way, scene.rows[i]) - Product(way, scene.centroid);
    const double unit =
        std::sqrt(SquaredDistance(scene.rows[i], scene.centroid) *
                  Product(way, way) / 384);
    square_sum += std::pow((scratch.estimates[i] - truth) / unit, 2);
  }
  EXPECT_LT(std::sqrt(square_sum / 200), 0.9);
}

TEST_P(CodedRowsTest, SelectFindsWhatEstimateHasUpToTheLimit) {
  for (const size_t row_count : {1, 31, 32, 33, 200}) {
    Scene scene(GetParam(), 96, row_count, row_count);
    const StoredRows stored(scene.Build(), 96);
    COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
    CodedQuery query;
    query.Prepare(scene.space, Sum(scene.centroid, scene.random.Vector(96)));
    for (const float centroid_score : {0.0F, 150.0F, -150.0F, 1e6F}) {
      const std::vector<float> estimates =
          Estimates(rows, query, centroid_score);
      for (const float limit : estimates) {
        ScanScratch scratch;
        scratch.Reserve(row_count);
        const size_t count =
            rows.Select(query, centroid_score, limit, scratch.sums,
                        scratch.estimates, scratch.indices);
        std::vector<uint32_t> found;
        const float above =
            limit + 4 * std::numeric_limits<float>::epsilon() *
                        (std::abs(limit) + std::abs(centroid_score));
        for (size_t i = 0; i < count; ++i) {
          const uint32_t index = scratch.indices[i];
          EXPECT_EQ(scratch.estimates[index], estimates[index]);
          EXPECT_LE(estimates[index], above);
          if (estimates[index] <= limit) {
            found.push_back(index);
          }
        }
        std::vector<uint32_t> expected = InOrder(row_count);
        std::erase_if(expected,
                      [&](uint32_t i) { return estimates[i] > limit; });
        EXPECT_THAT(found, ElementsAreArray(expected))
            << row_count << " rows, centroid at " << centroid_score;
      }
    }
  }
}

TEST_P(CodedRowsTest, WhatIsReadIsWrittenBackByteForByte) {
  for (const float magnitude : {0.0F, 1e-38F, 1e-30F, 1e-18F, 1e-9F, 1.0F, 1e9F,
                                1e18F, 1e19F, 1e30F, 1e37F}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Scene scene(GetParam(), 65, 40, seed, magnitude);
      const StoredRows stored(scene.Build(), 65);
      COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
      CodedRowsBuilder copy(scene.space, scene.centroid);
      for (size_t i = 0; i < rows.row_count(); ++i) {
        copy.Copy(rows, i);
      }
      const StoredRows again(copy, 65);
      EXPECT_TRUE(again.bytes() == stored.bytes()) << magnitude;
      EXPECT_EQ(again.exponents().factors, stored.exponents().factors);
      EXPECT_EQ(again.exponents().biases, stored.exponents().biases);
    }
  }
}

TEST_P(CodedRowsTest, ANumberThatIsRoundedUpHasTheNextExponent) {
  const Scene scene(GetParam(), 64, 0, 9);
  CodedRowsBuilder builder(scene.space, scene.centroid);
  builder.Add(scene.centroid, 16383.9F);
  const StoredRows stored(builder, 64);
  EXPECT_EQ(stored.exponents().biases, 1);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
  CodedQuery query;
  query.Prepare(scene.space, scene.centroid);
  EXPECT_THAT(Estimates(rows, query, 0), Each(16384));
}

TEST_P(CodedRowsTest, CopiedRowsAreEstimatedAsBefore) {
  Scene scene(GetParam(), 384, 100, 6);
  const StoredRows stored(scene.Build(), 384);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
  // Every other row, with new rows between them that are far away, so that
  // the exponents change.
  CodedRowsBuilder builder(scene.space, scene.centroid);
  for (size_t i = 0; i < 100; ++i) {
    if (i % 2 == 0) {
      builder.Copy(rows, i);
    } else {
      builder.Add(Sum(scene.centroid, scene.random.Vector(384, 50)));
    }
  }
  const StoredRows mixed(builder, 384);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows copies, mixed.Parse());
  EXPECT_NE(mixed.exponents().factors, stored.exponents().factors);
  CodedQuery query;
  query.Prepare(scene.space, scene.rows[0]);
  const std::vector<float> before = Estimates(rows, query, 300);
  const std::vector<float> after = Estimates(copies, query, 300);
  for (size_t i = 0; i < 100; i += 2) {
    EXPECT_FLOAT_EQ(after[i], before[i]) << "row " << i;
  }
}

TEST_P(CodedRowsTest, StoresRowsInTheOrderThatIsAsked) {
  Scene scene(GetParam(), 64, 45, 7);
  const CodedRowsBuilder builder = scene.Build();
  std::vector<uint32_t> order = InOrder(45);
  std::ranges::sort(order, {}, [](uint32_t i) { return i * 17 % 45; });
  const StoredRows plain(builder, 64);
  const StoredRows moved(builder, 64, order);
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows plain_rows, plain.Parse());
  COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows moved_rows, moved.Parse());
  CodedQuery query;
  query.Prepare(scene.space, scene.rows[3]);
  const std::vector<float> expected = Estimates(plain_rows, query, 3);
  const std::vector<float> found = Estimates(moved_rows, query, 3);
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(found[i], expected[order[i]]);
  }
}

// What vectors at the end of the range of fp32 make has an order, and is no
// damage.
TEST_P(CodedRowsTest, EstimatesAreFiniteWhateverTheVectors) {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (const float row_at : {kMax, 1e19F, 1e-44F}) {
    for (const float query_at : {kMax, -kMax, 1e19F, 0.0F, 1e-44F}) {
      Scene scene(GetParam(), 64, 0, 8, row_at / 16);
      CodedRowsBuilder builder(scene.space, scene.centroid);
      builder.Add(std::vector<float>(64, row_at));
      builder.Add(std::vector<float>(64, -row_at));
      builder.Add(std::vector<float>(64, 0));
      EXPECT_TRUE(std::isfinite(builder.spread()));
      const StoredRows stored(builder, 64);
      COPSE_ASSERT_OK_AND_ASSIGN(const CodedRows rows, stored.Parse());
      CodedQuery query;
      query.Prepare(scene.space, std::vector<float>(64, query_at));
      for (const float centroid_score : {kMax, 0.0F, -kMax}) {
        for (const float estimate : Estimates(rows, query, centroid_score)) {
          EXPECT_TRUE(std::isfinite(estimate))
              << estimate << ", rows at " << row_at << ", query at "
              << query_at;
        }
      }
    }
  }
}

}  // namespace
}  // namespace copse::internal
