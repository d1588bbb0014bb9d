// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/number_allocator.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"

namespace copse {

NumberAllocatorOptions OrdinalAllocatorOptions(uint32_t domain_number) {
  // The greatest ordinal stays free, so that an end fits 32 bits.
  return {.kind = CounterKind::kOrdinal,
          .domain_number = domain_number,
          .first_number = 0,
          .number_max = UINT32_MAX - 1};
}

absl::StatusOr<uint64_t> NumberAllocator::Allocate(uint64_t count) {
  COPSE_CHECK(count > 0);
  MutexLock lock(mutex_);
  COPSE_RETURN_IF_ERROR(LoadLocked());
  if (count > options_.number_max ||
      next_ > options_.number_max - (count - 1)) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrFormat(
            "%d numbers of kind %d from %d on go beyond the greatest, %d",
            count, static_cast<int>(options_.kind), next_,
            options_.number_max)),
        "NUMBERS_EXHAUSTED",
        {{"kind", absl::StrCat(static_cast<int>(options_.kind))}});
  }
  if (next_ + count > reserved_end_) {
    COPSE_RETURN_IF_ERROR(ReserveLocked(next_ + count));
  }
  const uint64_t first = next_;
  next_ += count;
  return first;
}

absl::StatusOr<uint64_t> NumberAllocator::next_number() {
  MutexLock lock(mutex_);
  COPSE_RETURN_IF_ERROR(LoadLocked());
  return next_;
}

absl::Status NumberAllocator::LoadLocked() {
  if (is_loaded_) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(
      const uint64_t stored,
      database_.GetCounter(options_.kind, options_.domain_number));
  // What the last process reserved may be in use.
  next_ = std::max(stored, options_.first_number);
  reserved_end_ = next_;
  is_loaded_ = true;
  return absl::OkStatus();
}

absl::Status NumberAllocator::ReserveLocked(uint64_t end) {
  const uint64_t last_end = options_.number_max + 1;
  const uint64_t block_end =
      next_ <= last_end - std::min(options_.block_count, last_end)
          ? next_ + options_.block_count
          : last_end;
  const uint64_t reserved_end = std::max(end, block_end);
  MetaBatch batch(database_);
  batch.PutCounter(options_.kind, options_.domain_number, reserved_end);
  // Under the lock, because nobody can go on without the numbers. If the
  // write fails it may still have happened; then numbers are lost, not given
  // twice.
  COPSE_RETURN_IF_ERROR(database_.Write(batch, Durability::kSynced));
  reserved_end_ = reserved_end;
  return absl::OkStatus();
}

}  // namespace copse
