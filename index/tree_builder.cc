// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/tree_builder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/centroid_tree.h"
#include "index/forest.h"
#include "index/forest_page.h"
#include "index/kmeans.h"
#include "index/leaf_page.h"
#include "index/node_writer.h"
#include "index/page_store.h"
#include "index/split_mix.h"
#include "index/stored_vector.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"

namespace copse::internal {
namespace {

// Parts of one division; more would make k-means slow, fewer the way longer.
constexpr double kPartCountMax = 128;
constexpr size_t kSampleRowsPerCluster = 256;
constexpr size_t kSplitSampleMax = 4096;
constexpr int kIterationCount = 8;

// Rounds of step 2. On MiniLM embeddings a second is worth 0.4 points of
// recall, a third nothing.
constexpr int kRoundCount = 2;

// Branches of each level through which the nearest leaf is looked for.
constexpr size_t kBeam = 8;

constexpr size_t kRowsPerTask = 256;
constexpr size_t kLeavesPerBatch = 128;

// Returns how many rows fewer than which a leaf is merged away.
size_t SmallestLeaf(const ForestOptions& options) {
  return options.leaf_row_count / 4;
}

size_t LargestLeaf(const ForestOptions& options) {
  return size_t{2} * options.leaf_row_count;
}

std::vector<uint32_t> Counts(std::span<const uint32_t> first) {
  std::vector<uint32_t> counts(first.size() - 1);
  for (size_t i = 0; i < counts.size(); ++i) {
    counts[i] = first[i + 1] - first[i];
  }
  return counts;
}

}  // namespace

absl::StatusOr<std::span<const float>> ReadVector(const VectorSource& vectors,
                                                  Ordinal ordinal,
                                                  std::vector<float>& buffer) {
  COPSE_ASSIGN_OR_RETURN(const StoredVector vector, vectors.Read(ordinal));
  if (vector.dimension() != vectors.dimension()) {
    return absl::InternalError(
        absl::StrFormat("row %d has %d components, expected %d", ordinal,
                        vector.dimension(), vectors.dimension()));
  }
  return vector.Components(buffer);
}

absl::Status AppendVectors(const VectorSource& vectors,
                           std::span<const Ordinal> rows, Matrix& matrix) {
  matrix.Reserve(matrix.row_count() + rows.size());
  std::vector<float> buffer;
  for (const Ordinal ordinal : rows) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors, ordinal, buffer));
    matrix.Append(vector);
  }
  return absl::OkStatus();
}

TreeBuilder::TreeBuilder(const ForestOptions& options,
                         const VectorSource& vectors,
                         std::span<const Ordinal> ordinals,
                         const CodeSpace& space, uint64_t seed,
                         WorkerCrew& crew)
    : options_(options),
      vectors_(vectors),
      ordinals_(ordinals),
      space_(space),
      seed_(seed),
      crew_(crew),
      rows_(ordinals.size()) {
  COPSE_CHECK(!ordinals.empty());
  std::iota(rows_.begin(), rows_.end(), Row{0});
}

absl::StatusOr<TreeRecord> TreeBuilder::Build(PageSink& sink) {
  COPSE_ASSIGN_OR_RETURN(Matrix centroids, FindLeafCentroids());
  std::vector<uint32_t> weights(centroids.row_count(), 1);
  for (int round = 0; round < kRoundCount; ++round) {
    COPSE_ASSIGN_OR_RETURN(Leaves leaves,
                           Assign(MakeTree(centroids, weights), rows_));
    COPSE_ASSIGN_OR_RETURN(centroids, RebalancedCentroids(leaves));
    weights.assign(centroids.row_count(), 1);
    rows_ = std::move(leaves.rows);
  }
  COPSE_ASSIGN_OR_RETURN(Leaves leaves,
                         Assign(MakeTree(centroids, weights), rows_));
  rows_ = std::vector<Row>();
  COPSE_ASSIGN_OR_RETURN(leaves, MergeSmall(std::move(leaves)));
  COPSE_ASSIGN_OR_RETURN(leaves, SplitLarge(leaves));
  return Write(leaves, sink);
}

CentroidTree TreeBuilder::MakeTree(const Matrix& centroids,
                                   std::span<const uint32_t> weights,
                                   size_t children_min) {
  return CentroidTree::Make(centroids, weights,
                            {.fan_out = options_.fan_out,
                             .children_min = children_min,
                             .seed = seed_},
                            crew_);
}

