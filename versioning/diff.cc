// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/diff.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/stored_vector.h"
#include "index/util/status_macros.h"
#include "versioning/row_difference.h"
#include "versioning/vector_segments.h"
#include "versioning/version_distance.h"

namespace copse {
namespace {

using Visit = std::function<absl::Status(const DocumentChange&)>;

// Whether `left` comes first in the order of distances.
bool IsFarther(const DocumentChange& left, const DocumentChange& right) {
  if (left.distance.has_value() && right.distance.has_value() &&
      *left.distance != *right.distance) {
    return *left.distance > *right.distance;
  }
  if (left.distance.has_value() != right.distance.has_value()) {
    return left.distance.has_value();
  }
  return left.document_id < right.document_id;
}

// The first changes in the order of distances.
class FarthestChanges {
 public:
  // 0 keeps all.
  explicit FarthestChanges(size_t count_max) : count_max_(count_max) {}

  void Add(DocumentChange change) {
    changes_.push_back(std::move(change));
    // Twice as many as wanted, so that the cuts are amortised.
    if (count_max_ > 0 && changes_.size() / 2 >= count_max_) {
      Cut();
    }
  }

  std::vector<DocumentChange> TakeSorted() {
    std::sort(changes_.begin(), changes_.end(), IsFarther);
    if (count_max_ > 0 && changes_.size() > count_max_) {
      changes_.resize(count_max_);
    }
    return std::move(changes_);
  }

 private:
  void Cut() {
    const auto end = changes_.begin() + static_cast<std::ptrdiff_t>(count_max_);
    std::nth_element(changes_.begin(), end, changes_.end(), IsFarther);
    changes_.erase(end, changes_.end());
  }

  const size_t count_max_;
  std::vector<DocumentChange> changes_;
};

absl::StatusOr<float> MeasureDistance(const Domain& domain,
                                      std::span<const DifferentRow> rows) {
  std::vector<std::span<const float>> base;
  std::vector<std::span<const float>> target;
  std::vector<std::vector<float>> buffers(rows.size());  // One for each: bits.
  for (const DifferentRow& row : rows) {
    std::vector<std::span<const float>>& version =
        row.is_target ? target : base;
    if (version.size() < kComparedChunkCountMax) {
      COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                             domain.vectors().Read(row.ordinal));
      version.push_back(vector.Components(buffers[&row - rows.data()]));
    }
  }
  const float distance = VersionDistance(domain.metric(), base, target);
  // What the map lost meanwhile was seen as zeros.
  COPSE_RETURN_IF_ERROR(domain.vectors().health());
  return distance;
}

}  // namespace

absl::Status DiffRows(const Domain& domain, const RowSet& base,
                      const RowSet& target, const DiffOptions& options,
                      const Visit& visit) {
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<DifferentRow> rows,
      ReadRowDifference(domain, base, target, options.check));
  const bool is_by_distance = options.order == DiffOptions::Order::kDistance;
  FarthestChanges farthest(options.change_count_max);
  size_t visited_count = 0;
  for (std::span<const DifferentRow> rest(rows); !rest.empty();) {
    const std::vector<DifferentRow> document = WithoutPairs(TakeDocument(rest));
    if (document.empty()) {
      continue;
    }
    DocumentChange change = ToChange(document);
    if ((options.with_distances || is_by_distance) &&
        change.kind == DocumentChange::Kind::kReplaced) {
      if (options.check != nullptr) {
        COPSE_RETURN_IF_ERROR(options.check());
      }
      COPSE_ASSIGN_OR_RETURN(change.distance,
                             MeasureDistance(domain, document));
    }
    if (is_by_distance) {
      farthest.Add(std::move(change));
      continue;
    }
    COPSE_RETURN_IF_ERROR(visit(change));
    if (++visited_count == options.change_count_max) {
      return absl::OkStatus();
    }
  }
  for (const DocumentChange& change : farthest.TakeSorted()) {
    COPSE_RETURN_IF_ERROR(visit(change));
  }
  return absl::OkStatus();
}

}  // namespace copse
