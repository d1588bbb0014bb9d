// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/openai_dialect.h"

#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

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
    "maximum context length", "exceeds the context length",
    "exceed_context_size",    "context_length_exceeded",
    "max_model_len",          "maximum model length",
    "must have less than",    "too large to process",
    "too many tokens",        "input is too long",
    "input too long",         "longer than the maximum",
};

constexpr absl::string_view kTextWithoutVector[] = {
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

// ---- The request ------------------------------------------------------------

std::string WriteBody(const DialectRequest& request,
                      absl::string_view dimension_field) {
  std::string body = "{";
  AppendField("model", request.profile.model, body);
  AppendTexts("input", request, body);
  AppendField("encoding_format", request.asks_for_base64 ? "base64" : "float",
              body);
  AppendDimension(dimension_field, request, body);
  return body;
}

std::string WriteOpenAi(const DialectRequest& request) {
  return WriteBody(request, "dimensions") + "}";
}

// The base64 of an integer type holds integers, so ask for floats.
std::string WriteMistral(const DialectRequest& request) {
  return WriteBody(request, "output_dimension") + R"(,"output_dtype":"float"})";
}

// By default base64 holds whatever the host's order is.
std::string WriteVllm(const DialectRequest& request) {
  return WriteBody(request, "dimensions") +
         (request.asks_for_base64 ? R"(,"endianness":"little"})" : "}");
}

constexpr ReplyShape kReply = {
    .vectors = "/data",
    .vector = "embedding",
    .has_index = true,
    .token_counts = {"/usage/total_tokens", "/usage/prompt_tokens"}};

constexpr ErrorSignatures kErrors = {.too_many_texts = kTooManyTexts,
                                     .too_many_bytes = kTooManyBytes,
                                     .too_large_code = "3210",
                                     .text_refused = kTextRefused,
                                     .text_without_vector = kTextWithoutVector,
                                     .unpaid = kUnpaid};

// ---- The table --------------------------------------------------------------

constexpr ProviderDialect kBase = {.id = EmbeddingDialect::kOpenAi,
                                   .name = "openai",
                                   .base_path = "/v1",
                                   .endpoint_path = "/embeddings",
                                   .has_base64 = true,
                                   .has_dimensions = true,
                                   .limits = {.text_count_max = 2048},
                                   .reply = kReply,
                                   .errors = kErrors,
                                   .write_body = WriteOpenAi};

constexpr ProviderDialect Variant(EmbeddingDialect id, absl::string_view name) {
  ProviderDialect dialect = kBase;
  dialect.id = id;
  dialect.name = name;
  dialect.limits = {};
  return dialect;
}

constexpr ProviderDialect MakeAzure() {
  ProviderDialect azure = Variant(EmbeddingDialect::kAzure, "azure");
  azure.base_path = "/openai/v1";
  azure.deployment_query = "api-version=2024-10-21";
  azure.key_header = "api-key";
  azure.key_prefix = "";
  azure.limits.text_count_max = 2048;
  return azure;
}

constexpr ProviderDialect MakeMistral() {
  ProviderDialect mistral = Variant(EmbeddingDialect::kMistral, "mistral");
  mistral.default_url = "https://api.mistral.ai/v1";
  mistral.limits = {.text_count_max = 512, .token_count_max = 16384};
  mistral.write_body = WriteMistral;
  return mistral;
}

constexpr ProviderDialect MakeVllm() {
  ProviderDialect vllm = Variant(EmbeddingDialect::kVllm, "vllm");
  vllm.write_body = WriteVllm;
  return vllm;
}

constexpr ProviderDialect MakeLlamaCpp() {
  ProviderDialect llama_cpp = Variant(EmbeddingDialect::kLlamaCpp, "llama.cpp");
  llama_cpp.has_dimensions = false;
  return llama_cpp;
}

constexpr ProviderDialect MakeLmStudio() {
  ProviderDialect lm_studio = Variant(EmbeddingDialect::kLmStudio, "lmstudio");
  lm_studio.default_url = "http://127.0.0.1:1234/v1";
  lm_studio.has_base64 = false;
  lm_studio.has_dimensions = false;
  return lm_studio;
}

constexpr ProviderDialect MakeTeiV1() {
  ProviderDialect tei = Variant(EmbeddingDialect::kTeiV1, "tei-v1");
  tei.limits = {.text_count_max = 32, .size_bytes_max = 1500000};
  return tei;
}

}  // namespace

constexpr ProviderDialect kOpenAiDialect = kBase;
constexpr ProviderDialect kAzureDialect = MakeAzure();
constexpr ProviderDialect kMistralDialect = MakeMistral();
constexpr ProviderDialect kVllmDialect = MakeVllm();
constexpr ProviderDialect kLlamaCppDialect = MakeLlamaCpp();
constexpr ProviderDialect kLmStudioDialect = MakeLmStudio();
constexpr ProviderDialect kLocalAiDialect =
    Variant(EmbeddingDialect::kLocalAi, "localai");
constexpr ProviderDialect kTeiV1Dialect = MakeTeiV1();

}  // namespace copse
