// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Gives numbers that are never given again: ordinals, pages, live sets,
// forests, domains. A block is reserved with a synced write before the first
// number of it is given; a crash loses the rest of the block, which costs a
// hole and nothing else.
//
//   NumberAllocator ordinals(database, {.kind = CounterKind::kOrdinal,
//                                       .domain_number = 3});
//   COPSE_ASSIGN_OR_RETURN(uint64_t first, ordinals.Allocate(row_count));

#ifndef COPSE_VERSIONING_NUMBER_ALLOCATOR_H_
#define COPSE_VERSIONING_NUMBER_ALLOCATOR_H_

#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"

namespace copse {

struct NumberAllocatorOptions {
  CounterKind kind = CounterKind::kPage;
  uint32_t domain_number = 0;

  // The first number ever given.
  uint64_t first_number = 1;

  // How many numbers one synced write reserves, at least.
  uint64_t block_count = 1024;

  // No number is greater.
  uint64_t number_max = std::numeric_limits<uint64_t>::max() - 1;
};

// The options for the ordinals of a domain: from 0, below 2^32 - 1.
NumberAllocatorOptions OrdinalAllocatorOptions(uint32_t domain_number);

// Thread safety: any number of threads may use one NumberAllocator. There is
// at most one of a kind and domain in the process.
class NumberAllocator {
 public:
  // `database` must outlive the allocator.
  NumberAllocator(MetaDatabase& database, const NumberAllocatorOptions& options)
      : database_(database), options_(options) {}
  NumberAllocator(const NumberAllocator&) = delete;
  NumberAllocator& operator=(const NumberAllocator&) = delete;

  // Returns the first of `count` numbers in a row. Fails with
  // kResourceExhausted, NUMBERS_EXHAUSTED, if there are no more, and with what
  // the write fails with; then no number was given. REQUIRES: count > 0
  absl::StatusOr<uint64_t> Allocate(uint64_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns a number that every number given before is below, and none that is
  // given later.
  absl::StatusOr<uint64_t> next_number() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status LoadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReserveLocked(uint64_t end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  MetaDatabase& database_;
  const NumberAllocatorOptions options_;
  Mutex mutex_;
  bool is_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t reserved_end_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_NUMBER_ALLOCATOR_H_
