// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/search_handlers.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"

namespace copse {
namespace {

constexpr int64_t kHitCountDefault = 10;

// What a search and a look for similar documents have in common.
struct HitParameters {
  DocumentFilter filter;
  HitWindow window;
  bool with_snippets = false;
};

absl::StatusOr<HitParameters> HitParametersOf(const Parameters& parameters) {
  HitParameters hits;
  COPSE_ASSIGN_OR_RETURN(hits.window,
                         HitWindowOf(parameters, kHitCountDefault));
  COPSE_ASSIGN_OR_RETURN(hits.with_snippets, parameters.Flag("snippet", false));
  COPSE_ASSIGN_OR_RETURN(hits.filter,
                         FilterOf(parameters, "doc_type", "doc_id"));
  return hits;
}

// Fails for a mode that there is not. Without a full-text index the fusion of
// hybrid is that of one list, which is the order of the vectors.
absl::Status CheckMode(const Parameters& parameters) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> mode,
                         parameters.FindText("mode"));
  if (!mode.has_value() || *mode == "hybrid" || *mode == "vector") {
    return absl::OkStatus();
  }
  if (*mode == "fts") {
    return NotYetError("mode fts");
  }
  return FieldInvalidError("mode", "unknown", "hybrid, vector or fts");
}

absl::StatusOr<EmbeddingRole> ParseRole(
    const std::optional<std::string>& role) {
  constexpr std::array<std::pair<absl::string_view, EmbeddingRole>, 4> kRoles =
      {{{"query", EmbeddingRole::kQuery},
        {"document", EmbeddingRole::kDocument},
        {"clustering", EmbeddingRole::kClustering},
        {"classification", EmbeddingRole::kClassification}}};
  for (const auto& [name, value] : kRoles) {
    if (role.value_or("query") == name) {
      return value;
    }
  }
  return FieldInvalidError("role", "unknown",
                           "query, document, clustering or classification");
}

absl::StatusOr<std::vector<float>> EmbedOne(Embedder& embedder,
                                            absl::string_view text,
                                            EmbeddingRole role,
                                            const CallContext& context) {
  const std::array<absl::string_view, 1> texts = {text};
  COPSE_ASSIGN_OR_RETURN(std::vector<EmbeddingOutcome> outcomes,
                         embedder.Embed(texts, role, ToEmbedContext(context)));
  return std::move(outcomes.front());
}

}  // namespace

absl::StatusOr<HttpAnswer> HandleSearch(HttpServices& services,
                                        const HttpRequest& request) {
  const Parameters& parameters = request.parameters;
  COPSE_ASSIGN_OR_RETURN(const ReadTarget target, ReadTargetOf(parameters));
  COPSE_ASSIGN_OR_RETURN(const std::string q, parameters.RequireText("q"));
  COPSE_RETURN_IF_ERROR(CheckQueryText("q", q));
  COPSE_RETURN_IF_ERROR(CheckMode(parameters));
  COPSE_ASSIGN_OR_RETURN(const HitParameters wanted,
                         HitParametersOf(parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at, OpenRead(services, target));
  COPSE_ASSIGN_OR_RETURN(const std::vector<float> query,
                         services.engine->embedders().EmbedText(
                             at.reader->domain_options(), q,
                             EmbeddingRole::kQuery, request.context));
  COPSE_ASSIGN_OR_RETURN(const std::vector<Hit> hits,
                         SearchWindow(at, query, wanted.filter, wanted.window,
                                      "", request.context));
  return HitsAnswer(at, hits, wanted.with_snippets);
}

absl::StatusOr<HttpAnswer> HandleSimilar(HttpServices& services,
                                         const HttpRequest& request) {
  const Parameters& parameters = request.parameters;
  COPSE_ASSIGN_OR_RETURN(const ReadTarget target, ReadTargetOf(parameters));
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> id,
                         parameters.FindText("id"));
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                         parameters.FindText("text"));
  if (!id.has_value() && !text.has_value()) {
    return FieldInvalidError("id", "not set", "a document id, or a text");
  }
  if (!id.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckQueryText("text", *text));
  }
  COPSE_ASSIGN_OR_RETURN(const HitParameters wanted,
                         HitParametersOf(parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at, OpenRead(services, target));
  std::vector<float> query;
  if (id.has_value()) {
    COPSE_ASSIGN_OR_RETURN(StoredDocument document,
                           RequireDocument(at, *id, {.vector = true}));
    query = std::move(document.chunks.front().vector);
  } else {
    COPSE_ASSIGN_OR_RETURN(
        query, services.engine->embedders().EmbedText(
                   at.reader->domain_options(), *text, EmbeddingRole::kDocument,
                   request.context));
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<Hit> hits,
                         SearchWindow(at, query, wanted.filter, wanted.window,
                                      id.value_or(""), request.context));
  return HitsAnswer(at, hits, wanted.with_snippets);
}

absl::StatusOr<HttpAnswer> HandleCompare(HttpServices& services,
                                         const HttpRequest& request) {
  const Parameters& parameters = request.parameters;
  COPSE_ASSIGN_OR_RETURN(const std::string method,
                         parameters.RequireText("method"));
  if (method != "embedding") {
    return FieldInvalidError("method", "unsupported", "embedding");
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> role,
                         parameters.FindText("role"));
  COPSE_ASSIGN_OR_RETURN(const EmbeddingRole source_role, ParseRole(role));
  const EmbeddingRole target_role = source_role == EmbeddingRole::kQuery
                                        ? EmbeddingRole::kDocument
                                        : source_role;
  COPSE_ASSIGN_OR_RETURN(const std::string source,
                         parameters.RequireText("source"));
  COPSE_ASSIGN_OR_RETURN(const std::string target,
                         parameters.RequireText("target"));
  COPSE_RETURN_IF_ERROR(CheckQueryText("source", source));
  COPSE_RETURN_IF_ERROR(CheckQueryText("target", target));
  float distance = 0;
  if (source != target) {
    COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Embedder> embedder,
                           services.engine->embedders().Find(""));
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<float> a,
        EmbedOne(*embedder, source, source_role, request.context));
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<float> b,
        EmbedOne(*embedder, target, target_role, request.context));
    distance = ToHttpDistance(Distance(Metric::kCosine, a, b));
  }
  HttpAnswer answer = {.body = "{\"distance\":"};
  AppendJsonNumber(answer.body, distance);
  const std::string source_name = role.value_or("query");
  absl::StrAppend(&answer.body, ",\"source_role\":\"", source_name,
                  "\",\"target_role\":\"",
                  source_name == "query" ? "document" : source_name, "\"}");
  return answer;
}

}  // namespace copse
