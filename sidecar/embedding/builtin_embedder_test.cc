// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/builtin_embedder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_probe.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::SizeIs;

std::unique_ptr<Embedder> MakeOrDie(uint32_t dimension = 0) {
  EmbeddingProfileOptions options;
  options.name = "builtin";
  options.dimension = dimension;
  return MakeBuiltinEmbedder(options).value();
}

std::vector<float> EmbedOrDie(Embedder& embedder, absl::string_view text,
                              EmbeddingRole role = EmbeddingRole::kDocument) {
  const absl::string_view texts[] = {text};
  return embedder.Embed(texts, role, {}).value().front().value();
}

// Half of 1 - cos, as the HTTP port and the table of expectations have it.
double HalfDistance(absl::string_view a, absl::string_view b,
                    uint32_t dimension = 0) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie(dimension);
  const std::vector<float> a_vector = EmbedOrDie(*embedder, a);
  const std::vector<float> b_vector = EmbedOrDie(*embedder, b);
  return (1.0 - std::inner_product(a_vector.begin(), a_vector.end(),
                                   b_vector.begin(), 0.0)) /
         2.0;
}

constexpr absl::string_view kTidal =
    "Tidal turbines convert slow harbour currents into steady electric power "
    "for the quay.";
constexpr absl::string_view kTurbine =
    "The second harbour turbine gives tidal power whenever the lighthouse crew "
    "switches pumps.";
constexpr absl::string_view kRye =
    "Rye dough rises overnight in a warm drawer near the bakery oven.";

// All vectors of texts in many scripts, as one number.
uint64_t HashOfVectors(std::span<const absl::string_view> texts,
                       uint32_t dimension) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie(dimension);
  std::string bytes;
  for (const absl::string_view text : texts) {
    const std::vector<float> vector = EmbedOrDie(*embedder, text);
    bytes.append(reinterpret_cast<const char*>(vector.data()),
                 vector.size() * sizeof(float));
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

TEST(BuiltinEmbedderTest, PutsTheCheckTextsWhereClientsExpectThem) {
  for (const uint32_t dimension : {256U, 384U, 768U, 1024U}) {
    EXPECT_LT(HalfDistance(kTidal, kTurbine, dimension), 0.2) << dimension;
    EXPECT_GT(HalfDistance(kTidal, kRye, dimension), 0.2) << dimension;
    EXPECT_GT(HalfDistance(kTurbine, kRye, dimension), 0.2) << dimension;
  }
}

TEST(BuiltinEmbedderTest, PutsNearlyEqualTextsNearAndUnrelatedOnesApart) {
  EXPECT_LT(HalfDistance("Stainless steel water bottle 750 ml blue insulated",
                         "Stainless steel water bottle 750 ml insulated"),
            0.06);
  const double unrelated =
      HalfDistance("The committee approved the annual budget on Thursday.",
                   "Willow bark has been chewed against headaches for ages.");
  EXPECT_GT(unrelated, 0.2);
  EXPECT_LT(unrelated, 0.3);
}

TEST(BuiltinEmbedderTest, RanksADocumentFirstForThreeOfItsWords) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const std::vector<std::string> documents = {
      std::string(kTidal),
      std::string(kTurbine),
      std::string(kRye),
      "El molino de viento convierte la brisa en harina para el pueblo.",
      "La panadera guarda la masa de centeno en un caj\u00f3n templado.",
      "Snow leopards cross the high passes before the first winter storm.",
  };
  const std::pair<std::string, size_t> queries[] = {
      {"slow currents electric", 0},  {"lighthouse crew pumps", 1},
      {"dough rises overnight", 2},   {"molino viento harina", 3},
      {"masa centeno caj\u00f3n", 4}, {"leopard winter storms", 5},
  };
  for (const auto& [query, expected] : queries) {
    const std::vector<float> query_vector =
        EmbedOrDie(*embedder, query, EmbeddingRole::kQuery);
    std::vector<double> scores;
    for (const std::string& document : documents) {
      const std::vector<float> vector = EmbedOrDie(*embedder, document);
      scores.push_back(std::inner_product(vector.begin(), vector.end(),
                                          query_vector.begin(), 0.0));
    }
    EXPECT_EQ(std::ranges::max_element(scores) - scores.begin(),
              static_cast<ptrdiff_t>(expected))
        << query;
  }
}

TEST(BuiltinEmbedderTest, HasALexicalPartAndAConstantOfEqualLength) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const std::vector<float> vector = EmbedOrDie(*embedder, kTidal);
  ASSERT_THAT(vector, SizeIs(384));
  EXPECT_FLOAT_EQ(vector.back(), static_cast<float>(std::sqrt(0.5)));
  const double squared_norm =
      std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0);
  EXPECT_NEAR(squared_norm, 1.0, 1e-6);
}

// Counted by hand: "oaks oak" is one term that occurs twice, "beech" occurs
// once, and each has four places.
TEST(BuiltinEmbedderTest, WeighsATermByTheLogarithmOfItsCount) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie(4096);
  const std::vector<float> vector =
      EmbedOrDie(*embedder, "oaks and the beech, oak");
  std::vector<double> sizes;
  for (size_t i = 0; i + 1 < vector.size(); ++i) {
    if (vector[i] != 0.0F) {
      sizes.push_back(std::abs(double{vector[i]}));
    }
  }
  std::ranges::sort(sizes);
  ASSERT_THAT(sizes, SizeIs(8));
  const double weight = 1.0 + std::log(2.0);
  const double unit = std::sqrt(0.5 / (4.0 + 4.0 * weight * weight));
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(sizes[i], i < 4 ? unit : unit * weight, 1e-7);
  }
}

