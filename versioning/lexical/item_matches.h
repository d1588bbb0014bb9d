// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The rows of a commit that have one item of a query, and how often.
//
//   COPSE_ASSIGN_OR_RETURN(std::vector<RowMatch> matches,
//                          FindMatches(index, live, item, check));

#ifndef COPSE_VERSIONING_LEXICAL_ITEM_MATCHES_H_
#define COPSE_VERSIONING_LEXICAL_ITEM_MATCHES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/vector_source.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/lexical_query.h"
#include "versioning/row_set.h"

namespace copse {

struct RowMatch {
  Ordinal ordinal = 0;
  uint32_t count = 0;  // Of words, phrases, or words that begin so.

  friend bool operator==(const RowMatch&, const RowMatch&) = default;
};

// Returns the rows of `live` that have `item`, ascending. Fails with what
// `check` fails with, which may be null and is called now and then, and with
// kDataLoss, DATA_DAMAGED.
absl::StatusOr<std::vector<RowMatch>> FindMatches(
    const LexicalIndex& index, const RowSet& live, const LexicalQueryItem& item,
    const std::function<absl::Status()>& check);

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_ITEM_MATCHES_H_
