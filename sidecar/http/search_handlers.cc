// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/search_handlers.h"

#include <array>
#include <cstddef>
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
#include "sidecar/http/where_filter.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/searcher.h"

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
  COPSE_ASSIGN_OR_RETURN(hits.filter.passing, SearchFilterOf(parameters));
  return hits;
}

absl::StatusOr<SearchMode> ModeOf(const Parameters& parameters) {
  constexpr std::array<absl::string_view, 3> kNames = {"hybrid", "vector",
                                                       "fts"};
  constexpr std::array<SearchMode, 3> kModes = {
      SearchMode::kHybrid, SearchMode::kVector, SearchMode::kText};
  COPSE_ASSIGN_OR_RETURN(const size_t choice,
                         parameters.Choice("mode", kNames));
  return kModes[choice];
}

// What a search by words, or by words and meaning, looks for. Operators of a
// text have no meaning, and chunks are fused each for itself: so the contract
// has it.
SearchRequest WordsRequest(const ReadTarget& target, const ResolvedCommit& at,
                           SearchMode mode, const std::string& q,
                           const HitParameters& wanted) {
  SearchRequest request;
  request.domain = target.domain;
  request.at.commit = at.commit;
  request.query = TextQuery{q};
  request.mode = mode;
  request.fusion.by_chunk = true;
  request.is_plain = true;
  request.settings.start = wanted.window.start;
  request.settings.neighbor_count = wanted.window.count;
  request.settings.types.assign(wanted.filter.types.begin(),
                                wanted.filter.types.end());
  request.settings.document_ids.assign(wanted.filter.ids.begin(),
                                       wanted.filter.ids.end());
  request.settings.filter = wanted.filter.passing;
  return request;
}

// Their order ends after kNeighborCountMax documents.
absl::StatusOr<std::vector<Hit>> SearchWords(HttpServices& services,
                                             const SearchRequest& request,
                                             const CallContext& context) {
  std::vector<Hit> hits;
  if (*request.settings.start >= kNeighborCountMax) {
    return hits;
  }
  COPSE_ASSIGN_OR_RETURN(const SearchResponse response,
                         services.engine->searcher().Search(request, context));
  for (const SearchNeighbor& neighbor : response.neighbors) {
    // Only vectors have a similarity.
    const float distance = neighbor.similarity.has_value()
                               ? ToHttpDistance(neighbor.distance)
                               : neighbor.distance;
    hits.push_back({.id = neighbor.document.id,
                    .distance = distance,
                    .chunk = neighbor.chunk,
                    .chunk_count = neighbor.document.chunk_count,
                    .place = neighbor.place,
                    .content_hash = neighbor.document.content_hash,
                    .has_text = neighbor.document.has_text});
  }
  return hits;
}

absl::Status CheckFilterSize(const DocumentFilter& filter) {
  if (filter.ids.size() > kFilterIdCountMax) {
    return FieldInvalidError(
        "doc_id", absl::StrCat(filter.ids.size(), " documents"),
        absl::StrCat("at most ", kFilterIdCountMax, " but in mode vector"));
  }
  return filter.types.size() <= kTypeCountMax
             ? absl::OkStatus()
             : FieldInvalidError("doc_type",
                                 absl::StrCat(filter.types.size(), " types"),
                                 absl::StrCat("at most ", kTypeCountMax,
                                              " but in mode vector"));
}

struct NamedRole {
  absl::string_view name;
  EmbeddingRole role;
};

absl::StatusOr<NamedRole> RoleOf(const Parameters& parameters) {
  constexpr std::array<absl::string_view, 4> kNames = {
      "query", "document", "clustering", "classification"};
  constexpr std::array<EmbeddingRole, 4> kRoles = {
      EmbeddingRole::kQuery, EmbeddingRole::kDocument,
      EmbeddingRole::kClustering, EmbeddingRole::kClassification};
  COPSE_ASSIGN_OR_RETURN(const size_t choice,
                         parameters.Choice("role", kNames));
  return NamedRole{kNames[choice], kRoles[choice]};
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
  COPSE_ASSIGN_OR_RETURN(SearchMode mode, ModeOf(parameters));
  COPSE_ASSIGN_OR_RETURN(const HitParameters wanted,
                         HitParametersOf(parameters));
  if (mode != SearchMode::kVector) {
    COPSE_RETURN_IF_ERROR(CheckFilterSize(wanted.filter));
  }
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at, OpenRead(services, target));
  if (mode == SearchMode::kHybrid &&
      !at.reader->domain_options().lexical.is_enabled) {
    mode = SearchMode::kVector;  // The fusion of one list.
  }
  if (mode != SearchMode::kVector) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<Hit> hits,
        SearchWords(services, WordsRequest(target, at, mode, q, wanted),
                    request.context));
    return HitsAnswer(at, hits, wanted.with_snippets);
  }
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
    return FieldInvalidError(
        "method", absl::StrCat("the unsupported ", ShownText(method)),
        "embedding");
  }
  COPSE_ASSIGN_OR_RETURN(const NamedRole source_role, RoleOf(parameters));
  const NamedRole target_role =
      source_role.role == EmbeddingRole::kQuery
          ? NamedRole{"document", EmbeddingRole::kDocument}
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
        EmbedOne(*embedder, source, source_role.role, request.context));
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<float> b,
        EmbedOne(*embedder, target, target_role.role, request.context));
    distance = ToHttpDistance(Distance(Metric::kCosine, a, b));
  }
  HttpAnswer answer = {.body = "{\"distance\":"};
  AppendJsonNumber(answer.body, distance);
  absl::StrAppend(&answer.body, ",\"source_role\":\"", source_role.name,
                  "\",\"target_role\":\"", target_role.name, "\"}");
  return answer;
}

}  // namespace copse