absl::Status TreeBuilder::ReadRows(std::span<const Row> rows,
                                   Matrix& matrix) const {
  matrix.Reserve(matrix.row_count() + rows.size());
  std::vector<float> buffer;
  for (const Row row : rows) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors_, ordinals_[row], buffer));
    matrix.Append(vector);
  }
  return absl::OkStatus();
}

// ---- Step 1: leaf centroids
// --------------------------------------------------

absl::StatusOr<Matrix> TreeBuilder::FindLeafCentroids() {
  Matrix centroids(vectors_.dimension());
  // The whole is divided by all threads together, the parts by one each.
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<Part> parts,
      DividePart({0, rows_.size(), seed_}, crew_, centroids));
  std::vector<Matrix> part_centroids(parts.size(),
                                     Matrix(vectors_.dimension()));
  COPSE_RETURN_IF_ERROR(crew_.RunChecked(parts.size(), [&](size_t i) {
    return DividePartWholly(parts[i], part_centroids[i]);
  }));
  for (const Matrix& matrix : part_centroids) {
    for (size_t i = 0; i < matrix.row_count(); ++i) {
      centroids.Append(matrix.row(i));
    }
  }
  return centroids;
}

absl::Status TreeBuilder::DividePartWholly(const Part& part,
                                           Matrix& leaf_centroids) {
  WorkerCrew alone(1);
  std::vector<Part> stack{part};
  while (!stack.empty()) {
    const Part next = stack.back();
    stack.pop_back();
    COPSE_ASSIGN_OR_RETURN(const std::vector<Part> parts,
                           DividePart(next, alone, leaf_centroids));
    stack.insert(stack.end(), parts.rbegin(), parts.rend());
  }
  return absl::OkStatus();
}

// Appends the leaf centroids of `part` if it is small enough to find them at
// once, and otherwise returns the parts that it consists of.
absl::StatusOr<std::vector<TreeBuilder::Part>> TreeBuilder::DividePart(
    const Part& part, WorkerCrew& crew, Matrix& leaf_centroids) {
  const size_t row_count = part.last - part.first;
  const auto leaf_count = static_cast<double>(std::max<size_t>(
      1, (row_count + options_.leaf_row_count / 2) / options_.leaf_row_count));
  const double level = std::max(
      1.0, std::ceil(std::log(leaf_count) / std::log(kPartCountMax) - 1e-9));
  const auto cluster_count =
      static_cast<size_t>(std::ceil(std::pow(leaf_count, 1 / level) - 1e-9));
  COPSE_ASSIGN_OR_RETURN(
      const Matrix sample,
      Sample(std::span(rows_).subspan(part.first, row_count),
             std::min(row_count, kSampleRowsPerCluster * cluster_count)));
  const Matrix centroids = KMeans(sample,
                                  {.cluster_count = cluster_count,
                                   .iteration_count = kIterationCount,
                                   .seed = part.seed},
                                  crew);
  if (level > 1 && centroids.row_count() > 1) {
    COPSE_ASSIGN_OR_RETURN(std::vector<Part> parts,
                           GroupByCentroid(part, centroids, crew));
    // Rounding can give all rows to one of two centroids that are almost equal.
    if (parts.size() > 1) {
      return parts;
    }
  }
  for (size_t i = 0; i < centroids.row_count(); ++i) {
    leaf_centroids.Append(centroids.row(i));
  }
  return std::vector<Part>();
}

// Returns the vectors of `count` of `rows`, taken evenly: rows that stand
// together are often alike.
absl::StatusOr<Matrix> TreeBuilder::Sample(std::span<const Row> rows,
                                           size_t count) const {
  std::vector<Row> chosen;
  chosen.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    chosen.push_back(rows[i * rows.size() / count]);
  }
  Matrix sample(vectors_.dimension());
  COPSE_RETURN_IF_ERROR(ReadRows(chosen, sample));
  return sample;
}

