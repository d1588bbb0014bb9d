// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/calibration.h"
#include "index/distance.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/forest_search.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/row_bitmap.h"
#include "index/stored_vector.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"

namespace copse {
namespace {

using internal::LoadedForest;
using internal::SearchScratch;
using internal::WorkerCrew;

constexpr std::array<uint32_t, 3> kNeighborCounts =
    Calibration::kNeighborCounts;

// Queries that share the reading of a row.
constexpr size_t kGroupSize = 16;

// Rows between two calls of CalibrateOptions::check.
constexpr size_t kCheckInterval = 4096;

// Budgets that are measured are 2^(1/3) apart, and three between each two are
// taken to have the recall of the straight line over the logarithm, which is
// below the true curve where that bends down.
constexpr size_t kBudgetMin = 64;
constexpr double kBudgetStep = 1.26;
constexpr size_t kStepsBetween = 4;

constexpr size_t kRerankMin = 10;
constexpr size_t kRerankMax = 8192;
constexpr double kRerankStep = 1.19;

// Queries that find out how many of the best estimates need be looked at.
constexpr size_t kPilotCount = 16;

// What it costs to re-rank a row, in rows scanned.
constexpr double kRerankCost = 20;

// Of the cheapest settings those are kept that miss so much less than the one
// before.
constexpr double kMissStep = 0.95;
constexpr double kRecallMin = 0.5;

// See the head of calibrate.h.
constexpr double kTolerance = 0.01;
constexpr double kErrorCount = 2.5;

constexpr size_t kNotFound = std::numeric_limits<size_t>::max();

// Returns numbers from `min` to `max`, each about `step` times the one before.
std::vector<size_t> GeometricGrid(size_t min, size_t max, double step) {
  std::vector<size_t> grid;
  for (double value = static_cast<double>(min);
       value < static_cast<double>(max);
       value = std::max(std::floor(value * step), value + 1)) {
    grid.push_back(static_cast<size_t>(value));
  }
  grid.push_back(max);
  return grid;
}

// Returns the recall that is promised on the grounds of `count` queries whose
// recalls have these sums.
double PromisedRecall(double sum, double square_sum, size_t count,
                      uint32_t neighbor_count) {
  const double unasked = 1 - 0.5 / std::sqrt(neighbor_count);
  const auto n = static_cast<double>(count + 1);
  const double mean = (sum + unasked) / n;
  const double variance = (square_sum + unasked * unasked) / n - mean * mean;
  const double error = std::sqrt(std::max(variance, 0.0) / n);
  // The three bounds on t that the formula has, each solved for t.
  return std::min({mean - error / 2, mean - kErrorCount * error + kTolerance,
                   (mean - kErrorCount * error + 1) / 2});
}

// The true neighbors of one query, and where a search has them.
class Truth {
 public:
  absl::Status Prepare(const CalibrationQuery& query, size_t row_count) {
    query_ = &query;
    const size_t found_count = query.neighbors.size();
    const size_t others = row_count - (query.row.has_value() ? 1 : 0);
    ranks_.assign(found_count, kNotFound);
    places_.clear();
    members_ = RowBitmap();
    for (size_t i = 0; i < found_count; ++i) {
      places_.emplace_back(query.neighbors[i].ordinal, i);
      members_.Add(query.neighbors[i].ordinal);
    }
    std::ranges::sort(places_);
    for (size_t i = 0; i < kNeighborCounts.size(); ++i) {
      wanted_[i] = std::min<size_t>(kNeighborCounts[i], others);
      if (found_count < wanted_[i]) {
        return absl::InvalidArgumentError(absl::StrFormat(
            "%d neighbors, expected at least %d", found_count, wanted_[i]));
      }
      equal_[i] = CountEqual(wanted_[i]);
    }
    return absl::OkStatus();
  }

  // Takes what a search would re-rank, in this order.
  void Rank(std::span<const Ordinal> candidates) {
    std::ranges::fill(ranks_, kNotFound);
    size_t rank = 0;
    for (const Ordinal ordinal : candidates) {
      if (ordinal == query_->row) {
        continue;
      }
      if (members_.Contains(ordinal)) {
        const auto place = std::ranges::lower_bound(
            places_, ordinal, {}, &std::pair<Ordinal, size_t>::first);
        ranks_[place->second] = rank;
      }
      ++rank;
    }
  }

  // Whether the neighbors say what is among the nearest kNeighborCounts[index].
  bool is_complete(size_t index) const {
    return wanted_[index] > 0 && (equal_[index] < ranks_.size() ||
                                  ranks_.size() < kCalibrationNeighborCountMax);
  }

  size_t wanted(size_t index) const { return wanted_[index]; }

