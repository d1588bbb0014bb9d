// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/push_progress_stream.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/http/http_exchange.h"

namespace copse {
namespace {

// Of lines that say something new: more often helps nobody.
constexpr absl::Duration kIntervalMin = absl::Milliseconds(200);

std::string LineOf(const PushNumbers& numbers) {
  return absl::StrCat("{\"status\":\"progress\",\"indexed\":", numbers.indexed,
                      ",\"total_seen\":", numbers.total_seen,
                      ",\"skipped\":", numbers.skipped, "}\n");
}

}  // namespace

PushProgressStream::PushProgressStream(std::shared_ptr<HttpExchange> exchange,
                                       absl::string_view task_id,
                                       absl::Duration heartbeat)
    : exchange_(std::move(exchange)), heartbeat_(heartbeat) {
  exchange_->StartStream({.content_type = "application/x-ndjson",
                          .fields = {{"X-Task-Id", std::string(task_id)}}});
  // Nothing to wait for yet, and if the client has gone the body tells.
  exchange_->Write(LineOf({})).IgnoreError();
  thread_ = std::jthread([this] { SendHeartbeats(); });
}

PushProgressStream::~PushProgressStream() {
  MutexLock lock(mutex_);
  finished_ = true;
  changed_.NotifyAll();
}  // Joins the thread.

void PushProgressStream::Report(const PushNumbers& numbers) {
  MutexLock lock(mutex_);
  numbers_.indexed = std::max(numbers_.indexed, numbers.indexed);
  numbers_.total_seen = std::max(numbers_.total_seen, numbers.total_seen);
  numbers_.skipped = std::max(numbers_.skipped, numbers.skipped);
  if (numbers_ != sent_ && absl::Now() - sent_time_ >= kIntervalMin) {
    TrySend();
  }
}

void PushProgressStream::Finish(absl::string_view json) {
  PushNumbers numbers;
  {
    MutexLock lock(mutex_);
    finished_ = true;
    numbers = numbers_;
    changed_.NotifyAll();
  }
  // A client that has gone finds the outcome by its task.
  exchange_->Write(LineOf(numbers)).IgnoreError();
  exchange_->Write(absl::StrCat(json, "\n")).IgnoreError();
  exchange_->EndStream();
}

void PushProgressStream::SendHeartbeats() {
  MutexLock lock(mutex_);
  while (!finished_) {
    changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(heartbeat_));
    if (!finished_ && absl::Now() - sent_time_ >= heartbeat_) {
      TrySend();
    }
  }
}

void PushProgressStream::TrySend() {
  if (exchange_->TryWrite(LineOf(numbers_))) {
    sent_ = numbers_;
    sent_time_ = absl::Now();
  }
}

}  // namespace copse
