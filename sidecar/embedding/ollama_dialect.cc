// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/ollama_dialect.h"

#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr absl::string_view kTextRefused[] = {
    "exceeds the context length",
};

constexpr absl::string_view kTextWithoutVector[] = {
    "nan or inf",
    "unsupported value: nan",
};

std::string WriteBody(const DialectRequest& request) {
  std::string body = "{";
  AppendField("model", request.profile.model, body);
  AppendTexts("input", request, body);
  body.append(R"(,"truncate":false)");
  AppendDimension("dimensions", request, body);
  body.push_back('}');
  return body;
}

}  // namespace

constexpr ProviderDialect kOllamaDialect = {
    .id = EmbeddingDialect::kOllama,
    .name = "ollama",
    .default_url = "http://127.0.0.1:11434/api",
    .base_path = "/api",
    .endpoint_path = "/embed",
    .has_dimensions = true,
    .reply = {.vectors = "/embeddings", .token_counts = {"/prompt_eval_count"}},
    .errors = {.text_refused = kTextRefused,
               .text_without_vector = kTextWithoutVector},
    .write_body = WriteBody};

}  // namespace copse
