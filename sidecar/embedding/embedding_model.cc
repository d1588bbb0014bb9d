// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedding_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr uint32_t kCohereDimensions[] = {256, 512, 1024};
constexpr uint32_t kVoyageDimensions[] = {256, 512, 2048};
constexpr uint32_t kNomicDimensions[] = {64, 128, 256, 512};
constexpr uint32_t kGemmaDimensions[] = {128, 256, 512};

constexpr RoleWords kNomic = {.document = "search_document: ",
                              .query = "search_query: ",
                              .clustering = "clustering: ",
                              .classification = "classification: "};
constexpr RoleWords kE5 = {.document = "passage: ",
                           .query = "query: ",
                           .clustering = "query: ",
                           .classification = "query: "};
constexpr RoleWords kBge = {
    .query = "Represent this sentence for searching relevant passages: "};
constexpr RoleWords kQwen = {
    .query =
        "Instruct: Given a web search query, retrieve relevant passages "
        "that answer the query\nQuery:"};
constexpr RoleWords kArctic2 = {.query = "query: "};
constexpr RoleWords kGemma = {
    .document = "title: none | text: ",
    .query = "task: search result | query: ",
    .clustering = "task: clustering | query: ",
    .classification = "task: classification | query: "};

constexpr EmbeddingModel kModels[] = {
    {.name = "text-embedding-3-small",
     .dimension = 1536,
     .tokens_per_text_max = 8191,
     .batch_token_count_max = 300000,
     .dimension_min = 1,
     .price_per_million_tokens = 0.02,
     .price_date = "2025-07-04"},
    {.name = "text-embedding-3-large",
     .dimension = 3072,
     .tokens_per_text_max = 8191,
     .batch_token_count_max = 300000,
     .dimension_min = 1,
     .price_per_million_tokens = 0.13,
     .price_date = "2025-07-04"},
    {.name = "text-embedding-ada-002",
     .dimension = 1536,
     .tokens_per_text_max = 8191,
     .batch_token_count_max = 300000,
     .price_per_million_tokens = 0.10,
     .price_date = "2025-07-04"},
    {.name = "mistral-embed",
     .dimension = 1024,
     .tokens_per_text_max = 8192,
     .price_per_million_tokens = 0.10,
     .price_date = "2026-08-21"},
    {.name = "codestral-embed",
     .dimension = 1536,
     .tokens_per_text_max = 8192,
     .dimension_min = 1,
     .price_per_million_tokens = 0.15,
     .price_date = "2026-08-21"},
    {.name = "embed-v4.0",
     .dimension = 1536,
     .tokens_per_text_max = 128000,
     .dimensions = kCohereDimensions,
     .price_per_million_tokens = 0.12,
     .price_date = "2025-12-10"},
    {.name = "embed-english-v3.0",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .price_per_million_tokens = 0.10,
     .price_date = "2025-09-05"},
    {.name = "embed-multilingual-v3.0",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .price_per_million_tokens = 0.10,
     .price_date = "2025-09-05"},
    {.name = "embed-english-light-v3.0",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .price_per_million_tokens = 0.10,
     .price_date = "2025-09-05"},
    {.name = "embed-multilingual-light-v3.0",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .price_per_million_tokens = 0.10,
     .price_date = "2025-09-05"},
    {.name = "voyage-4-large",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 120000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.12,
     .price_date = "2026-06-18"},
    {.name = "voyage-4",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 320000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.06,
     .price_date = "2026-06-18"},
    {.name = "voyage-4-lite",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 1000000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.02,
     .price_date = "2026-06-18"},
    {.name = "voyage-3-large",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 120000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.18,
     .price_date = "2026-06-18"},
    {.name = "voyage-3.5",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 320000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.06,
     .price_date = "2026-06-18"},
    {.name = "voyage-3.5-lite",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 1000000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.02,
     .price_date = "2026-06-18"},
    {.name = "voyage-code-3",
     .dimension = 1024,
     .tokens_per_text_max = 32000,
     .batch_token_count_max = 120000,
     .dimensions = kVoyageDimensions,
     .price_per_million_tokens = 0.18,
     .price_date = "2026-06-18"},
    {.name = "gemini-embedding-001",
     .dimension = 3072,
     .tokens_per_text_max = 2048,
     .dimension_min = 128},
    {.name = "gemini-embedding-2",
     .dimension = 3072,
     .tokens_per_text_max = 8192,
     .dimension_min = 128,
     .prefixes = kGemma,
     .price_per_million_tokens = 0.20,
     .price_date = "2026-07-22"},
    {.name = "jina-embeddings-v3",
     .dimension = 1024,
     .tokens_per_text_max = 8192,
     .dimension_min = 1},
    {.name = "jina-embeddings-v4",
     .dimension = 2048,
     .tokens_per_text_max = 32768,
     .dimension_min = 1},
    {.name = "nomic-embed-text",
     .dimension = 768,
     .tokens_per_text_max = 8192,
     .dimensions = kNomicDimensions,
     .prefixes = kNomic},
    {.name = "nomic-embed-text-v1.5",
     .dimension = 768,
     .tokens_per_text_max = 8192,
     .dimensions = kNomicDimensions,
     .prefixes = kNomic},
    {.name = "nomic-embed-text-v2-moe",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kNomic},
    {.name = "e5-small-v2",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "multilingual-e5-small",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "e5-base-v2",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "multilingual-e5-base",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "e5-large-v2",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "multilingual-e5-large",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .prefixes = kE5},
    {.name = "bge-small-en-v1.5",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "bge-base-en-v1.5",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "bge-large-en-v1.5",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "bge-m3", .dimension = 1024, .tokens_per_text_max = 8192},
    {.name = "mxbai-embed-large-v1",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .dimension_min = 64,
     .prefixes = kBge},
    {.name = "mxbai-embed-large",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .dimension_min = 64,
     .prefixes = kBge},
    {.name = "gte-multilingual-base",
     .dimension = 768,
     .tokens_per_text_max = 8192},
    {.name = "gte-modernbert-base",
     .dimension = 768,
     .tokens_per_text_max = 8192},
    {.name = "gte-qwen2-7b-instruct",
     .dimension = 3584,
     .tokens_per_text_max = 32000,
     .prefixes = kQwen},
    {.name = "qwen3-embedding-0.6b",
     .dimension = 1024,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "qwen3-embedding:0.6b",
     .dimension = 1024,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "qwen3-embedding-4b",
     .dimension = 2560,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "qwen3-embedding:4b",
     .dimension = 2560,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "qwen3-embedding-8b",
     .dimension = 4096,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "qwen3-embedding:8b",
     .dimension = 4096,
     .tokens_per_text_max = 32768,
     .dimension_min = 32,
     .prefixes = kQwen},
    {.name = "snowflake-arctic-embed-xs",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "snowflake-arctic-embed-s",
     .dimension = 384,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "snowflake-arctic-embed-m",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "snowflake-arctic-embed-m-v1.5",
     .dimension = 768,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "snowflake-arctic-embed-l",
     .dimension = 1024,
     .tokens_per_text_max = 512,
     .prefixes = kBge},
    {.name = "snowflake-arctic-embed-m-v2.0",
     .dimension = 768,
     .tokens_per_text_max = 8192,
     .prefixes = kArctic2},
    {.name = "snowflake-arctic-embed-l-v2.0",
     .dimension = 1024,
     .tokens_per_text_max = 8192,
     .prefixes = kArctic2},
    {.name = "embeddinggemma-300m",
     .dimension = 768,
     .tokens_per_text_max = 2048,
     .dimensions = kGemmaDimensions,
     .prefixes = kGemma},
    {.name = "embeddinggemma",
     .dimension = 768,
     .tokens_per_text_max = 2048,
     .dimensions = kGemmaDimensions,
     .prefixes = kGemma},
    {.name = "all-minilm-l6-v2", .dimension = 384, .tokens_per_text_max = 256},
    {.name = "all-minilm", .dimension = 384, .tokens_per_text_max = 256},
};

