// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/node_writer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/centroid_page.h"
#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/distance.h"
#include "index/inner_page.h"
#include "index/page_store.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"

namespace copse::internal {

float SpreadAround(std::span<const float> centroid,
                   std::span<const std::span<const float>> centroids,
                   std::span<const ChildNode> children) {
  static const auto squared_euclidean =
      KernelsFor(BestSimdLevel()).squared_euclidean;
  double sum = 0;
  double weight = 0;
  for (size_t i = 0; i < children.size(); ++i) {
    const float distance = Ordered(squared_euclidean(
        centroid.data(), centroids[i].data(), centroid.size()));
    sum += children[i].row_count * (double{children[i].spread} + distance);
    weight += children[i].row_count;
  }
  return weight > 0 ? Ordered(static_cast<float>(sum / weight)) : 0;
}

void NodeWriter::KeepCentroidPage(
    PageId page_id, std::span<const ChildNode> children,
    std::span<const std::span<const float>> centroids) {
  COPSE_CHECK(differences_.empty() && !children.empty());
  COPSE_CHECK(centroids.size() == children.size());
  centroid_pages_.push_back(page_id);
  centroid_counts_.push_back(static_cast<uint32_t>(children.size()));
  children_.insert(children_.end(), children.begin(), children.end());
  for (const std::span<const float> centroid : centroids) {
    codes_.Add(centroid);
  }
}

void NodeWriter::AddChild(const ChildNode& child,
                          std::span<const float> centroid) {
  COPSE_CHECK(centroid.size() == space_.dimension());
  children_.push_back(child);
  codes_.Add(centroid);
  for (size_t i = 0; i < centroid.size(); ++i) {
    differences_.push_back(ToFinite(double{centroid[i]} - space_.OriginAt(i)));
  }
}

uint32_t NodeWriter::row_count() const {
  uint32_t row_count = 0;
  for (const ChildNode& child : children_) {
    row_count += child.row_count;
  }
  return row_count;
}

absl::StatusOr<PageId> NodeWriter::Finish(PageSink& sink) {
  const size_t dimension = space_.dimension();
  const size_t added_count = differences_.size() / dimension;
  // Evenly, so that no page is left with a centroid or two.
  const size_t page_count =
      (added_count + kCentroidCountTarget - 1) / kCentroidCountTarget;
  for (size_t i = 0; i < page_count; ++i) {
    const size_t first = added_count * i / page_count;
    const size_t last = added_count * (i + 1) / page_count;
    const auto differences =
        std::span(differences_)
            .subspan(first * dimension, (last - first) * dimension);
    COPSE_ASSIGN_OR_RETURN(const PageId page_id, sink.Write(EncodeCentroidPage(
                                                     EncodingFor(dimension),
                                                     dimension, differences)));
    centroid_pages_.push_back(page_id);
    centroid_counts_.push_back(static_cast<uint32_t>(last - first));
  }
  std::vector<PageId> page_ids;
  std::vector<uint32_t> row_counts;
  std::vector<float> spreads;
  for (const ChildNode& child : children_) {
    page_ids.push_back(child.page_id);
    row_counts.push_back(child.row_count);
    spreads.push_back(child.spread);
  }
  return sink.Write(EncodeInnerPage({.level = level_,
                                     .centroid_pages = centroid_pages_,
                                     .centroid_counts = centroid_counts_,
                                     .children = page_ids,
                                     .row_counts = row_counts,
                                     .spreads = spreads},
                                    space_.dimension(), codes_));
}

}  // namespace copse::internal