  // The ranks of all rows that are among the nearest kNeighborCounts[index], or
  // as near as the last of these.
  std::span<const size_t> ranks(size_t index) const {
    return std::span(ranks_).first(equal_[index]);
  }

 private:
  size_t CountEqual(size_t wanted) const {
    const std::vector<Neighbor>& neighbors = query_->neighbors;
    size_t count = wanted;
    while (count > 0 && count < neighbors.size() &&
           neighbors[count].distance <= neighbors[wanted - 1].distance) {
      ++count;
    }
    return count;
  }

  const CalibrationQuery* query_ = nullptr;
  std::vector<size_t> ranks_;
  std::vector<std::pair<Ordinal, size_t>> places_;  // By ordinal.
  RowBitmap members_;
  std::array<size_t, kNeighborCounts.size()> wanted_{};
  std::array<size_t, kNeighborCounts.size()> equal_{};
};

// Neighbors found, by number of neighbors, scan budget and rerank count.
class HitTable {
 public:
  HitTable(size_t budget_count, size_t rerank_count)
      : budget_count_(budget_count),
        rerank_count_(rerank_count),
        hits_(kNeighborCounts.size() * budget_count * rerank_count) {}

  uint8_t& at(size_t index, size_t budget, size_t rerank) {
    return hits_[(index * budget_count_ + budget) * rerank_count_ + rerank];
  }
  uint8_t at(size_t index, size_t budget, size_t rerank) const {
    return hits_[(index * budget_count_ + budget) * rerank_count_ + rerank];
  }

  // How many neighbors there were to find; 0 if the query does not count.
  std::array<size_t, kNeighborCounts.size()> wanted{};

 private:
  size_t budget_count_;
  size_t rerank_count_;
  std::vector<uint8_t> hits_;
};
static_assert(kNeighborCounts.back() <= UINT8_MAX);

struct PricedSetting {
  double cost = 0;
  double recall = 0;
  size_t scan_budget = 0;
  size_t rerank_count = 0;
};

class Calibrator {
 public:
  Calibrator(const LoadedForest& forest, const VectorSource& vectors,
             std::span<const CalibrationQuery> queries,
             const CalibrateOptions& options)
      : forest_(forest),
        vectors_(vectors),
        queries_(queries),
        options_(options),
        row_count_(static_cast<size_t>(forest.row_count())),
        crew_(options.thread_count),
        budgets_(GeometricGrid(std::min(kBudgetMin, row_count_), row_count_,
                               kBudgetStep)) {}

  absl::StatusOr<Calibration> Run() {
    COPSE_RETURN_IF_ERROR(ChooseReranks());
    tables_.assign(queries_.size(), HitTable(budgets_.size(), reranks_.size()));
    COPSE_RETURN_IF_ERROR(crew_.RunChecked(
        queries_.size(), [this](size_t query) { return Measure(query); }));
    Calibration::Settings settings;
    for (size_t index = 0; index < kNeighborCounts.size(); ++index) {
      settings[index] = CheapestSettings(index);
    }
    return Calibration(static_cast<uint32_t>(row_count_),
                       static_cast<uint32_t>(queries_.size()),
                       std::move(settings));
  }

 private:
  absl::StatusOr<std::span<const Ordinal>> FindCandidates(
      const CalibrationQuery& query, size_t scan_budget, size_t rerank_count,
      SearchScratch& scratch) const {
    // One more, which the row itself may take.
    SearchWork work;
    return internal::FindCandidates(forest_, vectors_, query.vector,
                                    {.neighbor_count = 1,
                                     .scan_budget = scan_budget,
                                     .rerank_count = rerank_count + 1,
                                     .check = options_.check},
                                    scratch, work);
  }

  // Sets `ranks` to those of the nearest rows of a query when all are scanned.
  absl::Status RankAll(size_t query, size_t rerank_count,
                       std::vector<size_t>& ranks) const {
    Truth truth;
    COPSE_RETURN_IF_ERROR(
        AtQuery(query, truth.Prepare(queries_[query], row_count_)));
    SearchScratch scratch;
    const absl::StatusOr<std::span<const Ordinal>> candidates =
        FindCandidates(queries_[query], row_count_, rerank_count, scratch);
    COPSE_RETURN_IF_ERROR(AtQuery(query, candidates.status()));
    truth.Rank(*candidates);
    const std::span<const size_t> found =
        truth.ranks(kNeighborCounts.size() - 1);
    ranks.assign(found.begin(), found.end());
    return absl::OkStatus();
  }