TEST(BuiltinEmbedderTest, EmbedsATextOfStopWordsAsTheConstant) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  for (const absl::string_view text :
       {"to be or not to be", "...", "und das ist es", "\U0001f600"}) {
    const std::vector<float> vector = EmbedOrDie(*embedder, text);
    EXPECT_EQ(vector.back(), 1.0F) << text;
    EXPECT_EQ(std::ranges::count(vector, 0.0F), 383) << text;
  }
}

TEST(BuiltinEmbedderTest, GivesTheSameVectorInEveryRole) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const std::vector<float> vector = EmbedOrDie(*embedder, kTidal);
  for (const EmbeddingRole role :
       {EmbeddingRole::kQuery, EmbeddingRole::kClustering,
        EmbeddingRole::kClassification}) {
    EXPECT_EQ(EmbedOrDie(*embedder, kTidal, role), vector);
  }
}

TEST(BuiltinEmbedderTest, GivesTheSameVectorInEveryThread) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const std::vector<float> expected = EmbedOrDie(*embedder, kTurbine);
  std::atomic<int> difference_count = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int repeat = 0; repeat < 50; ++repeat) {
          if (EmbedOrDie(*embedder, kTurbine) != expected) {
            ++difference_count;
          }
        }
      });
    }
  }
  EXPECT_EQ(difference_count, 0);
}

// The vectors of version lexical-hash-1. When this fails, stored vectors and
// new ones no longer mix: give the model a new name.
TEST(BuiltinEmbedderTest, MakesTheVectorsOfItsVersion) {
  constexpr absl::string_view kThai =
      "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27"
      "\u0e42\u0e25\u0e01";
  const absl::string_view texts[] = {
      kTidal,
      kTurbine,
      kRye,
      kProbeText,
      "The 8-day clocks: ISO-8601, v1.2.3 (x86_64)!",
      "Stra\u00dfe, \u00dcbergr\u00f6\u00dfen und \uff26\uff35\uff2c\uff2c",
      "El ni\u00f1o y la nin\u0303a",  // Composed and decomposed.
      "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
      "\u6771\u4eac\u90fd\u306e\u5929\u6c17\u3001\u30b3\u30fc\u30c9",
      kThai,
      "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e",
      "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
      "\U0001f600 \U0001f468\u200d\U0001f469",
  };
  EXPECT_EQ(HashOfVectors(texts, 384), 0x51ed40c85ea6a0d6ULL);
  EXPECT_EQ(HashOfVectors(texts, 768), 0xeb9845b71ee4e12aULL);
}

TEST(BuiltinEmbedderTest, ComputesLogarithmsToTheLastDigits) {
  EXPECT_EQ(internal::PortableLog(1), 0.0);
  for (uint64_t count = 2; count <= std::numeric_limits<uint32_t>::max();
       count += 1 + count / 7) {
    const double expected = std::log(static_cast<double>(count));
    EXPECT_NEAR(internal::PortableLog(static_cast<uint32_t>(count)), expected,
                4e-16 * expected)
        << count;
  }
}

TEST(BuiltinEmbedderTest, RefusesTextsThatCannotBeEmbedded) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const absl::string_view texts[] = {"oak", " \t", "\xC3", "elm"};
  COPSE_ASSERT_OK_AND_ASSIGN(
      const auto outcomes,
      embedder->Embed(texts, EmbeddingRole::kDocument, {}));
  EXPECT_THAT(outcomes[0], IsOk());
  EXPECT_EQ(ReasonOf(outcomes[1].status())->reason, "EMBEDDING_TEXT_EMPTY");
  EXPECT_EQ(ReasonOf(outcomes[2].status())->reason, "EMBEDDING_TEXT_INVALID");
  EXPECT_THAT(outcomes[3], IsOk());
}

TEST(BuiltinEmbedderTest, HearsItsCaller) {
  const std::unique_ptr<Embedder> embedder = MakeOrDie();
  const std::vector<absl::string_view> texts(200, "oak");
  int64_t told_count = 0;
  int64_t done = 0;
  EmbedContext context;
  context.on_vector = [&](size_t index, std::span<const float> vector) {
    EXPECT_EQ(static_cast<int64_t>(index), told_count++);
    EXPECT_THAT(vector, SizeIs(384));
  };
  context.progress = [&](int64_t done_count) { done = done_count; };
  EXPECT_THAT(embedder->Embed(texts, EmbeddingRole::kDocument, context),
              IsOk());
  EXPECT_EQ(told_count, 200);
  EXPECT_EQ(done, 200);

  context.cancelled = [] { return true; };
  EXPECT_THAT(embedder->Embed(texts, EmbeddingRole::kDocument, context),
              StatusIs(absl::StatusCode::kCancelled,
                       Eq("embedding profile 'builtin': the call was "
                          "cancelled")));
  context.cancelled = nullptr;
  context.deadline = absl::InfinitePast();
  EXPECT_THAT(embedder->Embed(texts, EmbeddingRole::kDocument, context),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(BuiltinEmbedderTest, RefusesDimensionsBelowItsMinimum) {
  EmbeddingProfileOptions options;
  options.name = "small";
  options.dimension = 255;
  EXPECT_THAT(MakeBuiltinEmbedder(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("embedding profile 'small': dimension is 255, "
                          "expected 256 to 4096")));
}

}  // namespace
}  // namespace copse
