// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Builds one tree of a forest: leaves by k-means, rows moved to the nearest
// leaf of all, an inner level on top of the other.
//
//   TreeBuilder builder(options, vectors, ordinals, space, seed, crew);
//   COPSE_ASSIGN_OR_RETURN(TreeRecord tree, builder.Build(sink));
//
// How it goes:
//
//   1. Rows are divided top down by k-means on samples until a part is a leaf
//      of about leaf_row_count rows. This gives leaf centroids, and not more:
//      near the border of a part a row may be nearer to a leaf of another.
//   2. A hierarchy is put over the leaf centroids, every row is given to the
//      leaf that is nearest through several branches (a beam), and each
//      centroid is moved to the mean of its rows; leaves that are too large
//      are split, those too small dropped. This is repeated.
//   3. The last assignment stands. What is still too small or too large is
//      merged and split, and the pages are written, leaves first.
//
// Memory, next to the vectors that are read: 12 bytes a row, the centroids
// (one vector for each leaf, twice), and samples of kSampleRowsPerCluster rows
// for each cluster of a division.

#ifndef COPSE_INDEX_TREE_BUILDER_H_
#define COPSE_INDEX_TREE_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/centroid_tree.h"
#include "index/code_space.h"
#include "index/forest.h"
#include "index/forest_page.h"
#include "index/kmeans.h"
#include "index/node_writer.h"
#include "index/page_store.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"

namespace copse::internal {

// Reads row `ordinal` and checks that it has the length of its source. Bits are
// written to `buffer` as floats, and valid until it changes.
absl::StatusOr<std::span<const float>> ReadVector(const VectorSource& vectors,
                                                  Ordinal ordinal,
                                                  std::vector<float>& buffer);

// Appends the vectors of `rows` to `matrix`.
absl::Status AppendVectors(const VectorSource& vectors,
                           std::span<const Ordinal> rows, Matrix& matrix);

// Thread safety: none.
class TreeBuilder {
 public:
  // All arguments must outlive the builder. `ordinals` are ascending, without
  // duplicates and not empty; an empty `origin` is zero.
  TreeBuilder(const ForestOptions& options, const VectorSource& vectors,
              std::span<const Ordinal> ordinals, const CodeSpace& space,
              uint64_t seed, WorkerCrew& crew);

  // Writes the pages of the tree and returns its record. Called once.
  absl::StatusOr<TreeRecord> Build(PageSink& sink);

 private:
  using Row = uint32_t;  // An index into ordinals_.

  // The usual children of nodes, see CentroidTree::Make(). To assign rows, many
  // small nodes are best: recall@10 on 100,000 MiniLM embeddings, 4 % of the
  // rows scanned, is .928 with 13 leaves a node and .895 with 43. On pages, a
  // node is scanned in blocks of 32 at little cost, and a search opens many.
  static constexpr size_t kAssignmentChildrenMin = 12;
  static constexpr size_t kPageChildrenMin = 64;

  // The rows of leaf i are rows[first[i]], ... rows[first[i + 1] - 1].
  struct Leaves {
    explicit Leaves(size_t dimension) : centroids(dimension) {}

    size_t count() const { return first.size() - 1; }
    std::span<const Row> rows_of(size_t leaf) const {
      return std::span(rows).subspan(first[leaf],
                                     first[leaf + 1] - first[leaf]);
    }

    Matrix centroids;
    std::vector<uint32_t> first{0};
    std::vector<Row> rows;
  };

  // A part of rows_ that is still to be divided.
  struct Part {
    size_t first = 0;
    size_t last = 0;
    uint64_t seed = 0;
  };

  // Step 1: sets the leaf centroids, and rows_ to an order in which near rows
  // stand near each other.
  absl::StatusOr<Matrix> FindLeafCentroids();
  absl::StatusOr<std::vector<Part>> DividePart(const Part& part,
                                               WorkerCrew& crew,
                                               Matrix& leaf_centroids);
  absl::Status DividePartWholly(const Part& part, Matrix& leaf_centroids);
  absl::StatusOr<Matrix> Sample(std::span<const Row> rows, size_t count) const;
  absl::StatusOr<std::vector<Part>> GroupByCentroid(const Part& part,
                                                    const Matrix& centroids,
                                                    WorkerCrew& crew);

  // Step 2.
  absl::StatusOr<Leaves> Assign(const CentroidTree& tree,
                                std::span<const Row> rows);
  absl::StatusOr<Matrix> RebalancedCentroids(const Leaves& leaves);
  absl::Status AppendMeans(std::vector<std::vector<Row>> parts,
                           Matrix& centroids) const;
  enum class EqualRows { kKeep, kSplit };
  absl::StatusOr<std::vector<std::vector<Row>>> SplitToFit(
      std::span<const Row> rows, uint64_t seed, EqualRows equal_rows) const;
  absl::StatusOr<std::vector<float>> Preferences(std::span<const Row> rows,
                                                 uint64_t seed) const;

  // Step 3.
  absl::StatusOr<Leaves> MergeSmall(Leaves leaves);
  absl::StatusOr<Leaves> SplitLarge(const Leaves& leaves);
  absl::StatusOr<TreeRecord> Write(const Leaves& leaves, PageSink& sink);
  absl::StatusOr<std::vector<ChildNode>> WriteLeaves(const Leaves& leaves,
                                                     const CentroidTree& tree,
                                                     PageSink& sink);
  absl::StatusOr<std::vector<ChildNode>> WriteLevel(
      const CentroidTree& tree, size_t level,
      std::span<const ChildNode> children, PageSink& sink);

  CentroidTree MakeTree(const Matrix& centroids,
                        std::span<const uint32_t> weights,
                        size_t children_min = kAssignmentChildrenMin);
  absl::Status ReadRows(std::span<const Row> rows, Matrix& matrix) const;

  const ForestOptions& options_;
  const VectorSource& vectors_;
  const std::span<const Ordinal> ordinals_;
  const CodeSpace space_;
  const uint64_t seed_;
  WorkerCrew& crew_;
  std::vector<Row> rows_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_TREE_BUILDER_H_
