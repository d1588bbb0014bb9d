// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/searcher.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/text/code_points.h"
#include "sidecar/text/snippet.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

// Characters of a snippet.
constexpr int64_t kSnippetLengthMax = 160;

// Returns the document of a neighbor with the parts that `mask` asks for.
absl::StatusOr<StoredDocument> ReadStored(const CommitReader& reader,
                                          const DocumentNeighbor& neighbor,
                                          const DocumentMask& mask) {
  if (mask.IsEmpty()) {
    StoredDocument document;
    document.id = neighbor.document_id;
    document.type = neighbor.type;
    document.chunk_count = neighbor.chunk_count;
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

// Returns the snippet of the nearest chunk for a query by `query_text`.
absl::StatusOr<DocumentSnippet> MakeSnippet(absl::string_view text,
                                            const DocumentNeighbor& neighbor,
                                            absl::string_view query_text) {
  const bool is_whole = neighbor.chunk_count == 1;
  const absl::string_view chunk =
      is_whole ? text : TextAt(text, neighbor.place);
  COPSE_ASSIGN_OR_RETURN(
      const TextSnippet found,
      FindSnippet(chunk, query_text,
                  {.code_point_count_max = kSnippetLengthMax}));
  DocumentSnippet snippet;
  snippet.text = std::string(found.range.In(chunk));
  snippet.first_byte =
      found.range.begin + (is_whole ? 0 : neighbor.place.first_byte);
  for (const TextRange& match : found.matches) {
    snippet.matches.push_back({match.begin - found.range.begin, match.size()});
  }
  return snippet;
}

// Returns what a search answers of a neighbor. `query_text` is empty where no
// snippet is wanted.
absl::StatusOr<SearchNeighbor> ReadNeighbor(const CommitReader& reader,
                                            const DocumentNeighbor& neighbor,
                                            DocumentMask mask,
                                            absl::string_view query_text) {
  const bool returns_text = mask.text;
  mask.text = mask.text || !query_text.empty();
  SearchNeighbor found;
  COPSE_ASSIGN_OR_RETURN(found.document, ReadStored(reader, neighbor, mask));
  found.distance = neighbor.distance;
  found.similarity =
      SimilarityOf(reader.domain_options().metric, neighbor.distance);
  found.chunk = neighbor.chunk;
  found.place = neighbor.place;
  if (!query_text.empty() && found.document.text.has_value()) {
    COPSE_ASSIGN_OR_RETURN(
        found.snippet, MakeSnippet(*found.document.text, neighbor, query_text));
  }
  if (!returns_text) {
    found.document.text.reset();
  }
  return found;
}

// Adds `other` to `result`: of each document the nearer neighbor, in order, and
// `neighbor_count` of them at most.
void Merge(DocumentSearchResult other, size_t neighbor_count,
           DocumentSearchResult& result) {
  result.work.rows_scanned += other.work.rows_scanned;
  result.work.rows_reranked += other.work.rows_reranked;
  result.work.pages_read += other.work.pages_read;
  std::vector<DocumentNeighbor>& neighbors = result.neighbors;
  neighbors.insert(neighbors.end(),
                   std::make_move_iterator(other.neighbors.begin()),
                   std::make_move_iterator(other.neighbors.end()));
  std::ranges::sort(neighbors, {}, [](const DocumentNeighbor& neighbor) {
    return std::tie(neighbor.distance, neighbor.document_id, neighbor.chunk);
  });
  absl::flat_hash_set<std::string> found;
  std::erase_if(neighbors, [&found](const DocumentNeighbor& neighbor) {
    return !found.insert(neighbor.document_id).second;
  });
  if (neighbors.size() > neighbor_count) {
    neighbors.resize(neighbor_count);
  }
}

// Returns the vectors of at most kQueryChunkCountMax of `chunks`.
std::vector<std::vector<float>> SpreadVectors(std::vector<StoredChunk> chunks) {
  const size_t count = std::min(chunks.size(), kQueryChunkCountMax);
  std::vector<std::vector<float>> vectors;
  vectors.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    vectors.push_back(std::move(chunks[i * chunks.size() / count].vector));
  }
  return vectors;
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
  COPSE_ASSIGN_OR_RETURN(const QueryVectors query,
                         FindQueryVectors(request, at, context));
  DocumentSearchOptions options = ToSearchOptions(request.settings);
  options.excluded_document_id = query.excluded_document_id;
  options.check = [&context] { return context.Check(); };
  options.is_user_query = !std::holds_alternative<DocumentQuery>(request.query);
  options.query = query.vectors.front();
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
                         at.reader->Search(options));
  for (size_t i = 1; i < query.vectors.size(); ++i) {
    options.query = query.vectors[i];
    COPSE_ASSIGN_OR_RETURN(DocumentSearchResult other,
                           at.reader->Search(options));
    Merge(std::move(other), options.neighbor_count, result);
  }

  SearchResponse response;
  response.answered_by = {at.commit, at.lag};
  response.source = query.source;
  response.work = result.work;
  const auto* text = std::get_if<TextQuery>(&request.query);
  ResponseSizeLimit size_limit;
  for (const DocumentNeighbor& neighbor : result.neighbors) {
    if (request.settings.max_distance.has_value() &&
        !(neighbor.distance <= *request.settings.max_distance)) {
      break;
    }
    COPSE_RETURN_IF_ERROR(context.Check());
    const bool has_snippet = request.settings.with_snippets &&
                             text != nullptr &&
                             response.neighbors.size() < kSnippetCountMax;
    COPSE_ASSIGN_OR_RETURN(
        SearchNeighbor found,
        ReadNeighbor(*at.reader, neighbor, request.settings.mask,
                     has_snippet ? text->text : absl::string_view()));
    COPSE_RETURN_IF_ERROR(
        size_limit.Add(found.document, "settings.neighbor_count"));
    response.neighbors.push_back(std::move(found));
  }
  return response;
}

absl::StatusOr<Searcher::QueryVectors> Searcher::FindQueryVectors(
    const SearchRequest& request, const ResolvedCommit& at,
    const CallContext& context) {
  const DomainOptions& domain = at.reader->domain_options();
  QueryVectors query;
  if (const auto* text = std::get_if<TextQuery>(&request.query)) {
    COPSE_RETURN_IF_ERROR(CheckQueryText("text", text->text));
    COPSE_ASSIGN_OR_RETURN(
        std::vector<float> embedded,
        embedders_.EmbedText(domain, text->text, EmbeddingRole::kQuery,
                             context));
    query.vectors.push_back(std::move(embedded));
    return query;
  }
  if (const auto* vector = std::get_if<VectorQuery>(&request.query)) {
    COPSE_RETURN_IF_ERROR(
        CheckVectorOfDomain(domain.metric, domain.dimension, vector->vector));
    query.vectors = {vector->vector};
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
  query.vectors = SpreadVectors(std::move(stored.chunks));
  query.excluded_document_id = document->document_id;
  query.source = {source.commit, source.lag};
  return query;
}

}  // namespace copse
