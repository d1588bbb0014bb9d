// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef COPSE_VERSIONING_POOL_STATISTICS_H_
#define COPSE_VERSIONING_POOL_STATISTICS_H_

#include <cstdint>

namespace copse {

// What the index pool did since the store was opened, and holds now.
struct PoolStatistics {
  int64_t hit_count = 0;
  int64_t miss_count = 0;
  int64_t eviction_count = 0;
  int64_t loaded_commit_count = 0;
  int64_t loaded_size_bytes = 0;
  int64_t budget_size_bytes = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_POOL_STATISTICS_H_
