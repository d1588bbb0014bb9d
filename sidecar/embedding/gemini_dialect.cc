// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/gemini_dialect.h"

#include <cstddef>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "sidecar/embedding/dialect_request.h"
#include "sidecar/embedding/json_text.h"

namespace copse {
namespace {

constexpr RoleWords kTaskTypes = {.document = "RETRIEVAL_DOCUMENT",
                                  .query = "RETRIEVAL_QUERY",
                                  .clustering = "CLUSTERING",
                                  .classification = "CLASSIFICATION"};

constexpr absl::string_view kTooManyTexts[] = {
    "at most 100 requests",
    "requests can be in one batch",
};

constexpr absl::string_view kTooManyBytes[] = {
    "request payload size exceeds",
};

// How it says that one text is too long is not documented.
constexpr absl::string_view kTextRefused[] = {
    "exceeds the maximum number of tokens",
    "input token count",
};

std::string WriteBody(const DialectRequest& request) {
  const EmbeddingProfileOptions& profile = request.profile;
  const absl::string_view prefix = PrefixOf(profile, request.role);
  const std::string model =
      absl::StrCat("models/", absl::StripPrefix(profile.model, "models/"));
  std::string body = R"({"requests":[)";
  for (size_t i = 0; i < request.texts.size(); ++i) {
    body.append(i == 0 ? "{" : ",{");
    AppendField("model", model, body);
    body.append(R"(,"content":{"parts":[{"text":)");
    AppendJsonString(prefix, request.texts[i], body);
    body.append("}]}");
    if (!absl::StrContains(model, "gemini-embedding-2")) {
      AppendField("taskType", WordOf(kTaskTypes, request.role), body);
    }
    AppendDimension("outputDimensionality", request, body);
    body.push_back('}');
  }
  body.append("]}");
  return body;
}

}  // namespace

constexpr ProviderDialect kGeminiDialect = {
    .id = EmbeddingDialect::kGemini,
    .name = "gemini",
    .default_url = "https://generativelanguage.googleapis.com/v1beta",
    .base_path = "/v1beta",
    .endpoint_path = "/models/{model}:batchEmbedContents",
    .key_header = "x-goog-api-key",
    .key_prefix = "",
    .has_dimensions = true,
    .limits = {.text_count_max = 100},
    .text_overhead_bytes = 192,
    .reply = {.vectors = "/embeddings",
              .vector = "values",
              .token_counts = {"/usageMetadata/promptTokenCount",
                               "/usageMetadata/totalTokenCount"}},
    .errors = {.too_many_texts = kTooManyTexts,
               .too_many_bytes = kTooManyBytes,
               .text_refused = kTextRefused},
    .write_body = WriteBody};

}  // namespace copse