// Sorts the rows of `part` by their nearest centroid and returns the parts.
absl::StatusOr<std::vector<TreeBuilder::Part>> TreeBuilder::GroupByCentroid(
    const Part& part, const Matrix& centroids, WorkerCrew& crew) {
  const size_t row_count = part.last - part.first;
  std::vector<uint32_t> nearest(row_count);
  const size_t task_count = (row_count + kRowsPerTask - 1) / kRowsPerTask;
  const auto find_nearest = [&](size_t task) {
    const size_t first = task * kRowsPerTask;
    const size_t count = std::min(kRowsPerTask, row_count - first);
    Matrix points(vectors_.dimension());
    absl::Status status =
        ReadRows(std::span(rows_).subspan(part.first + first, count), points);
    if (status.ok()) {
      WorkerCrew alone(1);
      std::ranges::copy(NearestRows(points, centroids, alone),
                        nearest.begin() + static_cast<std::ptrdiff_t>(first));
    }
    return status;
  };
  COPSE_RETURN_IF_ERROR(crew.RunChecked(task_count, find_nearest));
  std::vector<size_t> first(centroids.row_count() + 1);
  for (const uint32_t cluster : nearest) {
    ++first[cluster + 1];
  }
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<Part> parts;
  for (size_t i = 0; i + 1 < first.size(); ++i) {
    if (first[i] < first[i + 1]) {
      parts.push_back({part.first + first[i], part.first + first[i + 1],
                       DerivedSeed(part.seed, i)});
    }
  }
  std::vector<Row> sorted(row_count);
  for (size_t i = 0; i < row_count; ++i) {
    sorted[first[nearest[i]]++] = rows_[part.first + i];
  }
  std::ranges::copy(sorted,
                    rows_.begin() + static_cast<std::ptrdiff_t>(part.first));
  return parts;
}

// ---- Step 2: the nearest leaf of all
// -----------------------------------------

// Returns the leaves of `tree` with the `rows` that are nearest to each.
absl::StatusOr<TreeBuilder::Leaves> TreeBuilder::Assign(
    const CentroidTree& tree, std::span<const Row> rows) {
  std::vector<uint32_t> nearest(rows.size());
  const size_t task_count = (rows.size() + kRowsPerTask - 1) / kRowsPerTask;
  COPSE_RETURN_IF_ERROR(crew_.RunChecked(task_count, [&](size_t task) {
    CentroidTree::Scratch scratch;
    const size_t first = task * kRowsPerTask;
    const size_t last = std::min(rows.size(), first + kRowsPerTask);
    std::vector<float> buffer;
    for (size_t i = first; i < last; ++i) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             ReadVector(vectors_, ordinals_[rows[i]], buffer));
      nearest[i] = tree.FindNearestLeaf(vector, kBeam, scratch);
    }
    return absl::OkStatus();
  }));
  Leaves leaves(vectors_.dimension());
  leaves.centroids = tree.level(0).centroids;
  leaves.first.assign(tree.leaf_count() + 1, 0);
  for (const uint32_t leaf : nearest) {
    ++leaves.first[leaf + 1];
  }
  std::partial_sum(leaves.first.begin(), leaves.first.end(),
                   leaves.first.begin());
  std::vector<uint32_t> next(leaves.first.begin(), leaves.first.end() - 1);
  leaves.rows.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    leaves.rows[next[nearest[i]]++] = rows[i];
  }
  return leaves;
}

// Returns how much nearer each of `rows` is to the second of two means.
absl::StatusOr<std::vector<float>> TreeBuilder::Preferences(
    std::span<const Row> rows, uint64_t seed) const {
  COPSE_ASSIGN_OR_RETURN(const Matrix sample,
                         Sample(rows, std::min(rows.size(), kSplitSampleMax)));
  WorkerCrew alone(1);
  const Matrix centroids =
      KMeans(sample, {.cluster_count = 2, .seed = seed}, alone);
  std::vector<float> preferences;
  preferences.reserve(rows.size());
  std::vector<float> buffer;
  for (const Row row : rows) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           ReadVector(vectors_, ordinals_[row], buffer));
    preferences.push_back(Preference(vector, centroids));
  }
  return preferences;
}

// Divides `rows` until no part is larger than a leaf may be, or is a part of
// equal rows that are to be kept together.
absl::StatusOr<std::vector<std::vector<TreeBuilder::Row>>>
TreeBuilder::SplitToFit(std::span<const Row> rows, uint64_t seed,
                        EqualRows equal_rows) const {
  std::vector<std::vector<Row>> parts{{rows.begin(), rows.end()}};
  for (size_t i = 0; i < parts.size(); ++i) {
    while (parts[i].size() > LargestLeaf(options_)) {
      COPSE_ASSIGN_OR_RETURN(
          const std::vector<float> preferences,
          Preferences(parts[i], DerivedSeed(seed, parts.size())));
      const auto [least, most] = std::ranges::minmax(preferences);
      if (equal_rows == EqualRows::kKeep && least == most) {
        break;
      }
      const std::vector<bool> second = SplitByPreference(preferences);
      std::vector<Row> kept;
      std::vector<Row> moved;
      for (size_t j = 0; j < second.size(); ++j) {
        (second[j] ? moved : kept).push_back(parts[i][j]);
      }
      parts[i] = std::move(kept);
      parts.push_back(std::move(moved));
    }
  }
  return parts;
}

