// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The postings of one term: in which rows it stands, how often, and where.
//
//   PostingList list = {.has_positions = true};
//   list.Add({.offset = 17, .count = 2}, positions);
//   const std::string block = EncodePostings(list);
//   ...
//   COPSE_ASSIGN_OR_RETURN(PostingList list,
//                          ParsePostings(value, PostingParts::kCounts));
//
// The rows of a domain are split into buckets of 4,096 ordinals, and a value of
// table `postings` has the postings of a term in one bucket: one block, or
// several in a row where pushes added some that the database has not merged
// yet (posting_merge_operator.h). A block, without padding:
//
//   OFFSET  SIZE  FIELD
//        0     1  version, 1
//        1     v  payload size n, a varint
//      1+v     n  payload
//    1+v+n     4  checksum, the low half of XXH3-64 with seed 0 of all bytes
//                 of the block before it
//
// The payload is of varints, as in Protocol Buffers:
//
//   header      postings * 2, plus 1 if they have positions; at most 4,096
//   for each posting, ascending:
//     row       (offset - offset before) * 2, plus 1 if the term stands once
//     count     if it does not stand once; 2 or more
//   with positions, for each posting:
//     position  min(count, kPositionCountMax) of them, each as the distance to
//               the one before it
//
// Invariants: offsets ascend strictly, and so do the positions of a posting;
// has_positions is the same for all blocks of a term.

#ifndef COPSE_VERSIONING_LEXICAL_POSTING_LIST_H_
#define COPSE_VERSIONING_LEXICAL_POSTING_LIST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

inline constexpr int kPostingBucketBits = 12;
inline constexpr uint32_t kPostingBucketSize = uint32_t{1}
                                               << kPostingBucketBits;

// How many places of a term in one row are kept, for phrases. All are counted.
inline constexpr uint32_t kPositionCountMax = 1024;

struct Posting {
  uint32_t offset = 0;  // Of the row in its bucket.
  uint32_t count = 0;   // How often the term stands in it, at least 1.

  // How many positions it has where the list has some.
  uint32_t position_count() const { return std::min(count, kPositionCountMax); }

  friend bool operator==(const Posting&, const Posting&) = default;
};

struct PostingList {
  bool has_positions = false;
  std::vector<Posting> postings = {};

  // Those of the first posting, then those of the second, and so on: the number
  // of the word in its row, from 0.
  std::vector<uint32_t> positions = {};

  // REQUIRES: `posting` comes after all others; `places` are its positions, or
  // none if the list has none.
  void Add(const Posting& posting, std::span<const uint32_t> places) {
    postings.push_back(posting);
    positions.insert(positions.end(), places.begin(), places.end());
  }

  friend bool operator==(const PostingList&, const PostingList&) = default;
};

// Returns the block of `list`. REQUIRES: the invariants above.
std::string EncodePostings(const PostingList& list);

enum class PostingParts { kCounts, kCountsAndPositions };

// Returns the postings of all blocks of `value` together; with kCounts, the
// positions are left out, and has_positions is false. Fails with kDataLoss if
// `value` is damaged, and kUnimplemented if a block is of a newer version. No
// block, no postings.
absl::StatusOr<PostingList> ParsePostings(absl::string_view value,
                                          PostingParts parts);

// Calls `visit(posting, positions)` for each posting.
template <typename Visit>
void ForEachPosting(const PostingList& list, Visit visit) {
  std::span<const uint32_t> rest = list.positions;
  for (const Posting& posting : list.postings) {
    const size_t count = list.has_positions ? posting.position_count() : 0;
    visit(posting, rest.first(count));
    rest = rest.subspan(count);
  }
}

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_POSTING_LIST_H_
