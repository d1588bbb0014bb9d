// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/text_guard.h"

#include <functional>
#include <span>

#include "absl/status/status.h"

#include "index/util/mutex.h"
#include "versioning/document.h"

namespace copse {

TextGuard::Write::~Write() {
  if (guard_ == nullptr) {
    return;
  }
  MutexLock lock(guard_->mutex_);
  if (--guard_->unnoted_count_ == 0) {
    guard_->ended_.NotifyAll();
  }
}

TextGuard::Write TextGuard::BeginWrite(std::span<const ContentHash> hashes) {
  MutexLock lock(mutex_);
  if (is_collecting_) {
    noted_.insert(hashes.begin(), hashes.end());
    return Write(nullptr);
  }
  ++unnoted_count_;
  return Write(this);
}

void TextGuard::StartCollection() {
  MutexLock lock(mutex_);
  is_collecting_ = true;
  noted_.clear();
  while (unnoted_count_ > 0) {
    ended_.Wait(mutex_);
  }
}

void TextGuard::EndCollection() {
  MutexLock lock(mutex_);
  is_collecting_ = false;
  noted_ = Hashes();
}

absl::Status TextGuard::Sweep(
    const std::function<absl::Status(const Hashes& noted)>& sweep) {
  MutexLock lock(mutex_);
  return sweep(noted_);
}

}  // namespace copse
