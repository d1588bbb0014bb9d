// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Documents of a commit that are near each other.
//
//   COPSE_RETURN_IF_ERROR(FindDuplicates(
//       *reader, {.distance_max = 0.05F},
//       {.on_pair = [&](const DuplicatePair& pair) {
//         return writer.Write(pair);
//       }}));
//
// Rows are joined (index/pair_join.h), and of the pairs of chunks of two
// documents the nearest counts; chunks of one document are no pair. What is
// found is sorted in runs, which go to a file of bounded size when they do not
// fit in memory: first by documents, to keep the nearest pair of each two, then
// by (distance, bytes of the IDs). So no pair is left out, and if the file is
// full the search fails and says so. Where only the nearest pairs are wanted, a
// bounded number of them is held in memory, and there is no file
// (nearest_pairs.h).

#ifndef COPSE_VERSIONING_DUPLICATES_H_
#define COPSE_VERSIONING_DUPLICATES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "versioning/document.h"

namespace copse {

class CommitReader;

// Up to so many nearest pairs are found in memory, with some tens of megabytes;
// for more of them all pairs are sorted.
inline constexpr int64_t kNearestPairCountMax = 100'000;

// Some documents of a commit.
struct DuplicateScope {
  // If not empty, those of one of these types.
  std::vector<std::string> types = {};

  // If not empty, these.
  std::vector<std::string> document_ids = {};

  bool empty() const { return types.empty() && document_ids.empty(); }
};

struct DuplicateOptions {
  // How far the documents of a pair are at most, in the domain's metric; a
  // number. At 0 those with a chunk of equal vectors, exactly.
  float distance_max = 0;

  // Distances up to this one count as 0, and then say so: what rounding makes
  // of equal texts.
  float zero_distance_max = 0;

  // Whether all rows are compared with all, instead of through the forest.
  bool exact = false;

  // Both documents of a pair are in the scope or, if `target` is not empty, one
  // is in the scope and the other in the target.
  DuplicateScope scope = {};
  DuplicateScope target = {};

  // If set, a reader of the same domain: of each pair a document is new, or has
  // another content, in this commit. Not owned.
  const CommitReader* since = nullptr;

  // If not 0, only the nearest pairs are visited, so many at most. Without
  // effect on clusters, which are made of all pairs.
  int64_t pair_count_max = 0;

  // How pairs become clusters, if they do.
  enum class Clustering {
    kNone,          // Pairs.
    kConnected,     // Documents that a chain of pairs connects.
    kCompleteLink,  // Every two documents of a cluster are a pair.
  };
  Clustering clustering = Clustering::kNone;

  // The bytes of disk that may be taken, and those of memory without it; unless
  // only the nearest pairs are wanted, what is known of each document that is
  // found takes memory, too.
  int64_t spill_size_bytes_max = int64_t{4} << 30;
  int64_t memory_size_bytes = int64_t{64} << 20;

  // Threads of the join, in [1, 256].
  uint32_t thread_count = 1;

  // If set, asked again and again, by several threads; a status that is not OK
  // ends the search.
  std::function<absl::Status()> check = nullptr;
};

// A document of a pair, and the chunk that is near.
struct DuplicateDocument {
  std::string id = {};
  std::string type = {};
  uint32_t chunk = 0;
  uint32_t chunk_count = 1;
  ChunkPlace place = {};  // Of the only chunk it is not said.

  // Both true without a scope and a target, or with a scope only.
  bool is_in_scope = true;
  bool is_in_target = true;
};

// Two documents, the one with the smaller ID first, at the distance of their
// nearest chunks.
struct DuplicatePair {
  DuplicateDocument first = {};
  DuplicateDocument second = {};
  float distance = 0;
};

struct DuplicateMember {
  std::string id = {};
  std::string type = {};
};

struct DuplicateCluster {
  std::vector<DuplicateMember> members = {};  // 2 or more, by their IDs.

  // Of the pairs that were found among them, the nearest and the farthest.
  float distance_min = 0;
  float distance_max = 0;
};

// Takes what is found, pairs or clusters; a status that is not OK ends it.
struct DuplicateVisitor {
  // Ascending by (distance, bytes of the IDs).
  std::function<absl::Status(const DuplicatePair&)> on_pair = nullptr;

  // Ascending by (distance_min, bytes of the first ID).
  std::function<absl::Status(const DuplicateCluster&)> on_cluster = nullptr;

  // How many pairs of rows the join has found so far, some of them twice, now
  // and then. May be null.
  std::function<absl::Status(int64_t found_count)> on_progress = nullptr;
};

// Visits the documents of the commit of `reader` that are near each other, as
// pairs or clusters. What lies at most at the distance is found but for a share
// below a hundredth (index/pair_join.h), all of it with `exact`, in small
// commits and at distance 0. Fails with
//
//   kInvalidArgument, DISTANCE_INVALID      a distance that is not a number;
//   kResourceExhausted, SPILL_FULL          more is found than disk is allowed,
//                                           naming duplicates.spill_max_bytes;
//                                           not where few pairs are wanted;
//   kResourceExhausted, CLUSTERS_TOO_MANY   see duplicate_clusters.h;
//   kResourceExhausted, DISK_FULL           the disk has too little space;
//   kDataLoss, DATA_DAMAGED                 naming what is damaged;
//   kNotFound, DOMAIN_NOT_FOUND             the domain was deleted,
//
// and with what check and visitor fail with.
absl::Status FindDuplicates(const CommitReader& reader,
                            const DuplicateOptions& options,
                            const DuplicateVisitor& visitor);

}  // namespace copse

#endif  // COPSE_VERSIONING_DUPLICATES_H_
