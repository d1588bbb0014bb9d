// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/kmeans.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "index/distance.h"
#include "index/split_mix.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/worker_crew.h"

namespace copse::internal {
namespace {

// Points of one task: enough to hide the cost of handing it out, few enough to
// keep all threads busy at the end.
constexpr size_t kPointsPerTask = 128;

// Calls visit(first, last) for blocks of the indices below `count`.
template <typename Visit>
void ForBlocks(size_t count, WorkerCrew& crew, const Visit& visit) {
  const size_t task_count = (count + kPointsPerTask - 1) / kPointsPerTask;
  crew.Run(task_count, [&](size_t task) {
    const size_t first = task * kPointsPerTask;
    visit(first, std::min(count, first + kPointsPerTask));
  });
}

float SquaredDistance(std::span<const float> a, std::span<const float> b) {
  static const auto squared_euclidean =
      KernelsFor(BestSimdLevel()).squared_euclidean;
  return Ordered(squared_euclidean(a.data(), b.data(), a.size()));
}

// Components that are not finite count as 0, as in MeanSum.
void CopyFinite(std::span<const float> source, std::span<float> target) {
  std::ranges::transform(source, target.begin(), [](float component) {
    return std::isfinite(component) ? component : 0;
  });
}

struct Nearest {
  std::vector<uint32_t> indices;
  std::vector<float> distances;
};

Nearest FindNearest(const Matrix& points, const Matrix& centroids,
                    WorkerCrew& crew) {
  static const auto squared_euclidean_rows =
      KernelsFor(BestSimdLevel()).squared_euclidean_rows;
  const size_t centroid_count = centroids.row_count();
  COPSE_CHECK(centroid_count > 0);
  Nearest nearest{std::vector<uint32_t>(points.row_count()),
                  std::vector<float>(points.row_count())};
  ForBlocks(points.row_count(), crew, [&](size_t first, size_t last) {
    std::vector<float> distances(centroid_count);
    for (size_t i = first; i < last; ++i) {
      squared_euclidean_rows(points.row(i).data(),
                             centroids.components().data(), points.dimension(),
                             centroid_count, distances.data());
      std::ranges::transform(distances, distances.begin(), Ordered);
      const auto least = std::ranges::min_element(distances);
      nearest.indices[i] = static_cast<uint32_t>(least - distances.begin());
      nearest.distances[i] = *least;
    }
  });
  return nearest;
}

// Returns the index of a point, each chosen with a chance that goes with its
// entry in `weights`, or nothing if all are 0.
size_t ChooseWeighted(std::span<const float> weights, SplitMix& random) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double rest = random.Fraction() * sum;
  size_t last_possible = weights.size();
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) {
      last_possible = i;
      rest -= weights[i];
      if (rest < 0) {
        break;
      }
    }
  }
  return last_possible;
}

// k-means++: each further seed is a point, chosen with a chance that goes with
// the squared distance to the nearest seed so far.
Matrix ChooseSeeds(const Matrix& points, size_t seed_count, uint64_t seed,
                   WorkerCrew& crew) {
  SplitMix random(seed);
  Matrix seeds(points.dimension());
  seeds.Reserve(seed_count);
  std::vector<float> chosen_point(points.dimension());
  CopyFinite(points.row(random.Below(points.row_count())), chosen_point);
  seeds.Append(chosen_point);
  std::vector<float> distances(points.row_count(),
                               std::numeric_limits<float>::max());
  while (seeds.row_count() < seed_count) {
    const auto newest = seeds.row(seeds.row_count() - 1);
    ForBlocks(points.row_count(), crew, [&](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i) {
        distances[i] =
            std::min(distances[i], SquaredDistance(points.row(i), newest));
      }
    });
    const size_t chosen = ChooseWeighted(distances, random);
    if (chosen == points.row_count()) {
      break;  // Every point equals a seed.
    }
    CopyFinite(points.row(chosen), chosen_point);
    seeds.Append(chosen_point);
  }
  return seeds;
}

// Moves each empty cluster to the point that is farthest from its centroid, so
// that a bad seed is not lost for good.
void FillEmptyClusters(const Matrix& points, Nearest& nearest,
                       Matrix& centroids, std::vector<uint32_t>& counts) {
  for (size_t cluster = 0; cluster < counts.size(); ++cluster) {
    if (counts[cluster] > 0) {
      continue;
    }
    const auto farthest = std::ranges::max_element(nearest.distances);
    if (*farthest <= 0) {
      return;  // The points are all on centroids.
    }
    const size_t point = farthest - nearest.distances.begin();
    --counts[nearest.indices[point]];
    counts[cluster] = 1;
    nearest.indices[point] = static_cast<uint32_t>(cluster);
    *farthest = 0;
    CopyFinite(points.row(point), centroids.mutable_row(cluster));
  }
}

