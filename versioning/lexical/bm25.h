// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Okapi BM25: how well a row fits a query, by the words they share. The score
// of a row is the sum over the terms of the query of
//
//   idf * count * (k1 + 1) / (count + k1 * (1 - b + b * length / mean length))
//   idf = ln(1 + (rows - df + 0.5) / (df + 0.5))
//
// with the 1 + of Lucene, so that no term counts against a row. All numbers are
// of one commit, so equal commits give equal scores, to the last bit, whatever
// the histories: terms are summed in the order of the query.
//
// Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and
// Beyond, section 3.

#ifndef COPSE_VERSIONING_LEXICAL_BM25_H_
#define COPSE_VERSIONING_LEXICAL_BM25_H_

#include <cmath>
#include <cstdint>

namespace copse {

inline constexpr double kBm25Saturation = 1.2;         // k1
inline constexpr double kBm25LengthNormalizer = 0.75;  // b

// Of the rows of a commit that have words.
struct LexicalStatistics {
  int64_t row_count = 0;
  int64_t word_count = 0;  // In all of them.

  friend bool operator==(const LexicalStatistics&,
                         const LexicalStatistics&) = default;
};

// What a term that `matching_row_count` rows have is worth; more than 0.
inline double InverseDocumentFrequency(const LexicalStatistics& statistics,
                                       int64_t matching_row_count) {
  const auto rows = static_cast<double>(statistics.row_count);
  const auto matching = static_cast<double>(matching_row_count);
  return std::log1p((rows - matching + 0.5) / (matching + 0.5));
}

// What a term adds to the score of a row of `length` words that has it `count`
// times. REQUIRES: statistics.word_count > 0
inline double Bm25TermScore(const LexicalStatistics& statistics,
                            double inverse_document_frequency, double count,
                            double length) {
  const double mean_length = static_cast<double>(statistics.word_count) /
                             static_cast<double>(statistics.row_count);
  const double norm =
      1 - kBm25LengthNormalizer + kBm25LengthNormalizer * length / mean_length;
  return inverse_document_frequency * count * (kBm25Saturation + 1) /
         (count + kBm25Saturation * norm);
}

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_BM25_H_
