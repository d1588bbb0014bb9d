// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/forest_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/calibration.h"
#include "index/code_space.h"
#include "index/distance.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/leaf_page.h"
#include "index/leaf_router.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/rerank.h"
#include "index/row_bitmap.h"
#include "index/search_phase.h"
#include "index/second_look.h"
#include "index/top_k.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

// Searches that remember more than this are forgotten.
constexpr size_t kScratchSizeBytesMax = size_t{1} << 20;
constexpr size_t kScratchCountMax = 256;

// A batch is searched in groups of so many queries that each leaf is wanted by
// about kVisitsPerLeaf of them, which then read it from memory once; but not so
// few that it is not worth it, and not so many that their tables take more than
// some MiB.
constexpr uint64_t kVisitsPerLeaf = 8;
constexpr size_t kRowsBeforeLimit = 4;
constexpr size_t kGroupQueryCountMin = 64;
constexpr size_t kGroupQueryCountMax = 1024;

// So many rows are scanned for a filter in the time in which one is compared:
// on 100,000 MiniLM embeddings, of which a scan of all takes 420 us, comparing
// 1,000 takes 63, 3,000 300 and 5,000 500.
constexpr uint64_t kRowsScannedPerCompared = 24;

// SearchOptions with the defaults filled in and bounded by what there is.
struct Limits {
  size_t neighbor_count;
  size_t scan_budget;
  size_t rerank_count;
};

Limits ToLimits(const SearchOptions& options, const LoadedForest& forest) {
  const Metric metric = forest.options().metric;
  const auto row_count = static_cast<size_t>(forest.record().row_count);
  Limits limits;
  limits.neighbor_count = std::min(options.neighbor_count, row_count);
  if (options.exact) {
    limits.scan_budget = row_count;
    limits.rerank_count = row_count;
    return limits;
  }
  SearchEffort effort =
      options.recall_target > 0
          ? EffortFor(options.calibration, options.recall_target, metric,
                      limits.neighbor_count, row_count)
          : DefaultEffort(metric, limits.neighbor_count, row_count);
  if (options.allowed != nullptr) {
    effort = FilteredEffort(effort, metric, limits.neighbor_count, row_count);
  }
  const auto bounded = [row_count](size_t count, size_t count_min) {
    return std::min(std::max(count, count_min), row_count);
  };
  // Each tree may find the same rows.
  limits.scan_budget = bounded(
      options.scan_budget == 0 ? effort.scan_budget : options.scan_budget,
      limits.neighbor_count * forest.record().trees.size());
  limits.rerank_count = bounded(
      options.rerank_count == 0 ? effort.rerank_count : options.rerank_count,
      limits.neighbor_count);
  return limits;
}

class Searcher {
 public:
  Searcher(const LoadedForest& forest, const VectorSource& vectors,
           std::span<const float> query, const SearchOptions& options,
           SearchScratch& scratch, SearchWork& work)
      : forest_(forest),
        vectors_(vectors),
        query_(query),
        options_(options),
        limits_(ToLimits(options, forest)),
        filter_{options.allowed, options.excluded},
        scratch_(scratch),
        work_(work),
        wanted_(RowsWanted()) {}

  absl::StatusOr<std::vector<Neighbor>> Run() {
    if (ScanCostsMore()) {
      ListAllowed();
      return Compare();
    }
    COPSE_RETURN_IF_ERROR(Collect());
    return Finish();
  }

  // Scans as many leaves as the budget says.
  absl::Status Collect() {
    COPSE_RETURN_IF_ERROR(Prepare(scratch_.router));
    do {
      // A filter that few rows pass makes for larger batches, not for more.
      const uint64_t rows_per_match =
          std::clamp<uint64_t>(taken_ / (passed_ + 1), 1, RowsPerMatchMax());
      COPSE_RETURN_IF_ERROR(
          TakeLeaves(scratch_.router, (wanted_ - passed_) * rows_per_match));
      COPSE_RETURN_IF_ERROR(ScanLeaves());
    } while (passed_ < wanted_ && !scratch_.nodes.empty());
    return absl::OkStatus();
  }

