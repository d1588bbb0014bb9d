// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/tei_dialect.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "simdjson.h"

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

uint32_t ReadCount(const simdjson::dom::element& root, const char* name) {
  uint64_t count = 0;
  if (root[name].get(count) != simdjson::SUCCESS) {
    return 0;
  }
  return static_cast<uint32_t>(
      std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

ServerLimits ReadInfo(absl::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ServerLimits limits;
  if (parser.parse(simdjson::padded_string(body.data(), body.size()))
          .get(root) == simdjson::SUCCESS) {
    limits.text_count_max = ReadCount(root, "max_client_batch_size");
    limits.tokens_per_text_max = ReadCount(root, "max_input_length");
    limits.texts_in_flight_max = ReadCount(root, "max_concurrent_requests");
  }
  return limits;
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
    .info_path = "/info",
    .read_info = ReadInfo,
    .write_body = WriteBody};

}  // namespace copse
