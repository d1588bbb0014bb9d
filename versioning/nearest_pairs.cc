// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/nearest_pairs.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "versioning/involved_documents.h"

namespace copse {
namespace {

// So many are held at least: sorting a few, again and again, is slow.
constexpr size_t kHeldCountMin = 1024;

}  // namespace

NearestPairs::NearestPairs(size_t count_max, const InvolvedDocuments& documents)
    : count_max_(count_max),
      held_count_max_(std::max(2 * count_max, kHeldCountMin)),
      documents_(documents) {}

void NearestPairs::Add(const FoundPair& pair) {
  // What equals the last one may be of nearer rows.
  if (last_.has_value() && IsBefore(*last_, pair)) {
    return;
  }
  pairs_.push_back(pair);
  if (pairs_.size() >= held_count_max_) {
    Shrink();
  }
}

std::vector<Ordinal> NearestPairs::KeepNearest() {
  Shrink();
  std::vector<Ordinal> rows;
  rows.reserve(2 * pairs_.size());
  for (const FoundPair& pair : pairs_) {
    rows.push_back(pair.first_row);
    rows.push_back(pair.second_row);
  }
  return rows;
}

std::vector<FoundPair> NearestPairs::Finish() {
  Shrink();
  std::sort(pairs_.begin(), pairs_.end(),
            [this](const FoundPair& left, const FoundPair& right) {
              return IsBefore(left, right);
            });
  return std::move(pairs_);
}

bool NearestPairs::IsBefore(const FoundPair& left,
                            const FoundPair& right) const {
  if (left.distance != right.distance) {
    return left.distance < right.distance;
  }
  const auto ids = [this](const FoundPair& pair) {
    const std::string& first = documents_.IdOf(pair.first_document);
    const std::string& second = documents_.IdOf(pair.second_document);
    return first < second ? std::tie(first, second) : std::tie(second, first);
  };
  return ids(left) < ids(right);
}

void NearestPairs::Shrink() {
  std::sort(pairs_.begin(), pairs_.end(), LessByDocuments());
  pairs_.erase(std::unique(pairs_.begin(), pairs_.end(), SameDocuments()),
               pairs_.end());
  if (pairs_.size() < count_max_) {
    return;
  }
  const auto last = pairs_.begin() + static_cast<ptrdiff_t>(count_max_ - 1);
  std::nth_element(pairs_.begin(), last, pairs_.end(),
                   [this](const FoundPair& left, const FoundPair& right) {
                     return IsBefore(left, right);
                   });
  pairs_.resize(count_max_);
  last_ = pairs_.back();
}

}  // namespace copse
