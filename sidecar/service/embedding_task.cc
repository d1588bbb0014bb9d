// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/embedding_task.h"

#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"

namespace copse {

EmbeddingTask::EmbeddingTask(std::shared_ptr<Embedder> embedder,
                             std::vector<absl::string_view> texts,
                             const CallContext& context, EmbeddingRole role)
    : embedder_(std::move(embedder)),
      texts_(std::move(texts)),
      role_(role),
      thread_([this, &context] { Run(context); }) {}

EmbeddingTask::~EmbeddingTask() { is_cancelled_ = true; }

void EmbeddingTask::Run(const CallContext& context) {
  EmbedStatistics statistics;
  EmbedContext embed_context = ToEmbedContext(context);
  embed_context.statistics = &statistics;
  embed_context.progress = [this](int64_t done_count) {
    done_count_ = done_count;
  };
  embed_context.cancelled = [this,
                             interrupted = std::move(embed_context.cancelled)] {
    return is_cancelled_ || (interrupted && interrupted());
  };
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes =
      embedder_->Embed(texts_, role_, embed_context);
  MutexLock lock(mutex_);
  outcomes_ = std::move(outcomes);
  statistics_ = statistics;
  has_ended_ = true;
  ended_.NotifyAll();
}

bool EmbeddingTask::WaitFor(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(mutex_);
  while (!has_ended_) {
    const absl::Duration rest = end - absl::Now();
    if (rest <= absl::ZeroDuration()) {
      return false;
    }
    ended_.WaitFor(mutex_, absl::ToChronoNanoseconds(rest));
  }
  return true;
}

bool EmbeddingTask::HasFailed() const {
  MutexLock lock(mutex_);
  return has_ended_ && !outcomes_.ok();
}

absl::StatusOr<std::vector<EmbeddingOutcome>> EmbeddingTask::TakeOutcomes() {
  MutexLock lock(mutex_);
  COPSE_CHECK(has_ended_);
  return std::move(outcomes_);
}

EmbedStatistics EmbeddingTask::statistics() const {
  MutexLock lock(mutex_);
  COPSE_CHECK(has_ended_);
  return statistics_;
}

}  // namespace copse
