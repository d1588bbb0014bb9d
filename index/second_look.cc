// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/second_look.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/distance.h"
#include "index/forest.h"
#include "index/metric.h"
#include "index/rerank.h"
#include "index/stored_vector.h"
#include "index/top_k.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// |q - c| / |q - m| below which rounding is a third of the error of the codes
// or more.
constexpr float kNearRatio = 1.0F / 8;

// Standard deviations of rounding.
constexpr float kDeviations = 3;

// Returns the squared distance of the neighbor that is farthest, in the space
// of the codes: what the metric calls nearest need not be nearest there.
absl::StatusOr<float> Reach(const SecondLook& look,
                            const SearchOptions& options,
                            std::span<const Neighbor> neighbors) {
  if (neighbors.size() < options.neighbor_count) {
    return std::numeric_limits<float>::max();
  }
  const QueryDistance distance(Metric::kEuclidean, look.query);
  std::vector<float> buffer;
  float reach = 0;
  for (const Neighbor& neighbor : neighbors) {
    COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                           look.vectors.Read(neighbor.ordinal));
    reach = std::max(reach, distance.To(vector.Components(buffer)));
  }
  return Ordered(reach * reach);
}

}  // namespace

float SecondLookScore(const CodedQuery& query) {
  return query.ranking() == Ranking::kInnerProduct
             ? std::numeric_limits<float>::lowest()
             : kNearRatio * kNearRatio * query.square();
}

absl::StatusOr<bool> AddHiddenRows(const SecondLook& look,
                                   const SearchOptions& options,
                                   std::span<const Neighbor> neighbors,
                                   ScanScratch& scan, TopK& candidates,
                                   std::vector<Ordinal>& rows) {
  COPSE_ASSIGN_OR_RETURN(const float reach, Reach(look, options, neighbors));
  if (reach == 0) {
    return false;  // Nothing is nearer than duplicates of the query.
  }
  candidates.Reset(kSecondLookRowCountMax);
  for (size_t i = 0; i < look.leaves.size(); ++i) {
    COPSE_RETURN_IF_ERROR(CheckAt(options, i));
    const ScannedLeaf& leaf = look.leaves[i];
    const float rounding =
        leaf.page->coded_rows().RoundingError(look.coded_query);
    const float limit = Ordered(reach + kDeviations * rounding);
    if (limit >= look.compared) {
      leaf.page->ScanUpTo(limit, look.coded_query, leaf.centroid_score,
                          look.filter, scan, candidates);
    }
  }
  const size_t compared_count = rows.size();
  for (const Candidate& candidate : candidates.Unsorted()) {
    rows.push_back(candidate.ordinal);
  }
  std::ranges::sort(rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows.size() > compared_count;
}

}  // namespace copse::internal
