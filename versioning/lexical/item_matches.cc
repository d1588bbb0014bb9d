// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/item_matches.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/lexical_query.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/row_set.h"

namespace copse {
namespace {

// Fewer matches are not put together before the end.
constexpr size_t kPrefixMatchCountMin = size_t{1} << 16;

using Check = std::function<absl::Status()>;

absl::Status Ask(const Check& check) {
  return check == nullptr ? absl::OkStatus() : check();
}

absl::StatusOr<std::vector<RowMatch>> FindTerm(const LexicalIndex& index,
                                               const RowSet& live,
                                               const LexicalQueryItem& item,
                                               const Check& check) {
  std::vector<RowMatch> matches;
  COPSE_RETURN_IF_ERROR(
      index.ForEachBucket(item.kind, item.terms.front(), PostingParts::kCounts,
                          [&](Ordinal first, const PostingList& list) {
                            for (const Posting& posting : list.postings) {
                              const Ordinal ordinal = first + posting.offset;
                              if (live.Contains(ordinal)) {
                                matches.push_back({ordinal, posting.count});
                              }
                            }
                            return Ask(check);
                          }));
  return matches;
}

// Where a phrase may be: the positions of its last word so far in each row.
struct PhrasePlaces {
  std::vector<Ordinal> ordinals;
  std::vector<std::vector<uint32_t>> positions;
};

// Puts into `places` the positions that stand one after one of `before`.
void KeepFollowers(std::span<const uint32_t> before,
                   std::span<const uint32_t> positions,
                   std::vector<uint32_t>& places) {
  size_t next = 0;
  for (const uint32_t position : positions) {
    while (next < before.size() && before[next] + 1 < position) {
      ++next;
    }
    if (next < before.size() && before[next] + 1 == position) {
      places.push_back(position);
    }
  }
}

absl::StatusOr<std::vector<RowMatch>> FindPhrase(const LexicalIndex& index,
                                                 const RowSet& live,
                                                 const LexicalQueryItem& item,
                                                 const Check& check) {
  PhrasePlaces found;
  for (size_t word = 0; word < item.terms.size(); ++word) {
    PhrasePlaces next;
    size_t cursor = 0;
    COPSE_RETURN_IF_ERROR(index.ForEachBucket(
        item.kind, item.terms[word], PostingParts::kCountsAndPositions,
        [&](Ordinal first, const PostingList& list) {
          ForEachPosting(list, [&](const Posting& posting,
                                   std::span<const uint32_t> positions) {
            const Ordinal ordinal = first + posting.offset;
            if (!live.Contains(ordinal)) {
              return;
            }
            std::vector<uint32_t> places;
            if (word == 0) {
              places.assign(positions.begin(), positions.end());
            } else {
              while (cursor < found.ordinals.size() &&
                     found.ordinals[cursor] < ordinal) {
                ++cursor;
              }
              if (cursor < found.ordinals.size() &&
                  found.ordinals[cursor] == ordinal) {
                KeepFollowers(found.positions[cursor], positions, places);
              }
            }
            if (!places.empty()) {
              next.ordinals.push_back(ordinal);
              next.positions.push_back(std::move(places));
            }
          });
          return Ask(check);
        }));
    found = std::move(next);
  }
  std::vector<RowMatch> matches;
  matches.reserve(found.ordinals.size());
  for (size_t i = 0; i < found.ordinals.size(); ++i) {
    matches.push_back(
        {found.ordinals[i], static_cast<uint32_t>(found.positions[i].size())});
  }
  return matches;
}

// Puts the matches of equal rows into one, and sorts them.
void Sum(std::vector<RowMatch>& matches) {
  std::ranges::sort(matches, {}, &RowMatch::ordinal);
  size_t end = 0;
  for (const RowMatch& match : matches) {
    if (end > 0 && matches[end - 1].ordinal == match.ordinal) {
      matches[end - 1].count += match.count;
    } else {
      matches[end++] = match;
    }
  }
  matches.resize(end);
}

absl::StatusOr<std::vector<RowMatch>> FindPrefix(const LexicalIndex& index,
                                                 const RowSet& live,
                                                 const LexicalQueryItem& item,
                                                 const Check& check) {
  std::vector<RowMatch> matches;
  // A row may have many of the terms: at most twice the rows are kept.
  const size_t count_max =
      kPrefixMatchCountMin + 2 * static_cast<size_t>(live.row_count());
  COPSE_RETURN_IF_ERROR(index.ForEachTerm(
      item.kind, item.terms.front(), PostingParts::kCounts,
      [&](absl::string_view, Ordinal first, const PostingList& list) {
        for (const Posting& posting : list.postings) {
          const Ordinal ordinal = first + posting.offset;
          if (live.Contains(ordinal)) {
            matches.push_back({ordinal, posting.count});
          }
        }
        if (matches.size() > count_max) {
          Sum(matches);
        }
        return Ask(check);
      }));
  Sum(matches);
  return matches;
}

}  // namespace

absl::StatusOr<std::vector<RowMatch>> FindMatches(
    const LexicalIndex& index, const RowSet& live, const LexicalQueryItem& item,
    const std::function<absl::Status()>& check) {
  switch (item.mode) {
    case LexicalQueryItem::Mode::kTerm:
      return FindTerm(index, live, item, check);
    case LexicalQueryItem::Mode::kPhrase:
      return FindPhrase(index, live, item, check);
    case LexicalQueryItem::Mode::kPrefix:
      return FindPrefix(index, live, item, check);
  }
  return absl::InternalError("unknown mode of a query item");
}

}  // namespace copse
