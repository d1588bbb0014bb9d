// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/searcher.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

// Returns the document of a neighbor with the parts that `mask` asks for.
absl::StatusOr<StoredDocument> ReadNeighbor(const CommitReader& reader,
                                            const DocumentNeighbor& neighbor,
                                            const DocumentMask& mask) {
  if (mask.IsEmpty()) {
    StoredDocument document;
    document.id = neighbor.document_id;
    document.type = neighbor.type;
    document.chunk = neighbor.chunk;
    document.content_hash = neighbor.content_hash;
    return document;
  }
  COPSE_ASSIGN_OR_RETURN(std::optional<StoredDocument> document,
                         ReadDocument(reader, neighbor.document_id, mask));
  if (!document.has_value()) {
    return absl::InternalError(
        absl::StrCat("the search found document '", neighbor.document_id,
                     "', which the commit does not hold"));
  }
  return *std::move(document);
}

}  // namespace

absl::Status CheckSearchSettings(const SearchSettings& settings) {
  if (settings.neighbor_count < 0 ||
      settings.neighbor_count > kNeighborCountMax) {
    return FieldInvalidError(
        "settings.neighbor_count", absl::StrCat(settings.neighbor_count),
        absl::StrCat("1 to ", kNeighborCountMax, ", or 0 for ",
                     kNeighborCountDefault));
  }
  if (settings.types.size() > kTypeCountMax) {
    return FieldInvalidError("settings.types",
                             absl::StrCat(settings.types.size(), " types"),
                             absl::StrCat("at most ", kTypeCountMax));
  }
  if (settings.scan_budget < 0) {
    return FieldInvalidError("settings.scan_budget",
                             absl::StrCat(settings.scan_budget), "at least 0");
  }
  // Not the negation of what is wrong, so that NaN is refused, too.
  if (!(settings.recall_target >= 0 && settings.recall_target <= 1)) {
    return FieldInvalidError("settings.recall_target",
                             absl::StrCat(settings.recall_target),
                             "more than 0 and at most 1, or 0 for none");
  }
  if (settings.max_distance.has_value() && std::isnan(*settings.max_distance)) {
    return FieldInvalidError("settings.max_distance", "NaN", "a number");
  }
  return absl::OkStatus();
}

DocumentSearchOptions ToSearchOptions(const SearchSettings& settings) {
  DocumentSearchOptions options;
  options.neighbor_count = static_cast<size_t>(settings.neighbor_count == 0
                                                   ? kNeighborCountDefault
                                                   : settings.neighbor_count);
  options.scan_budget = static_cast<size_t>(settings.scan_budget);
  options.recall_target = settings.recall_target;
  options.exact = settings.exact;
  options.types = settings.types;
  return options;
}

absl::StatusOr<SearchResponse> Searcher::Search(const SearchRequest& request,
                                                const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckSearchSettings(request.settings));
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(ResolvedCommit at,
                         ResolveCommit(store_, request.domain, request.at));
  COPSE_ASSIGN_OR_RETURN(QueryVector query,
                         FindQueryVector(request, at, context));
  DocumentSearchOptions options = ToSearchOptions(request.settings);
  options.query = query.vector;
  options.excluded_document_id = query.excluded_document_id;
  options.check = [&context] { return context.Check(); };
  options.is_user_query = !std::holds_alternative<DocumentQuery>(request.query);
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
                         at.reader->Search(options));

  SearchResponse response;
  response.answered_by = {at.commit, at.lag};
  response.source = query.source;
  response.work = result.work;
  const Metric metric = at.reader->domain_options().metric;
  ResponseSizeLimit size_limit;
  for (const DocumentNeighbor& neighbor : result.neighbors) {
    if (request.settings.max_distance.has_value() &&
        !(neighbor.distance <= *request.settings.max_distance)) {
      break;
    }
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(
        StoredDocument document,
        ReadNeighbor(*at.reader, neighbor, request.settings.mask));
    COPSE_RETURN_IF_ERROR(size_limit.Add(document, "settings.neighbor_count"));
    response.neighbors.push_back({std::move(document), neighbor.distance,
                                  SimilarityOf(metric, neighbor.distance)});
  }
  return response;
}

absl::StatusOr<Searcher::QueryVector> Searcher::FindQueryVector(
    const SearchRequest& request, const ResolvedCommit& at,
    const CallContext& context) {
  const DomainOptions& domain = at.reader->domain_options();
  QueryVector query;
  if (const auto* text = std::get_if<TextQuery>(&request.query)) {
    COPSE_RETURN_IF_ERROR(CheckQueryText("text", text->text));
    COPSE_ASSIGN_OR_RETURN(
        query.vector, embedders_.EmbedText(domain, text->text,
                                           EmbeddingRole::kQuery, context));
    return query;
  }
  if (const auto* vector = std::get_if<VectorQuery>(&request.query)) {
    COPSE_RETURN_IF_ERROR(
        CheckVectorOfDomain(domain.metric, domain.dimension, vector->vector));
    query.vector = vector->vector;
    return query;
  }
  const auto* document = std::get_if<DocumentQuery>(&request.query);
  if (document == nullptr) {
    return FieldInvalidError("query", "not set",
                             "a text, a vector or a document_id");
  }
  ResolvedCommit source = at;
  if (document->source.has_value()) {
    COPSE_ASSIGN_OR_RETURN(
        source, ResolveCommit(store_, request.domain, *document->source));
  }
  COPSE_ASSIGN_OR_RETURN(
      StoredDocument stored,
      RequireDocument(source, document->document_id, {.vector = true}));
  query.vector = std::move(stored.vector);
  query.excluded_document_id = document->document_id;
  query.source = {source.commit, source.lag};
  return query;
}

}  // namespace copse
