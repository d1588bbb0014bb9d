// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/suggestion.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace copse {
namespace {

// What is longer was not meant to be a name.
constexpr size_t kNameSizeBytesMax = 128;

std::string Normalize(absl::string_view name) {
  std::string normal = absl::AsciiStrToLower(name);
  std::ranges::replace(normal, '-', '_');
  return normal;
}

// Returns how far `candidate` is from `name`, for those that begin alike no
// more than one mistake.
size_t Distance(absl::string_view name, absl::string_view candidate) {
  const size_t distance = EditDistance(name, candidate);
  const bool begins = name.size() >= 3 && absl::StartsWith(candidate, name);
  return begins ? std::min<size_t>(distance, 1) : distance;
}

}  // namespace

size_t EditDistance(absl::string_view source, absl::string_view target) {
  // Rows of the table: two back, one back and the current one.
  std::vector<size_t> older(target.size() + 1);
  std::vector<size_t> old(target.size() + 1);
  std::vector<size_t> row(target.size() + 1);
  for (size_t j = 0; j <= target.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= source.size(); ++i) {
    std::swap(older, old);
    std::swap(old, row);
    row[0] = i;
    for (size_t j = 1; j <= target.size(); ++j) {
      const size_t replaced =
          old[j - 1] + (source[i - 1] == target[j - 1] ? 0 : 1);
      row[j] = std::min({old[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && source[i - 1] == target[j - 2] &&
          source[i - 2] == target[j - 1]) {
        row[j] = std::min(row[j], older[j - 2] + 1);
      }
    }
  }
  return row[target.size()];
}

std::string DidYouMean(absl::string_view name,
                       const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kNameSizeBytesMax) {
    return "";
  }
  const std::string normal = Normalize(name);
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, normal.size() / 4) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(normal, Normalize(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best == nullptr ? "" : absl::StrCat(", did you mean '", *best, "'?");
}

}  // namespace copse
