// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_search.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/forest.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_document.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/fusion.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/searcher.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

absl::StatusOr<AttributeValue> ToFilterValue(
    const std::string& field, const v1::AttributeValue& message) {
  std::optional<AttributeValue> value =
      ToAttributeValue(v1::AttributeValue(message));
  if (!value.has_value()) {
    return FilterInvalidError(field, "without a value", kAttributeValueWanted);
  }
  return *std::move(value);
}

absl::StatusOr<AttributeIn> ToAttributeIn(
    const std::string& field, const v1::AttributeCondition::Values& message) {
  AttributeIn in;
  for (int i = 0; i < message.values_size(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        AttributeValue value,
        ToFilterValue(absl::StrCat(field, ".any_of.values[", i, "]"),
                      message.values(i)));
    in.values.push_back(std::move(value));
  }
  return in;
}

absl::StatusOr<AttributeRange> ToAttributeRange(
    const std::string& field, const v1::AttributeCondition::Range& message) {
  AttributeRange range = {.excludes_least = message.excludes_least(),
                          .excludes_greatest = message.excludes_greatest()};
  if (message.has_least()) {
    COPSE_ASSIGN_OR_RETURN(
        range.least,
        ToFilterValue(absl::StrCat(field, ".range.least"), message.least()));
  }
  if (message.has_greatest()) {
    COPSE_ASSIGN_OR_RETURN(range.greatest,
                           ToFilterValue(absl::StrCat(field, ".range.greatest"),
                                         message.greatest()));
  }
  return range;
}

absl::StatusOr<AttributeCondition> ToAttributeCondition(
    const std::string& field, const v1::AttributeCondition& message) {
  AttributeCondition condition;
  condition.name = message.name();
  condition.is_negated = message.negated();
  switch (message.test_case()) {
    case v1::AttributeCondition::kExists:
      condition.is_negated = message.negated() == message.exists();
      return condition;
    case v1::AttributeCondition::kAnyOf: {
      COPSE_ASSIGN_OR_RETURN(condition.test,
                             ToAttributeIn(field, message.any_of()));
      return condition;
    }
    case v1::AttributeCondition::kRange: {
      COPSE_ASSIGN_OR_RETURN(condition.test,
                             ToAttributeRange(field, message.range()));
      return condition;
    }
    case v1::AttributeCondition::TEST_NOT_SET:
      break;
  }
  return FilterInvalidError(absl::StrCat(field, ".test"), "not set",
                            "exists, any_of or range");
}

absl::StatusOr<SearchFilter> ToSearchFilter(const v1::SearchSettings& message) {
  SearchFilter filter;
  for (int i = 0; i < message.conditions_size(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        AttributeCondition condition,
        ToAttributeCondition(absl::StrCat("settings.conditions[", i, "]"),
                             message.conditions(i)));
    filter.conditions.push_back(std::move(condition));
  }
  filter.id_prefixes.assign(message.document_id_prefixes().begin(),
                            message.document_id_prefixes().end());
  return filter;
}

absl::StatusOr<SearchMode> ToSearchMode(v1::SearchRequest::Mode mode) {
  switch (mode) {
    case v1::SearchRequest::MODE_UNSPECIFIED:
    case v1::SearchRequest::MODE_VECTOR:
      return SearchMode::kVector;
    case v1::SearchRequest::MODE_TEXT:
      return SearchMode::kText;
    case v1::SearchRequest::MODE_HYBRID:
      return SearchMode::kHybrid;
    default:
      return FieldInvalidError("mode", absl::StrCat(static_cast<int>(mode)),
                               "a value of SearchRequest.Mode");
  }
}

absl::StatusOr<Fusion> ToFusion(const v1::Fusion& message) {
  Fusion fusion;
  switch (message.method()) {
    case v1::Fusion::METHOD_UNSPECIFIED:
    case v1::Fusion::METHOD_RECIPROCAL_RANK:
      fusion.method = Fusion::Method::kReciprocalRank;
      break;
    case v1::Fusion::METHOD_NORMALIZED_SCORES:
      fusion.method = Fusion::Method::kNormalizedScores;
      break;
    default:
      return FieldInvalidError("fusion.method",
                               absl::StrCat(static_cast<int>(message.method())),
                               "a value of Fusion.Method");
  }
  if (message.has_vector_weight()) {
    fusion.vector_weight = message.vector_weight();
  }
  return fusion;
}

void Fill(const DocumentSnippet& snippet, v1::Snippet& message) {
  message.set_text(snippet.text);
  message.set_first_byte(static_cast<int64_t>(snippet.first_byte));
  for (const DocumentSnippet::Match& match : snippet.matches) {
    v1::Snippet::Match& found = *message.add_matches();
    found.set_first_byte(static_cast<int32_t>(match.first_byte));
    found.set_size_bytes(static_cast<int32_t>(match.size_bytes));
  }
}

}  // namespace

