// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/change_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "index/distance.h"
#include "index/split_mix.h"
#include "index/util/mutex.h"
#include "tests/torture/model.h"
#include "versioning/commit_reader.h"
#include "versioning/store_test_util.h"

namespace copse {

ChangeModel::ChangeModel() {
  for (uint32_t content = 0; content < kContentCountMax; ++content) {
    vectors_.push_back(MakeVector(kMetric, kDimension, content));
  }
}

bool ChangeModel::Has(const std::string& name) const {
  MutexLock lock(mutex_);
  return commits_.contains(name);
}

size_t ChangeModel::commit_count() const {
  MutexLock lock(mutex_);
  return commits_.size();
}

void ChangeModel::Add(const Commit& commit) {
  MutexLock lock(mutex_);
  commits_[commit.name] = commit.snapshot;
}

void ChangeModel::Remove(const std::string& name) {
  MutexLock lock(mutex_);
  commits_.erase(name);
}

ChangeModel::Commit ChangeModel::Draw(internal::SplitMix& random) const {
  MutexLock lock(mutex_);
  auto commit = commits_.begin();
  std::advance(commit, random.Below(commits_.size()));
  return {.name = commit->first, .snapshot = commit->second};
}

absl::StatusOr<size_t> ChangeModel::Check(
    const Snapshot& snapshot, std::span<const float> query,
    const DocumentSearchOptions& options,
    const DocumentSearchResult& result) const {
  using Found = std::pair<float, std::string>;
  std::vector<Found> found;
  for (const DocumentNeighbor& neighbor : result.neighbors) {
    const auto document = snapshot.find(neighbor.document_id);
    if (document == snapshot.end() ||
        neighbor.distance !=
            Distance(kMetric, query, vectors_[document->second])) {
      return absl::InternalError(absl::StrCat(
          "document '", neighbor.document_id, "' is at distance ",
          neighbor.distance, ", expected it to be elsewhere or not at all"));
    }
    found.emplace_back(neighbor.distance, neighbor.document_id);
  }
  if (!std::ranges::is_sorted(found) ||
      std::ranges::adjacent_find(found) != found.end()) {
    return absl::InternalError("documents are out of order, or come twice");
  }
  std::vector<Found> wanted;
  wanted.reserve(snapshot.size());
  for (const auto& [id, content] : snapshot) {
    wanted.emplace_back(Distance(kMetric, query, vectors_[content]), id);
  }
  const size_t count = std::min(wanted.size(), options.neighbor_count);
  std::ranges::partial_sort(wanted,
                            wanted.begin() + static_cast<int64_t>(count));
  wanted.resize(count);
  if (found.size() != count || (options.exact && found != wanted)) {
    return absl::InternalError(absl::StrCat(
        options.exact ? "an exact search" : "a search", " found ", found.size(),
        " documents, expected ", count, options.exact ? ", the nearest" : ""));
  }
  return static_cast<size_t>(
      std::ranges::count_if(found, [&](const Found& neighbor) {
        return neighbor.first <= wanted.back().first;
      }));
}

}  // namespace copse
