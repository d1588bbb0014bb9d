// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/compaction_switch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "index/util/mutex.h"

namespace copse {

CompactionSwitch::CompactionSwitch(
    std::function<void(size_t table, bool is_off)> set)
    : set_(std::move(set)), thread_([this] { Run(); }) {}

CompactionSwitch::~CompactionSwitch() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

void CompactionSwitch::TurnOff(size_t table) { Want(table, true); }

void CompactionSwitch::TurnOn(size_t table) { Want(table, false); }

int64_t CompactionSwitch::off_count() const {
  MutexLock lock(mutex_);
  return std::ranges::count(is_off_, true);
}

void CompactionSwitch::Want(size_t table, bool is_off) {
  MutexLock lock(mutex_);
  wanted_off_[table] = is_off;
  changed_.NotifyOne();
}

void CompactionSwitch::Run() {
  mutex_.Lock();
  while (!stop_) {
    const auto different =
        std::ranges::mismatch(wanted_off_, is_off_).in1 - wanted_off_.begin();
    const auto table = static_cast<size_t>(different);
    if (table == kTableCountMax) {
      changed_.Wait(mutex_);
      continue;
    }
    const bool is_off = wanted_off_[table];
    mutex_.Unlock();
    set_(table, is_off);
    mutex_.Lock();
    is_off_[table] = is_off;
  }
  mutex_.Unlock();
}

}  // namespace copse
