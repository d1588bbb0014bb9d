// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Data for forests, and what must hold of every forest.
//
//   MemoryVectors vectors = MakeClusters({.row_count = 2000});
//   MemoryPageStore pages;
//   COPSE_ASSERT_OK_AND_ASSIGN(const PageId root, BuildForest(...));
//   COPSE_ASSERT_OK_AND_ASSIGN(auto forest, Forest::Open(root, pages));
//   EXPECT_THAT(CheckForest(*forest, vectors.ordinals()), IsOk());

#ifndef COPSE_TESTS_SUPPORT_FOREST_TESTING_H_
#define COPSE_TESTS_SUPPORT_FOREST_TESTING_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "tests/support/memory_vectors.h"

namespace copse {

inline constexpr Metric kAllMetrics[] = {Metric::kCosine, Metric::kEuclidean,
                                         Metric::kDotProduct,
                                         Metric::kManhattan, Metric::kHamming};

// A name for the test of a metric.
inline std::string MetricName(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return "Cosine";
    case Metric::kEuclidean:
      return "Euclidean";
    case Metric::kDotProduct:
      return "DotProduct";
    case Metric::kManhattan:
      return "Manhattan";
    case Metric::kHamming:
      return "Hamming";
  }
  return "Unknown";
}

struct ClusterOptions {
  Metric metric = Metric::kCosine;
  size_t row_count = 2000;
  size_t dimension = 16;
  size_t cluster_count = 40;
  uint64_t seed = 1;      // Of the centres.
  uint64_t row_seed = 1;  // Of the rows.
};

// Returns rows around random centres, as `metric` wants them: of unit length
// for cosine, 0 or 1 for Hamming.
inline MemoryVectors MakeClusters(const ClusterOptions& options) {
  // The bits of the engine are the same everywhere, those of distributions are
  // not; the sum of four uniform numbers is near enough to a normal one.
  std::mt19937_64 random(options.seed);
  const auto normal = [&random] {
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
      sum += static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
    }
    return static_cast<float>(sum * std::sqrt(3.0));
  };
  const size_t dimension = options.dimension;
  std::vector<float> centers(options.cluster_count * dimension);
  std::ranges::generate(centers, [&] { return 2 * normal(); });
  random.seed(options.row_seed);
  std::vector<float> components;
  components.reserve(options.row_count * dimension);
  for (size_t row = 0; row < options.row_count; ++row) {
    const size_t center = random() % options.cluster_count;
    for (size_t i = 0; i < dimension; ++i) {
      const float value = centers[center * dimension + i] + normal();
      components.push_back(options.metric == Metric::kHamming
                               ? static_cast<float>(value > 0)
                               : value);
    }
  }
  MemoryVectors vectors(dimension, std::move(components));
  if (options.metric == Metric::kCosine) {
    vectors.Normalize();
  }
  return vectors;
}

// Appends `count` rows to `vectors` that lie around row `center`, at about
// `radius` in 8 directions, and returns `query_count` more that are not
// appended; all of unit length for cosine.
inline MemoryVectors AppendNearDuplicates(Metric metric, Ordinal center,
                                          double radius, size_t count,
                                          size_t query_count,
                                          MemoryVectors& vectors) {
  constexpr size_t kDirectionCount = 8;
  std::mt19937_64 random(3);
  const auto uniform = [&random] {
    return static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
  };
  const size_t dimension = vectors.dimension();
  // Components of variance 1 / dimension make unit length; so for offsets.
  std::vector<double> directions(kDirectionCount * dimension);
  std::ranges::generate(directions, [&] {
    return uniform() * std::sqrt(12.0 / static_cast<double>(dimension));
  });
  const std::vector<float> start(vectors.row(center).begin(),
                                 vectors.row(center).end());
  std::vector<float> components;
  for (size_t row = 0; row < count + query_count; ++row) {
    std::vector<double> sum(start.begin(), start.end());
    for (size_t i = 0; i < directions.size(); i += dimension) {
      const double offset =
          radius * uniform() * std::sqrt(12.0 / kDirectionCount);
      for (size_t j = 0; j < dimension; ++j) {
        sum[j] += offset * directions[i + j];
      }
    }
    components.insert(components.end(), sum.begin(), sum.end());
  }
  MemoryVectors rows(dimension, std::move(components));
  if (metric == Metric::kCosine) {
    rows.Normalize();
  }
  for (size_t row = 0; row < count; ++row) {
    vectors.Append(rows.row(static_cast<Ordinal>(row)));
  }
  std::vector<float> queries;
  for (size_t row = count; row < count + query_count; ++row) {
    const std::span<const float> query = rows.row(static_cast<Ordinal>(row));
    queries.insert(queries.end(), query.begin(), query.end());
  }
  return MemoryVectors(dimension, std::move(queries));
}

