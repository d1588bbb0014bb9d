// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/explanation_text.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/utf8.h"
#include "copse/v1/search_service.pb.h"

namespace copse {
namespace {

void AppendSearches(const v1::SearchExplanation& explanation,
                    const v1::SearchWork& work, std::string& text) {
  for (const auto& search : explanation.vector_searches()) {
    absl::StrAppendFormat(
        &text,
        "vectors: %d of %d chunks pass the filters; %d compared directly, %s; "
        "rounds: %d\n",
        search.passing_chunk_count(), explanation.chunk_count(),
        search.directly_compared_chunk_count(),
        search.used_index() ? "the others through the index"
                            : "the index not used",
        search.round_count());
  }
  if (explanation.vector_searches_size() > 0) {
    absl::StrAppendFormat(
        &text,
        "work: %d chunks scanned, %d of them compared again; pages: %d\n",
        work.scanned_row_count(), work.reranked_row_count(), work.page_count());
  }
  for (const auto& search : explanation.text_searches()) {
    absl::StrAppendFormat(
        &text,
        "words: %d of %d chunks with words match; mean length %.1f words\n",
        search.matching_chunk_count(), search.chunk_count(),
        search.mean_length());
  }
}

void AppendTerm(const v1::TermScore& term, std::string& text) {
  absl::StrAppendFormat(
      &text, "    %.4f = idf %.4f (in %d chunks) * %.4f (%d times): %s\n",
      term.score(), term.inverse_document_frequency(),
      term.matching_chunk_count(), term.saturation(), term.count(),
      Printable(term.term()));
}

void AppendNeighbor(const v1::Neighbor& neighbor, std::string& text) {
  const v1::Explanation& explanation = neighbor.explanation();
  absl::StrAppend(&text, Printable(neighbor.document().document_id()), "\n");
  const double weight = explanation.vector_weight();
  if (explanation.has_vector()) {
    const auto& part = explanation.vector();
    absl::StrAppendFormat(&text, "  vectors: rank %d, distance %.4f",
                          part.rank(), part.distance());
    if (part.has_value()) {
      absl::StrAppendFormat(&text, "; %.4f * %.2f = %.4f", part.value(), weight,
                            part.value() * weight);
    }
    text += '\n';
  }
  if (explanation.has_text()) {
    const auto& part = explanation.text();
    absl::StrAppendFormat(
        &text, "  words: rank %d, score %.4f, chunk %d of %d words",
        part.rank(), part.score(), part.chunk_number() + 1, part.length());
    if (part.has_value()) {
      absl::StrAppendFormat(&text, "; %.4f * %.2f = %.4f", part.value(),
                            1 - weight, part.value() * (1 - weight));
    }
    text += '\n';
    for (const v1::TermScore& term : part.terms()) {
      if (term.count() > 0) {
        AppendTerm(term, text);
      }
    }
  }
}

}  // namespace

std::string FormatExplanation(const v1::SearchExplanation& explanation,
                              const v1::SearchWork& work,
                              const std::vector<v1::Neighbor>& neighbors) {
  std::string text;
  AppendSearches(explanation, work, text);
  for (const v1::Neighbor& neighbor : neighbors) {
    if (neighbor.has_explanation()) {
      AppendNeighbor(neighbor, text);
    }
  }
  return text;
}

}  // namespace copse
