// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/edit_bench.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/distance.h"
#include "index/forest.h"
#include "index/forest_node.h"
#include "index/kmeans.h"
#include "index/loaded_forest.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"
#include "tests/bench/vector_file.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;
constexpr uint64_t kShuffleSeed = 1;

// Clusters that rows are sorted by, and rows from which these are found.
constexpr size_t kTopicCount = 64;
constexpr size_t kSampleRowsPerTopic = 256;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// The centroids of all leaves, and the leaf of each row.
struct LeafList {
  explicit LeafList(size_t dimension) : centroids(dimension) {}

  internal::Matrix centroids;
  std::vector<std::pair<Ordinal, uint32_t>> rows;
};

absl::StatusOr<LeafList> ListLeaves(const Forest& forest) {
  const auto& loaded = dynamic_cast<const internal::LoadedForest&>(forest);
  COPSE_ASSIGN_OR_RETURN(const std::span<const float> origin, loaded.Origin());
  COPSE_ASSIGN_OR_RETURN(const internal::InnerNode* const top, loaded.Top(0));
  LeafList list(forest.dimension());
  std::vector<float> centroid(forest.dimension());
  std::vector<const internal::InnerNode*> stack{top};
  while (!stack.empty()) {
    const internal::InnerNode& node = *stack.back();
    stack.pop_back();
    size_t child = 0;
    for (const internal::CentroidPage& page : node.centroid_pages()) {
      for (size_t i = 0; i < page.vector_count(); ++i, ++child) {
        if (node.page().level() > 1) {
          COPSE_ASSIGN_OR_RETURN(const internal::InnerNode* const inner,
                                 loaded.InnerChild(node, child));
          stack.push_back(inner);
          continue;
        }
        COPSE_ASSIGN_OR_RETURN(const internal::LeafNode* const leaf,
                               loaded.LeafChild(node, child));
        const auto number = static_cast<uint32_t>(list.centroids.row_count());
        page.Decode(i, origin, centroid);
        list.centroids.Append(centroid);
        for (const Ordinal ordinal : leaf->page().ordinals()) {
          list.rows.emplace_back(ordinal, number);
        }
      }
    }
  }
  return list;
}

nlohmann::ordered_json ToJson(const EditBenchLeaves& leaves) {
  return {{"count", leaves.count},
          {"mean_square", leaves.mean_square},
          {"misplaced", leaves.misplaced}};
}

class EditBench {
 public:
  explicit EditBench(const EditBenchOptions& options) : options_(options) {}

  absl::StatusOr<EditBenchReport> Run() {
    COPSE_RETURN_IF_ERROR(ReadFiles());
    OrderRows();
    const size_t half = order_.size() / 2;
    const std::span<const Ordinal> first = std::span(order_).first(half);
    covered_.assign(first.begin(), first.end());
    COPSE_ASSIGN_OR_RETURN(
        root_, BuildForest(options_.forest, base_, covered_, pages_));
    const std::span<const Ordinal> all(order_);
    COPSE_RETURN_IF_ERROR(Change("inserted", all.subspan(half), {}));
    COPSE_RETURN_IF_ERROR(Change("deleted", {}, all.first(order_.size() / 4)));
    return std::move(report_);
  }

