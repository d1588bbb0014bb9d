// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/task_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "openssl/rand.h"

#include "index/util/check.h"
#include "index/util/mutex.h"

namespace copse {
namespace {

size_t SizeOf(const TaskState& state) {
  return sizeof(TaskState) + state.skipped_json.size() + state.error.size();
}

}  // namespace

std::string TaskTable::Add() {
  std::array<unsigned char, 16> bytes;
  COPSE_CHECK(::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1,
              "no random numbers");
  std::string id = absl::StrCat(
      "task-", absl::BytesToHexString(absl::string_view(
                   reinterpret_cast<const char*>(bytes.data()), bytes.size())));
  MutexLock lock(mutex_);
  tasks_.emplace(id, TaskState());
  return id;
}

void TaskTable::SetPercentage(absl::string_view id, double percentage) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found != tasks_.end() &&
      found->second.kind == TaskState::Kind::kPending) {
    found->second.percentage =
        std::clamp(percentage, found->second.percentage, 1.0);
  }
}

void TaskTable::Complete(absl::string_view id, int64_t indexed_document_count,
                         std::string skipped_json) {
  MutexLock lock(mutex_);
  Finish(id, {.kind = TaskState::Kind::kComplete,
              .percentage = 1,
              .indexed_document_count = indexed_document_count,
              .skipped_json = std::move(skipped_json)});
}

void TaskTable::Fail(absl::string_view id, absl::string_view error) {
  MutexLock lock(mutex_);
  Finish(id, {.kind = TaskState::Kind::kFailed, .error = std::string(error)});
}

std::optional<TaskState> TaskTable::Find(absl::string_view id) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) {
    return std::nullopt;
  }
  return found->second;
}

void TaskTable::Finish(absl::string_view id, TaskState state) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end() ||
      found->second.kind != TaskState::Kind::kPending) {
    return;
  }
  finished_size_bytes_ += SizeOf(state);
  found->second = std::move(state);
  finished_.emplace_back(id);
  while (
      finished_.size() > kFinishedCountMax ||
      (finished_size_bytes_ > kFinishedSizeBytesMax && finished_.size() > 1)) {
    const auto oldest = tasks_.find(finished_.front());
    finished_size_bytes_ -= SizeOf(oldest->second);
    tasks_.erase(oldest);
    finished_.pop_front();
  }
}

}  // namespace copse
