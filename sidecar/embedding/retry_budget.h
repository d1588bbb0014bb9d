// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Keeps retries to a share of what is asked for, over all calls: a provider
// that is in trouble must not get several times the load because of it.
//
// Within 60 s, one retry may go for every five first attempts, and ten more, so
// that a single call may use its attempts. What goes beyond waits until older
// retries have left the window.

#ifndef COPSE_SIDECAR_EMBEDDING_RETRY_BUDGET_H_
#define COPSE_SIDECAR_EMBEDDING_RETRY_BUDGET_H_

#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace copse {

// Thread safety: none; FlowControl holds a lock.
class RetryBudget {
 public:
  // Returns when a retry may start, as far as can be said at `now`: `now` if at
  // once. First attempts until then make it sooner.
  absl::Time StartTime(absl::Time now);

  void OnFirstAttempt(absl::Time now);
  void OnRetry(absl::Time now);

 private:
  static constexpr int64_t kSlotCount = 60;  // A second each.

  struct Slot {
    int64_t second = 0;  // Since the epoch; of another minute: empty.
    int64_t first_count = 0;
    int64_t retry_count = 0;
  };

  Slot& SlotOf(absl::Time now);

  std::array<Slot, kSlotCount> slots_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_RETRY_BUDGET_H_