absl::Status TreeBuilder::AppendMeans(std::vector<std::vector<Row>> parts,
                                      Matrix& centroids) const {
  MeanSum sum(vectors_.dimension());
  std::vector<float> mean(vectors_.dimension());
  std::vector<float> buffer;
  for (std::vector<Row>& part : parts) {
    std::ranges::sort(part);  // The sum must not depend on the way here.
    for (const Row row : part) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             ReadVector(vectors_, ordinals_[row], buffer));
      sum.Add(vector);
    }
    sum.Finish(mean);
    centroids.Append(mean);
  }
  return absl::OkStatus();
}

// Returns the means of leaves: several for one that is too large, none for one
// that is too small.
absl::StatusOr<Matrix> TreeBuilder::RebalancedCentroids(const Leaves& leaves) {
  std::vector<Matrix> means(leaves.count(), Matrix(vectors_.dimension()));
  COPSE_RETURN_IF_ERROR(crew_.RunChecked(leaves.count(), [&](size_t leaf) {
    const std::span<const Row> rows = leaves.rows_of(leaf);
    if (rows.size() < SmallestLeaf(options_)) {
      return absl::OkStatus();
    }
    COPSE_ASSIGN_OR_RETURN(
        std::vector<std::vector<Row>> parts,
        SplitToFit(rows, DerivedSeed(seed_, leaf), EqualRows::kKeep));
    return AppendMeans(std::move(parts), means[leaf]);
  }));
  Matrix centroids(vectors_.dimension());
  for (const Matrix& matrix : means) {
    for (size_t i = 0; i < matrix.row_count(); ++i) {
      centroids.Append(matrix.row(i));
    }
  }
  // Without a single leaf that is large enough there is one for all.
  return centroids.empty() ? leaves.centroids : centroids;
}

// ---- Step 3: the pages
// -------------------------------------------------------

// Gives the rows of leaves that are too small to the nearest of the others.
absl::StatusOr<TreeBuilder::Leaves> TreeBuilder::MergeSmall(Leaves leaves) {
  std::vector<uint32_t> counts = Counts(leaves.first);
  const auto largest = std::ranges::max_element(counts) - counts.begin();
  Matrix kept(vectors_.dimension());
  std::vector<uint32_t> weights;
  std::vector<size_t> sources;
  std::vector<Row> homeless;
  for (size_t leaf = 0; leaf < leaves.count(); ++leaf) {
    const std::span<const Row> rows = leaves.rows_of(leaf);
    if (rows.size() >= SmallestLeaf(options_) ||
        leaf == static_cast<size_t>(largest)) {
      kept.Append(leaves.centroids.row(leaf));
      weights.push_back(counts[leaf]);
      sources.push_back(leaf);
    } else {
      homeless.insert(homeless.end(), rows.begin(), rows.end());
    }
  }
  const CentroidTree tree = MakeTree(kept, weights);
  COPSE_ASSIGN_OR_RETURN(const Leaves added, Assign(tree, homeless));
  Leaves merged(vectors_.dimension());
  merged.centroids = added.centroids;
  merged.rows.reserve(leaves.rows.size());
  for (size_t i = 0; i < tree.leaf_count(); ++i) {
    for (const std::span<const Row> rows :
         {leaves.rows_of(sources[tree.leaf_order()[i]]), added.rows_of(i)}) {
      merged.rows.insert(merged.rows.end(), rows.begin(), rows.end());
    }
    merged.first.push_back(static_cast<uint32_t>(merged.rows.size()));
  }
  return merged;
}

// Splits leaves that are too large, and moves each centroid to the mean of its
// rows.
absl::StatusOr<TreeBuilder::Leaves> TreeBuilder::SplitLarge(
    const Leaves& leaves) {
  std::vector<std::vector<std::vector<Row>>> parts(leaves.count());
  std::vector<Matrix> means(leaves.count(), Matrix(vectors_.dimension()));
  COPSE_RETURN_IF_ERROR(crew_.RunChecked(leaves.count(), [&](size_t leaf) {
    COPSE_ASSIGN_OR_RETURN(
        parts[leaf], SplitToFit(leaves.rows_of(leaf), DerivedSeed(seed_, leaf),
                                EqualRows::kSplit));
    return AppendMeans(parts[leaf], means[leaf]);
  }));
  Leaves fitting(vectors_.dimension());
  for (size_t leaf = 0; leaf < leaves.count(); ++leaf) {
    for (size_t i = 0; i < parts[leaf].size(); ++i) {
      const std::vector<Row>& rows = parts[leaf][i];
      fitting.centroids.Append(means[leaf].row(i));
      fitting.rows.insert(fitting.rows.end(), rows.begin(), rows.end());
      fitting.first.push_back(static_cast<uint32_t>(fitting.rows.size()));
    }
  }
  return fitting;
}