 private:
  absl::Status ReadFiles() {
    COPSE_ASSIGN_OR_RETURN(
        VectorMatrix base,
        ReadVectorFile(options_.base_path, options_.row_count_max));
    COPSE_ASSIGN_OR_RETURN(VectorMatrix queries,
                           ReadVectorFile(options_.query_path));
    if (base.dimension != queries.dimension || base.row_count() < 4) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s has %d rows of dimension %d and %s queries of dimension %d, "
          "expected at least 4 rows and equal dimensions",
          options_.base_path, base.row_count(), base.dimension,
          options_.query_path, queries.dimension));
    }
    base_ = MemoryVectors(base.dimension, std::move(base.components));
    queries_ = MemoryVectors(queries.dimension, std::move(queries.components));
    if (options_.forest.metric == Metric::kCosine) {
      base_.Normalize();
      queries_.Normalize();
    }
    report_.options = options_;
    report_.dimension = base_.dimension();
    report_.queries = queries_.row_count();
    return absl::OkStatus();
  }

  // Files often have like rows side by side, so they are shuffled first.
  void OrderRows() {
    order_ = base_.ordinals();
    internal::SplitMix random(kShuffleSeed);
    for (size_t i = order_.size(); i > 1; --i) {
      std::swap(order_[i - 1], order_[random.Below(i)]);
    }
    if (options_.order == EditBenchOrder::kClustered) {
      SortByTopic();
    }
  }

  // Brings rows of one cluster together; within it they stay shuffled.
  void SortByTopic() {
    internal::WorkerCrew crew(options_.forest.thread_count);
    internal::Matrix rows(base_.dimension());
    for (const Ordinal ordinal : order_) {
      rows.Append(base_.row(ordinal));
    }
    internal::Matrix sample(base_.dimension());
    const size_t sample_count =
        std::min(rows.row_count(), kTopicCount * kSampleRowsPerTopic);
    for (size_t i = 0; i < sample_count; ++i) {
      sample.Append(rows.row(i));
    }
    const internal::Matrix topics = internal::KMeans(
        sample, {.cluster_count = kTopicCount, .seed = kShuffleSeed}, crew);
    const std::vector<uint32_t> nearest =
        internal::NearestRows(rows, topics, crew);
    std::vector<size_t> places(order_.size());
    std::iota(places.begin(), places.end(), size_t{0});
    std::ranges::stable_sort(places, {},
                             [&](size_t place) { return nearest[place]; });
    std::vector<Ordinal> sorted;
    sorted.reserve(order_.size());
    for (const size_t place : places) {
      sorted.push_back(order_[place]);
    }
    order_ = std::move(sorted);
  }

  absl::Status Change(absl::string_view name, std::span<const Ordinal> inserted,
                      std::span<const Ordinal> deleted) {
    options_.progress(absl::StrFormat("%d rows are %s in %d steps",
                                      inserted.size() + deleted.size(), name,
                                      options_.step_count));
    EditBenchPhase phase;
    phase.name = std::string(name);
    phase.rows_changed = inserted.size() + deleted.size();
    const auto start = std::chrono::steady_clock::now();
    for (size_t step = 0; step < options_.step_count; ++step) {
      const auto part = [&](std::span<const Ordinal> rows) {
        const size_t first = rows.size() * step / options_.step_count;
        const size_t last = rows.size() * (step + 1) / options_.step_count;
        return rows.subspan(first, last - first);
      };
      COPSE_ASSIGN_OR_RETURN(const auto forest, Forest::Open(root_, pages_));
      COPSE_ASSIGN_OR_RETURN(
          const ForestEdit edit,
          EditForest(*forest, base_, part(inserted), part(deleted), pages_));
      root_ = edit.root;
      phase.pages_written += edit.pages_written;
      phase.bytes_written += edit.bytes_written;
      phase.rows_moved += edit.rows_moved;
    }
    phase.seconds = SecondsSince(start);
    covered_.insert(covered_.end(), inserted.begin(), inserted.end());
    std::vector<Ordinal> gone(deleted.begin(), deleted.end());
    std::ranges::sort(gone);
    std::erase_if(covered_, [&gone](Ordinal ordinal) {
      return std::ranges::binary_search(gone, ordinal);
    });
    return Compare(phase);
  }

  // Compares the forest with one that is built anew, and ends the phase.
  absl::Status Compare(EditBenchPhase& phase) {
    options_.progress("comparing with a forest built anew");
    phase.rows = covered_.size();
    MemoryVectors kept(base_.dimension(), {});
    for (const Ordinal ordinal : covered_) {
      kept.Append(base_.row(ordinal));
    }
    truth_ = ExactTruth(options_.forest.metric, kept, queries_, kNeighborCount,
                        options_.forest.thread_count);
    const auto start = std::chrono::steady_clock::now();
    COPSE_ASSIGN_OR_RETURN(
        const PageId rebuilt_root,
        BuildForest(options_.forest, base_, covered_, pages_));
    phase.rebuild_seconds = SecondsSince(start);
    COPSE_ASSIGN_OR_RETURN(const auto edited, Forest::Open(root_, pages_));
    COPSE_ASSIGN_OR_RETURN(const auto rebuilt,
                           Forest::Open(rebuilt_root, pages_));
    COPSE_ASSIGN_OR_RETURN(phase.recall, Recalls(*edited));
    COPSE_ASSIGN_OR_RETURN(phase.rebuilt_recall, Recalls(*rebuilt));
    COPSE_ASSIGN_OR_RETURN(phase.leaves, MeasureLeaves(*edited));
    COPSE_ASSIGN_OR_RETURN(phase.rebuilt_leaves, MeasureLeaves(*rebuilt));
    report_.phases.push_back(std::move(phase));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> Recalls(const Forest& forest) const {
    std::vector<double> recalls;
    for (const double budget : options_.budgets) {
      const SearchOptions search = {
          .neighbor_count = kNeighborCount,
          .scan_budget = static_cast<size_t>(
              budget * static_cast<double>(forest.row_count()))};
      size_t hits = 0;
      for (Ordinal i = 0; i < queries_.row_count(); ++i) {
        COPSE_ASSIGN_OR_RETURN(const std::vector<Neighbor> found,
                               forest.Search(base_, queries_.row(i), search));
        hits += internal::CountHits(truth_[i], found, kNeighborCount);
      }
      recalls.push_back(
          static_cast<double>(hits) /
          static_cast<double>(queries_.row_count() * truth_.front().size()));
    }
    return recalls;
  }

  absl::StatusOr<EditBenchLeaves> MeasureLeaves(const Forest& forest) const {
    COPSE_ASSIGN_OR_RETURN(const LeafList list, ListLeaves(forest));
    const auto squared_euclidean_rows =
        KernelsFor(BestSimdLevel()).squared_euclidean_rows;
    const size_t count = std::min(options_.sampled_row_count, list.rows.size());
    std::vector<float> distances(list.centroids.row_count());
    size_t misplaced = 0;
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      const auto& [ordinal, leaf] = list.rows[i * list.rows.size() / count];
      squared_euclidean_rows(
          base_.row(ordinal).data(), list.centroids.components().data(),
          base_.dimension(), distances.size(), distances.data());
      misplaced += distances[leaf] > std::ranges::min(distances) ? 1 : 0;
      sum += distances[leaf];
    }
    return EditBenchLeaves{.count = distances.size(),
                           .mean_square = sum / static_cast<double>(count),
                           .misplaced = static_cast<double>(misplaced) /
                                        static_cast<double>(count)};
  }

  const EditBenchOptions& options_;
  MemoryVectors base_{1, {}};
  MemoryVectors queries_{1, {}};
  std::vector<Ordinal> order_;
  std::vector<Ordinal> covered_;
  MemoryPageStore pages_;
  PageId root_ = kNoPage;
  std::vector<std::vector<Neighbor>> truth_;
  EditBenchReport report_;
};

}  // namespace