const EmbeddingModel* Find(absl::string_view name) {
  const auto* const found =
      std::ranges::find(kModels, name, &EmbeddingModel::name);
  return found == std::end(kModels) ? nullptr : found;
}

}  // namespace

bool EmbeddingModel::CanMake(uint32_t wanted) const {
  if (wanted == dimension) {
    return true;
  }
  return dimensions.empty()
             ? dimension_min != 0 && wanted >= dimension_min &&
                   wanted <= dimension
             : std::ranges::find(dimensions, wanted) != dimensions.end();
}

std::string EmbeddingModel::DescribeDimensions() const {
  if (dimensions.empty()) {
    return dimension_min == 0 ? absl::StrCat(dimension)
                              : absl::StrCat(dimension_min, " to ", dimension);
  }
  return absl::StrCat(absl::StrJoin(dimensions, ", "), " or ", dimension);
}

RoleWords NomicPrefixes() { return kNomic; }

const EmbeddingModel* FindEmbeddingModel(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  absl::string_view rest = lower;
  if (const size_t slash = rest.rfind('/'); slash != absl::string_view::npos) {
    rest.remove_prefix(slash + 1);
  }
  // A tag may be the size of the model, and then is part of a name.
  if (const EmbeddingModel* const found = Find(rest); found != nullptr) {
    return found;
  }
  return Find(rest.substr(0, rest.find(':')));
}

std::span<const EmbeddingModel> EmbeddingModels() { return kModels; }

}  // namespace copse
