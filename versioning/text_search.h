// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Search by words at a commit: the rows that share words with a query, ranked
// by BM25 (lexical/bm25.h) with the numbers of that commit.
//
//   COPSE_ASSIGN_OR_RETURN(TextSearchResult result,
//                          SearchTexts(reader, {.query = "merge conflicts"}));
//
// Postings have the rows of all commits, so a search takes time with what is
// stored of its terms. All numbers are exact: terms are counted in the rows of
// the live set, as they are ranked.

#ifndef COPSE_VERSIONING_TEXT_SEARCH_H_
#define COPSE_VERSIONING_TEXT_SEARCH_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "versioning/commit_reader.h"

namespace copse {

class CommitReaderImpl;

// See CommitReader::SearchText().
absl::StatusOr<TextSearchResult> SearchTexts(const CommitReaderImpl& reader,
                                             const TextSearchOptions& options);

// See CommitReader::ExplainText().
absl::StatusOr<std::vector<TextScore>> ExplainTexts(
    const CommitReaderImpl& reader, const TextSearchOptions& options,
    std::span<const ChunkName> chunks);

}  // namespace copse

#endif  // COPSE_VERSIONING_TEXT_SEARCH_H_
