// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/signal_watcher.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "sidecar/util/logger.h"

namespace copse {
namespace {

// Waits for one of `signals` until `deadline`. Returns its number, or 0 if none
// came.
int WaitForSignal(const sigset_t& signals, absl::Time deadline) {
  while (true) {
    int signal = 0;
    if (deadline == absl::InfiniteFuture()) {
      signal = ::sigwaitinfo(&signals, nullptr);
    } else {
      const absl::Duration left = deadline - absl::Now();
      const timespec timeout = absl::ToTimespec(
          left > absl::ZeroDuration() ? left : absl::ZeroDuration());
      signal = ::sigtimedwait(&signals, nullptr, &timeout);
    }
    if (signal > 0) {
      return signal;
    }
    if (errno != EINTR) {
      return 0;
    }
  }
}

}  // namespace

SignalWatcher::SignalWatcher(const Options& options) : options_(options) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

SignalWatcher::~SignalWatcher() {
  done_ = true;
  ::pthread_kill(thread_.native_handle(), SIGINT);
  thread_.join();
}

bool SignalWatcher::WaitFor(absl::Duration duration) {
  return first_signal_.try_acquire_for(absl::ToChronoMilliseconds(duration));
}

void SignalWatcher::Watch() {
  const int first = WaitForSignal(signals_, absl::InfiniteFuture());
  if (done_) {
    return;
  }
  options_.logger->Info("shutting down", {{"signal", ::sigabbrev_np(first)}});
  first_signal_.release();
  const int second =
      WaitForSignal(signals_, absl::Now() + options_.shutdown_duration_max);
  if (!done_) {
    EndProcess(second != 0 ? "a second signal came"
                           : "the shutdown took too long");
  }
}

void SignalWatcher::EndProcess(const char* why) const {
  options_.logger->Error("ended before all work was finished", {{"why", why}});
  ::_exit(options_.exit_code);
}

}  // namespace copse
