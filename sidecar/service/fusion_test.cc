// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/fusion.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::IsEmpty;

std::vector<std::string> IdsOf(const std::vector<RankedChunk>& ranked) {
  std::vector<std::string> ids;
  for (const RankedChunk& chunk : ranked) {
    ids.push_back(chunk.neighbor.document_id);
  }
  return ids;
}

std::vector<DocumentNeighbor> Nearest() {
  return {{.document_id = "a", .distance = 0.2F},
          {.document_id = "b", .distance = 0.4F},
          {.document_id = "c", .distance = 0.6F}};
}

std::vector<TextNeighbor> Matching() {
  return {{.document_id = "d", .score = 4},
          {.document_id = "b", .score = 3},
          {.document_id = "e", .score = 1}};
}

TEST(FusionTest, ReciprocalRanksAddUp) {
  const std::vector<RankedChunk> fused = Fuse(Nearest(), Matching(), {});
  // b is second in both; a and d are first in one.
  EXPECT_THAT(IdsOf(fused), ElementsAre("b", "a", "d", "c", "e"));
  EXPECT_THAT(fused[0].score, DoubleNear(1.0 / 62, 1e-15));
  EXPECT_THAT(fused[1].score, DoubleNear(0.5 / 61, 1e-15));
  EXPECT_TRUE(fused[0].has_vector_distance);
  EXPECT_THAT(fused[0].neighbor.distance, FloatEq(0.4F));
  EXPECT_FALSE(fused[2].has_vector_distance);
  EXPECT_THAT(fused[2].neighbor.distance, FloatEq(0.2F));  // 1 / (1 + 4)
}

TEST(FusionTest, KeepsThePartsOfEachScore) {
  for (const Fusion& fusion :
       {Fusion{}, Fusion{.method = Fusion::Method::kNormalizedScores,
                  .vector_weight = 0.25}}) {
    const double weight = VectorWeightOf(fusion);
    for (const RankedChunk& chunk : Fuse(Nearest(), Matching(), fusion)) {
      EXPECT_THAT(chunk.score,
                  DoubleNear(weight * chunk.vector_part.value +
                                 (1 - weight) * chunk.text_part.value,
                             1e-15));
      EXPECT_EQ(chunk.vector_part.rank > 0, chunk.has_vector_distance);
    }
  }
  const std::vector<RankedChunk> fused = Fuse(Nearest(), Matching(), {});
  EXPECT_EQ(fused[0].vector_part.rank, 2);
  EXPECT_EQ(fused[0].text_part.rank, 2);
  EXPECT_EQ(fused[0].text_score, 3);
  EXPECT_EQ(fused[1].text_part.rank, 0);
  const std::vector<RankedChunk> ranked = RankByText(Matching());
  EXPECT_EQ(ranked[2].text_part.rank, 3);
  EXPECT_EQ(ranked[2].text_score, 1);
}

TEST(FusionTest, WeightsDecide) {
  EXPECT_THAT(IdsOf(Fuse(Nearest(), Matching(), {.vector_weight = 1})),
              ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(IdsOf(Fuse(Nearest(), Matching(), {.vector_weight = 0})),
              ElementsAre("d", "b", "e", "a", "c"));
}

TEST(FusionTest, NormalisedScoresAreSharesOfTheBest) {
  const std::vector<RankedChunk> fused = Fuse(
      Nearest(), Matching(), {.method = Fusion::Method::kNormalizedScores});
  // a: .7, b: .7 * .5 + .3 * .75, d: .3, e: .3 * .25, c: 0.
  EXPECT_THAT(IdsOf(fused), ElementsAre("a", "b", "d", "e", "c"));
  EXPECT_THAT(fused[1].score, DoubleNear(0.575, 1e-6));
}

TEST(FusionTest, OneListIsEnough) {
  for (const Fusion::Method method :
       {Fusion::Method::kReciprocalRank, Fusion::Method::kNormalizedScores}) {
    EXPECT_THAT(IdsOf(Fuse(Nearest(), {}, {.method = method})),
                ElementsAre("a", "b", "c"));
    EXPECT_THAT(IdsOf(Fuse({}, Matching(), {.method = method})),
                ElementsAre("d", "b", "e"));
    EXPECT_THAT(Fuse({}, {}, {.method = method}), IsEmpty());
    EXPECT_THAT(IdsOf(Fuse({{.document_id = "a"}}, {}, {.method = method})),
                ElementsAre("a"));
  }
}

TEST(FusionTest, DocumentsAreRankedByTheBestOfTheirChunks) {
  const std::vector<RankedChunk> fused =
      Fuse({{.document_id = "a", .chunk = 1}, {.document_id = "b"}},
           {{.document_id = "a", .chunk = 0, .score = 1},
            {.document_id = "b", .score = 1}},
           {});
  EXPECT_THAT(IdsOf(fused), ElementsAre("a", "b"));
  EXPECT_THAT(fused[0].score, DoubleNear(1.0 / 61, 1e-15));
  // The one whose distance is told.
  EXPECT_EQ(fused[0].neighbor.chunk, 1U);
  EXPECT_EQ(fused[0].text_chunk, 0U);
}

TEST(FusionTest, ChunksAreRankedEachForItselfIfAsked) {
  const std::vector<RankedChunk> fused =
      Fuse({{.document_id = "a", .chunk = 1}, {.document_id = "b"}},
           {{.document_id = "a", .chunk = 0, .score = 1},
            {.document_id = "b", .score = 1}},
           {.by_chunk = true});
  EXPECT_THAT(IdsOf(fused), ElementsAre("b", "a", "a"));
  // Equal scores: the first chunk first.
  EXPECT_EQ(fused[1].neighbor.chunk, 0U);
}

}  // namespace
}  // namespace copse
