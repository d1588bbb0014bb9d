// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/progress_line.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "clients/cli/output.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"

namespace copse {
namespace {

constexpr absl::Duration kTerminalPeriod = absl::Milliseconds(100);
constexpr absl::Duration kLogPeriod = absl::Seconds(10);
constexpr absl::string_view kClearLine = "\r\x1b[K";

}  // namespace

ProgressLine::ProgressLine(ProgressLineOptions options)
    : options_(std::move(options)),
      // A command that takes no time shows nothing.
      next_time_(options_.clock() +
                 (options_.width > 0 ? kTerminalPeriod : kLogPeriod)) {}

void ProgressLine::Show(const std::function<std::string()>& make_line) {
  if (options_.is_quiet) {
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = options_.clock();
  if (now < next_time_) {
    return;
  }
  const bool is_terminal = options_.width > 0;
  next_time_ = now + (is_terminal ? kTerminalPeriod : kLogPeriod);
  const std::string line = Printable(make_line());
  if (is_terminal) {
    // One column less, because some terminals go on in the next line.
    WriteBestEffort(
        options_.fd,
        absl::StrCat(kClearLine, TruncateToWidth(line, options_.width - 1)));
    is_shown_ = true;
  } else {
    WriteBestEffort(options_.fd, absl::StrCat(line, "\n"));
  }
}

void ProgressLine::Print(absl::string_view line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClearLocked();
  WriteBestEffort(options_.fd, absl::StrCat(Printable(line), "\n"));
}

void ProgressLine::Clear() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClearLocked();
}

void ProgressLine::ClearLocked() {
  if (is_shown_) {
    WriteBestEffort(options_.fd, kClearLine);
    is_shown_ = false;
  }
}

double RateMeter::Rate(int64_t count, absl::Time now) const {
  const double seconds = absl::ToDoubleSeconds(now - start_);
  return seconds <= 0 ? 0 : static_cast<double>(count) / seconds;
}

std::string RateMeter::TimeLeft(int64_t count, int64_t total,
                                absl::Time now) const {
  const double rate = Rate(count, now);
  if (rate <= 0 || total <= count) {
    return "";
  }
  return absl::StrCat(
      ", ", FormatSeconds(static_cast<double>(total - count) / rate), " left");
}

}  // namespace copse
