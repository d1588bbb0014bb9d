// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/provider_dialect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "index/util/check.h"
#include "sidecar/embedding/cohere_dialect.h"
#include "sidecar/embedding/gemini_dialect.h"
#include "sidecar/embedding/jina_dialect.h"
#include "sidecar/embedding/ollama_dialect.h"
#include "sidecar/embedding/openai_dialect.h"
#include "sidecar/embedding/tei_dialect.h"
#include "sidecar/embedding/voyage_dialect.h"

namespace copse {
namespace {

constexpr const ProviderDialect* kDialects[] = {
    &kOpenAiDialect,   &kAzureDialect,    &kMistralDialect, &kVllmDialect,
    &kLlamaCppDialect, &kLmStudioDialect, &kLocalAiDialect, &kTeiV1Dialect,
    &kTeiDialect,      &kOllamaDialect,   &kCohereDialect,  &kVoyageDialect,
    &kJinaDialect,     &kGeminiDialect,
};

}  // namespace

std::span<const ProviderDialect* const> ProviderDialects() { return kDialects; }

const ProviderDialect& DialectOf(EmbeddingDialect id) {
  const auto* const found = std::ranges::find(
      kDialects, id,
      [](const ProviderDialect* dialect) { return dialect->id; });
  COPSE_CHECK(found != std::end(kDialects));
  return **found;
}

std::string EndpointPath(const ProviderDialect& dialect, absl::string_view path,
                         absl::string_view query, absl::string_view model) {
  const std::string end = absl::StrReplaceAll(
      dialect.endpoint_path,
      {{"{model}", ToPathSegment(absl::StripPrefix(model, "models/"))}});
  while (absl::EndsWith(path, "/")) {
    path.remove_suffix(1);
  }
  if (query.empty() && absl::StrContains(path, "/deployments/")) {
    query = dialect.deployment_query;
  }
  if (absl::StartsWith(dialect.base_path, absl::StrCat(path, "/"))) {
    path = dialect.base_path;
  }
  return absl::StrCat(path, absl::EndsWith(path, end) ? "" : end,
                      query.empty() ? "" : "?", query);
}

std::string InfoUrl(const ProviderDialect& dialect,
                    absl::string_view endpoint_url) {
  COPSE_CHECK(!dialect.info_path.empty());
  const size_t query = std::min(endpoint_url.find('?'), endpoint_url.size());
  return absl::StrCat(
      absl::StripSuffix(endpoint_url.substr(0, query), dialect.endpoint_path),
      dialect.info_path, endpoint_url.substr(query));
}

std::vector<HttpHeader> KeyHeaders(const ProviderDialect& dialect,
                                   absl::string_view key) {
  if (key.empty()) {
    return {};
  }
  return {{.name = std::string(dialect.key_header),
           .value = absl::StrCat(dialect.key_prefix, key)}};
}

std::variant<EmbeddingReply, ReplyFault> ReadReply(
    const ProviderDialect& dialect, const HttpReply& reply,
    const ReplyFormat& format) {
  std::variant<EmbeddingReply, ReplyFault> result =
      ReadEmbeddingReply(reply.body, dialect.reply, format);
  int64_t count = 0;
  if (auto* const vectors = std::get_if<EmbeddingReply>(&result);
      vectors != nullptr && !dialect.reply.token_header.empty() &&
      absl::SimpleAtoi(reply.Header(dialect.reply.token_header), &count)) {
    vectors->token_count = std::max<int64_t>(count, 0);
  }
  return result;
}

}  // namespace copse
