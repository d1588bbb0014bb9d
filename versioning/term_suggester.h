// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Suggests words of a commit for the beginning of one, or for one that is
// spelled wrong.
//
//   COPSE_ASSIGN_OR_RETURN(std::vector<TermSuggestion> suggestions,
//                          SuggestFrom(reader, {.text = "git comit"}));
//
// Completions are the words that begin with the last word of the text, or the
// identifiers, if it has signs. They come in descending order of the number of
// rows that have them. Corrections are the words that begin with the same
// character and become it by one change (3 to 5 characters) or at most two
// (longer ones): a character that is wrong, missing, too many, or in the place
// of its neighbour. They come in ascending order of the changes, then as
// completions do. Equal ones are in the order of their bytes.

#ifndef COPSE_VERSIONING_TERM_SUGGESTER_H_
#define COPSE_VERSIONING_TERM_SUGGESTER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/commit_reader.h"

namespace copse {

class CommitReaderImpl;

// See CommitReader::SuggestTerms().
absl::StatusOr<std::vector<TermSuggestion>> SuggestFrom(
    const CommitReaderImpl& reader, const SuggestOptions& options);

// Returns by how many changes, as above, `left` becomes `right`, both valid
// UTF-8, or a number above `count_max` if there are more.
int CountEdits(absl::string_view left, absl::string_view right, int count_max);

}  // namespace copse

#endif  // COPSE_VERSIONING_TERM_SUGGESTER_H_
