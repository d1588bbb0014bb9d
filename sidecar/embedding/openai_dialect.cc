// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/openai_dialect.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/json_text.h"

namespace copse {
namespace {

// ---- Errors, each as at least one server says it ----------------------------

constexpr absl::string_view kTooManyTexts[] = {
    "too many inputs",
    "total number of texts must be at most",
    "maximum allowed batch size",
    "inputs per request",
    "texts per request",
    "requests can be in one batch",
    "at most 100 requests",
    "array too long",
    "too many items",
    "too many texts",
};

constexpr absl::string_view kTooManyBytes[] = {
    "max_tokens_per_request",
    "too many tokens in batch",
    "max allowed tokens per submitted batch",
    "payload too large",
    "request entity too large",
    "request body too large",
};

constexpr absl::string_view kTextRefused[] = {
    "maximum context length",
    "exceeds the context length",
    "exceed_context_size",
    "context_length_exceeded",
    "max_model_len",
    "maximum model length",
    "must have less than",
    "too large to process",
    "too many tokens",
    "input is too long",
    "input too long",
    "longer than the maximum",
    "nan or inf",
    "unsupported value: nan",
    "content_filter",
    "content management policy",
};

constexpr absl::string_view kUnpaid[] = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
};

// ---- The request
// -------------------------------------------------------------

std::string WriteBody(const DialectRequest& request) {
  const EmbeddingProfileOptions& profile = request.profile;
  const absl::string_view prefix = PrefixOf(profile, request.role);
  std::string body = "{\"model\":";
  AppendJsonString("", profile.model, body);
  body.append(",\"input\":[");
  for (size_t i = 0; i < request.texts.size(); ++i) {
    body.append(i == 0 ? "" : ",");
    AppendJsonString(prefix, request.texts[i], body);
  }
  absl::StrAppend(&body, "],\"encoding_format\":\"",
                  request.asks_for_base64 ? "base64" : "float", "\"");
  if (profile.send_dimensions) {
    absl::StrAppend(&body, ",\"dimensions\":", profile.dimension);
  }
  body.push_back('}');
  return body;
}

}  // namespace

const ProviderDialect kOpenAiDialect = {
    .id = EmbeddingDialect::kOpenAi,
    .name = "openai",
    .base_path = "/v1",
    .endpoint_path = "/embeddings",
    .has_base64 = true,
    .has_dimensions = true,
    .reply = {.vectors = "/data",
              .vector = "embedding",
              .has_index = true,
              .token_counts = {"/usage/total_tokens", "/usage/prompt_tokens"}},
    .errors = {.too_many_texts = kTooManyTexts,
               .too_many_bytes = kTooManyBytes,
               .too_large_code = "3210",
               .text_refused = kTextRefused,
               .unpaid = kUnpaid},
    .write_body = WriteBody};

}  // namespace copse
