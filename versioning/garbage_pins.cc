// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/garbage_pins.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"

namespace copse {
namespace {

// How often a collection that waits asks whether it shall stop.
constexpr std::chrono::milliseconds kCheckInterval(100);

void Append(const std::vector<PinnedState>& states,
            std::vector<PinnedState>& all) {
  all.insert(all.end(), states.begin(), states.end());
}

}  // namespace

NumberMarks Lowest(const NumberMarks& left, const NumberMarks& right) {
  return {.ordinal_end = std::min(left.ordinal_end, right.ordinal_end),
          .page_end = std::min(left.page_end, right.page_end),
          .live_set_end = std::min(left.live_set_end, right.live_set_end),
          .forest_end = std::min(left.forest_end, right.forest_end)};
}

// ---- GarbagePin ------------------------------------------------------------

GarbagePin::GarbagePin(GarbagePin&& other) noexcept
    : pins_(std::exchange(other.pins_, nullptr)), number_(other.number_) {}

GarbagePin& GarbagePin::operator=(GarbagePin&& other) noexcept {
  std::swap(pins_, other.pins_);
  std::swap(number_, other.number_);
  return *this;
}

GarbagePin::~GarbagePin() {
  if (pins_ != nullptr) {
    pins_->Remove(number_);
  }
}

void GarbagePin::Hold(std::vector<PinnedState> states) {
  if (pins_ != nullptr) {
    pins_->SetStates(number_, std::move(states));
  }
}

// ---- GarbagePins -----------------------------------------------------------

GarbagePin GarbagePins::Add(Entry entry) {
  MutexLock lock(mutex_);
  if (is_starting_) {
    Append(entry.states, roots_.states);
  }
  const uint64_t number = next_number_++;
  entries_.emplace(number, std::move(entry));
  return {this, number};
}

GarbagePin GarbagePins::Open() { return Add({.is_open = true}); }

GarbagePin GarbagePins::Hold(std::vector<PinnedState> states) {
  return Add({.states = std::move(states)});
}

GarbagePin GarbagePins::Build(const NumberMarks& numbers,
                              std::vector<std::string> commits) {
  return Add({.numbers = numbers, .commits = std::move(commits)});
}

void GarbagePins::SetStates(uint64_t number, std::vector<PinnedState> states) {
  MutexLock lock(mutex_);
  if (is_starting_) {
    Append(states, roots_.states);
  }
  Entry& entry = entries_.at(number);
  entry.is_open = false;
  entry.states = std::move(states);
  changed_.NotifyAll();
}

void GarbagePins::Remove(uint64_t number) {
  MutexLock lock(mutex_);
  entries_.erase(number);
  changed_.NotifyAll();
}

NumberMarks GarbagePins::StartCollection(const NumberMarks& numbers) {
  MutexLock lock(mutex_);
  is_starting_ = true;
  start_number_ = next_number_;
  roots_ = {};
  NumberMarks ends = numbers;
  for (const auto& [number, entry] : entries_) {
    Append(entry.states, roots_.states);
    roots_.commits.insert(roots_.commits.end(), entry.commits.begin(),
                          entry.commits.end());
    if (entry.numbers.has_value()) {
      ends = Lowest(ends, *entry.numbers);
    }
  }
  return ends;
}

bool GarbagePins::HasOpenBefore(uint64_t number) const {
  for (const auto& [entry_number, entry] : entries_) {
    if (entry_number >= number) {
      return false;
    }
    if (entry.is_open) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<GarbagePins::Roots> GarbagePins::FinishStart(
    const std::function<absl::Status()>& check) {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (HasOpenBefore(start_number_)) {
        changed_.WaitFor(mutex_, kCheckInterval);
      }
      if (!HasOpenBefore(start_number_)) {
        is_starting_ = false;
        return std::move(roots_);
      }
    }
    const absl::Status status = check == nullptr ? absl::OkStatus() : check();
    if (!status.ok()) {
      MutexLock lock(mutex_);
      is_starting_ = false;
      return status;
    }
  }
}

std::vector<std::string> GarbagePins::PinnedCommits() {
  MutexLock lock(mutex_);
  std::vector<std::string> commits;
  for (const auto& [number, entry] : entries_) {
    commits.insert(commits.end(), entry.commits.begin(), entry.commits.end());
  }
  return commits;
}

}  // namespace copse