// Sets each centroid to the mean of its points, taken in ascending order.
void UpdateMeans(const Matrix& points, std::span<const uint32_t> assignment,
                 std::span<const uint32_t> counts, Matrix& centroids,
                 WorkerCrew& crew) {
  std::vector<uint32_t> first(counts.size() + 1);
  std::partial_sum(counts.begin(), counts.end(), first.begin() + 1);
  std::vector<uint32_t> members(points.row_count());
  std::vector<uint32_t> next(first.begin(), first.end() - 1);
  for (size_t i = 0; i < members.size(); ++i) {
    members[next[assignment[i]]++] = static_cast<uint32_t>(i);
  }
  crew.Run(counts.size(), [&](size_t cluster) {
    if (counts[cluster] == 0) {
      return;
    }
    MeanSum sum(points.dimension());
    for (uint32_t i = first[cluster]; i < first[cluster + 1]; ++i) {
      sum.Add(points.row(members[i]));
    }
    sum.Finish(centroids.mutable_row(cluster));
  });
}

}  // namespace

void MeanSum::Add(std::span<const float> vector, double weight) {
  COPSE_DCHECK(vector.size() == sums_.size());
  for (size_t i = 0; i < sums_.size(); ++i) {
    sums_[i] += std::isfinite(vector[i]) ? weight * vector[i] : 0;
  }
  weight_ += weight;
}

void MeanSum::Finish(std::span<float> mean) {
  COPSE_DCHECK(mean.size() == sums_.size());
  const double factor = weight_ > 0 ? 1 / weight_ : 0;
  for (size_t i = 0; i < sums_.size(); ++i) {
    mean[i] = Ordered(static_cast<float>(sums_[i] * factor));
  }
  std::ranges::fill(sums_, 0);
  weight_ = 0;
}

Matrix KMeans(const Matrix& points, const KMeansOptions& options,
              WorkerCrew& crew) {
  COPSE_CHECK(!points.empty() && options.cluster_count > 0);
  Matrix centroids =
      ChooseSeeds(points, std::min(options.cluster_count, points.row_count()),
                  options.seed, crew);
  std::vector<uint32_t> counts;
  std::vector<uint32_t> previous;
  for (int i = 0; i < options.iteration_count; ++i) {
    Nearest nearest = FindNearest(points, centroids, crew);
    counts.assign(centroids.row_count(), 0);
    for (const uint32_t cluster : nearest.indices) {
      ++counts[cluster];
    }
    FillEmptyClusters(points, nearest, centroids, counts);
    if (nearest.indices == previous) {
      break;
    }
    UpdateMeans(points, nearest.indices, counts, centroids, crew);
    previous = std::move(nearest.indices);
  }
  return centroids;
}

std::vector<uint32_t> NearestRows(const Matrix& points, const Matrix& centroids,
                                  WorkerCrew& crew) {
  return FindNearest(points, centroids, crew).indices;
}

float Preference(std::span<const float> point, const Matrix& centroids) {
  COPSE_DCHECK(centroids.row_count() == 1 || centroids.row_count() == 2);
  return centroids.row_count() == 1
             ? 0
             : SquaredDistance(point, centroids.row(0)) -
                   SquaredDistance(point, centroids.row(1));
}

std::vector<bool> SplitByPreference(std::span<const float> preferences) {
  const size_t count = preferences.size();
  COPSE_CHECK(count >= 2);
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {},
                           [&](uint32_t i) { return preferences[i]; });
  size_t boundary = count / 2;
  if (preferences[order.front()] < preferences[order.back()]) {
    const size_t least = std::max<size_t>(1, count / 4);
    boundary = std::ranges::count_if(preferences,
                                     [](float value) { return value <= 0; });
    boundary = std::clamp(boundary, least, count - least);
  }
  std::vector<bool> second(count);
  for (size_t i = boundary; i < count; ++i) {
    second[order[i]] = true;
  }
  return second;
}

std::vector<bool> SplitInTwo(const Matrix& points, uint64_t seed) {
  WorkerCrew alone(1);
  const Matrix centroids =
      KMeans(points, {.cluster_count = 2, .seed = seed}, alone);
  std::vector<float> preferences(points.row_count());
  for (size_t i = 0; i < preferences.size(); ++i) {
    preferences[i] = Preference(points.row(i), centroids);
  }
  return SplitByPreference(preferences);
}

}  // namespace copse::internal
