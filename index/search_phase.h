// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The parts of which a search is made up, for profiles. The library has no
// clock: the caller's observer, which has one, is told when a part has ended.
//
//   const PhaseObserver observer = [&](SearchPhase phase) {
//     const auto now = Clock::now();
//     spent[static_cast<size_t>(phase)] += now - std::exchange(last, now);
//   };
//   forest->Search(vectors, query, {.phase_observer = &observer});
//
// A phase may end several times in one search: routing goes level by level, and
// a search with filters goes back to it.

#ifndef COPSE_INDEX_SEARCH_PHASE_H_
#define COPSE_INDEX_SEARCH_PHASE_H_

#include <cstddef>
#include <functional>

namespace copse {

enum class SearchPhase {
  kBegin,             // Limits and working memory.
  kPrepareQuery,      // Unit length, rotation, look-up table.
  kEstimateChildren,  // Routing: the children of opened nodes, by codes.
  kListChildren,      // Routing: the shortlist of the best estimates.
  kScoreChildren,     // Routing: the shortlist, by centroids.
  kChooseLeaves,      // Routing: the best scores; the leaves are looked up.
  kScanLeaves,        // Rows, by codes; the best are kept.
  kSelectRows,        // The rows to be compared exactly.
  kCompareRows,       // Exact distances, and the nearest.
};

inline constexpr size_t kSearchPhaseCount =
    static_cast<size_t>(SearchPhase::kCompareRows) + 1;

// Called whenever a phase has ended.
using PhaseObserver = std::function<void(SearchPhase)>;

namespace internal {

// A search without observer pays for one comparison here, some twenty times.
inline void EndPhase(const PhaseObserver* observer, SearchPhase phase) {
  if (observer != nullptr) {
    (*observer)(phase);
  }
}

}  // namespace internal
}  // namespace copse

#endif  // COPSE_INDEX_SEARCH_PHASE_H_