  // Returns the rows with the best estimates, each once, the best first.
  std::span<const Ordinal> BestRows() {
    work_.rows_scanned += static_cast<int64_t>(passed_);
    ListCandidates(scratch_.candidates.Finish());
    return scratch_.ordinals;
  }

  // Prepares the query and takes all leaves to be scanned, through `router`,
  // which is needed no longer. REQUIRES: no filter
  absl::Status BeginThrough(LeafRouter& router) {
    COPSE_RETURN_IF_ERROR(Prepare(router));
    COPSE_RETURN_IF_ERROR(TakeLeaves(router, wanted_));
    wanted_ = 0;
    return absl::OkStatus();
  }

  // Scans the nearest leaves, and returns how many: their rows set a limit that
  // few of the others pass, whatever the order in which these are scanned.
  size_t ScanNearest() {
    size_t scanned = 0;
    while (scanned < scratch_.nodes.size() &&
           passed_ < kRowsBeforeLimit * limits_.rerank_count) {
      ScanLeaf(scanned++);
    }
    EndPhase(options_.phase_observer, SearchPhase::kScanLeaves);
    return scanned;
  }

  // The leaves that have been taken, about the nearest first.
  std::span<const LeafNode* const> leaves() const { return scratch_.nodes; }
  void ScanLeaf(size_t index) {
    const LeafPage& page = scratch_.nodes[index]->page();
    const RoutedLeaf& leaf = scratch_.leaves[index];
    float score = leaf.score;
    if (score < near_score_) {
      score = leaf.parent->ScoreChildExactly(scratch_.coded_query, leaf.index);
      scratch_.near_leaves.push_back({&page, score});
    }
    passed_ += page.Scan(scratch_.coded_query, score, filter_, scratch_.scan,
                         scratch_.candidates);
  }

  // Returns the best of the rows that have been scanned.
  absl::StatusOr<std::vector<Neighbor>> Finish() {
    work_.rows_scanned += static_cast<int64_t>(passed_);
    // Of several trees the best are chosen after repeated ones are gone.
    const std::span<const Candidate> candidates =
        TreeCount() > 1 ? scratch_.candidates.Finish()
                        : scratch_.candidates.Unsorted();
    ListCandidates(candidates);
    EndPhase(options_.phase_observer, SearchPhase::kSelectRows);
    const bool all_listed = scratch_.ordinals.size() == passed_;
    if (all_listed || scratch_.near_leaves.empty()) {
      return Compare();
    }
    return CompareTwice(candidates);
  }

 private:
  // Whether a filter lets so few rows pass that to compare them all takes less
  // than to scan for them.
  bool ScanCostsMore() const {
    if (options_.allowed == nullptr) {
      return false;
    }
    const auto allowed = static_cast<uint64_t>(options_.allowed->row_count());
    // The rows wanted are spread over at most so many that are not.
    const uint64_t scanned = forest_.record().row_count * RowsWanted() /
                             std::max<uint64_t>(1, allowed);
    return options_.exact || allowed * kRowsScannedPerCompared <= scanned;
  }

  // Lists every row that passes the filters.
  void ListAllowed() {
    scratch_.ordinals.clear();
    options_.allowed->ForEach([this](Ordinal ordinal) {
      if (filter_.Passes(ordinal)) {
        scratch_.ordinals.push_back(ordinal);
      }
    });
    EndPhase(options_.phase_observer, SearchPhase::kSelectRows);
  }

  // Returns the nearest of the rows that have been listed.
  absl::StatusOr<std::vector<Neighbor>> Compare() {
    COPSE_RETURN_IF_ERROR(CompareListed());
    return scratch_.neighbors;
  }

