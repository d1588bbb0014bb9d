// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/tei_dialect.h"

#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"

namespace copse {
namespace {

constexpr absl::string_view kTooManyTexts[] = {
    "maximum allowed batch size",
};

constexpr absl::string_view kTooManyBytes[] = {
    "length limit exceeded",
};

constexpr absl::string_view kTextRefused[] = {
    "must have less than",
};

std::string WriteBody(const DialectRequest& request) {
  std::string body = "{";
  AppendTexts("inputs", request, body);
  body.append(request.profile.normalize ? R"(,"normalize":true)"
                                        : R"(,"normalize":false)");
  body.append(R"(,"truncate":false)");
  AppendDimension("dimensions", request, body);
  body.push_back('}');
  return body;
}

}  // namespace

constexpr ProviderDialect kTeiDialect = {
    .id = EmbeddingDialect::kTei,
    .name = "tei",
    .endpoint_path = "/embed",
    .has_dimensions = true,
    .limits = {.text_count_max = 32, .size_bytes_max = 1500000},
    .reply = {.token_header = "x-compute-tokens"},
    .errors = {.too_many_texts = kTooManyTexts,
               .too_many_bytes = kTooManyBytes,
               .text_refused = kTextRefused},
    .write_body = WriteBody};

}  // namespace copse
