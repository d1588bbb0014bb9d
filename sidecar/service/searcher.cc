// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/searcher.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
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
#include "sidecar/service/filter_warnings.h"
#include "sidecar/service/fusion.h"
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
    document.has_text = neighbor.has_text;
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

}  // namespace

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

namespace {

void Add(const SearchWork& other, SearchWork& work) {
  work.rows_scanned += other.rows_scanned;
  work.rows_reranked += other.rows_reranked;
  work.pages_read += other.pages_read;
}

// Adds `other` to `result`: of each document the nearer neighbor, in order, and
// `neighbor_count` of them at most.
void Merge(DocumentSearchResult other, size_t neighbor_count,
           DocumentSearchResult& result) {
  Add(other.work, result.work);
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

// How many neighbors the searches look for whose results make up the order of
// pages.
constexpr std::array<size_t, 3> kPageDepths = {100, 1000,
                                               size_t{kNeighborCountMax}};

absl::Status CheckMode(const SearchRequest& request) {
  if (request.mode != SearchMode::kVector &&
      !std::holds_alternative<TextQuery>(request.query)) {
    return FieldInvalidError("mode", "by words or hybrid without a text",
                             "by vectors where the query is not a text");
  }
  if (request.mode == SearchMode::kHybrid &&
      request.settings.max_distance.has_value()) {
    return FieldInvalidError("settings.max_distance", "set",
                             "not to be set in a hybrid search");
  }
  const double weight = request.fusion.vector_weight.value_or(0);
  if (!(weight >= 0 && weight <= 1)) {
    return FieldInvalidError("fusion.vector_weight", absl::StrCat(weight),
                             "0 to 1");
  }
  return absl::OkStatus();
}

std::vector<RankedChunk> RankByDistance(std::vector<DocumentNeighbor> nearest) {
  std::vector<RankedChunk> ranked;
  ranked.reserve(nearest.size());
  for (DocumentNeighbor& neighbor : nearest) {
    ranked.push_back(
        {.neighbor = std::move(neighbor), .has_vector_distance = true});
    ranked.back().vector_part.rank = static_cast<int64_t>(ranked.size());
  }
  return ranked;
}

// What is searched for, and where.
struct Query {
  const SearchRequest& request;
  const CommitReader& reader;
  std::span<const std::vector<float>> vectors;  // None to search by words only.
  DocumentSearchOptions options;                // Without a vector.
  SearchExplanation* explanation;               // Null if nobody asks.
};

TextSearchOptions ToTextOptions(const Query& query) {
  return {.query = std::get<TextQuery>(query.request.query).text,
          .has_operators = !query.request.is_plain,
          .types = query.options.types,
          .document_ids = query.options.document_ids,
          .check = query.options.check,
          .filter = query.options.filter};
}

absl::StatusOr<TextSearchResult> SearchText(const Query& query,
                                            size_t neighbor_count,
                                            bool by_chunk) {
  TextSearchOptions options = ToTextOptions(query);
  options.neighbor_count = neighbor_count;
  options.by_chunk = by_chunk;
  COPSE_ASSIGN_OR_RETURN(TextSearchResult result,
                         query.reader.SearchText(options));
  if (query.explanation != nullptr) {
    query.explanation->text_searches.push_back(
        {result.matching_row_count, result.statistics});
  }
  return result;
}

absl::StatusOr<DocumentSearchResult> SearchVector(
    const Query& query, const DocumentSearchOptions& options) {
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
                         query.reader.Search(options));
  if (query.explanation != nullptr) {
    query.explanation->vector_searches.push_back(result.plan);
  }
  return result;
}

// Returns what is nearest to any of the vectors.
absl::StatusOr<DocumentSearchResult> SearchNearest(const Query& query) {
  DocumentSearchOptions options = query.options;
  options.query = query.vectors.front();
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
                         SearchVector(query, options));
  for (const std::vector<float>& vector : query.vectors.subspan(1)) {
    options.query = vector;
    COPSE_ASSIGN_OR_RETURN(DocumentSearchResult other,
                           SearchVector(query, options));
    Merge(std::move(other), options.neighbor_count, result);
  }
  return result;
}

// What searches for some number of neighbors found.
struct RankedList {
  std::vector<RankedChunk> chunks = {};
  bool is_complete = false;  // There are no others.
};

