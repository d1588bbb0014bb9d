// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/centroid_page.h"
#include "index/code_space.h"
#include "index/forest.h"
#include "index/forest_page.h"
#include "index/kmeans.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/rotation.h"
#include "index/split_mix.h"
#include "index/tree_builder.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"

namespace copse {
namespace internal {
namespace {

// Rows that the origin is the mean of: it need not be exact, only the same for
// all codes of the forest.
constexpr size_t kOriginSampleMax = 4096;

absl::StatusOr<std::vector<float>> FindOrigin(
    const VectorSource& vectors, std::span<const Ordinal> ordinals) {
  const size_t count = std::min(ordinals.size(), kOriginSampleMax);
  MeanSum sum(vectors.dimension());
  std::vector<float> buffer;
  for (size_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(
        const std::span<const float> vector,
        ReadVector(vectors, ordinals[i * ordinals.size() / count], buffer));
    sum.Add(vector);
  }
  std::vector<float> origin(vectors.dimension());
  sum.Finish(origin);
  return origin;
}

absl::StatusOr<std::vector<Ordinal>> SortedOrdinals(
    std::span<const Ordinal> ordinals) {
  std::vector<Ordinal> sorted(ordinals.begin(), ordinals.end());
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::adjacent_find(sorted);
  if (repeated != sorted.end()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "ordinals contain %d twice, expected each at most once", *repeated));
  }
  return sorted;
}

}  // namespace
}  // namespace internal

absl::StatusOr<PageId> BuildForest(const ForestOptions& options,
                                   const VectorSource& vectors,
                                   std::span<const Ordinal> ordinals,
                                   PageSink& sink) {
  COPSE_RETURN_IF_ERROR(internal::CheckForestOptions(options));
  if (vectors.dimension() < 1 || vectors.dimension() > kDimensionMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vectors have %d components, expected 1 to %d",
                        vectors.dimension(), kDimensionMax));
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> sorted,
                         internal::SortedOrdinals(ordinals));
  internal::ForestRecord record{
      .options = options,
      .dimension = static_cast<uint32_t>(vectors.dimension()),
      .row_count = sorted.size(),
      .trees = std::vector<internal::TreeRecord>(options.tree_count)};
  if (sorted.empty()) {
    return sink.Write(internal::EncodeForestPage(record));
  }
  std::vector<float> origin;
  if (options.metric != Metric::kDotProduct) {
    COPSE_ASSIGN_OR_RETURN(origin, internal::FindOrigin(vectors, sorted));
    COPSE_ASSIGN_OR_RETURN(
        record.origin,
        sink.Write(internal::EncodeCentroidPage(
            internal::CentroidEncoding::kFloat, vectors.dimension(), origin)));
  }
  const internal::Rotation rotation(vectors.dimension(), options.seed);
  const internal::CodeSpace space = {
      .metric = options.metric, .rotation = &rotation, .origin = origin};
  internal::WorkerCrew crew(options.thread_count);
  for (size_t tree = 0; tree < record.trees.size(); ++tree) {
    internal::TreeBuilder builder(options, vectors, sorted, space,
                                  internal::DerivedSeed(options.seed, tree),
                                  crew);
    COPSE_ASSIGN_OR_RETURN(record.trees[tree], builder.Build(sink));
  }
  return sink.Write(internal::EncodeForestPage(record));
}

}  // namespace copse
