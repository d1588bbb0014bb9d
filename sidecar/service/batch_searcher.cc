// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/batch_searcher.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/filter_warnings.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/searcher.h"
#include "versioning/batch_search.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

std::string NameOf(size_t query) {
  return absl::StrCat("queries[", query, "]");
}

absl::Status CheckRequest(const BatchSearchRequest& request) {
  const size_t count = request.queries.size();
  if (count == 0 || count > kBatchQueryCountMax) {
    return FieldInvalidError("queries", absl::StrCat("a list of ", count),
                             absl::StrCat("1 to ", kBatchQueryCountMax));
  }
  COPSE_RETURN_IF_ERROR(CheckSearchSettings(request.settings));
  if (request.settings.start.has_value()) {
    return FieldInvalidError("settings.start", "set", "no start in a batch");
  }
  if (request.settings.with_snippets) {
    return FieldInvalidError("settings.with_snippets", "set",
                             "no snippets in a batch");
  }
  if (request.settings.explain) {
    return FieldInvalidError("settings.explain", "set",
                             "no explanation in a batch");
  }
  const auto neighbor_count =
      static_cast<int64_t>(ToSearchOptions(request.settings).neighbor_count);
  if (neighbor_count * static_cast<int64_t>(count) > kBatchNeighborCountMax) {
    return FieldInvalidError(
        "settings.neighbor_count", absl::StrCat(neighbor_count),
        absl::StrCat("at most ", kBatchNeighborCountMax,
                     " neighbors for all queries together"));
  }
  return absl::OkStatus();
}

// Returns the vectors of the queries, in their order.
absl::StatusOr<std::vector<std::vector<float>>> FindVectors(
    DomainEmbedders& embedders, const BatchSearchRequest& request,
    const DomainOptions& domain, const CallContext& context) {
  std::vector<std::vector<float>> vectors(request.queries.size());
  std::vector<absl::string_view> texts;
  std::vector<size_t> places;
  for (size_t i = 0; i < request.queries.size(); ++i) {
    if (const auto* text = std::get_if<TextQuery>(&request.queries[i])) {
      COPSE_RETURN_IF_ERROR(
          CheckQueryText(absl::StrCat(NameOf(i), ".text"), text->text));
      texts.push_back(text->text);
      places.push_back(i);
    } else if (const auto* vector =
                   std::get_if<VectorQuery>(&request.queries[i])) {
      COPSE_RETURN_IF_ERROR(AnnotateStatus(
          CheckVectorOfDomain(domain.metric, domain.dimension, vector->vector),
          NameOf(i)));
      vectors[i] = vector->vector;
    } else {
      return FieldInvalidError(NameOf(i), "not set", "a text or a vector");
    }
  }
  if (texts.empty()) {
    return vectors;
  }
  COPSE_ASSIGN_OR_RETURN(
      std::vector<EmbeddingOutcome> embedded,
      embedders.EmbedTexts(domain, texts, EmbeddingRole::kQuery, context));
  for (size_t i = 0; i < texts.size(); ++i) {
    COPSE_RETURN_IF_ERROR(
        AnnotateStatus(embedded[i].status(), NameOf(places[i])));
    vectors[places[i]] = *std::move(embedded[i]);
  }
  return vectors;
}

}  // namespace

absl::StatusOr<BatchSearchResponse> SearchBatch(
    Store& store, DomainEmbedders& embedders, const BatchSearchRequest& request,
    const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckRequest(request));
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         ResolveCommit(store, request.domain, request.at));
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<std::vector<float>> vectors,
      FindVectors(embedders, request, at.reader->domain_options(), context));
  const std::vector<std::span<const float>> queries(vectors.begin(),
                                                    vectors.end());
  DocumentSearchOptions options = ToSearchOptions(request.settings);
  options.check = [&context] { return context.Check(); };
  options.is_user_query = true;
  COPSE_ASSIGN_OR_RETURN(const DocumentBatchResult found,
                         BatchSearch(*at.reader, queries, options));
  BatchSearchResponse response = {
      .answered_by = {at.commit, at.lag}, .results = {}, .work = found.work};
  COPSE_ASSIGN_OR_RETURN(response.warnings,
                         FindFilterWarnings(at, request.settings.types,
                                            request.settings.document_ids,
                                            request.settings.filter));
  ResponseSizeLimit size_limit;
  for (const std::vector<DocumentNeighbor>& neighbors : found.neighbors) {
    COPSE_RETURN_IF_ERROR(context.Check());
    std::vector<SearchNeighbor>& result = response.results.emplace_back();
    for (const DocumentNeighbor& neighbor : neighbors) {
      if (request.settings.max_distance.has_value() &&
          !(neighbor.distance <= *request.settings.max_distance)) {
        break;
      }
      COPSE_ASSIGN_OR_RETURN(
          SearchNeighbor one,
          ReadNeighbor(*at.reader, neighbor, request.settings.mask,
                       /*query_text=*/""));
      COPSE_RETURN_IF_ERROR(
          size_limit.Add(one.document, "settings.neighbor_count"));
      result.push_back(std::move(one));
    }
  }
  return response;
}

}  // namespace copse
