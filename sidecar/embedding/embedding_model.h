// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What is known of models: the defaults of a profile that names one. A setting
// always wins, so a table that is old or wrong costs nobody more than a line.

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDING_MODEL_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDING_MODEL_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {

struct EmbeddingModel {
  // In lower case, without the publisher: "bge-m3" for "BAAI/bge-m3".
  absl::string_view name;

  uint32_t dimension = 0;  // Unless a shorter one is asked for.

  // The tokens of one text, and of one request where the provider limits them
  // model by model; 0 where it does not.
  uint32_t tokens_per_text_max = 0;
  int64_t batch_token_count_max = 0;

  // Shorter vectors that it can make: these, or if there are none listed any of
  // at least `dimension_min`; neither means none.
  std::span<const uint32_t> dimensions = {};
  uint32_t dimension_min = 0;

  // What it wants before texts.
  RoleWords prefixes = {};

  // US dollars for a million tokens, and the day its source was checked; "" for
  // weights that anybody may run, and where no source was found.
  double price_per_million_tokens = 0.0;
  absl::string_view price_date = "";

  bool has_price() const { return !price_date.empty(); }

  // Whether it makes vectors of `wanted` components if asked to.
  bool CanMake(uint32_t wanted) const;

  // Returns what CanMake(), such as "256, 512, 1024 or 1536".
  std::string DescribeDimensions() const;
};

// Returns what is known of `name`, however its case, with a publisher before it
// ("BAAI/bge-m3", "models/gemini-embedding-001") and a tag after it
// ("bge-m3:latest"); null if nothing is.
const EmbeddingModel* FindEmbeddingModel(absl::string_view name);

// The prefixes of the nomic family.
RoleWords NomicPrefixes();

// All of them.
std::span<const EmbeddingModel> EmbeddingModels();

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDING_MODEL_H_
