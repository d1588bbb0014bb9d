// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/exact_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/vector_source.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kEuclidean,
                               Metric::kDotProduct, Metric::kManhattan,
                               Metric::kHamming};

MemoryVectors RandomVectors(size_t row_count, size_t dimension) {
  std::mt19937 random(20260101);
  std::uniform_int_distribution<int> digit(-2, 2);
  std::vector<float> components(row_count * dimension);
  for (float& component : components) {
    component = static_cast<float>(digit(random));
  }
  return {dimension, std::move(components)};
}

TEST(ExactSearchTest, OrdersByDistanceThenOrdinal) {
  const MemoryVectors vectors(2, {3, 0, 1, 0, 0, 1, -1, 0, 5, 5});
  EXPECT_THAT(
      ExactSearch(Metric::kEuclidean, vectors, {{4, 3, 2, 1, 0}}, {{0, 0}}, 4),
      IsOkAndHolds(ElementsAre(FieldsAre(1, 1), FieldsAre(2, 1),
                               FieldsAre(3, 1), FieldsAre(0, 3))));
}

// Components are small integers, so that many distances are equal and the
// order of ordinals decides.
TEST(ExactSearchTest, AgreesWithSortingAllDistances) {
  const MemoryVectors vectors = RandomVectors(500, 7);
  const std::vector<float> query = {1, 0, -2, 1, 1, 0, 2};
  std::vector<Ordinal> ordinals = vectors.ordinals();
  std::shuffle(ordinals.begin(), ordinals.end(), std::mt19937(7));
  ordinals.resize(400);
  for (const Metric metric : kMetrics) {
    std::vector<Neighbor> all;
    all.reserve(ordinals.size());
    for (const Ordinal ordinal : ordinals) {
      all.push_back(
          {.ordinal = ordinal,
           .distance = Distance(metric, query, vectors.row(ordinal))});
    }
    std::sort(all.begin(), all.end(), [](const Neighbor& a, const Neighbor& b) {
      return std::pair(a.distance, a.ordinal) <
             std::pair(b.distance, b.ordinal);
    });
    for (const size_t neighbor_count : {1, 10, 399, 400, 1000}) {
      std::vector<Neighbor> expected = all;
      expected.resize(std::min(neighbor_count, all.size()));
      EXPECT_THAT(ExactSearch(metric, vectors, ordinals, query, neighbor_count),
                  IsOkAndHolds(Eq(expected)))
          << "metric " << static_cast<int>(metric) << ", " << neighbor_count
          << " neighbors";
    }
  }
}

TEST(ExactSearchTest, ReturnsNothingForNoRowsAndForNoNeighbors) {
  const MemoryVectors vectors(2, {1, 0});
  EXPECT_THAT(ExactSearch(Metric::kCosine, vectors, {}, {{1, 0}}, 10),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ExactSearch(Metric::kCosine, vectors, {{0}}, {{1, 0}}, 0),
              IsOkAndHolds(IsEmpty()));
}

TEST(ExactSearchTest, TakesANeighborCountLargerThanMemory) {
  const MemoryVectors vectors(1, {1});
  EXPECT_THAT(ExactSearch(Metric::kManhattan, vectors, {{0}}, {{3}},
                          std::numeric_limits<size_t>::max()),
              IsOkAndHolds(ElementsAre(FieldsAre(0, 2))));
}

TEST(ExactSearchTest, PassesOnWhatTheSourceFailsWith) {
  const MemoryVectors vectors(2, {1, 0});
  EXPECT_THAT(ExactSearch(Metric::kCosine, vectors, {{0, 5}}, {{1, 0}}, 10),
              StatusIs(absl::StatusCode::kNotFound,
                       Eq("row 5 does not exist, expected less than 1")));
}

TEST(ExactSearchTest, RefusesAQueryOfAnotherDimension) {
  const MemoryVectors vectors(3, {1, 0, 0});
  EXPECT_THAT(ExactSearch(Metric::kCosine, vectors, {{0}}, {{1, 0}}, 10),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("vector has 2 components, expected 3")));
}

TEST(CheckVectorTest, AcceptsEveryFiniteVector) {
  EXPECT_THAT(CheckVector({{0, -1, std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::denorm_min()}},
                          4),
              IsOk());
  EXPECT_THAT(CheckVector({}, 0), IsOk());
}

TEST(ExactSearchTest, EndsWithTheFirstErrorOfItsCheck) {
  const MemoryVectors vectors = RandomVectors(5000, 8);
  int call_count = 0;
  const std::function<absl::Status()> check = [&call_count]() -> absl::Status {
    return ++call_count == 3 ? absl::CancelledError("enough")
                             : absl::OkStatus();
  };
  EXPECT_THAT(ExactSearch(Metric::kEuclidean, vectors, vectors.ordinals(),
                          vectors.row(0), 10, &check),
              StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
  EXPECT_EQ(call_count, 3);
}

TEST(CheckVectorTest, NamesTheDimensions) {
  for (const size_t size : {0, 383, 385}) {
    const absl::Status status = CheckVector(std::vector<float>(size), 384);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("components, expected 384")));
    const std::optional<ErrorReason> reason = ReasonOf(status);
    ASSERT_TRUE(reason.has_value());
    EXPECT_EQ(reason->reason, "DIMENSION_MISMATCH");
    EXPECT_THAT(reason->metadata,
                ElementsAre(Pair("found", std::to_string(size)),
                            Pair("wanted", "384")));
  }
}

TEST(CheckVectorTest, NamesTheFirstComponentThatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const absl::Status status = CheckVector({{0, -infinity, infinity}}, 3);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("component 1 of the vector is -inf, expected a "
                          "finite number")));
  const std::optional<ErrorReason> reason = ReasonOf(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "VECTOR_NOT_FINITE");
  EXPECT_THAT(reason->metadata,
              ElementsAre(Pair("position", "1"), Pair("found", "-inf")));
  EXPECT_THAT(CheckVector({{std::nanf("")}}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("component 0 of the vector is nan, expected a "
                          "finite number")));
}

}  // namespace
}  // namespace copse