  // Keeps them, for Compare() and CompareTwice().
  absl::Status CompareListed() {
    work_.rows_reranked += static_cast<int64_t>(scratch_.ordinals.size());
    COPSE_RETURN_IF_ERROR(Rerank(forest_.options().metric, vectors_, query_,
                                 scratch_.ordinals, options_,
                                 scratch_.neighbors));
    EndPhase(options_.phase_observer, SearchPhase::kCompareRows);
    return absl::OkStatus();
  }

  // The same as Compare(), and looks for near-duplicates that are not among
  // `candidates` for rounding alone.
  absl::StatusOr<std::vector<Neighbor>> CompareTwice(
      std::span<const Candidate> candidates) {
    const float compared =
        TreeCount() > 1
            ? std::numeric_limits<float>::lowest()
            : std::max_element(candidates.begin(), candidates.end())->estimate;
    COPSE_RETURN_IF_ERROR(CompareListed());
    COPSE_ASSIGN_OR_RETURN(
        const bool is_more,
        AddHiddenRows({.vectors = vectors_,
                       .query = routing_query_,
                       .coded_query = scratch_.coded_query,
                       .leaves = scratch_.near_leaves,
                       .filter = filter_,
                       .compared = compared},
                      options_, scratch_.neighbors, scratch_.scan,
                      scratch_.candidates, scratch_.ordinals));
    EndPhase(options_.phase_observer, SearchPhase::kSelectRows);
    if (is_more) {
      COPSE_RETURN_IF_ERROR(CompareListed());
    }
    return scratch_.neighbors;
  }

  // Returns after how many rows that pass the filters the search may end.
  size_t RowsWanted() const {
    if (options_.allowed == nullptr) {
      return limits_.scan_budget;
    }
    return std::min(limits_.scan_budget,
                    static_cast<size_t>(options_.allowed->row_count()));
  }

  // A search that may have to look at every row needs but one tree.
  size_t TreeCount() const {
    const bool all = RowsWanted() < limits_.scan_budget ||
                     limits_.scan_budget >= forest_.record().row_count;
    return all ? 1 : forest_.record().trees.size();
  }

  // Returns by how much a batch may be larger than the rows that it should
  // give: twice what the filters ask for on average, since those that refuse
  // all rows near the query may pass all of the next ones.
  uint64_t RowsPerMatchMax() const {
    const auto all = static_cast<uint64_t>(forest_.record().row_count);
    uint64_t passing = all;
    if (options_.allowed != nullptr) {
      passing = std::min(passing,
                         static_cast<uint64_t>(options_.allowed->row_count()));
    }
    if (options_.excluded != nullptr) {
      passing -= std::min(
          passing, static_cast<uint64_t>(options_.excluded->row_count()));
    }
    return std::clamp<uint64_t>(2 * all / std::max<uint64_t>(1, passing), 2,
                                64);
  }

  absl::Status Prepare(LeafRouter& router) {
    EndPhase(options_.phase_observer, SearchPhase::kBegin);
    routing_query_ = query_;
    if (forest_.options().metric == Metric::kCosine) {
      ToUnitLength(query_, scratch_.query);
      routing_query_ = scratch_.query;
    }
    COPSE_ASSIGN_OR_RETURN(const CodeSpace space, forest_.Space());
    scratch_.coded_query.Prepare(space, routing_query_);
    // A row may be found once in each tree.
    scratch_.candidates.Reset(limits_.rerank_count * TreeCount());
    scratch_.near_leaves.clear();
    near_score_ = SecondLookScore(scratch_.coded_query);
    EndPhase(options_.phase_observer, SearchPhase::kPrepareQuery);
    return router.Begin(forest_, scratch_.coded_query, TreeCount(), &work_,
                        options_.phase_observer);
  }