// Searches for as many neighbors as the options of the query say.
absl::StatusOr<RankedList> RankToDepth(const Query& query, SearchWork& work) {
  const size_t depth = query.options.neighbor_count;
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult nearest, SearchNearest(query));
  Add(nearest.work, work);
  RankedList list = {.is_complete = nearest.neighbors.size() < depth};
  if (query.request.mode == SearchMode::kVector) {
    list.chunks = RankByDistance(std::move(nearest.neighbors));
    return list;
  }
  COPSE_ASSIGN_OR_RETURN(TextSearchResult matching,
                         SearchText(query, depth, query.options.by_chunk));
  list.is_complete = list.is_complete && matching.neighbors.size() < depth;
  list.chunks = Fuse(std::move(nearest.neighbors),
                     std::move(matching.neighbors), query.request.fusion);
  return list;
}

// Returns the first `document_count` documents of the order in which the
// request has them, each with its best chunk.
absl::StatusOr<std::vector<RankedChunk>> Rank(Query query,
                                              size_t document_count,
                                              SearchWork& work) {
  document_count = std::min(document_count, size_t{kNeighborCountMax});
  if (query.request.mode == SearchMode::kText) {
    COPSE_ASSIGN_OR_RETURN(TextSearchResult matching,
                           SearchText(query, document_count, false));
    return RankByText(std::move(matching.neighbors));
  }
  if (query.request.mode == SearchMode::kVector &&
      !query.request.settings.start.has_value()) {
    COPSE_ASSIGN_OR_RETURN(DocumentSearchResult nearest, SearchNearest(query));
    work = nearest.work;
    return RankByDistance(std::move(nearest.neighbors));
  }
  query.options.by_chunk = query.request.mode == SearchMode::kHybrid &&
                           query.request.fusion.by_chunk;
  std::vector<RankedChunk> documents;
  absl::flat_hash_set<std::string> found;
  for (const size_t depth : kPageDepths) {
    query.options.neighbor_count = depth;
    COPSE_ASSIGN_OR_RETURN(RankedList list, RankToDepth(query, work));
    query.options.is_user_query = false;  // It was sampled.
    for (RankedChunk& chunk : list.chunks) {
      if (found.insert(chunk.neighbor.document_id).second) {
        documents.push_back(std::move(chunk));
      }
    }
    if (list.is_complete || documents.size() >= document_count) {
      break;
    }
  }
  documents.resize(std::min(documents.size(), document_count));
  return documents;
}

// Returns the explanations of `ranked`.
absl::StatusOr<std::vector<NeighborExplanation>> ExplainNeighbors(
    const Query& query, std::span<const RankedChunk> ranked) {
  std::vector<NeighborExplanation> explanations(ranked.size());
  std::vector<ChunkName> chunks;
  std::vector<size_t> places;
  for (size_t i = 0; i < ranked.size(); ++i) {
    const RankedChunk& chunk = ranked[i];
    NeighborExplanation& explanation = explanations[i];
    if (chunk.vector_part.rank > 0) {
      explanation.vector = chunk.vector_part;
    }
    if (chunk.text_part.rank > 0) {
      explanation.text = chunk.text_part;
      explanation.text_score = chunk.text_score;
      explanation.text_chunk = chunk.text_chunk;
      chunks.push_back({chunk.neighbor.document_id, chunk.text_chunk});
      places.push_back(i);
    }
  }
  if (chunks.empty()) {
    return explanations;
  }
  COPSE_ASSIGN_OR_RETURN(
      std::vector<TextScore> scores,
      query.reader.ExplainText(ToTextOptions(query), chunks));
  for (size_t i = 0; i < scores.size(); ++i) {
    explanations[places[i]].text_terms = std::move(scores[i]);
  }
  return explanations;
}