absl::StatusOr<SearchSettings> ToSearchSettings(
    const v1::SearchSettings& message) {
  SearchSettings settings;
  COPSE_ASSIGN_OR_RETURN(settings.filter, ToSearchFilter(message));
  settings.explain = message.explain();
  settings.neighbor_count = message.neighbor_count();
  settings.types.assign(message.types().begin(), message.types().end());
  settings.scan_budget = message.scan_budget();
  settings.recall_target = message.recall_target();
  settings.exact = message.exact();
  if (message.has_max_distance()) {
    settings.max_distance = message.max_distance();
  }
  if (message.has_start()) {
    settings.start = message.start();
  }
  settings.document_ids.assign(message.document_ids().begin(),
                               message.document_ids().end());
  settings.mask = ToDocumentMask(message.document_mask());
  settings.with_snippets = message.with_snippets();
  return settings;
}

absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::SearchRequest& message) {
  SearchRequest request;
  COPSE_ASSIGN_OR_RETURN(request.mode, ToSearchMode(message.mode()));
  COPSE_ASSIGN_OR_RETURN(request.fusion, ToFusion(message.fusion()));
  request.is_plain = message.plain_text();
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  switch (message.query_case()) {
    case v1::SearchRequest::kText:
      request.query = TextQuery{message.text()};
      break;
    case v1::SearchRequest::kVector: {
      const auto& components = message.vector().components();
      request.query = VectorQuery{{components.begin(), components.end()}};
      break;
    }
    case v1::SearchRequest::kDocumentId:
      request.query = DocumentQuery{message.document_id(), std::nullopt};
      break;
    case v1::SearchRequest::QUERY_NOT_SET:
      break;
  }
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  return request;
}

absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::FindSimilarRequest& message) {
  SearchRequest request;
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  DocumentQuery query;
  query.document_id = message.document_id();
  if (message.has_source()) {
    query.source = ToCommitSelector(message.source());
  }
  request.query = std::move(query);
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  return request;
}

void Fill(SearchNeighbor&& neighbor, const DocumentMask& mask,
          v1::Neighbor& message) {
  Fill(std::move(neighbor.document), mask, *message.mutable_document());
  message.set_distance(double{neighbor.distance});
  if (neighbor.similarity.has_value()) {
    message.set_similarity(*neighbor.similarity);
  }
  if (message.document().chunk_count() > 1) {
    Fill(neighbor.chunk, neighbor.place, *message.mutable_chunk());
  }
  if (neighbor.snippet.has_value()) {
    Fill(*neighbor.snippet, *message.mutable_snippet());
  }
  if (neighbor.score.has_value()) {
    message.set_score(*neighbor.score);
  }
}

void Fill(const SearchWork& work, v1::SearchWork& message) {
  message.set_scanned_row_count(work.rows_scanned);
  message.set_reranked_row_count(work.rows_reranked);
  message.set_page_count(work.pages_read);
}

void Fill(NeighborExplanation&& explanation, const SearchExplanation& search,
          double distance, v1::Explanation& message) {
  const bool is_fused = search.vector_weight.has_value();
  if (is_fused) {
    message.set_vector_weight(*search.vector_weight);
  }
  if (explanation.vector.has_value()) {
    v1::Explanation::VectorPart& part = *message.mutable_vector();
    part.set_rank(static_cast<int32_t>(explanation.vector->rank));
    part.set_distance(distance);
    if (is_fused) {
      part.set_value(explanation.vector->value);
    }
  }
  if (!explanation.text.has_value()) {
    return;
  }
  v1::Explanation::TextPart& part = *message.mutable_text();
  part.set_rank(static_cast<int32_t>(explanation.text->rank));
  part.set_score(explanation.text_score);
  part.set_chunk_number(static_cast<int32_t>(explanation.text_chunk));
  part.set_length(explanation.text_terms.length);
  if (is_fused) {
    part.set_value(explanation.text->value);
  }
  for (TermScore& term : explanation.text_terms.terms) {
    v1::TermScore& target = *part.add_terms();
    target.set_term(std::move(term.term));
    target.set_matching_chunk_count(term.matching_row_count);
    target.set_inverse_document_frequency(term.inverse_document_frequency);
    target.set_count(term.count);
    target.set_saturation(term.saturation);
    target.set_score(term.score);
  }
}

void Fill(const SearchExplanation& explanation,
          v1::SearchExplanation& message) {
  message.set_chunk_count(explanation.row_count);
  for (const SearchPlan& plan : explanation.vector_searches) {
    v1::SearchExplanation::VectorSearch& search =
        *message.add_vector_searches();
    search.set_passing_chunk_count(plan.passing_row_count);
    search.set_directly_compared_chunk_count(plan.compared_row_count);
    search.set_used_index(plan.uses_forest);
    search.set_round_count(plan.round_count);
  }
  for (const SearchExplanation::TextSearch& text : explanation.text_searches) {
    v1::SearchExplanation::TextSearch& search = *message.add_text_searches();
    search.set_matching_chunk_count(text.matching_row_count);
    search.set_chunk_count(text.statistics.row_count);
    search.set_mean_length(
        text.statistics.row_count == 0
            ? 0
            : static_cast<double>(text.statistics.word_count) /
                  static_cast<double>(text.statistics.row_count));
  }
}

void Fill(TermSuggestion&& suggestion, v1::TermSuggestion& message) {
  message.set_term(std::move(suggestion.term));
  message.set_text(std::move(suggestion.text));
  message.set_chunk_count(suggestion.row_count);
  message.set_edit_count(suggestion.edit_count);
}

}  // namespace copse