  // Lists the rerank counts to measure: up to half as many again as bring all
  // but one in a hundred neighbors to light when all rows are scanned.
  absl::Status ChooseReranks() {
    const size_t pilot_count = std::min(kPilotCount, queries_.size());
    const size_t count_max = std::min(kRerankMax, row_count_);
    std::vector<std::vector<size_t>> ranks(pilot_count);
    COPSE_RETURN_IF_ERROR(crew_.RunChecked(pilot_count, [&](size_t task) {
      // Spread over all, as the first may be of one kind.
      return RankAll(task * queries_.size() / pilot_count, count_max,
                     ranks[task]);
    }));
    std::vector<size_t> all;
    for (const std::vector<size_t>& some : ranks) {
      all.insert(all.end(), some.begin(), some.end());
    }
    size_t highest = count_max;
    if (!all.empty()) {
      const auto nth =
          all.begin() + static_cast<ptrdiff_t>(all.size() * 99 / 100);
      std::ranges::nth_element(all, nth);
      highest = std::min(*nth, count_max);
    }
    const size_t last =
        std::min(count_max, std::max(highest + highest / 2, kRerankMin * 10));
    reranks_ = GeometricGrid(std::min(kRerankMin, last), last, kRerankStep);
    return absl::OkStatus();
  }

  static absl::Status AtQuery(size_t query, const absl::Status& status) {
    return status.ok()
               ? status
               : AnnotateStatus(status, absl::StrFormat("query %d", query));
  }

  // Searches for one query with every budget.
  absl::Status Measure(size_t query) {
    Truth truth;
    COPSE_RETURN_IF_ERROR(
        AtQuery(query, truth.Prepare(queries_[query], row_count_)));
    HitTable& table = tables_[query];
    for (size_t i = 0; i < kNeighborCounts.size(); ++i) {
      table.wanted[i] = truth.is_complete(i) ? truth.wanted(i) : 0;
    }
    SearchScratch scratch;
    for (size_t budget = 0; budget < budgets_.size(); ++budget) {
      absl::StatusOr<std::span<const Ordinal>> candidates = FindCandidates(
          queries_[query], budgets_[budget], reranks_.back(), scratch);
      COPSE_RETURN_IF_ERROR(AtQuery(query, candidates.status()));
      truth.Rank(*candidates);
      CountHits(truth, budget, table);
    }
    return absl::OkStatus();
  }

  void CountHits(const Truth& truth, size_t budget, HitTable& table) const {
    std::vector<size_t> counts(reranks_.size() + 1);
    for (size_t i = 0; i < kNeighborCounts.size(); ++i) {
      std::ranges::fill(counts, 0);
      for (const size_t rank : truth.ranks(i)) {
        // The first rerank count that is more than the rank.
        const auto enough = std::ranges::upper_bound(reranks_, rank);
        ++counts[static_cast<size_t>(enough - reranks_.begin())];
      }
      size_t hits = 0;
      for (size_t rerank = 0; rerank < reranks_.size(); ++rerank) {
        hits += counts[rerank];
        table.at(i, budget, rerank) =
            static_cast<uint8_t>(std::min(hits, truth.wanted(i)));
      }
    }
  }

  // Returns the promised recall; 0 if no query counts.
  double RecallOf(size_t index, size_t budget, size_t rerank) const {
    double sum = 0;
    double square_sum = 0;
    size_t count = 0;
    for (const HitTable& table : tables_) {
      if (table.wanted[index] > 0) {
        const double recall =
            static_cast<double>(table.at(index, budget, rerank)) /
            static_cast<double>(table.wanted[index]);
        sum += recall;
        square_sum += recall * recall;
        ++count;
      }
    }
    return count == 0
               ? 0
               : PromisedRecall(sum, square_sum, count, kNeighborCounts[index]);
  }

  // Appends the settings with this rerank count.
  void PriceSettings(size_t index, size_t rerank,
                     std::vector<PricedSetting>& settings) const {
    const size_t rerank_count = std::max<size_t>(
        reranks_[rerank], std::min<size_t>(kNeighborCounts[index], row_count_));
    double previous = 0;
    for (size_t budget = 0; budget < budgets_.size(); ++budget) {
      const double recall = RecallOf(index, budget, rerank);
      const size_t steps = budget == 0 ? 1 : kStepsBetween;
      for (size_t step = 1; step <= steps; ++step) {
        const double place =
            static_cast<double>(step) / static_cast<double>(steps);
        const double low =
            static_cast<double>(budgets_[budget == 0 ? 0 : budget - 1]);
        const double high = static_cast<double>(budgets_[budget]);
        const double scan_budget =
            std::ceil(low * std::pow(high / low, place) - 1e-6);
        settings.push_back(
            {.cost =
                 scan_budget + kRerankCost * static_cast<double>(rerank_count),
             .recall = previous + (recall - previous) * place,
             .scan_budget = static_cast<size_t>(scan_budget),
             .rerank_count = rerank_count});
      }
      previous = recall;
    }
  }

