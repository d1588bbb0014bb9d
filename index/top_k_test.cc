// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/top_k.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/vector_source.h"

namespace copse::internal {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

TEST(TopKTest, KeepsTheSmallestOfAnyOrder) {
  std::mt19937_64 random(1);
  for (const size_t count : {1U, 2U, 7U, 100U, 1000U}) {
    std::vector<Candidate> all;
    TopK candidates;
    candidates.Reset(count);
    for (Ordinal i = 0; i < 500; ++i) {
      // Few different estimates, so that many are equal.
      const Candidate candidate = {static_cast<float>(random() % 40), i};
      all.push_back(candidate);
    }
    std::shuffle(all.begin(), all.end(), random);
    for (const Candidate& candidate : all) {
      candidates.Add(candidate.estimate, candidate.ordinal);
    }
    std::sort(all.begin(), all.end());
    all.resize(std::min(count, all.size()));
    EXPECT_THAT(candidates.Finish(), ElementsAreArray(all)) << count;
  }
}

TEST(TopKTest, ResetForgets) {
  TopK candidates;
  candidates.Reset(1);
  candidates.Add(1, 1);
  candidates.Add(0.5, 2);
  candidates.Reset(3);
  EXPECT_THAT(candidates.Finish(), IsEmpty());
  candidates.Add(7, 3);
  EXPECT_THAT(candidates.Finish(), ElementsAreArray({Candidate{7, 3}}));
}

TEST(TopKTest, EveryFloatHasAnOrder) {
  constexpr float kMax = std::numeric_limits<float>::max();
  EXPECT_EQ(Ordered(std::numeric_limits<float>::quiet_NaN()), kMax);
  EXPECT_EQ(Ordered(std::numeric_limits<float>::infinity()), kMax);
  EXPECT_EQ(Ordered(-std::numeric_limits<float>::infinity()), -kMax);
  EXPECT_EQ(Ordered(-1), -1);
}

}  // namespace
}  // namespace copse::internal
