// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/explanation_text.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/utf8.h"
#include "copse/v1/search_service.pb.h"

namespace copse {
namespace {

std::string DescribeVectorSearch(
    const v1::SearchExplanation::VectorSearch& search, int64_t chunk_count) {
  std::string text = absl::StrFormat("%d of %d chunks pass the filters",
                                     search.passing_chunk_count(), chunk_count);
  if (search.passing_chunk_count() == chunk_count) {
    text = absl::StrFormat("all %d chunks", chunk_count);
  }
  const int64_t direct = search.directly_compared_chunk_count();
  if (!search.used_index()) {
    absl::StrAppend(&text, ", compared one by one, without the index");
  } else if (direct > 0) {
    absl::StrAppendFormat(&text,
                          ", %d of them compared one by one, as the index does "
                          "not have them, the others found through it",
                          direct);
  } else {
    absl::StrAppend(&text, ", found through the index");
  }
  if (search.round_count() > 1) {
    absl::StrAppendFormat(&text, "; asked %d times, each time for more",
                          search.round_count());
  }
  return text;
}

std::string DescribeWork(const v1::SearchWork& work) {
  if (work.page_count() == 0) {
    return absl::StrFormat("  work: %d distances computed\n",
                           work.scanned_row_count());
  }
  return absl::StrFormat(
      "  work: %d distances estimated or computed, %d of them computed after "
      "an "
      "estimate; pages of the index read: %d\n",
      work.scanned_row_count(), work.reranked_row_count(), work.page_count());
}

void AppendSearches(const v1::SearchExplanation& explanation,
                    const v1::SearchWork& work, std::string& text) {
  for (const auto& search : explanation.vector_searches()) {
    absl::StrAppend(&text, "  vectors: ",
                    DescribeVectorSearch(search, explanation.chunk_count()),
                    "\n");
  }
  if (explanation.vector_searches_size() > 0) {
    absl::StrAppend(&text, DescribeWork(work));
  }
  for (const auto& search : explanation.text_searches()) {
    absl::StrAppendFormat(
        &text,
        "  words: %d of %d chunks have a word of the query and pass the "
        "filters; a chunk has %.1f words on average\n",
        search.matching_chunk_count(), search.chunk_count(),
        search.mean_length());
  }
}

// How a part comes into the score of a hybrid search.
std::string FormatValue(double value, int rank, double weight,
                        v1::Fusion::Method method) {
  const std::string name = method == v1::Fusion::METHOD_NORMALIZED_SCORES
                               ? absl::StrFormat("normalized %.4f", value)
                               : absl::StrFormat("1 / (60 + %d)", rank);
  return absl::StrFormat("; %s * weight %.2f = %.4f", name, weight,
                         value * weight);
}

void AppendTerm(const v1::TermScore& term, std::string& text) {
  absl::StrAppendFormat(
      &text, "    %s: %.4f (in %d %s) * %.4f (%d %s here) = %.4f\n",
      Printable(term.term()), term.inverse_document_frequency(),
      term.matching_chunk_count(),
      term.matching_chunk_count() == 1 ? "chunk" : "chunks", term.saturation(),
      term.count(), term.count() == 1 ? "time" : "times", term.score());
}

void AppendText(const v1::Explanation::TextPart& part, std::string& text) {
  absl::StrAppendFormat(
      &text, "  words: place %d, BM25 score %.4f of chunk %d, which has %d %s",
      part.rank(), part.score(), part.chunk_number() + 1, part.length(),
      part.length() == 1 ? "word" : "words");
}

void AppendNeighbor(const v1::Neighbor& neighbor, v1::Fusion::Method method,
                    std::string& text) {
  const v1::Explanation& explanation = neighbor.explanation();
  absl::StrAppend(&text, Printable(neighbor.document().document_id()), "\n");
  const bool is_hybrid = explanation.has_vector_weight();
  const double weight = explanation.vector_weight();
  if (explanation.has_vector()) {
    const auto& part = explanation.vector();
    absl::StrAppendFormat(&text, "  vectors: place %d, distance %.4f",
                          part.rank(), part.distance());
    absl::StrAppend(
        &text,
        is_hybrid ? FormatValue(part.value(), part.rank(), weight, method) : "",
        "\n");
  } else if (is_hybrid) {
    absl::StrAppend(&text, "  vectors: not among those found, counts 0\n");
  }
  if (explanation.has_text()) {
    const auto& part = explanation.text();
    AppendText(part, text);
    absl::StrAppend(
        &text,
        is_hybrid ? FormatValue(part.value(), part.rank(), 1 - weight, method)
                  : "",
        "\n");
    for (const v1::TermScore& term : part.terms()) {
      if (term.count() > 0) {
        AppendTerm(term, text);
      }
    }
  } else if (is_hybrid) {
    absl::StrAppend(&text, "  words: not among those found, counts 0\n");
  }
  if (is_hybrid) {
    absl::StrAppendFormat(&text, "  score: %.4f, the sum of both\n",
                          neighbor.score());
  }
}

// What the numbers of words are.
constexpr char kTermLegend[] =
    "\nOf a word: how rare it is, ln(1 + (n - m + 0.5) / (m + 0.5)) for m of n "
    "chunks,\ntimes what its count in the chunk is worth, is what it adds to "
    "the BM25 score.\n";

// What normalized values are.
constexpr char kNormalizedLegend[] =
    "\nNormalized: of vectors 1 for the nearest of those found and 0 for the "
    "farthest, of\nwords the share of the best BM25 score.\n";

bool IsNormalized(v1::Fusion::Method method,
                  const std::vector<v1::Neighbor>& neighbors) {
  return method == v1::Fusion::METHOD_NORMALIZED_SCORES &&
         std::any_of(neighbors.begin(), neighbors.end(),
                     [](const v1::Neighbor& neighbor) {
                       return neighbor.explanation().has_vector_weight();
                     });
}

bool HasTerms(const std::vector<v1::Neighbor>& neighbors) {
  return std::any_of(neighbors.begin(), neighbors.end(),
                     [](const v1::Neighbor& neighbor) {
                       return neighbor.explanation().has_text();
                     });
}

}  // namespace

std::string FormatExplanation(const v1::SearchExplanation& explanation,
                              const v1::SearchWork& work,
                              const std::vector<v1::Neighbor>& neighbors,
                              v1::Fusion::Method method) {
  std::string text = "how it was searched\n";
  AppendSearches(explanation, work, text);
  for (const v1::Neighbor& neighbor : neighbors) {
    if (neighbor.has_explanation()) {
      AppendNeighbor(neighbor, method, text);
    }
  }
  absl::StrAppend(&text, HasTerms(neighbors) ? kTermLegend : "",
                  IsNormalized(method, neighbors) ? kNormalizedLegend : "");
  return text;
}

}  // namespace copse
