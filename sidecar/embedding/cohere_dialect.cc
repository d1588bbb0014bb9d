// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/cohere_dialect.h"

#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr RoleWords kInputTypes = {.document = "search_document",
                                   .query = "search_query",
                                   .clustering = "clustering",
                                   .classification = "classification"};

constexpr absl::string_view kTooManyTexts[] = {
    "total number of texts must be at most",
};

constexpr absl::string_view kTextRefused[] = {
    "too many tokens",
};

std::string WriteBody(const DialectRequest& request) {
  std::string body = "{";
  AppendField("model", request.profile.model, body);
  AppendField("input_type", WordOf(kInputTypes, request.role), body);
  AppendTexts("texts", request, body);
  body.append(R"(,"embedding_types":["float"])");
  AppendDimension("output_dimension", request, body);
  AppendField("truncate", "NONE", body);
  body.push_back('}');
  return body;
}

}  // namespace

constexpr ProviderDialect kCohereDialect = {
    .id = EmbeddingDialect::kCohere,
    .name = "cohere",
    .default_url = "https://api.cohere.com/v2",
    .base_path = "/v2",
    .endpoint_path = "/embed",
    .has_dimensions = true,
    .limits = {.text_count_max = 96, .size_bytes_max = 20000000},
    .reply = {.vectors = "/embeddings/float",
              .token_counts = {"/meta/billed_units/input_tokens"}},
    .errors = {.too_many_texts = kTooManyTexts, .text_refused = kTextRefused},
    .write_body = WriteBody};

}  // namespace copse
