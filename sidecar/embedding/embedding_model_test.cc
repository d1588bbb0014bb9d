// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedding_model.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"

namespace copse {
namespace {

using ::testing::IsNull;
using ::testing::NotNull;

TEST(EmbeddingModelTest, FindsAModelUnderTheNamesThatServersGiveIt) {
  for (const absl::string_view name :
       {"bge-m3", "BAAI/bge-m3", "bge-m3:latest", "hub/BAAI/BGE-M3:567m"}) {
    ASSERT_THAT(FindEmbeddingModel(name), NotNull()) << name;
    EXPECT_EQ(FindEmbeddingModel(name)->name, "bge-m3");
  }
  EXPECT_EQ(FindEmbeddingModel("models/gemini-embedding-001")->dimension, 3072);
}

TEST(EmbeddingModelTest, TakesATagThatIsTheSizeForPartOfTheName) {
  EXPECT_EQ(FindEmbeddingModel("qwen3-embedding:0.6b")->dimension, 1024);
  EXPECT_EQ(FindEmbeddingModel("qwen3-embedding:8b")->dimension, 4096);
  EXPECT_THAT(FindEmbeddingModel("qwen3-embedding:latest"), IsNull());
}

TEST(EmbeddingModelTest, FindsNothingForNamesThatAreOnlySimilar) {
  for (const absl::string_view name :
       {"", "/", ":", "bge", "bge-m3-q8", "my-bge-m3", "bge-m3/x"}) {
    EXPECT_THAT(FindEmbeddingModel(name), IsNull()) << name;
  }
}

TEST(EmbeddingModelTest, SaysWhichVectorsAModelMakes) {
  const EmbeddingModel& any = *FindEmbeddingModel("gemini-embedding-001");
  EXPECT_TRUE(any.CanMake(128));
  EXPECT_TRUE(any.CanMake(3072));
  EXPECT_FALSE(any.CanMake(127));
  EXPECT_FALSE(any.CanMake(3073));
  EXPECT_EQ(any.DescribeDimensions(), "128 to 3072");

  const EmbeddingModel& some = *FindEmbeddingModel("embed-v4.0");
  EXPECT_TRUE(some.CanMake(512));
  EXPECT_FALSE(some.CanMake(511));
  EXPECT_EQ(some.DescribeDimensions(), "256, 512, 1024 or 1536");

  const EmbeddingModel& one = *FindEmbeddingModel("all-MiniLM-L6-v2");
  EXPECT_TRUE(one.CanMake(384));
  EXPECT_FALSE(one.CanMake(256));
  EXPECT_EQ(one.DescribeDimensions(), "384");
}

TEST(EmbeddingModelTest, HasATableWithoutContradictions) {
  std::set<absl::string_view> names;
  for (const EmbeddingModel& model : EmbeddingModels()) {
    EXPECT_TRUE(names.insert(model.name).second) << model.name;
    EXPECT_EQ(absl::AsciiStrToLower(model.name), std::string(model.name));
    EXPECT_EQ(FindEmbeddingModel(model.name), &model);
    EXPECT_GE(model.dimension, 1);
    EXPECT_LE(model.dimension, kDimensionMax);
    EXPECT_GE(model.tokens_per_text_max, 256) << model.name;
    EXPECT_TRUE(model.batch_token_count_max == 0 ||
                model.batch_token_count_max >= model.tokens_per_text_max);
    EXPECT_LE(model.dimension_min, model.dimension);
    EXPECT_EQ(model.has_price(), model.price_per_million_tokens > 0.0);
  }
}

}  // namespace
}  // namespace copse
