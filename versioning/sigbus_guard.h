// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Keeps the process alive when a mapped file turns out shorter than its map, or
// the disk cannot read a page of it: the kernel reports both as SIGBUS, which
// by default ends the process.
//
//   int main() {
//     COPSE_RETURN_IF_ERROR(SigbusGuard::Install());
//     ...
//
//   std::atomic<bool> damaged = false;
//   COPSE_ASSIGN_OR_RETURN(SigbusGuard::Range range,
//                          SigbusGuard::Watch(map, size, &damaged));
//   ... read ...
//   if (damaged.load()) { ... the bytes read may be zeros ... }
//
// When a watched address faults, the handler puts a page of zeros in its place
// and sets the flag of the range; the read that faulted goes on with zeros. Who
// reads asks the flag afterwards. A SIGBUS at any other address is passed to
// the handler that was there before.
//
// This is the one process-wide object of the library: a signal handler gets no
// argument of ours, and a process has one for each signal. It is installed by
// main() alone; without Install(), Watch() works and protects nobody.

#ifndef COPSE_VERSIONING_SIGBUS_GUARD_H_
#define COPSE_VERSIONING_SIGBUS_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace copse {

// Thread safety: any number of threads may call Watch() and destroy ranges.
class SigbusGuard {
 public:
  // As many maps as can be watched at once: 16 TiB of full segments.
  static constexpr size_t kRangeCountMax = 65536;

  // Watches a range until it is destroyed, which must be before the map is
  // removed, and when nobody reads from it any more.
  class Range {
   public:
    Range() = default;
    Range(Range&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}
    Range& operator=(Range&& other) noexcept {
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Range();

   private:
    friend class SigbusGuard;
    explicit Range(int64_t slot) : slot_(slot) {}

    int64_t slot_ = -1;
  };

  SigbusGuard() = delete;

  // Installs the handler; a second call has no effect. Call it before other
  // threads start.
  static absl::Status Install();

  // Watches [address, address + size_bytes). The handler sets `*damaged`, and
  // `*any_damaged` if that is not null: one flag for many ranges. Both must
  // outlive the range. Fails with kResourceExhausted if kRangeCountMax ranges
  // are watched. REQUIRES: address is at the beginning of a page.
  static absl::StatusOr<Range> Watch(const void* address, size_t size_bytes,
                                     std::atomic<bool>* damaged,
                                     std::atomic<bool>* any_damaged = nullptr);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SIGBUS_GUARD_H_
