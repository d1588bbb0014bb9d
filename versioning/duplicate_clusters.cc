// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/duplicate_clusters.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/util/error_reason.h"

namespace copse {
namespace {

void SortClusters(std::vector<ItemCluster>& clusters) {
  std::sort(clusters.begin(), clusters.end(),
            [](const ItemCluster& left, const ItemCluster& right) {
              return std::tie(left.distance_min, left.items.front()) <
                     std::tie(right.distance_min, right.items.front());
            });
}

}  // namespace

ConnectedClusters::ConnectedClusters(size_t item_count) : items_(item_count) {
  for (uint32_t i = 0; i < item_count; ++i) {
    items_[i].parent = i;
  }
}

uint32_t ConnectedClusters::Root(uint32_t item) {
  while (items_[item].parent != item) {
    // Halves the way for the next one.
    items_[item].parent = items_[items_[item].parent].parent;
    item = items_[item].parent;
  }
  return item;
}

void ConnectedClusters::Add(uint32_t first, uint32_t second, float distance) {
  Item* kept = &items_[Root(first)];
  Item* lost = &items_[Root(second)];
  if (kept->size < lost->size) {
    std::swap(kept, lost);
  }
  const auto include = [kept](float nearest, float farthest) {
    kept->distance_min = std::min(kept->distance_min, nearest);
    kept->distance_max = std::max(kept->distance_max, farthest);
  };
  if (kept->size == 1) {
    kept->distance_min = distance;
    kept->distance_max = distance;
  }
  include(distance, distance);
  if (kept == lost) {
    return;
  }
  if (lost->size > 1) {
    include(lost->distance_min, lost->distance_max);
  }
  kept->size += lost->size;
  lost->parent = kept->parent;
}

std::vector<ItemCluster> ConnectedClusters::Finish() {
  std::vector<ItemCluster> clusters;
  absl::flat_hash_map<uint32_t, size_t> places;  // By root.
  for (uint32_t i = 0; i < items_.size(); ++i) {
    const uint32_t root = Root(i);
    if (items_[root].size == 1) {
      continue;
    }
    const auto [place, is_new] = places.try_emplace(root, clusters.size());
    if (is_new) {
      clusters.push_back({.items = {},
                          .distance_min = items_[root].distance_min,
                          .distance_max = items_[root].distance_max});
    }
    clusters[place->second].items.push_back(i);
  }
  SortClusters(clusters);
  return clusters;
}

CompleteLinkClusters::CompleteLinkClusters(size_t item_count,
                                           size_t link_count_max)
    : link_count_max_(link_count_max),
      cluster_of_(item_count),
      clusters_(item_count) {
  for (uint32_t i = 0; i < item_count; ++i) {
    cluster_of_[i] = i;
    clusters_[i].items = {i};
  }
}

absl::Status CompleteLinkClusters::Add(uint32_t first, uint32_t second,
                                       float distance) {
  uint32_t kept = cluster_of_[first];
  uint32_t lost = cluster_of_[second];
  if (kept == lost) {
    return absl::OkStatus();
  }
  const uint64_t wanted =
      uint64_t{clusters_[kept].items.size()} * clusters_[lost].items.size();
  uint64_t& count = clusters_[kept].links[lost];
  link_count_ += count == 0 ? 1 : 0;
  ++count;
  clusters_[lost].links[kept] = count;
  if (count == wanted) {
    if (clusters_[kept].links.size() < clusters_[lost].links.size()) {
      std::swap(kept, lost);
    }
    Merge(kept, lost, distance);
  }
  if (link_count_ <= link_count_max_) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrFormat(
          "more than %d pairs of clusters are near each other: ask for smaller "
          "distances, for connected clusters, or for pairs",
          link_count_max_)),
      "CLUSTERS_TOO_MANY", {{"wanted", absl::StrCat(link_count_max_)}});
}

void CompleteLinkClusters::Merge(uint32_t kept_number, uint32_t lost_number,
                                 float distance) {
  Cluster& kept = clusters_[kept_number];
  Cluster lost = std::exchange(clusters_[lost_number], Cluster());
  const auto nearest = [distance](const Cluster& cluster) {
    return cluster.items.size() == 1 ? distance : cluster.distance_min;
  };
  kept.distance_min = std::min(nearest(kept), nearest(lost));
  kept.distance_max = distance;
  for (const uint32_t item : lost.items) {
    cluster_of_[item] = kept_number;
  }
  kept.items.insert(kept.items.end(), lost.items.begin(), lost.items.end());
  kept.links.erase(lost_number);
  --link_count_;
  for (const auto& [other, count] : lost.links) {
    if (other == kept_number) {
      continue;
    }
    uint64_t& together = kept.links[other];
    link_count_ -= together == 0 ? 0 : 1;
    together += count;
    clusters_[other].links.erase(lost_number);
    clusters_[other].links[kept_number] = together;
  }
}

std::vector<ItemCluster> CompleteLinkClusters::Finish() {
  std::vector<ItemCluster> clusters;
  for (Cluster& cluster : clusters_) {
    if (cluster.items.size() > 1) {
      std::sort(cluster.items.begin(), cluster.items.end());
      clusters.push_back({.items = std::move(cluster.items),
                          .distance_min = cluster.distance_min,
                          .distance_max = cluster.distance_max});
    }
  }
  SortClusters(clusters);
  return clusters;
}

}  // namespace copse
