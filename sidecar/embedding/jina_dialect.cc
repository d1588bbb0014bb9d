// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/jina_dialect.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr RoleWords kVersion2 = {};
constexpr RoleWords kVersion3 = {.document = "retrieval.passage",
                                 .query = "retrieval.query",
                                 .clustering = "separation",
                                 .classification = "classification"};
constexpr RoleWords kVersion4 = {.document = "retrieval.passage",
                                 .query = "retrieval.query",
                                 .clustering = "text-matching",
                                 .classification = "text-matching"};

const RoleWords& TasksOf(absl::string_view model) {
  if (absl::StrContains(model, "embeddings-v3")) {
    return kVersion3;
  }
  return absl::StrContains(model, "embeddings-v2") ? kVersion2 : kVersion4;
}

// How it says these is not documented.
constexpr absl::string_view kTooManyTexts[] = {
    "too many inputs",
    "batch size",
};

constexpr absl::string_view kTextRefused[] = {
    "too long",
    "maximum context length",
    "exceeds the maximum",
};

std::string WriteBody(const DialectRequest& request) {
  const EmbeddingProfileOptions& profile = request.profile;
  std::string body = "{";
  AppendField("model", profile.model, body);
  if (const absl::string_view task =
          WordOf(TasksOf(profile.model), request.role);
      !task.empty()) {
    AppendField("task", task, body);
  }
  AppendTexts("input", request, body);
  body.append(R"(,"truncate":false)");
  AppendDimension("dimensions", request, body);
  AppendField("embedding_type", request.asks_for_base64 ? "base64" : "float",
              body);
  body.push_back('}');
  return body;
}

}  // namespace

constexpr ProviderDialect kJinaDialect = {
    .id = EmbeddingDialect::kJina,
    .name = "jina",
    .default_url = "https://api.jina.ai/v1",
    .base_path = "/v1",
    .endpoint_path = "/embeddings",
    .has_base64 = true,
    .has_dimensions = true,
    .reply = {.vectors = "/data",
              .vector = "embedding",
              .has_index = true,
              .token_counts = {"/usage/total_tokens"}},
    .errors = {.too_many_texts = kTooManyTexts, .text_refused = kTextRefused},
    .write_body = WriteBody};

}  // namespace copse
