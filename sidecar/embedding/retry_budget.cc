// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/retry_budget.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace copse {
namespace {

constexpr int64_t kRetryCountMin = 10;
constexpr int64_t kFirstAttemptsPerRetry = 5;

}  // namespace

absl::Time RetryBudget::StartTime(absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  int64_t first_count = 0;
  int64_t retry_count = 0;
  int64_t oldest_retry_second = second;
  for (const Slot& slot : slots_) {
    if (slot.second <= second - kSlotCount || slot.second > second) {
      continue;
    }
    first_count += slot.first_count;
    retry_count += slot.retry_count;
    if (slot.retry_count > 0) {
      oldest_retry_second = std::min(oldest_retry_second, slot.second);
    }
  }
  if (retry_count < kRetryCountMin + first_count / kFirstAttemptsPerRetry) {
    return now;
  }
  return absl::FromUnixSeconds(oldest_retry_second + kSlotCount);
}

void RetryBudget::OnFirstAttempt(absl::Time now) { ++SlotOf(now).first_count; }

void RetryBudget::OnRetry(absl::Time now) { ++SlotOf(now).retry_count; }

RetryBudget::Slot& RetryBudget::SlotOf(absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  Slot& slot = slots_[static_cast<size_t>(((second % kSlotCount) + kSlotCount) %
                                          kSlotCount)];
  if (slot.second != second) {
    slot = Slot{.second = second};
  }
  return slot;
}

}  // namespace copse
