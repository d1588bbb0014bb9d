// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The answer of a streamed push: lines of progress, and one last line.
//
// A thread of its own repeats the last numbers when nothing was sent for a
// while, in every phase: a database that hears nothing for a minute gives up.
// Progress never waits for the client, the last line does.

#ifndef COPSE_SIDECAR_HTTP_PUSH_PROGRESS_STREAM_H_
#define COPSE_SIDECAR_HTTP_PUSH_PROGRESS_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/http/http_exchange.h"

namespace copse {

// What a line of progress says. No number ever falls.
struct PushNumbers {
  int64_t indexed = 0;
  int64_t total_seen = 0;  // Documents to index, as far as they have been read.
  int64_t skipped = 0;

  friend bool operator==(const PushNumbers&, const PushNumbers&) = default;
};

// Thread safety: one thread at a time.
class PushProgressStream {
 public:
  // Starts the answer with `task_id` and sends the first line.
  PushProgressStream(std::shared_ptr<HttpExchange> exchange,
                     absl::string_view task_id, absl::Duration heartbeat);
  ~PushProgressStream();
  PushProgressStream(const PushProgressStream&) = delete;
  PushProgressStream& operator=(const PushProgressStream&) = delete;

  // Sends `numbers` if they say something new, and not too often.
  void Report(const PushNumbers& numbers) ABSL_LOCKS_EXCLUDED(mutex_);

  // Sends the last numbers and the line `json`, and ends the answer.
  void Finish(absl::string_view json) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void SendHeartbeats() ABSL_LOCKS_EXCLUDED(mutex_);
  void TrySend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<HttpExchange> exchange_;
  const absl::Duration heartbeat_;
  Mutex mutex_;
  CondVar changed_;
  PushNumbers numbers_ ABSL_GUARDED_BY(mutex_);
  PushNumbers sent_ ABSL_GUARDED_BY(mutex_);
  absl::Time sent_time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // Last, so that it finds all in place.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PUSH_PROGRESS_STREAM_H_
