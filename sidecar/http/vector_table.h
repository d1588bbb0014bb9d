// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The vectors of many documents of a commit in memory, to compare all with all.

#ifndef COPSE_SIDECAR_HTTP_VECTOR_TABLE_H_
#define COPSE_SIDECAR_HTTP_VECTOR_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/http/commit_read.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"

namespace copse {

// Thread safety: immutable once loaded.
class VectorTable {
 public:
  // Loads the documents that one of the filters takes, ascending by the bytes
  // of their IDs.
  static absl::StatusOr<VectorTable> Load(const ResolvedCommit& at,
                                          const DocumentFilter& set,
                                          const DocumentFilter& target,
                                          const CallContext& context);

  size_t count() const { return rows_.size(); }
  const std::string& id(size_t row) const { return rows_[row].id; }
  bool is_in_set(size_t row) const { return rows_[row].in_set; }
  bool is_in_target(size_t row) const { return rows_[row].in_target; }

  // The vector of the first chunk.
  std::span<const float> first_vector(size_t row) const {
    return VectorAt(rows_[row].first_vector);
  }

  // The nearest chunks of two rows, and how far they are apart, in [0, 1].
  struct ChunkPair {
    float distance = 0;
    uint32_t first_chunk = 0;
    uint32_t second_chunk = 0;
  };
  ChunkPair NearestChunks(size_t first, size_t second) const;

 private:
  struct Row {
    std::string id;
    bool in_set = false;
    bool in_target = false;
    size_t first_vector = 0;
    uint32_t chunk_count = 0;
  };

  std::span<const float> VectorAt(size_t index) const {
    return std::span(components_).subspan(index * dimension_, dimension_);
  }

  size_t dimension_ = 0;
  std::vector<Row> rows_;
  std::vector<float> components_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_VECTOR_TABLE_H_
