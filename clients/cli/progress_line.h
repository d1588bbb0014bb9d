// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One line on standard error that says how far a command is. On a terminal it
// is rewritten up to ten times a second; elsewhere, such as in the log of a
// build, a new line comes every ten seconds; with --quiet there is none.
//
//   progress.Show([&] { return absl::StrFormat("%d commits", count); });
//   progress.Print("skipped README: empty");   // Stays.
//   progress.Clear();

#ifndef COPSE_CLIENTS_CLI_PROGRESS_LINE_H_
#define COPSE_CLIENTS_CLI_PROGRESS_LINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace copse {

struct ProgressLineOptions {
  int fd = 2;
  size_t width = 0;  // Of the terminal, 0 for none.
  bool is_quiet = false;
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// Thread safety: any number of threads may use one ProgressLine.
class ProgressLine {
 public:
  explicit ProgressLine(ProgressLineOptions options);

  // Shows what `make_line` returns, if it is time for a new line.
  void Show(const std::function<std::string()>& make_line);

  // Prints a line that stays.
  void Print(absl::string_view line);

  // Takes the line away from a terminal.
  void Clear();

 private:
  void ClearLocked();

  const ProgressLineOptions options_;
  std::mutex mutex_;
  // Guarded by `mutex_`:
  absl::Time next_time_;
  bool is_shown_ = false;
};

// How fast something is and how long it still takes.
class RateMeter {
 public:
  explicit RateMeter(absl::Time start) : start_(start) {}

  // Things for each second since the start.
  double Rate(int64_t count, absl::Time now) const;

  // Returns ", 1m20s left", or "" if that cannot be known yet.
  std::string TimeLeft(int64_t count, int64_t total, absl::Time now) const;

 private:
  absl::Time start_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_PROGRESS_LINE_H_
