// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/vector_table.h"

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "versioning/commit_reader.h"

namespace copse {

absl::StatusOr<VectorTable> VectorTable::Load(const ResolvedCommit& at,
                                              const DocumentFilter& set,
                                              const DocumentFilter& target,
                                              const CallContext& context) {
  VectorTable table;
  table.dimension_ = at.reader->domain_options().dimension;
  size_t vector_count = 0;
  const auto visit = [&](const StoredDocument& document) {
    const bool in_set = set.Takes(document);
    const bool in_target = target.Takes(document);
    if (in_set || in_target) {
      table.rows_.push_back({document.id, in_set, in_target, vector_count,
                             static_cast<uint32_t>(document.chunks.size())});
      for (const StoredChunk& chunk : document.chunks) {
        table.components_.insert(table.components_.end(), chunk.vector.begin(),
                                 chunk.vector.end());
      }
      vector_count += document.chunks.size();
    }
    return context.Check();
  };
  COPSE_RETURN_IF_ERROR(at.reader->ForEachDocument({.vector = true}, visit));
  return table;
}

VectorTable::ChunkPair VectorTable::NearestChunks(size_t first,
                                                  size_t second) const {
  ChunkPair nearest = {std::numeric_limits<float>::infinity(), 0, 0};
  const Row& a = rows_[first];
  const Row& b = rows_[second];
  for (uint32_t i = 0; i < a.chunk_count; ++i) {
    const QueryDistance distance(Metric::kCosine, VectorAt(a.first_vector + i));
    for (uint32_t j = 0; j < b.chunk_count; ++j) {
      const float found =
          ToHttpDistance(distance.To(VectorAt(b.first_vector + j)));
      if (found < nearest.distance) {
        nearest = {found, i, j};
      }
    }
  }
  return nearest;
}

}  // namespace copse