  // Takes the leaves that are scanned next, with so many rows together; none
  // if all have been.
  absl::Status TakeLeaves(LeafRouter& router, uint64_t rows) {
    COPSE_ASSIGN_OR_RETURN(const uint64_t row_count,
                           router.Take(rows, scratch_.leaves));
    taken_ += row_count;
    scratch_.nodes.clear();
    for (const RoutedLeaf& leaf : scratch_.leaves) {
      COPSE_ASSIGN_OR_RETURN(const LeafNode* const node,
                             forest_.LeafChild(*leaf.parent, leaf.index));
      __builtin_prefetch(node);
      scratch_.nodes.push_back(node);
    }
    work_.pages_read += static_cast<int64_t>(scratch_.nodes.size());
    EndPhase(options_.phase_observer, SearchPhase::kChooseLeaves);
    return absl::OkStatus();
  }

  absl::Status ScanLeaves() {
    for (size_t i = 0; i < scratch_.nodes.size(); ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(options_, i));
      if (i + 1 < scratch_.nodes.size()) {
        scratch_.nodes[i + 1]->page().Prefetch();
      }
      ScanLeaf(i);
    }
    EndPhase(options_.phase_observer, SearchPhase::kScanLeaves);
    return absl::OkStatus();
  }

  void ListCandidates(std::span<const Candidate> candidates) {
    scratch_.ordinals.clear();
    for (const Candidate& candidate : candidates) {
      scratch_.ordinals.push_back(candidate.ordinal);
    }
    if (TreeCount() > 1) {
      RemoveRepeated();
    }
    if (scratch_.ordinals.size() > limits_.rerank_count) {
      scratch_.ordinals.resize(limits_.rerank_count);
    }
  }

  // Keeps the first of equal ordinals, at its place.
  void RemoveRepeated() {
    std::vector<Ordinal>& ordinals = scratch_.ordinals;
    std::vector<std::pair<Ordinal, size_t>>& places = scratch_.places;
    places.clear();
    for (size_t i = 0; i < ordinals.size(); ++i) {
      places.emplace_back(ordinals[i], i);
    }
    std::ranges::sort(places);
    const auto is_same_row = [](const auto& left, const auto& right) {
      return left.first == right.first;
    };
    places.erase(std::unique(places.begin(), places.end(), is_same_row),
                 places.end());
    std::ranges::sort(places, {}, &std::pair<Ordinal, size_t>::second);
    ordinals.clear();
    for (const auto& place : places) {
      ordinals.push_back(place.first);
    }
  }

  const LoadedForest& forest_;
  const VectorSource& vectors_;
  const std::span<const float> query_;
  const SearchOptions& options_;
  const Limits limits_;
  const RowFilter filter_;
  SearchScratch& scratch_;
  SearchWork& work_;
  std::span<const float> routing_query_;
  uint64_t wanted_;     // Rows that are to pass the filters.
  size_t passed_ = 0;   // Rows that were scanned and passed the filters.
  uint64_t taken_ = 0;  // Rows of the leaves taken.
  // Leaves with centroids of a smaller score need a second look.
  float near_score_ = 0;
};

absl::Status CheckSearch(const LoadedForest& forest,
                         const VectorSource& vectors,
                         const SearchOptions& options) {
  if (vectors.dimension() != forest.dimension()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vectors have %d components, expected %d as the forest",
                        vectors.dimension(), forest.dimension()));
  }
  if (options.neighbor_count == 0) {
    return absl::InvalidArgumentError(
        "neighbor_count is 0, expected at least 1");
  }
  if (std::isnan(options.distance_max)) {
    return absl::InvalidArgumentError(
        "distance_max is not a number, expected a distance");
  }
  return CheckRecallTarget(options.recall_target);
}

}  // namespace

size_t SearchScratch::memory_size_bytes() const {
  return candidates.memory_size_bytes() + router.memory_size_bytes() +
         coded_query.memory_size_bytes() +
         leaves.capacity() * sizeof(RoutedLeaf) +
         nodes.capacity() * sizeof(void*) +
         near_leaves.capacity() * sizeof(ScannedLeaf) +
         ordinals.capacity() * sizeof(Ordinal) +
         places.capacity() * sizeof(places[0]) +
         neighbors.capacity() * sizeof(Neighbor);
}

