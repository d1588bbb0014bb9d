// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One Embed() of documents in a thread of its own, so that a push can read on
// and write what is ready while a provider takes its time.
//
//   EmbeddingTask task(embedder, texts, context);
//   while (!task.WaitFor(absl::Milliseconds(100))) {
//     ... task.done_count() ...
//   }
//   COPSE_ASSIGN_OR_RETURN(auto outcomes, task.TakeOutcomes());

#ifndef COPSE_SIDECAR_SERVICE_EMBEDDING_TASK_H_
#define COPSE_SIDECAR_SERVICE_EMBEDDING_TASK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"

namespace copse {

// Thread safety: one thread at a time uses it; the thread inside is its own
// affair.
class EmbeddingTask {
 public:
  // Begins at once. What `texts` show, and `context`, must outlive the task.
  EmbeddingTask(std::shared_ptr<Embedder> embedder,
                std::vector<absl::string_view> texts,
                const CallContext& context,
                EmbeddingRole role = EmbeddingRole::kDocument);

  // Cancels what is under way and waits for its end.
  ~EmbeddingTask();

  EmbeddingTask(const EmbeddingTask&) = delete;
  EmbeddingTask& operator=(const EmbeddingTask&) = delete;

  // Returns whether it has ended, after `timeout` at the latest.
  bool WaitFor(absl::Duration timeout);

  // Returns whether it has ended with an error of the whole call.
  bool HasFailed() const;

  // Texts that are done so far.
  int64_t done_count() const { return done_count_; }

  // What Embed() returned, and what it cost. REQUIRES: it has ended.
  absl::StatusOr<std::vector<EmbeddingOutcome>> TakeOutcomes();
  EmbedStatistics statistics() const;

 private:
  void Run(const CallContext& context);

  const std::shared_ptr<Embedder> embedder_;
  const std::vector<absl::string_view> texts_;
  const EmbeddingRole role_;
  std::atomic<bool> is_cancelled_ = false;
  std::atomic<int64_t> done_count_ = 0;

  mutable Mutex mutex_;
  CondVar ended_;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes_
      ABSL_GUARDED_BY(mutex_) = absl::UnknownError("not ended");
  EmbedStatistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::jthread thread_;  // Last, so that it begins when all else is there.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_EMBEDDING_TASK_H_