// Returns the part of `ranked` that a page which begins at `start` explains.
std::span<const RankedChunk> ExplainedPart(std::span<const RankedChunk> ranked,
                                           size_t start) {
  const std::span<const RankedChunk> page =
      ranked.subspan(std::min(start, ranked.size()));
  return page.first(std::min(page.size(), kExplanationCountMax));
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
  if (settings.document_ids.size() > kFilterIdCountMax) {
    return FieldInvalidError(
        "settings.document_ids",
        absl::StrCat(settings.document_ids.size(), " documents"),
        absl::StrCat("at most ", kFilterIdCountMax));
  }
  const int64_t start = settings.start.value_or(0);
  if (start < 0 || start > kNeighborCountMax) {
    return FieldInvalidError("settings.start", absl::StrCat(start),
                             absl::StrCat("0 to ", kNeighborCountMax));
  }
  if (settings.max_distance.has_value() && std::isnan(*settings.max_distance)) {
    return FieldInvalidError("settings.max_distance", "NaN", "a number");
  }
  return CheckSearchFilter(settings.filter, "settings.");
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
  options.document_ids = settings.document_ids;
  options.filter = settings.filter;
  options.explains = settings.explain;
  return options;
}

absl::StatusOr<SearchResponse> Searcher::Search(const SearchRequest& request,
                                                const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckSearchSettings(request.settings));
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(ResolvedCommit at,
                         ResolveCommit(store_, request.domain, request.at));
  COPSE_RETURN_IF_ERROR(CheckMode(request));
  QueryVectors query;
  if (request.mode != SearchMode::kText) {
    COPSE_ASSIGN_OR_RETURN(query, FindQueryVectors(request, at, context));
  }
  DocumentSearchOptions options = ToSearchOptions(request.settings);
  options.excluded_document_id = query.excluded_document_id;
  options.check = [&context] { return context.Check(); };
  options.is_user_query = !std::holds_alternative<DocumentQuery>(request.query);
  const auto start = static_cast<size_t>(request.settings.start.value_or(0));
  SearchResponse response;
  const size_t end = start + options.neighbor_count;
  if (request.settings.explain) {
    response.explanation.emplace().row_count = at.reader->info().vector_count;
    if (request.mode == SearchMode::kHybrid) {
      response.explanation->vector_weight = VectorWeightOf(request.fusion);
    }
  }
  const Query ranking = {
      request, *at.reader, query.vectors, std::move(options),
      response.explanation.has_value() ? &*response.explanation : nullptr};
  COPSE_ASSIGN_OR_RETURN(const std::vector<RankedChunk> ranked,
                         Rank(ranking, end, response.work));
  std::vector<NeighborExplanation> explanations;
  if (request.settings.explain) {
    COPSE_ASSIGN_OR_RETURN(
        explanations, ExplainNeighbors(ranking, ExplainedPart(ranked, start)));
  }
  response.answered_by = {at.commit, at.lag};
  response.source = query.source;
  COPSE_ASSIGN_OR_RETURN(response.warnings,
                         FindFilterWarnings(at, request.settings.types,
                                            request.settings.document_ids,
                                            request.settings.filter));
  const auto* text = std::get_if<TextQuery>(&request.query);
  ResponseSizeLimit size_limit;
  for (size_t i = start; i < ranked.size(); ++i) {
    const DocumentNeighbor& neighbor = ranked[i].neighbor;
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
    if (!ranked[i].has_vector_distance) {
      found.similarity.reset();
    }
    if (request.mode != SearchMode::kVector) {
      found.score = ranked[i].score;
    }
    if (i - start < explanations.size()) {
      found.explanation = std::move(explanations[i - start]);
    }
    response.neighbors.push_back(std::move(found));
  }
  return response;
}

absl::StatusOr<SuggestResponse> Searcher::Suggest(const SuggestRequest& request,
                                                  const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckQueryText("text", request.text));
  if (request.suggestion_count < 0 ||
      request.suggestion_count > kSuggestionCountMax) {
    return FieldInvalidError(
        "suggestion_count", absl::StrCat(request.suggestion_count),
        absl::StrCat("1 to ", kSuggestionCountMax, ", or 0 for ",
                     kSuggestionCountDefault));
  }
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         ResolveCommit(store_, request.domain, request.at));
  SuggestResponse response;
  response.answered_by = {at.commit, at.lag};
  COPSE_ASSIGN_OR_RETURN(
      response.suggestions,
      at.reader->SuggestTerms(
          {.text = request.text,
           .suggestion_count = static_cast<size_t>(
               request.suggestion_count == 0 ? kSuggestionCountDefault
                                             : request.suggestion_count),
           .check = [&context] { return context.Check(); }}));
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