absl::StatusOr<EditBenchReport> RunEditBench(const EditBenchOptions& options) {
  if (options.step_count == 0) {
    return absl::InvalidArgumentError("steps is 0, expected at least 1");
  }
  return EditBench(options).Run();
}

std::string ToTable(const EditBenchReport& report) {
  std::string table =
      absl::StrFormat("%d components, %d queries, %d steps\n", report.dimension,
                      report.queries, report.options.step_count);
  for (const EditBenchPhase& phase : report.phases) {
    const auto changed = static_cast<double>(phase.rows_changed);
    absl::StrAppendFormat(
        &table,
        "\n%d rows %s in %.2f s, %d rows after it (built anew in %.2f s)\n"
        "  pages written a row %.3f, bytes %.0f, rows moved %.3f\n"
        "  leaves %d, built anew %d\n"
        "  mean squared distance to the centroid %.4f, built anew %.4f\n"
        "  not in the nearest leaf %.2f %%, built anew %.2f %%\n"
        "  budget    recall@10  built anew\n",
        phase.rows_changed, phase.name, phase.seconds, phase.rows,
        phase.rebuild_seconds,
        static_cast<double>(phase.pages_written) / changed,
        static_cast<double>(phase.bytes_written) / changed,
        static_cast<double>(phase.rows_moved) / changed, phase.leaves.count,
        phase.rebuilt_leaves.count, phase.leaves.mean_square,
        phase.rebuilt_leaves.mean_square, 100 * phase.leaves.misplaced,
        100 * phase.rebuilt_leaves.misplaced);
    for (size_t i = 0; i < phase.recall.size(); ++i) {
      absl::StrAppendFormat(&table, "  %5.1f %%      %.4f      %.4f\n",
                            100 * report.options.budgets[i], phase.recall[i],
                            phase.rebuilt_recall[i]);
    }
  }
  return table;
}

std::string ToJson(const EditBenchReport& report) {
  nlohmann::ordered_json json = {{"dimension", report.dimension},
                                 {"queries", report.queries},
                                 {"steps", report.options.step_count},
                                 {"budgets", report.options.budgets},
                                 {"phases", nlohmann::ordered_json::array()}};
  for (const EditBenchPhase& phase : report.phases) {
    json["phases"].push_back(
        {{"name", phase.name},
         {"rows", phase.rows},
         {"rows_changed", phase.rows_changed},
         {"seconds", phase.seconds},
         {"pages_written", phase.pages_written},
         {"bytes_written", phase.bytes_written},
         {"rows_moved", phase.rows_moved},
         {"rebuild_seconds", phase.rebuild_seconds},
         {"recall_at_10", phase.recall},
         {"rebuilt_recall_at_10", phase.rebuilt_recall},
         {"leaves", ToJson(phase.leaves)},
         {"rebuilt_leaves", ToJson(phase.rebuilt_leaves)}});
  }
  return json.dump(2);
}

}  // namespace copse
