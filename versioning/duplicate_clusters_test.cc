// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/duplicate_clusters.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Link {
  uint32_t first = 0;
  uint32_t second = 0;
  float distance = 0;
};

// Random pairs of `count` items, ascending by their distances, which differ.
std::vector<Link> MakeLinks(uint32_t count, size_t share, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Link> links;
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t j = i + 1; j < count; ++j) {
      if (random() % 100 < share) {
        links.push_back({i, j, static_cast<float>(random())});
      }
    }
  }
  std::ranges::sort(links, {}, &Link::distance);
  return links;
}

using Partition = std::vector<std::vector<uint32_t>>;

Partition ToPartition(const std::vector<ItemCluster>& clusters) {
  Partition partition;
  for (const ItemCluster& cluster : clusters) {
    partition.push_back(cluster.items);
  }
  std::ranges::sort(partition);
  return partition;
}

// Merges the two clusters that are nearest by their farthest items, from the
// definition, until none are near.
Partition SlowCompleteLink(uint32_t count, const std::vector<Link>& links) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  std::vector<std::vector<float>> distances(count,
                                            std::vector<float>(count, kFar));
  for (const Link& link : links) {
    distances[link.first][link.second] = link.distance;
    distances[link.second][link.first] = link.distance;
  }
  Partition clusters;
  for (uint32_t i = 0; i < count; ++i) {
    clusters.push_back({i});
  }
  for (;;) {
    float nearest = kFar;
    std::pair<size_t, size_t> chosen;
    for (size_t a = 0; a < clusters.size(); ++a) {
      for (size_t b = a + 1; b < clusters.size(); ++b) {
        float farthest = 0;
        for (const uint32_t i : clusters[a]) {
          for (const uint32_t j : clusters[b]) {
            farthest = std::max(farthest, distances[i][j]);
          }
        }
        if (farthest < nearest) {
          nearest = farthest;
          chosen = {a, b};
        }
      }
    }
    if (nearest == kFar) {
      break;
    }
    std::vector<uint32_t>& kept = clusters[chosen.first];
    kept.insert(kept.end(), clusters[chosen.second].begin(),
                clusters[chosen.second].end());
    std::ranges::sort(kept);
    clusters.erase(clusters.begin() +
                   static_cast<std::ptrdiff_t>(chosen.second));
  }
  std::erase_if(clusters, [](const auto& items) { return items.size() < 2; });
  std::ranges::sort(clusters);
  return clusters;
}

TEST(ConnectedClustersTest, JoinsWhatAChainConnects) {
  ConnectedClusters clusters(7);
  clusters.Add(4, 5, 0.5F);
  clusters.Add(0, 2, 0.3F);
  clusters.Add(2, 6, 0.1F);
  clusters.Add(0, 6, 0.4F);
  const std::vector<ItemCluster> found = clusters.Finish();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].items, ElementsAre(0, 2, 6));
  EXPECT_EQ(found[0].distance_min, 0.1F);
  EXPECT_EQ(found[0].distance_max, 0.4F);
  EXPECT_THAT(found[1].items, ElementsAre(4, 5));
}

TEST(ConnectedClustersTest, DoesNotDependOnTheOrder) {
  std::vector<Link> links = MakeLinks(200, 1, 3);
  std::mt19937 random(4);
  std::vector<Partition> partitions;
  for (int round = 0; round < 3; ++round) {
    ConnectedClusters clusters(200);
    for (const Link& link : links) {
      clusters.Add(link.first, link.second, link.distance);
    }
    partitions.push_back(ToPartition(clusters.Finish()));
    std::ranges::shuffle(links, random);
  }
  EXPECT_GT(partitions[0].size(), 1U);
  EXPECT_EQ(partitions[0], partitions[1]);
  EXPECT_EQ(partitions[0], partitions[2]);
}

TEST(CompleteLinkClustersTest, AgreesWithTheDefinition) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const std::vector<Link> links = MakeLinks(24, 20 + 6 * seed, seed);
    CompleteLinkClusters clusters(24);
    for (const Link& link : links) {
      ASSERT_THAT(clusters.Add(link.first, link.second, link.distance), IsOk());
    }
    EXPECT_EQ(ToPartition(clusters.Finish()), SlowCompleteLink(24, links))
        << seed;
  }
}

TEST(CompleteLinkClustersTest, SaysHowFarItsItemsAre) {
  CompleteLinkClusters clusters(4);
  for (const Link& link : {Link{0, 1, 0.1F}, Link{2, 3, 0.2F}, Link{1, 2, 0.3F},
                           Link{0, 2, 0.4F}, Link{1, 3, 0.5F}}) {
    ASSERT_THAT(clusters.Add(link.first, link.second, link.distance), IsOk());
  }
  // 0 and 3 are no pair.
  const std::vector<ItemCluster> found = clusters.Finish();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].items, ElementsAre(0, 1));
  EXPECT_EQ(found[1].distance_min, 0.2F);
  EXPECT_EQ(found[1].distance_max, 0.2F);
}

TEST(CompleteLinkClustersTest, EndsWhenItWouldRememberTooMuch) {
  CompleteLinkClusters clusters(40, /*link_count_max=*/10);
  absl::Status status = absl::OkStatus();
  // A chain of couples: each is near the next, but not with both items.
  for (uint32_t i = 0; i + 1 < 40; i += 2) {
    status.Update(clusters.Add(i, i + 1, 0.1F));
  }
  for (uint32_t i = 0; i + 2 < 40; i += 2) {
    status.Update(clusters.Add(i, i + 2, 0.2F));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than 10 pairs of clusters")));
}

TEST(DuplicateClustersTest, HaveNoneWithoutPairs) {
  EXPECT_THAT(ConnectedClusters(3).Finish(), IsEmpty());
  EXPECT_THAT(CompleteLinkClusters(0).Finish(), IsEmpty());
}

}  // namespace
}  // namespace copse
