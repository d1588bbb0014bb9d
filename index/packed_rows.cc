// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/packed_rows.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/kmeans.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/page_store.h"
#include "index/rerank.h"
#include "index/rotation.h"
#include "index/second_look.h"
#include "index/top_k.h"
#include "index/tree_builder.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse {
namespace {

constexpr size_t kPageRowCount = 1024;

// Any would do: the codes live as long as the process.
constexpr uint64_t kRotationSeed = 0;

size_t RerankCount(const SearchOptions& options, size_t row_count) {
  const size_t wanted =
      options.rerank_count == 0
          ? 8 * options.neighbor_count + 60 + row_count / 8
          : std::max(options.rerank_count, options.neighbor_count);
  return options.exact ? row_count : std::min(wanted, row_count);
}

absl::StatusOr<std::vector<float>> Mean(const VectorSource& vectors,
                                        std::span<const Ordinal> ordinals) {
  internal::MeanSum sum(vectors.dimension());
  std::vector<float> buffer;
  for (const Ordinal ordinal : ordinals) {
    COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                           internal::ReadVector(vectors, ordinal, buffer));
    sum.Add(vector);
  }
  std::vector<float> mean(vectors.dimension());
  sum.Finish(mean);
  return mean;
}

}  // namespace

absl::StatusOr<PackedRows> PackedRows::Make(Metric metric,
                                            const VectorSource& vectors,
                                            std::span<const Ordinal> ordinals) {
  PackedRows rows;
  rows.metric_ = metric;
  rows.rotation_ = std::make_unique<const internal::Rotation>(
      vectors.dimension(), kRotationSeed);
  if (metric != Metric::kDotProduct) {
    COPSE_ASSIGN_OR_RETURN(rows.mean_, Mean(vectors, ordinals));
  }
  rows.row_count_ = ordinals.size();
  const internal::CodeSpace space = rows.Space();
  std::vector<float> buffer;
  for (size_t first = 0; first < ordinals.size(); first += kPageRowCount) {
    internal::LeafPageBuilder builder(space, {});
    for (const Ordinal ordinal : ordinals.subspan(
             first, std::min(kPageRowCount, ordinals.size() - first))) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             internal::ReadVector(vectors, ordinal, buffer));
      builder.AddRow(ordinal, vector);
    }
    auto page = std::make_shared<const PageBytes>(builder.Finish());
    COPSE_ASSIGN_OR_RETURN(const internal::LeafPage leaf,
                           internal::LeafPage::Parse(page->bytes()));
    rows.pages_.push_back(std::move(page));
    rows.leaves_.push_back(leaf);
  }
  return rows;
}

size_t PackedRows::memory_size_bytes() const {
  size_t size_bytes = sizeof(*this) + mean_.capacity() * sizeof(float);
  for (const PageRef& page : pages_) {
    size_bytes +=
        page->bytes().size() + sizeof(PageRef) + sizeof(internal::LeafPage);
  }
  return size_bytes;
}

absl::StatusOr<std::vector<Neighbor>> PackedRows::Search(
    const VectorSource& vectors, std::span<const float> query,
    const SearchOptions& options, SearchWork* work) const {
  COPSE_RETURN_IF_ERROR(CheckVector(query, rotation_->dimension()));
  if (options.neighbor_count == 0) {
    return absl::InvalidArgumentError(
        "neighbor_count is 0, expected at least 1");
  }
  std::vector<Neighbor> neighbors;
  if (row_count_ == 0) {
    return neighbors;
  }
  const internal::CodeSpace space = Space();
  internal::CodedQuery coded_query;
  std::vector<float> unit;
  if (metric_ == Metric::kCosine) {
    internal::ToUnitLength(query, unit);
  }
  const std::span<const float> coded_vector =
      metric_ == Metric::kCosine ? std::span<const float>(unit) : query;
  coded_query.Prepare(space, coded_vector);
  const float score = space.ranking() == internal::Ranking::kInnerProduct
                          ? 0
                          : coded_query.square();
  internal::TopK candidates;
  candidates.Reset(RerankCount(options, row_count_));
  internal::ScanScratch scratch;
  const internal::RowFilter filter = {options.allowed, options.excluded};
  std::vector<internal::ScannedLeaf> leaves;
  size_t passed = 0;
  for (const internal::LeafPage& leaf : leaves_) {
    passed += leaf.Scan(coded_query, score, filter, scratch, candidates);
    leaves.push_back({&leaf, score});
  }
  std::vector<Ordinal> ordinals;
  float compared = std::numeric_limits<float>::lowest();
  for (const internal::Candidate& candidate : candidates.Unsorted()) {
    ordinals.push_back(candidate.ordinal);
    compared = std::max(compared, candidate.estimate);
  }
  COPSE_RETURN_IF_ERROR(
      internal::Rerank(metric_, vectors, query, ordinals, options, neighbors));
  size_t reranked = ordinals.size();
  if (ordinals.size() < passed &&
      space.ranking() != internal::Ranking::kInnerProduct) {
    COPSE_ASSIGN_OR_RETURN(const bool is_more,
                           internal::AddHiddenRows({.vectors = vectors,
                                                    .query = coded_vector,
                                                    .coded_query = coded_query,
                                                    .leaves = leaves,
                                                    .filter = filter,
                                                    .compared = compared},
                                                   options, neighbors, scratch,
                                                   candidates, ordinals));
    if (is_more) {
      COPSE_RETURN_IF_ERROR(internal::Rerank(metric_, vectors, query, ordinals,
                                             options, neighbors));
      reranked += ordinals.size();
    }
  }
  if (work != nullptr) {
    work->rows_scanned += static_cast<int64_t>(passed);
    work->rows_reranked += static_cast<int64_t>(reranked);
  }
  return neighbors;
}

void PackedRows::AppendWithin(std::span<const float> query, float reach,
                              std::vector<Ordinal>& rows) const {
  internal::CodedQuery coded_query;
  coded_query.Prepare(Space(), query);
  const float score = coded_query.ranking() == internal::Ranking::kInnerProduct
                          ? 0
                          : coded_query.square();
  internal::ScanScratch scratch;
  for (const internal::LeafPage& leaf : leaves_) {
    const internal::CodedRows& codes = leaf.coded_rows();
    scratch.Reserve(leaf.row_count());
    const float limit =
        codes.EstimateLimit(coded_query, codes.Magnitudes(), score, reach);
    const size_t count = codes.Select(coded_query, score, limit, scratch.sums,
                                      scratch.estimates, scratch.indices);
    for (size_t i = 0; i < count; ++i) {
      rows.push_back(leaf.ordinals()[scratch.indices[i]]);
    }
  }
}

}  // namespace copse