// Returns the share of the true nearest rows' distances that `found` reaches,
// as DESIGN counts recall: results at most as far as the last true one.
inline double Recall(std::span<const Neighbor> found,
                     std::span<const Neighbor> truth) {
  const auto good = std::ranges::count_if(found, [&](const Neighbor& neighbor) {
    return neighbor.distance <= truth.back().distance;
  });
  return static_cast<double>(good) / static_cast<double>(truth.size());
}

// Returns the mean recall over the first `query_count` rows of `queries`,
// among the rows `ordinals`.
inline absl::StatusOr<double> MeanRecall(const Forest& forest,
                                         const MemoryVectors& vectors,
                                         std::span<const Ordinal> ordinals,
                                         const MemoryVectors& queries,
                                         const SearchOptions& options) {
  double sum = 0;
  for (Ordinal i = 0; i < queries.row_count(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<Neighbor> truth,
        ExactSearch(forest.options().metric, vectors, ordinals, queries.row(i),
                    options.neighbor_count));
    COPSE_ASSIGN_OR_RETURN(const std::vector<Neighbor> found,
                           forest.Search(vectors, queries.row(i), options));
    sum += Recall(found, truth);
  }
  return sum / static_cast<double>(queries.row_count());
}

// Returns OK if each page of the forest is legal and it covers `ordinals`, each
// once in every tree.
inline absl::Status CheckForest(const Forest& forest,
                                std::span<const Ordinal> ordinals) {
  const ForestOptions& options = forest.options();
  std::vector<Ordinal> covered;
  std::set<PageId> pages;
  int64_t leaf_count = 0;
  size_t smallest_leaf = SIZE_MAX;
  const auto visit = [&](PageId page_id, std::span<const std::byte> bytes) {
    if (!pages.insert(page_id).second) {
      return absl::InternalError(absl::StrFormat("page %d twice", page_id));
    }
    COPSE_ASSIGN_OR_RETURN(const ChecksumPage page, ChecksumPage::Parse(bytes));
    if (page.kind() == PageKind::kInner) {
      COPSE_ASSIGN_OR_RETURN(const auto inner,
                             internal::InnerPage::Parse(bytes));
      if (inner.children().size() > options.fan_out) {
        return absl::InternalError(absl::StrFormat(
            "%d children of page %d", inner.children().size(), page_id));
      }
    }
    if (page.kind() == PageKind::kLeaf) {
      COPSE_ASSIGN_OR_RETURN(const auto leaf, internal::LeafPage::Parse(bytes));
      ++leaf_count;
      smallest_leaf = std::min(smallest_leaf, leaf.row_count());
      covered.insert(covered.end(), leaf.ordinals().begin(),
                     leaf.ordinals().end());
      if (leaf.row_count() > size_t{2} * options.leaf_row_count) {
        return absl::InternalError(
            absl::StrFormat("%d rows on page %d", leaf.row_count(), page_id));
      }
    }
    return absl::OkStatus();
  };
  COPSE_RETURN_IF_ERROR(forest.ForEachPage(visit));
  if (leaf_count > options.tree_count &&
      smallest_leaf < options.leaf_row_count / 4) {
    return absl::InternalError(
        absl::StrFormat("a leaf has %d rows", smallest_leaf));
  }
  std::vector<Ordinal> wanted;
  for (uint32_t tree = 0; tree < options.tree_count; ++tree) {
    wanted.insert(wanted.end(), ordinals.begin(), ordinals.end());
  }
  std::ranges::sort(wanted);
  std::ranges::sort(covered);
  if (covered != wanted ||
      forest.row_count() != static_cast<int64_t>(ordinals.size())) {
    return absl::InternalError(
        absl::StrFormat("%d rows in leaves, %d in the root, %d wanted",
                        covered.size(), forest.row_count(), wanted.size()));
  }
  std::set<PageId> named;
  COPSE_RETURN_IF_ERROR(forest.ForEachPageId([&named](PageId page_id) {
    named.insert(page_id);
    return absl::OkStatus();
  }));
  std::vector<Ordinal> listed;
  COPSE_RETURN_IF_ERROR(forest.ForEachRow(
      [&listed](Ordinal ordinal) { listed.push_back(ordinal); }));
  std::ranges::sort(listed);
  std::vector<Ordinal> sorted(ordinals.begin(), ordinals.end());
  std::ranges::sort(sorted);
  return named == pages && listed == sorted
             ? absl::OkStatus()
             : absl::InternalError("the walks disagree");
}

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_FOREST_TESTING_H_