  std::vector<CalibratedSetting> CheapestSettings(size_t index) const {
    std::vector<PricedSetting> settings;
    for (size_t rerank = 0; rerank < reranks_.size(); ++rerank) {
      if (rerank + 1 == reranks_.size() ||
          reranks_[rerank] >= kNeighborCounts[index]) {
        PriceSettings(index, rerank, settings);
      }
    }
    std::ranges::stable_sort(settings, {}, &PricedSetting::cost);
    std::vector<CalibratedSetting> cheapest;
    double miss_max = 1 - kRecallMin;
    for (const PricedSetting& setting : settings) {
      // As much as fp32 can hold, and never more than was found.
      const auto recall =
          std::nextafter(static_cast<float>(setting.recall), 0.0F);
      if (1 - double{recall} <= miss_max && recall < 1 &&
          cheapest.size() < Calibration::kSettingCountMax) {
        cheapest.push_back(
            {.recall = recall,
             .scan_budget = static_cast<uint32_t>(setting.scan_budget),
             .rerank_count = static_cast<uint32_t>(setting.rerank_count)});
        miss_max = (1 - double{recall}) * kMissStep;
      }
    }
    return cheapest;
  }

  const LoadedForest& forest_;
  const VectorSource& vectors_;
  const std::span<const CalibrationQuery> queries_;
  const CalibrateOptions& options_;
  const size_t row_count_;
  WorkerCrew crew_;
  const std::vector<size_t> budgets_;  // Ascending, as the next.
  std::vector<size_t> reranks_;
  std::vector<HitTable> tables_;  // By query.
};

// Finds the neighbors of a group of queries.
absl::Status FindNeighbors(Metric metric, const VectorSource& vectors,
                           std::span<const Ordinal> ordinals,
                           const CalibrateOptions& options,
                           std::span<CalibrationQuery> queries) {
  std::vector<QueryDistance> distances;
  std::vector<internal::TopK> nearest(queries.size());
  for (size_t i = 0; i < queries.size(); ++i) {
    distances.emplace_back(metric, queries[i].vector);
    nearest[i].Reset(kCalibrationNeighborCountMax);
  }
  for (size_t row = 0; row < ordinals.size(); ++row) {
    if (options.check != nullptr && row % kCheckInterval == 0) {
      COPSE_RETURN_IF_ERROR((*options.check)());
    }
    if (row + 4 < ordinals.size()) {
      vectors.Prefetch(ordinals[row + 4]);
    }
    COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                           vectors.Read(ordinals[row]));
    for (size_t i = 0; i < queries.size(); ++i) {
      if (queries[i].row != ordinals[row]) {
        nearest[i].Add(distances[i].To(vector), ordinals[row]);
      }
    }
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    std::vector<Neighbor>& neighbors = queries[i].neighbors;
    neighbors.clear();
    for (const internal::Candidate& candidate : nearest[i].Finish()) {
      if (neighbors.size() >= kNeighborCounts.back() &&
          candidate.estimate > neighbors[kNeighborCounts.back() - 1].distance) {
        break;
      }
      neighbors.push_back({candidate.ordinal, candidate.estimate});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FindCalibrationNeighbors(Metric metric,
                                      const VectorSource& vectors,
                                      std::span<const Ordinal> ordinals,
                                      const CalibrateOptions& options,
                                      std::span<CalibrationQuery> queries) {
  for (size_t i = 0; i < queries.size(); ++i) {
    const absl::Status status =
        CheckVector(queries[i].vector, vectors.dimension());
    if (!status.ok()) {
      return AnnotateStatus(status, absl::StrFormat("query %d", i));
    }
  }
  WorkerCrew crew(options.thread_count);
  const size_t group_count = (queries.size() + kGroupSize - 1) / kGroupSize;
  return crew.RunChecked(group_count, [&](size_t group) {
    const size_t first = group * kGroupSize;
    return FindNeighbors(
        metric, vectors, ordinals, options,
        queries.subspan(first, std::min(kGroupSize, queries.size() - first)));
  });
}

absl::StatusOr<Calibration> Calibrate(const Forest& forest,
                                      const VectorSource& vectors,
                                      std::span<const CalibrationQuery> queries,
                                      const CalibrateOptions& options) {
  const auto* loaded = dynamic_cast<const LoadedForest*>(&forest);
  COPSE_CHECK(loaded != nullptr, "Forest::Open() alone makes forests");
  if (forest.row_count() == 0) {
    return absl::InvalidArgumentError(
        "the forest has 0 rows, expected at least 1");
  }
  if (queries.empty()) {
    return absl::InvalidArgumentError("0 queries, expected at least 1");
  }
  return Calibrator(*loaded, vectors, queries, options).Run();
}

}  // namespace copse