// Writes the leaf pages in the order of `tree`.
absl::StatusOr<std::vector<ChildNode>> TreeBuilder::WriteLeaves(
    const Leaves& leaves, const CentroidTree& tree, PageSink& sink) {
  std::vector<ChildNode> written;
  written.reserve(leaves.count());
  std::vector<std::vector<std::byte>> pages(kLeavesPerBatch);
  while (written.size() < leaves.count()) {
    const size_t first = written.size();
    const size_t count = std::min(kLeavesPerBatch, leaves.count() - first);
    written.resize(first + count);
    const auto encode = [&](size_t i) {
      const uint32_t leaf = tree.leaf_order()[first + i];
      LeafPageBuilder builder(space_, tree.level(0).centroids.row(first + i));
      std::vector<float> buffer;
      for (const Row row : leaves.rows_of(leaf)) {
        COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                               ReadVector(vectors_, ordinals_[row], buffer));
        builder.AddRow(ordinals_[row], vector);
      }
      written[first + i].row_count = static_cast<uint32_t>(builder.row_count());
      written[first + i].spread = builder.spread();
      pages[i] = builder.Finish();
      return absl::OkStatus();
    };
    COPSE_RETURN_IF_ERROR(crew_.RunChecked(count, encode));
    // One after the other, so that the numbers do not depend on the threads.
    for (size_t i = 0; i < count; ++i) {
      COPSE_ASSIGN_OR_RETURN(written[first + i].page_id, sink.Write(pages[i]));
    }
  }
  return written;
}

// Writes the nodes of `level`, whose children are the nodes below.
absl::StatusOr<std::vector<ChildNode>> TreeBuilder::WriteLevel(
    const CentroidTree& tree, size_t level, std::span<const ChildNode> children,
    PageSink& sink) {
  const Matrix& centroids = tree.level(level - 1).centroids;
  const bool is_top = level == tree.level_count();
  const std::vector<uint32_t> all{0,
                                  static_cast<uint32_t>(centroids.row_count())};
  const std::vector<uint32_t>& first_child =
      is_top ? all : tree.level(level).first_child;
  std::vector<ChildNode> written;
  for (size_t i = 0; i + 1 < first_child.size(); ++i) {
    const std::span<const float> centroid =
        is_top ? std::span<const float>() : tree.level(level).centroids.row(i);
    NodeWriter writer(static_cast<uint32_t>(level), space_, centroid);
    std::vector<std::span<const float>> child_centroids;
    for (uint32_t child = first_child[i]; child < first_child[i + 1]; ++child) {
      writer.AddChild(children[child], centroids.row(child));
      child_centroids.push_back(centroids.row(child));
    }
    ChildNode node;
    node.row_count = writer.row_count();
    if (!is_top) {
      node.spread = SpreadAround(
          centroid, child_centroids,
          children.subspan(first_child[i], child_centroids.size()));
    }
    COPSE_ASSIGN_OR_RETURN(node.page_id, writer.Finish(sink));
    written.push_back(node);
  }
  return written;
}

absl::StatusOr<TreeRecord> TreeBuilder::Write(const Leaves& leaves,
                                              PageSink& sink) {
  CentroidTree tree =
      MakeTree(leaves.centroids, Counts(leaves.first), kPageChildrenMin);
  tree.Round(space_.origin);
  COPSE_ASSIGN_OR_RETURN(std::vector<ChildNode> nodes,
                         WriteLeaves(leaves, tree, sink));
  for (size_t level = 1; level <= tree.level_count(); ++level) {
    COPSE_ASSIGN_OR_RETURN(nodes, WriteLevel(tree, level, nodes, sink));
  }
  COPSE_CHECK(nodes.size() == 1);
  return TreeRecord{.top = nodes[0].page_id,
                    .leaf_count = leaves.count(),
                    .level = static_cast<uint32_t>(tree.level_count())};
}

}  // namespace copse::internal
