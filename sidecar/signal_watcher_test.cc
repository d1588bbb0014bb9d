// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/signal_watcher.h"

#include <signal.h>
#include <unistd.h>

#include "absl/time/time.h"
#include "gtest/gtest.h"

#include "sidecar/util/logger.h"

namespace copse {
namespace {

// Each runs in a process of its own, as a signal is a matter of the process.
class SignalWatcherDeathTest : public ::testing::Test {
 protected:
  SignalWatcherDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

SignalWatcher::Options OptionsWith(Logger& logger, absl::Duration max) {
  return {.shutdown_duration_max = max, .exit_code = 4, .logger = &logger};
}

TEST_F(SignalWatcherDeathTest, TheFirstSignalIsReported) {
  const auto run = [] {
    Logger logger({});
    int code = 1;
    {
      SignalWatcher watcher(OptionsWith(logger, absl::Minutes(1)));
      if (!watcher.WaitFor(absl::ZeroDuration())) {
        ::kill(::getpid(), SIGTERM);
        code = watcher.WaitFor(absl::Minutes(1)) ? 0 : 2;
      }
    }
    ::_exit(code);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "shutting down signal=TERM");
}

TEST_F(SignalWatcherDeathTest, ASecondSignalEndsTheProcess) {
  const auto run = [] {
    Logger logger({});
    SignalWatcher watcher(OptionsWith(logger, absl::InfiniteDuration()));
    ::kill(::getpid(), SIGINT);
    watcher.WaitFor(absl::Minutes(1));
    ::kill(::getpid(), SIGTERM);
    ::pause();
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(4),
              "shutting down signal=INT\n.* ERROR ended before all work was "
              "finished why=\"a second signal came\"");
}

TEST_F(SignalWatcherDeathTest, AShutdownThatTakesTooLongEndsTheProcess) {
  const auto run = [] {
    Logger logger({});
    SignalWatcher watcher(OptionsWith(logger, absl::Milliseconds(10)));
    ::kill(::getpid(), SIGTERM);
    ::pause();
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(4),
              "why=\"the shutdown took too long\"");
}

TEST_F(SignalWatcherDeathTest, StopsWithoutASignal) {
  const auto run = [] {
    Logger logger({});
    { SignalWatcher watcher(OptionsWith(logger, absl::Minutes(1))); }
    ::_exit(0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace copse