std::unique_ptr<SearchScratch> ScratchPool::Take() {
  {
    MutexLock lock(mutex_);
    if (!scratches_.empty()) {
      std::unique_ptr<SearchScratch> scratch = std::move(scratches_.back());
      scratches_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<SearchScratch>();
}

void ScratchPool::Return(std::unique_ptr<SearchScratch> scratch) {
  if (scratch->memory_size_bytes() > kScratchSizeBytesMax) {
    return;
  }
  MutexLock lock(mutex_);
  if (scratches_.size() < kScratchCountMax) {
    scratches_.push_back(std::move(scratch));
  }
}

namespace {

// A leaf that one of the searches of a group is to scan.
struct Visit {
  const LeafNode* leaf = nullptr;
  uint32_t search = 0;
  uint32_t index = 0;  // Of the leaf in the search.
};

// Searches for a group of queries: each takes its leaves, then the leaves are
// scanned one after the other, each for all queries that want it.
class GroupSearch {
 public:
  GroupSearch(const LoadedForest& forest, const VectorSource& vectors,
              const SearchOptions& options, ScratchPool& pool, SearchWork& work)
      : forest_(forest),
        vectors_(vectors),
        options_(options),
        pool_(pool),
        work_(work) {}

  ~GroupSearch() {
    for (std::unique_ptr<SearchScratch>& scratch : scratches_) {
      pool_.Return(std::move(scratch));
    }
  }

  size_t QueryCount() const {
    const Limits limits = ToLimits(options_, forest_);
    const uint64_t wanted = kVisitsPerLeaf * forest_.record().row_count /
                            std::max<size_t>(1, limits.scan_budget);
    return std::clamp<uint64_t>(wanted, kGroupQueryCountMin,
                                kGroupQueryCountMax);
  }

  // Appends the neighbors of each query to `found`.
  absl::Status Run(std::span<const std::span<const float>> queries,
                   std::vector<std::vector<Neighbor>>& found) {
    searches_.clear();
    first_leaf_.clear();
    for (size_t i = 0; i < queries.size(); ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(options_, 0));
      if (i == scratches_.size()) {
        scratches_.push_back(pool_.Take());
      }
      searches_.emplace_back(forest_, vectors_, queries[i], options_,
                             *scratches_[i], work_);
      COPSE_RETURN_IF_ERROR(
          searches_.back().BeginThrough(scratches_[0]->router));
      first_leaf_.push_back(searches_.back().ScanNearest());
    }
    COPSE_RETURN_IF_ERROR(ScanLeaves());
    for (Searcher& search : searches_) {
      COPSE_ASSIGN_OR_RETURN(std::vector<Neighbor> neighbors, search.Finish());
      found.push_back(std::move(neighbors));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ScanLeaves() {
    ListVisits();
    for (size_t i = 0; i < visits_.size(); ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(options_, i));
      if (i + 1 < visits_.size() && visits_[i + 1].leaf != visits_[i].leaf) {
        visits_[i + 1].leaf->page().Prefetch();
      }
      searches_[visits_[i].search].ScanLeaf(visits_[i].index);
    }
    EndPhase(options_.phase_observer, SearchPhase::kScanLeaves);
    return absl::OkStatus();
  }

  // Lists what is to be scanned, by leaf: in linear time, as there are a
  // hundred visits a query.
  void ListVisits() {
    first_visit_.clear();
    for (size_t search = 0; search < searches_.size(); ++search) {
      for (const LeafNode* const leaf :
           searches_[search].leaves().subspan(first_leaf_[search])) {
        if (first_visit_.size() < leaf->number() + 2) {
          first_visit_.resize(leaf->number() + 2);
        }
        ++first_visit_[leaf->number() + 1];
      }
    }
    std::partial_sum(first_visit_.begin(), first_visit_.end(),
                     first_visit_.begin());
    visits_.resize(first_visit_.empty() ? 0 : first_visit_.back());
    for (uint32_t search = 0; search < searches_.size(); ++search) {
      const auto leaves = searches_[search].leaves();
      for (auto i = static_cast<uint32_t>(first_leaf_[search]);
           i < leaves.size(); ++i) {
        visits_[first_visit_[leaves[i]->number()]++] = {leaves[i], search, i};
      }
    }
  }

  const LoadedForest& forest_;
  const VectorSource& vectors_;
  const SearchOptions& options_;
  ScratchPool& pool_;
  SearchWork& work_;
  std::vector<std::unique_ptr<SearchScratch>> scratches_;
  std::deque<Searcher> searches_;
  std::vector<size_t> first_leaf_;     // By search: those before are scanned.
  std::vector<uint32_t> first_visit_;  // By the number of the leaf.
  std::vector<Visit> visits_;
};

}  // namespace

absl::StatusOr<std::vector<Neighbor>> SearchForest(const LoadedForest& forest,
                                                   const VectorSource& vectors,
                                                   std::span<const float> query,
                                                   const SearchOptions& options,
                                                   ScratchPool& pool,
                                                   SearchWork& work) {
  COPSE_RETURN_IF_ERROR(CheckSearch(forest, vectors, options));
  COPSE_RETURN_IF_ERROR(CheckVector(query, forest.dimension()));
  if (forest.row_count() == 0) {
    return std::vector<Neighbor>();
  }
  std::unique_ptr<SearchScratch> scratch = pool.Take();
  absl::StatusOr<std::vector<Neighbor>> neighbors =
      Searcher(forest, vectors, query, options, *scratch, work).Run();
  pool.Return(std::move(scratch));
  return neighbors;
}

absl::StatusOr<std::vector<std::vector<Neighbor>>> BatchSearchForest(
    const LoadedForest& forest, const VectorSource& vectors,
    std::span<const std::span<const float>> queries,
    const SearchOptions& options, ScratchPool& pool, SearchWork& work) {
  COPSE_RETURN_IF_ERROR(CheckSearch(forest, vectors, options));
  for (size_t i = 0; i < queries.size(); ++i) {
    const absl::Status status = CheckVector(queries[i], forest.dimension());
    if (!status.ok()) {
      return AnnotateStatus(status, absl::StrFormat("query %d", i));
    }
  }
  std::vector<std::vector<Neighbor>> found;
  if (forest.row_count() == 0) {
    found.resize(queries.size());
    return found;
  }
  found.reserve(queries.size());
  const Limits limits = ToLimits(options, forest);
  if (options.allowed != nullptr || options.excluded != nullptr ||
      limits.scan_budget >= static_cast<size_t>(forest.row_count())) {
    // How many leaves a filter needs is known only when some are scanned, and
    // where all are, their lists would take more memory than they save time.
    for (const std::span<const float> query : queries) {
      COPSE_ASSIGN_OR_RETURN(
          std::vector<Neighbor> neighbors,
          SearchForest(forest, vectors, query, options, pool, work));
      found.push_back(std::move(neighbors));
    }
    return found;
  }
  GroupSearch group(forest, vectors, options, pool, work);
  const size_t group_size = group.QueryCount();
  for (size_t first = 0; first < queries.size(); first += group_size) {
    COPSE_RETURN_IF_ERROR(group.Run(
        queries.subspan(first, std::min(group_size, queries.size() - first)),
        found));
  }
  return found;
}

absl::StatusOr<std::span<const Ordinal>> FindCandidates(
    const LoadedForest& forest, const VectorSource& vectors,
    std::span<const float> query, const SearchOptions& options,
    SearchScratch& scratch, SearchWork& work) {
  COPSE_RETURN_IF_ERROR(CheckSearch(forest, vectors, options));
  COPSE_RETURN_IF_ERROR(CheckVector(query, forest.dimension()));
  if (forest.row_count() == 0) {
    return std::span<const Ordinal>();
  }
  Searcher searcher(forest, vectors, query, options, scratch, work);
  COPSE_RETURN_IF_ERROR(searcher.Collect());
  return searcher.BestRows();
}

}  // namespace copse::internal
