// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Waits for SIGTERM and SIGINT. The first one asks the daemon to end; a second
// one, or a shutdown that takes too long, ends the process at once.
//
//   SignalWatcher watcher({.shutdown_duration_max = absl::Minutes(1),
//                          .exit_code = 4, .logger = &logger});
//   ... start threads ...
//   while (!watcher.WaitFor(absl::Seconds(1))) { ... }
//   ... shut down ...

#ifndef COPSE_SIDECAR_SIGNAL_WATCHER_H_
#define COPSE_SIDECAR_SIGNAL_WATCHER_H_

#include <signal.h>

#include <atomic>
#include <semaphore>
#include <string>
#include <thread>

#include "absl/time/time.h"

#include "sidecar/util/logger.h"

namespace copse {

// Thread safety: WaitFor() by one thread. One SignalWatcher at a time.
class SignalWatcher {
 public:
  struct Options {
    // From the first signal on; then the process ends.
    absl::Duration shutdown_duration_max = absl::InfiniteDuration();

    // What a process that is ended exits with.
    int exit_code = 1;

    Logger* logger = nullptr;  // Not owned.
  };

  // Blocks the signals in the calling thread and in those that it starts from
  // now on, so it comes before they do.
  explicit SignalWatcher(const Options& options);

  // Stops to wait. The signals stay blocked.
  ~SignalWatcher();

  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  // Returns true once the first signal has come, or false after `duration`.
  bool WaitFor(absl::Duration duration);

 private:
  void Watch();
  [[noreturn]] void EndProcess(const char* why) const;

  const Options options_;
  sigset_t signals_;
  std::atomic<bool> done_ = false;
  std::binary_semaphore first_signal_{0};
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SIGNAL_WATCHER_H_
