// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/piece_trie.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace copse {

// Breadth first: the pieces of a node are a range of the sorted pieces, and
// nodes are numbered in the order in which their ranges are taken up.
PieceTrie::PieceTrie(std::vector<std::pair<std::string, uint32_t>> pieces) {
  std::ranges::sort(pieces);
  struct Pending {
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Pending> pending = {{0, pieces.size(), 0}};
  nodes_.emplace_back();
  for (uint32_t node = 0; node < pending.size(); ++node) {
    auto [begin, end, depth] = pending[node];
    for (; begin < end && pieces[begin].first.size() == depth; ++begin) {
      if (depth > 0) {
        nodes_[node].id = pieces[begin].second;
      }
    }
    nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = pieces[begin].first[depth];
      size_t next = begin;
      while (next < end && pieces[next].first[depth] == byte) {
        ++next;
      }
      Node child;
      child.byte = static_cast<uint8_t>(byte);
      nodes_.push_back(child);
      ++nodes_[node].child_count;
      pending.push_back({begin, next, depth + 1});
      begin = next;
    }
  }
  for (uint32_t i = 0; i < nodes_[0].child_count; ++i) {
    root_children_[nodes_[1 + i].byte] = 1 + i;
  }
}

std::optional<uint32_t> PieceTrie::Find(absl::string_view piece) const {
  const std::optional<Match> match = LongestPrefix(piece);
  if (!match.has_value() || match->size != piece.size()) {
    return std::nullopt;
  }
  return match->id;
}

}  // namespace copse
