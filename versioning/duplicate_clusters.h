// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Clusters of items, by the pairs of them that are near.
//
//   ConnectedClusters clusters(item_count);
//   clusters.Add(first, second, distance);  // In any order.
//   for (const ItemCluster& cluster : clusters.Finish()) { ... }
//
// Complete-link clusters are made as the pairs come, the nearest first: two
// clusters become one when the last pair between them has come, which is the
// farthest. That is agglomerative clustering with complete linkage, cut at the
// threshold of the pairs.

#ifndef COPSE_VERSIONING_DUPLICATE_CLUSTERS_H_
#define COPSE_VERSIONING_DUPLICATE_CLUSTERS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace copse {

struct ItemCluster {
  std::vector<uint32_t> items = {};  // 2 or more, ascending.
  float distance_min = 0;
  float distance_max = 0;
};

// Thread safety: none.
class ConnectedClusters {
 public:
  explicit ConnectedClusters(size_t item_count);

  void Add(uint32_t first, uint32_t second, float distance);

  // Returns the clusters, ascending by (distance_min, first item). Called once.
  std::vector<ItemCluster> Finish();

 private:
  struct Item {
    uint32_t parent = 0;
    uint32_t size = 1;
    float distance_min = 0;  // Of roots with several items.
    float distance_max = 0;
  };

  uint32_t Root(uint32_t item);

  std::vector<Item> items_;
};

// Thread safety: none.
class CompleteLinkClusters {
 public:
  // Pairs of clusters that are remembered at most: some hundred megabytes.
  static constexpr size_t kLinkCountMax = size_t{1} << 22;

  explicit CompleteLinkClusters(size_t item_count,
                                size_t link_count_max = kLinkCountMax);

  // REQUIRES: distances do not descend, and no pair comes twice. Fails with
  // kResourceExhausted, CLUSTERS_TOO_MANY, if too many clusters are near each
  // other without being one.
  absl::Status Add(uint32_t first, uint32_t second, float distance);

  // As above.
  std::vector<ItemCluster> Finish();

 private:
  struct Cluster {
    std::vector<uint32_t> items;
    float distance_min = 0;
    float distance_max = 0;

    // By the other cluster: pairs that have come between the two.
    absl::flat_hash_map<uint32_t, uint64_t> links;
  };

  void Merge(uint32_t kept, uint32_t lost, float distance);

  const size_t link_count_max_;
  size_t link_count_ = 0;
  std::vector<uint32_t> cluster_of_;  // By item.
  std::vector<Cluster> clusters_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DUPLICATE_CLUSTERS_H_
