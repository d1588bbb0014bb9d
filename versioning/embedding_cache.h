// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Remembers embeddings by content, so that no text is paid for twice. The key
// is a SHA-256 that the caller makes of everything the vector depends on; the
// value is the vector, bit for bit.
//
//   std::vector<std::optional<std::vector<float>>> hits = *cache.Get(keys);
//   ...
//   COPSE_RETURN_IF_ERROR(cache.Put({{key, vector}}));

#ifndef COPSE_VERSIONING_EMBEDDING_CACHE_H_
#define COPSE_VERSIONING_EMBEDDING_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace copse {

using EmbeddingKey = std::array<std::byte, 32>;

// Thread safety: any number of threads may use one EmbeddingCache.
class EmbeddingCache {
 public:
  struct Entry {
    EmbeddingKey key;
    std::vector<float> vector;
  };

  virtual ~EmbeddingCache() = default;

  // Returns, for each key, its vector or nullopt. An entry that is damaged
  // counts as absent.
  virtual absl::StatusOr<std::vector<std::optional<std::vector<float>>>> Get(
      std::span<const EmbeddingKey> keys) = 0;

  // Remembers `entries`. Durable with the next synced write of the store, and
  // no sooner: a lost entry costs money, never an answer.
  virtual absl::Status Put(std::span<const Entry> entries) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_EMBEDDING_CACHE_H_
