// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// k-means over vectors in memory: Lloyd's iterations from the seeding of Arthur
// and Vassilvitskii (k-means++, SODA 2007), and a split in two halves that
// ends well whatever the vectors are.
//
//   Matrix points(dimension);
//   points.Append(vector);
//   Matrix centroids = KMeans(points, {.cluster_count = 64}, crew);
//   std::vector<uint32_t> nearest = NearestRows(points, centroids, crew);
//
// Everything here is a function of its arguments: sums are taken in the order
// of the points, in double, whatever the number of threads.

#ifndef COPSE_INDEX_KMEANS_H_
#define COPSE_INDEX_KMEANS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/worker_crew.h"

namespace copse::internal {

// Vectors one after the other.
class Matrix {
 public:
  // REQUIRES: dimension > 0
  explicit Matrix(size_t dimension) : dimension_(dimension) {}
  Matrix(size_t dimension, size_t row_count)
      : dimension_(dimension), components_(dimension * row_count) {}

  size_t dimension() const { return dimension_; }
  size_t row_count() const { return components_.size() / dimension_; }
  bool empty() const { return components_.empty(); }

  std::span<const float> row(size_t index) const {
    return std::span(components_).subspan(index * dimension_, dimension_);
  }
  std::span<float> mutable_row(size_t index) {
    return std::span(components_).subspan(index * dimension_, dimension_);
  }
  std::span<const float> components() const { return components_; }

  void Reserve(size_t row_count) {
    components_.reserve(dimension_ * row_count);
  }

  // REQUIRES: row.size() == dimension(), and row is not of this matrix.
  void Append(std::span<const float> row) {
    components_.insert(components_.end(), row.begin(), row.end());
  }

 private:
  size_t dimension_;
  std::vector<float> components_;
};

// The mean of vectors that are added one by one.
class MeanSum {
 public:
  explicit MeanSum(size_t dimension) : sums_(dimension) {}

  // Adds `vector` as often as `weight` says. Components that are not finite
  // count as 0.
  void Add(std::span<const float> vector, double weight = 1);

  double weight() const { return weight_; }

  // Stores the mean in `mean`, zeros if nothing was added, and begins anew.
  void Finish(std::span<float> mean);

 private:
  std::vector<double> sums_;
  double weight_ = 0;
};

struct KMeansOptions {
  size_t cluster_count = 2;
  int iteration_count = 8;
  uint64_t seed = 0;
};

// Returns the means of clusters of `points`: `cluster_count` of them, or fewer
// if there are fewer different points, but at least one.
// REQUIRES: points are not empty and cluster_count > 0
Matrix KMeans(const Matrix& points, const KMeansOptions& options,
              WorkerCrew& crew);

// Returns for each point the index of the nearest row of `centroids`, the
// lowest of several.
// REQUIRES: centroids are not empty
std::vector<uint32_t> NearestRows(const Matrix& points, const Matrix& centroids,
                                  WorkerCrew& crew);

// Returns for each point how much nearer (squared) the second of two centroids
// is than the first; 0 for all if `centroids` has one row.
// REQUIRES: centroids have one or two rows
float Preference(std::span<const float> point, const Matrix& centroids);

// Returns for each of the points with these preferences whether it belongs to
// the second of two parts. The parts meet at preference 0, but each has at
// least a quarter of the points (rounded down, at least one). If all points
// have the same preference their order divides them in two halves.
// REQUIRES: at least two points
std::vector<bool> SplitByPreference(std::span<const float> preferences);

// Returns for each point whether it belongs to the second of two parts, which
// are the clusters of 2-means within the bounds of SplitByPreference().
// REQUIRES: at least two points
std::vector<bool> SplitInTwo(const Matrix& points, uint64_t seed);

}  // namespace copse::internal

#endif  // COPSE_INDEX_KMEANS_H_
