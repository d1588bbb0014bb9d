// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the part of a chunk to show for a query: the one with the most of the
// query's words.
//
//   const TextSnippet snippet = FindSnippet(chunk, "oak harbour",
//                                           {.code_point_count_max = 160});
//   Show(snippet.range.In(chunk), snippet.matches);
//
// Words are those of Unicode Standard Annex 29, compared as NFKC_Casefold makes
// them: case and width make no difference, accents and endings do.

#ifndef COPSE_SIDECAR_TEXT_SNIPPET_H_
#define COPSE_SIDECAR_TEXT_SNIPPET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"

namespace copse {

struct SnippetOptions {
  // At least 1. A word that is longer is cut; nothing else is.
  int64_t code_point_count_max = 160;
};

struct TextSnippet {
  // Begins and ends with a word, or with what follows it up to the next space.
  TextRange range;

  // The words of the query in it, as ranges of the chunk, in order.
  std::vector<TextRange> matches;
};

// Returns the snippet of `chunk` with the most different words of `query`, of
// those the one with the most words of it, and of those the first; without any,
// the begin of the chunk. Looks at no more than 1 MiB of the chunk and 64 KiB
// of the query. Returns kInvalidArgument if `chunk` or `query` is not UTF-8 or
// an option is wrong.
absl::StatusOr<TextSnippet> FindSnippet(absl::string_view chunk,
                                        absl::string_view query,
                                        const SnippetOptions& options);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_SNIPPET_H_
