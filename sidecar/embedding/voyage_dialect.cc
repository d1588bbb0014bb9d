// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/voyage_dialect.h"

#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr RoleWords kInputTypes = {.document = "document", .query = "query"};

constexpr absl::string_view kTooManyTexts[] = {
    "batch size",
    "too many inputs",
};

constexpr absl::string_view kTooManyBytes[] = {
    "max allowed tokens per submitted batch",
};

// How it says that one text is too long is not documented.
constexpr absl::string_view kTextRefused[] = {
    "context length",
    "too many tokens",
    "input is too long",
};

std::string WriteBody(const DialectRequest& request) {
  std::string body = "{";
  AppendField("model", request.profile.model, body);
  AppendTexts("input", request, body);
  if (const absl::string_view type = WordOf(kInputTypes, request.role);
      !type.empty()) {
    AppendField("input_type", type, body);
  }
  body.append(R"(,"truncation":false)");
  AppendDimension("output_dimension", request, body);
  AppendField("output_dtype", "float", body);
  if (request.asks_for_base64) {
    AppendField("encoding_format", "base64", body);
  }
  body.push_back('}');
  return body;
}

}  // namespace

constexpr ProviderDialect kVoyageDialect = {
    .id = EmbeddingDialect::kVoyage,
    .name = "voyage",
    .default_url = "https://api.voyageai.com/v1",
    .base_path = "/v1",
    .endpoint_path = "/embeddings",
    .has_base64 = true,
    .has_dimensions = true,
    // The least that one of its models takes; others take more.
    .limits = {.text_count_max = 1000, .token_count_max = 120000},
    .reply = {.vectors = "/data",
              .vector = "embedding",
              .has_index = true,
              .token_counts = {"/usage/total_tokens"}},
    .errors = {.too_many_texts = kTooManyTexts,
               .too_many_bytes = kTooManyBytes,
               .text_refused = kTextRefused},
    .write_body = WriteBody};

}  // namespace copse
