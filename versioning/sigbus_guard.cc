// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/sigbus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/util/check.h"
#include "index/util/mutex.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

// One watched range. The handler may read a slot while another thread changes
// it: `version` is odd meanwhile, and the handler passes the slot over, which
// is right, because a range that faults is one that nobody changes. All
// accesses are sequentially consistent; they are far from any hot path.
struct Slot {
  std::atomic<uint64_t> version = 0;
  std::atomic<uintptr_t> begin = 0;  // 0: free.
  std::atomic<uintptr_t> end = 0;
  std::atomic<std::atomic<bool>*> damaged = nullptr;
  std::atomic<std::atomic<bool>*> any_damaged = nullptr;
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free &&
              std::atomic<std::atomic<bool>*>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

// 2.5 MiB of zeros, of which pages that are never used take no memory.
std::array<Slot, SigbusGuard::kRangeCountMax> slots;

// Slots from here on were never used.
std::atomic<size_t> slot_end = 0;

// Taken by those who change slots, never by the handler.
Mutex slots_mutex;

bool is_installed = false;  // Guarded by slots_mutex.
struct sigaction previous_action;

// The flags of a range; null if there is none.
struct Flags {
  std::atomic<bool>* damaged = nullptr;
  std::atomic<bool>* any_damaged = nullptr;
};

// Returns the flags of the range that holds `address`.
Flags FindFlags(uintptr_t address) {
  const size_t end = slot_end.load();
  for (size_t i = 0; i < end; ++i) {
    Slot& slot = slots[i];
    const uint64_t version = slot.version.load();
    const uintptr_t begin = slot.begin.load();
    const bool is_inside =
        begin != 0 && address >= begin && address < slot.end.load();
    const Flags flags = {.damaged = slot.damaged.load(),
                         .any_damaged = slot.any_damaged.load()};
    if (is_inside && version % 2 == 0 && slot.version.load() == version) {
      return flags;
    }
  }
  return {};
}

void PassOn(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
    return;
  }
  if (previous_action.sa_handler == SIG_IGN ||
      previous_action.sa_handler == SIG_DFL) {
    // The access faults again when the handler returns, and ends the process
    // as it would have without us, with the right place in the core file. A
    // signal that was sent, and not caused by an access, is sent again.
    ::sigaction(SIGBUS, &previous_action, nullptr);
    if (info->si_code <= 0) {
      ::raise(SIGBUS);
    }
    return;
  }
  previous_action.sa_handler(signal);
}

// Only calls that are safe in a signal handler: atomics and plain system
// calls. mmap is called by number, past whatever a sanitizer puts before it.
void HandleSigbus(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // A signal that was sent has no address, and a code of at most 0.
  const Flags flags = info->si_code > 0 ? FindFlags(address) : Flags();
  if (flags.damaged != nullptr) {
    const auto page_size = static_cast<uintptr_t>(::getpagesize());
    const uintptr_t page = address / page_size * page_size;
    const long result =
        ::syscall(SYS_mmap, page, page_size, PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (result == static_cast<long>(page)) {
      flags.damaged->store(true);
      if (flags.any_damaged != nullptr) {
        flags.any_damaged->store(true);
      }
      errno = saved_errno;
      return;
    }
  }
  PassOn(signal, info, context);
  errno = saved_errno;
}

}  // namespace

SigbusGuard::Range::~Range() {
  if (slot_ < 0) {
    return;
  }
  Slot& slot = slots[static_cast<size_t>(slot_)];
  MutexLock lock(slots_mutex);
  slot.version.fetch_add(1);
  slot.begin.store(0);
  slot.end.store(0);
  slot.damaged.store(nullptr);
  slot.any_damaged.store(nullptr);
  slot.version.fetch_add(1);
}

absl::Status SigbusGuard::Install() {
  MutexLock lock(slots_mutex);
  if (is_installed) {
    return absl::OkStatus();
  }
  struct sigaction action = {};
  action.sa_sigaction = HandleSigbus;
  // On the alternative stack, where a thread has one.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (::sigaction(SIGBUS, &action, &previous_action) != 0) {
    return FileError("install a handler for", "SIGBUS", errno);
  }
  is_installed = true;
  return absl::OkStatus();
}

absl::StatusOr<SigbusGuard::Range> SigbusGuard::Watch(
    const void* address, size_t size_bytes, std::atomic<bool>* damaged,
    std::atomic<bool>* any_damaged) {
  COPSE_CHECK(damaged != nullptr && address != nullptr);
  MutexLock lock(slots_mutex);
  size_t i = 0;
  while (i < slots.size() && slots[i].begin.load() != 0) {
    ++i;
  }
  if (i == slots.size()) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "%d maps of segments are open, expected at most as many",
        slots.size()));
  }
  Slot& slot = slots[i];
  slot.version.fetch_add(1);
  slot.damaged.store(damaged);
  slot.any_damaged.store(any_damaged);
  slot.end.store(reinterpret_cast<uintptr_t>(address) + size_bytes);
  slot.begin.store(reinterpret_cast<uintptr_t>(address));
  slot.version.fetch_add(1);
  if (slot_end.load() <= i) {
    slot_end.store(i + 1);
  }
  return Range(static_cast<int64_t>(i));
}

}  // namespace copse
